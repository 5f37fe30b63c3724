import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { NoAnswer } from './carrier.ts';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));

/** The command that shows them, for sentences. */
export function outputsCommand(stack: string): string {
  return `pulumi ${argumentsFor(stack).join(' ')}`;
}

function argumentsFor(stack: string): string[] {
  return ['stack', 'output', '--json', '--stack', stack];
}

/**
 * Asks Pulumi what the program says of a stack.
 *
 * @param otherwise what to do without Pulumi, for the sentence.
 * @throws {@link NoAnswer} without a Pulumi, or without a login to it.
 */
export async function readStackOutputs(stack: string, otherwise: string): Promise<unknown> {
  try {
    const { stdout } = await promisify(execFile)('pulumi', argumentsFor(stack), { cwd: PROJECT });
    return JSON.parse(stdout) as unknown;
  } catch (error) {
    const { code, message, stderr } = error as { code?: unknown; message: string; stderr?: string };
    throw new NoAnswer(
      code === 'ENOENT'
        ? `there is no pulumi to ask of the stack: run this as npx smart-transfer, which brings it, ${otherwise}`
        : `${outputsCommand(stack)} failed: ${(stderr ?? message).trim()}; log in to Pulumi, ${otherwise}`,
    );
  }
}
