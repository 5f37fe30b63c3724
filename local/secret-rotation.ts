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
  const running = new Map<Secret, Promise<void>>();
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

  const run = (secret: Secret, work: () => Promise<void>): void => {
    const ends = work()
      .catch((error: unknown) => args.log(`the rotation of ${secret.name} was broken off: ${String(error)}`))
      .finally(() => {
        running.delete(secret);
        args.changed();
      });
    running.set(secret, ends);
  };

  return {
    begin(secret, rotation, token, immediately) {
      const pending = holderOf(secret, PENDING);
      const isOver = pending === undefined || pending === holderOf(secret, CURRENT);
      if (!isOver && pending.id !== token) {
        if (!running.has(secret)) run(secret, () => rotate(secret, pending.id));
        throw new AwsError(
          'InvalidRequestException',
          "A previous rotation isn't complete. That rotation will be reattempted.",
        );
      }
      secret.rotation = { ...secret.rotation, ...rotation };
      if (!running.has(secret)) {
        if (!immediately) run(secret, () => test(secret, token));
        else if (holderOf(secret, CURRENT)?.id !== token) {
          if (isOver) addVersion(secret, token, undefined, [PENDING]);
          run(secret, () => rotate(secret, token));
        }
      }
      args.changed();
    },
    async stop() {
      stopped.abort();
      await Promise.all(running.values());
    },
  };
}
