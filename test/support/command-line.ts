import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** The command line, as a process. */
export const CLI = fileURLToPath(new URL('../../cli/smart-transfer.ts', import.meta.url));

export interface Said {
  readonly status: number;
  readonly out: string;
  readonly err: string;
  /** The last line of standard output, when it is JSON. */
  readonly json: Record<string, unknown>;
}

/** Runs a command to its end; in this process's environment unless another is given. */
export async function runCommand(
  args: readonly string[],
  { input = '', env }: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Said> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env });
  child.stdin.end(input);
  const closed = once(child, 'close') as Promise<[number]>;
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [status] = await closed;
  const last = out.trimEnd().split('\n').at(-1) ?? '';
  const json = last.startsWith('{') ? (JSON.parse(last) as Record<string, unknown>) : {};
  return { status, out, err, json };
}
