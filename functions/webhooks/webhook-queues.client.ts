import { SendMessageBatchCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { WebhookMessage, WebhookResult } from './webhook-message.ts';

/** At most so many messages in one call (SQS API reference, SendMessageBatch). */
const BATCH = 10;

/** `fast` for receivers that are well; `slow` for those whose last delivery failed, so that a dead one delays only others like it. */
export type Lane = 'fast' | 'slow';

export interface WebhookLanes {
  /** Answers the delivery ids of the messages that the queue did not take. */
  send(lane: Lane, messages: readonly WebhookMessage[]): Promise<readonly string[]>;
}

export function createWebhookLanes(client: SQSClient, urls: Readonly<Record<Lane, string>>): WebhookLanes {
  return {
    async send(lane, messages) {
      const notTaken: string[] = [];
      for (let start = 0; start < messages.length; start += BATCH) {
        const batch = messages.slice(start, start + BATCH);
        const answer = await client.send(
          new SendMessageBatchCommand({
            QueueUrl: urls[lane],
            Entries: batch.map((message) => ({
              Id: message.delivery_id,
              MessageBody: JSON.stringify(message),
            })),
          }),
        );
        notTaken.push(...(answer.Failed ?? []).map(({ Id }) => Id ?? ''));
      }
      return notTaken;
    },
  };
}

/** Sends what became of an attempt back into the VPC. */
export function createResultSender(
  client: SQSClient,
  queueUrl: string,
): (result: WebhookResult) => Promise<void> {
  return async (result) => {
    await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: JSON.stringify(result) }));
  };
}
