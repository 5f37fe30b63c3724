import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { z } from 'zod';

/** SQS takes at most ten messages in one call. */
const BATCH = 10;

export interface DispatchedTransfer {
  readonly transferId: bigint;
  /** Counts the dispatches of this transfer, so that SQS does not take a redispatch within five minutes for a repetition. */
  readonly dispatchNumber: number;
  /** A keyed hash of the destination account: message groups are not encrypted by SQS. */
  readonly group: string;
}

export interface TransferQueue {
  /** Puts transfers into the queue, and answers how many the queue did not take. Those stay `queued` and are dispatched again a cycle later. */
  dispatch(transfers: readonly DispatchedTransfer[]): Promise<{ notTaken: number }>;
}

/** The message holds the transfer's id alone: the row decides whether, what and where to pay. What a later release adds is read past. */
export const transferMessageSchema = z.object({ transfer_id: z.string().regex(/^\d{1,18}$/) });

export type TransferMessage = z.infer<typeof transferMessageSchema>;

export function createTransferQueue(client: SQSClient, queueUrl: string): TransferQueue {
  return {
    async dispatch(transfers) {
      let notTaken = 0;
      for (let start = 0; start < transfers.length; start += BATCH) {
        const batch = transfers.slice(start, start + BATCH);
        const answer = await client.send(
          new SendMessageBatchCommand({
            QueueUrl: queueUrl,
            Entries: batch.map((transfer, index) => ({
              Id: index.toString(),
              MessageBody: JSON.stringify({
                transfer_id: transfer.transferId.toString(),
              } satisfies TransferMessage),
              MessageGroupId: transfer.group,
              MessageDeduplicationId: `${transfer.transferId.toString()}-${transfer.dispatchNumber}`,
            })),
          }),
        );
        notTaken += answer.Failed?.length ?? 0;
      }
      return { notTaken };
    },
  };
}

/**
 * Reads a message's body.
 *
 * @throws when it is none of ours; such a message ends in the dead letter queue, where a person looks at it.
 */
export function parseTransferMessage(body: string): bigint {
  const read = transferMessageSchema.safeParse(JSON.parse(body));
  if (!read.success) throw new Error(`message body holds no transfer_id of digits: ${body.slice(0, 200)}`);
  return BigInt(read.data.transfer_id);
}
