import type { z } from 'zod';
import type { Secrets } from './secrets.ts';

/**
 * The event by which a deployment asks a version whether it could work, before it gets any traffic and once it has all of it. Nothing from outside looks like it: a
 * request, a queue's batch and a bus's event have other fields at their top.
 */
export interface DryRunEvent {
  readonly dry_run: true;
  readonly stage?: 'before' | 'after';
}

export interface DryRunAnswer {
  readonly ok: true;
  /** What was looked at. */
  readonly checked: readonly string[];
}

/** What is looked at, and the look: it changes nothing, may answer what it found, and throws what is wrong. */
export type DryRunCheck = readonly [what: string, look: () => Promise<unknown>];

/**
 * Puts a function's dry run before its work. Returning `ok` means that the version can do its work here and now; throwing names what it lacks, in a
 * sentence. Neither changes anything in the database or at the bank.
 */
export function answeringDryRuns<Event, Rest extends unknown[], Result>(
  checks: readonly DryRunCheck[],
  work: (event: Event, ...rest: Rest) => Result | Promise<Result>,
): Handler<Event, Rest, Result> {
  async function handler(event: DryRunEvent, ...rest: Rest): Promise<DryRunAnswer>;
  async function handler(event: Event, ...rest: Rest): Promise<Result>;
  async function handler(event: Event | DryRunEvent, ...rest: Rest): Promise<Result | DryRunAnswer> {
    if (isDryRun(event)) return await runChecks(checks);
    return await work(event, ...rest);
  }
  return handler;
}

interface Handler<Event, Rest extends unknown[], Result> {
  (event: DryRunEvent, ...rest: Rest): Promise<DryRunAnswer>;
  (event: Event, ...rest: Rest): Promise<Result>;
}

function isDryRun(event: unknown): event is DryRunEvent {
  return typeof event === 'object' && event !== null && (event as { dry_run?: unknown }).dry_run === true;
}

async function runChecks(checks: readonly DryRunCheck[]): Promise<DryRunAnswer> {
  const checked: string[] = [];
  for (const [what, look] of checks) {
    try {
      const found = await look();
      checked.push(typeof found === 'string' ? `${what} (${found})` : what);
    } catch (cause) {
      throw new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }
  return { ok: true, checked };
}

/** A secret as it is now, not as some process remembers it. Its value stays where it is. */
export function secretCheck(secrets: Secrets, secretId: string, shape: z.ZodType): DryRunCheck {
  return [
    `the secret ${secretId}`,
    async () => {
      await secrets.readFresh(secretId, shape);
    },
  ];
}
