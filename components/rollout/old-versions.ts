/**
 * Which of a function's published versions may go: all but the newest `keep`, and never one that an alias names.
 *
 * @param versions numbers of published versions, in any order.
 * @param inUse what aliases point to, with or without a weight.
 */
export function versionsToDelete(
  versions: readonly string[],
  inUse: ReadonlySet<string>,
  keep: number,
): readonly string[] {
  return versions
    .toSorted((a, b) => Number(b) - Number(a))
    .slice(keep)
    .filter((version) => !inUse.has(version));
}
