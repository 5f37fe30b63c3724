import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';

/** Works on the messages of a batch side by side. One that fails comes back alone. */
export async function eachRecord(
  records: readonly SQSRecord[],
  work: (body: unknown) => Promise<unknown>,
  onError: (error: unknown) => void,
): Promise<SQSBatchResponse> {
  const failed = await Promise.all(
    records.map(async ({ messageId, body }) => {
      try {
        await work(JSON.parse(body));
        return [];
      } catch (error) {
        onError(error);
        return [{ itemIdentifier: messageId }];
      }
    }),
  );
  return { batchItemFailures: failed.flat() };
}
