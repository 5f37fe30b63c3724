import { GetObjectCommand, paginateListObjectsV2, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { compareHeads, headName, readHead, writeHead, type HeadArchive } from './head-archive.ts';

/** Where heads lie in the bucket. */
const PREFIX = 'ledger-heads/';

/**
 * Heads in an S3 bucket, an object a day. The bucket's object lock is what keeps them: nobody, its owner included, may change or delete one before its
 * time. A second head of a day is refused by S3 itself (`If-None-Match`), so that none is hidden behind a newer version.
 *
 * The function needs `s3:PutObject` and `s3:GetObject` on `ledger-heads/*`, and `s3:ListBucket` on the bucket.
 */
export function createHeadBucket(client: S3Client, bucket: string): HeadArchive {
  const read = async (key: string) => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return readHead((await Body?.transformToString()) ?? '', `s3://${bucket}/${key}`);
  };
  return {
    async keep(head) {
      const key = `${PREFIX}${headName(head.businessDate)}`;
      try {
        await client.send(
          new PutObjectCommand({
            Bucket: bucket,
            Key: key,
            Body: writeHead(head),
            ContentType: 'application/json',
            IfNoneMatch: '*',
            // S3 demands a checksum where objects are locked.
            ChecksumAlgorithm: 'SHA256',
          }),
        );
        return 'kept';
      } catch (error) {
        if ((error as { name?: unknown }).name !== 'PreconditionFailed') throw error;
        return compareHeads(await read(key), head);
      }
    },
    async latest() {
      let last: string | undefined;
      // Keys come in their order, which is that of the days: a year is one page of a thousand.
      for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: PREFIX }))
        last = page.Contents?.at(-1)?.Key ?? last;
      return last === undefined ? undefined : await read(last);
    },
  };
}
