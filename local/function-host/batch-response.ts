import type { InvocationResult } from './invocation.ts';

/**
 * Which messages of a batch Lambda deletes, under `ReportBatchItemFailures` (Lambda developer guide, "Implementing partial batch
 * responses", success and failure conditions): all of them for an answer that is null, empty, or has a null or empty list; none
 * for an invocation that failed in any way, and for a list that holds anything but ids of this batch; otherwise those that are
 * not on the list.
 */
export function succeededMessages(
  result: InvocationResult,
  messageIds: readonly string[],
): readonly string[] {
  if (result.outcome !== 'returned') return [];
  const failed = failedIds(result.payload);
  if (failed === undefined || failed.some((id) => !messageIds.includes(id))) return [];
  return messageIds.filter((id) => !failed.includes(id));
}

/** The ids that an answer lists, or `undefined` for an answer that Lambda takes for the failure of the whole batch. */
function failedIds(payload: unknown): readonly string[] | undefined {
  if (payload === null) return [];
  if (typeof payload !== 'object') return undefined;
  const failures = (payload as { readonly batchItemFailures?: unknown }).batchItemFailures ?? [];
  if (!Array.isArray(failures)) return undefined;
  const ids = failures.map(
    (failure: unknown) => (failure as { readonly itemIdentifier?: unknown } | null)?.itemIdentifier,
  );
  return ids.every((id) => typeof id === 'string') ? ids : undefined;
}
