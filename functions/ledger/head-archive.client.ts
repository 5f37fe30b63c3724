import { S3Client } from '@aws-sdk/client-s3';
import type { HeadArchive } from './head-archive.ts';
import { createHeadBucket } from './head-bucket.client.ts';
import { createHeadFolder } from './head-folder.client.ts';

/** Opens the archive of the ledger's heads that the environment names, if it names one. */
export function openArchive(env: {
  readonly HEAD_BUCKET?: string | undefined;
  readonly HEAD_FOLDER?: string | undefined;
}): HeadArchive | undefined {
  if (env.HEAD_BUCKET !== undefined) return createHeadBucket(new S3Client({}), env.HEAD_BUCKET);
  return env.HEAD_FOLDER === undefined ? undefined : createHeadFolder(env.HEAD_FOLDER);
}
