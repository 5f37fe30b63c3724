import { setTimeout as delay } from 'node:timers/promises';
import { AwsError } from './aws-json-server.ts';
import type { InvocationResult } from './function-host/invocation.ts';
import {
  addVersion,
  CURRENT,
  holderOf,
  nowS,
  PENDING,
  type Rotation,
  type Secret,
} from './secret-versions.ts';

const STEPS = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const;

/** How often a rotation is tried before it waits for the next `RotateSecret`. AWS says "multiple times", not how many. */
const TRIES_MAX = 3;

export interface RotationsArgs {
  readonly invoke: (functionArn: string, event: unknown) => Promise<InvocationResult>;
  readonly againAfterMs: number;
  readonly log: (line: string) => void;
  /** Keeps what has changed. */
  readonly changed: () => void;
}

export interface Rotations {
  /**
   * Begins to rotate a secret, or to test whether it could be rotated, as AWS does (API reference, RotateSecret): under a version that is staged as pending and has
   * no value yet.
   *
   * @throws AwsError when an earlier rotation is not complete; that one is tried again.
   */
  begin(secret: Secret, rotation: Rotation, token: string, immediately: boolean): void;
  /** Begins no step any more, and waits for the one that runs. */
  stop(): Promise<void>;
}

export function createRotations(args: RotationsArgs): Rotations {
  const running = new Map<Secret, { readonly token: string; readonly ends: Promise<void> }>();
  const stopped = new AbortController();

  const takeSteps = async (secret: Secret, token: string, steps: readonly string[]): Promise<void> => {
    for (const Step of steps) {
      stopped.signal.throwIfAborted();
      const event = { Step, SecretId: secret.arn, ClientRequestToken: token };
      const result = await args.invoke(secret.rotation?.functionArn ?? '', event);
      if (result.outcome !== 'returned') throw new Error(`${Step}: ${JSON.stringify(result)}`);
    }
  };

  const rotate = async (secret: Secret, token: string): Promise<void> => {
    for (let tries = 1; ; tries += 1) {
      try {
        await takeSteps(secret, token, STEPS);
        if (secret.rotation !== undefined) secret.rotation.lastRotatedAtS = nowS();
        return;
      } catch (error) {
        args.log(`the rotation of ${secret.name} failed (${tries} of ${TRIES_MAX} times): ${String(error)}`);
        if (tries === TRIES_MAX) return;
        await delay(args.againAfterMs, undefined, { signal: stopped.signal });
      }
    }
  };

  /** The version of a test holds what the current one holds, and is gone afterwards. */
  const test = async (secret: Secret, token: string): Promise<void> => {
    const version = addVersion(secret, token, holderOf(secret, CURRENT)?.value, [PENDING]);
    version.onlyTested = true;
    try {
      await takeSteps(secret, token, ['testSecret']);
    } catch (error) {
      args.log(`the rotation of ${secret.name} was tested and would fail: ${String(error)}`);
    } finally {
      secret.versions = secret.versions.filter((each) => each !== version);
    }
  };

  const run = (secret: Secret, token: string, work: typeof rotate): void => {
    const ends = work(secret, token)
      .catch((error: unknown) => args.log(`the rotation of ${secret.name} was broken off: ${String(error)}`))
      .finally(() => {
        running.delete(secret);
        args.changed();
      });
    running.set(secret, { token, ends });
  };

  /** The version of a rotation that runs, or that was given up. */
  const unfinished = (secret: Secret): string | undefined => {
    const pending = holderOf(secret, PENDING);
    return running.get(secret)?.token ?? (pending === holderOf(secret, CURRENT) ? undefined : pending?.id);
  };

  return {
    begin(secret, rotation, token, immediately) {
      const before = unfinished(secret);
      if (before !== undefined && before !== token) {
        if (!running.has(secret)) run(secret, before, rotate);
        throw new AwsError(
          'InvalidRequestException',
          "A previous rotation isn't complete. That rotation will be reattempted.",
        );
      }
      secret.rotation = { ...secret.rotation, ...rotation };
      args.changed();
      if (running.has(secret) || holderOf(secret, CURRENT)?.id === token) return;
      if (!immediately) {
        run(secret, token, test);
        return;
      }
      if (before === undefined) addVersion(secret, token, undefined, [PENDING]);
      args.changed();
      run(secret, token, rotate);
    },
    async stop() {
      stopped.abort();
      await Promise.all([...running.values()].map(({ ends }) => ends));
    },
  };
}
