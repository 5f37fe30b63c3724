/** The shortest of AWS's limits, an EventBridge archive's, less what follows the prefix there (`-events`). */
const LENGTH_MAX = 48 - '-events'.length;

/**
 * What the names of a stack's resources begin with.
 *
 * @throws when they would be longer than AWS takes, which AWS itself would say in the middle of the first deployment.
 */
export function namePrefixOf(project: string, stack: string): string {
  const prefix = `${project}-${stack}`;
  if (prefix.length <= LENGTH_MAX) return prefix;
  throw new Error(
    `the stack's name "${stack}" has ${stack.length} characters, and AWS leaves room for ${LENGTH_MAX - project.length - 1}: name it shorter`,
  );
}
