import { createWatchPort } from '../../../components/rollout/cloudwatch.client.ts';
import { createLambdaPort } from '../../../components/rollout/lambda.client.ts';
import { plan } from '../../../components/rollout/plan.ts';
import type { RolloutPorts } from '../../../components/rollout/ports.ts';
import { shift, type Rollout, type Shifted } from '../../../components/rollout/shift.ts';
import { SAM_TYPES, type SamType } from '../../../components/rollout/strategy.ts';
import { ACCOUNT, AwsDouble, type Death } from '../../support/aws-double/aws-double.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

export const MINUTE_MS = 60_000;

/** A function `settlement` with versions 1 to 4 and its alias `live` on version 1, and time that jumps. */
export interface RolloutScene {
  readonly clock: VirtualClock;
  readonly aws: AwsDouble;
  /** What people were told. */
  readonly said: string[];
  /** When the clock began, ms. */
  readonly beganMs: number;
  /** A rollout of version 2 by a strategy, with one alarm and a check. */
  rollout(strategy: SamType, other?: Partial<Rollout>): Rollout;
  ports(death?: Death): RolloutPorts;
  shift(rollout: Rollout, options?: { death?: Death; stop?: AbortSignal }): Promise<Shifted>;
  /** The alias's changes: seconds since the beginning, version, share of the other version in percent. */
  moves(): [number, string, number][];
  /** What the alias sends where now: version to percent. */
  traffic(): Record<string, number>;
}

let runs = 0;

export function rolloutScene(): RolloutScene {
  const clock = new VirtualClock('2026-03-02T01:00:00Z');
  const aws = new AwsDouble(() => clock.now().getTime());
  aws.addFunction('settlement', 4);
  aws.alarms.set('errors', 'OK');
  const said: string[] = [];
  const address = { functionName: 'settlement', aliasName: 'live' };
  const beganMs = clock.now().getTime();
  const ports = (death?: Death): RolloutPorts => {
    const client = aws.client(death);
    return {
      lambda: createLambdaPort(client, client, address),
      watch: createWatchPort(client, address),
      clock,
      say: (line) => void said.push(line),
    };
  };
  return {
    clock,
    aws,
    said,
    beganMs,
    ports,
    rollout: (strategy, other = {}) => ({
      name: 'settlement',
      account: ACCOUNT,
      to: '2',
      plan: plan(SAM_TYPES[strategy]),
      alarms: ['errors'],
      ignoreFiring: false,
      bakeErrorsMin: undefined,
      check: { event: { dry_run: true }, timeoutMs: 60_000 },
      bakeMs: 3 * MINUTE_MS,
      minimum: undefined,
      pollMs: 15_000,
      run: `run${(runs += 1)}`,
      keepVersions: undefined,
      ...other,
    }),
    shift: (rollout, { death, stop = new AbortController().signal } = {}) =>
      shift(rollout, ports(death), stop),
    moves: () =>
      aws
        .history('settlement')
        .slice(1)
        .map(({ atMs, version, weights }) => [
          (atMs - beganMs) / 1000,
          version,
          Math.round((Object.values(weights)[0] ?? 0) * 100),
        ]),
    traffic() {
      const { version, weights } = aws.alias('settlement');
      const others = Object.entries(weights).map(
        ([other, weight]) => [other, Math.round(weight * 100)] as const,
      );
      const shifted = others.reduce((total, [, percent]) => total + percent, 0);
      return Object.fromEntries([[version, 100 - shifted], ...others]);
    },
  };
}
