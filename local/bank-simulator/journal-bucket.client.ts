import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { BankEvent } from './bank-state.ts';

const KEY = 'journal.ndjson';

/** What a bank has done so far, and which state of the journal that is. */
export interface StoredJournal {
  readonly entries: readonly (readonly BankEvent[])[];
  /** Absent while nothing is stored. */
  readonly etag: string | undefined;
}

/** A bank's journal as one object. Whoever writes names the state that he read: of two at once, one is refused and begins again. */
export interface JournalBucket {
  read(): Promise<StoredJournal>;
  /** Answers false when somebody has written since `journal` was read; nothing is stored then. */
  append(journal: StoredJournal, change: readonly (readonly BankEvent[])[]): Promise<boolean>;
}

export function createJournalBucket(client: S3Client, bucket: string): JournalBucket {
  return {
    async read() {
      try {
        const { Body, ETag } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: KEY }));
        const lines = ((await Body?.transformToString()) ?? '').split('\n').filter((line) => line !== '');
        return { entries: lines.map((line) => JSON.parse(line) as BankEvent[]), etag: ETag };
      } catch (error) {
        if (error instanceof NoSuchKey) return { entries: [], etag: undefined };
        throw error;
      }
    },
    async append(journal, change) {
      const lines = [...journal.entries, ...change].map((entry) => `${JSON.stringify(entry)}\n`);
      try {
        await client.send(
          new PutObjectCommand({
            Bucket: bucket,
            Key: KEY,
            Body: lines.join(''),
            ContentType: 'application/x-ndjson',
            ...(journal.etag === undefined ? { IfNoneMatch: '*' } : { IfMatch: journal.etag }),
          }),
        );
        return true;
      } catch (error) {
        const name = (error as { name?: unknown }).name;
        // S3 answers a conflict, too, when two writes with a condition meet.
        if (name === 'PreconditionFailed' || name === 'ConditionalRequestConflict') return false;
        throw error;
      }
    },
  };
}
