import { SQSClient } from '@aws-sdk/client-sqs';

/**
 * A client for queues. It calls the address that the SDK works out (dual-stack, where `AWS_USE_DUALSTACK_ENDPOINT` says so) and not the host in a queue's URL, which
 * answers by IPv4 alone: a function whose only way out is IPv6 would not reach it.
 */
export function openQueues(): SQSClient {
  return new SQSClient({ useQueueUrlAsEndpoint: false });
}
