import type { DispatchedTransfer, TransferQueue } from '../../functions/transfers/transfer-queue.client.ts';

/** A queue that keeps what it took, and refuses or breaks when a test says so. */
export interface RecordingQueue extends TransferQueue {
  readonly taken: DispatchedTransfer[];
  refuses: (transfer: DispatchedTransfer) => boolean;
  breaks: Error | undefined;
}

export function createRecordingQueue(): RecordingQueue {
  const queue: RecordingQueue = {
    taken: [],
    refuses: () => false,
    breaks: undefined,
    dispatch(transfers) {
      if (queue.breaks !== undefined) return Promise.reject(queue.breaks);
      const taken = transfers.filter((transfer) => !queue.refuses(transfer));
      queue.taken.push(...taken);
      return Promise.resolve({ notTaken: transfers.length - taken.length });
    },
  };
  return queue;
}
