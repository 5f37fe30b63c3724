import { TIMEOUT_SECONDS } from '../components/function-limits.ts';
import { plan } from '../components/rollout/plan.ts';
import { parseStrategy } from '../components/rollout/strategy.ts';
import { ROLLED_OUT, type RolledOut, type Settings } from '../components/settings.ts';

/** What of a stack's settings makes a deployment long. */
export type LongSettings = Pick<Settings, 'rollout' | 'schedule'>;

/** The longest that a role may be taken on for (AWS), and the longest that GitHub lets a job run on a machine of its own, minutes. */
export const SESSION_MINUTES_MAX = { pulumi_deployments: 720, github_actions: 360 } as const;

/** How long a role is taken on for by default (AWS), minutes: a preview needs no more. */
export const PREVIEW_MINUTES = 60;

/** What else a deployment waits for: a new database, or the network interfaces of functions that go, which AWS takes up to 40 minutes for. */
const REST_MINUTES = 60;

/** How long a rollout tries to bring traffic back (components/rollout/shift.ts). */
const BACK_MINUTES = 5;

const SECONDS: Readonly<Record<RolledOut, number>> = {
  ...TIMEOUT_SECONDS,
  webhookFanOut: TIMEOUT_SECONDS.webhooks,
  webhookDelivery: TIMEOUT_SECONDS.webhooks,
  webhookRecord: TIMEOUT_SECONDS.webhooks,
};

/** Two lanes deliver webhooks. */
const ALIASES: Partial<Record<RolledOut, number>> = { webhookDelivery: 2 };

/** The longest that a function's rollout takes, minutes: the checks before and after, all steps, the watching, and the way back at the end of it. */
export function rolloutMinutes({ rollout, schedule }: LongSettings, name: RolledOut): number {
  const parsed = parseStrategy(rollout[name]);
  if (parsed.outcome === 'refused') throw new Error(`rollout.${name}: ${parsed.message}`);
  const checks = (2 * SECONDS[name]) / 60;
  // A real cycle is waited for, for two beats of the schedule and a little more (components/scheduled-matcher.ts).
  const cycle = name === 'matcher' && rollout.watchOneCycle ? 2 * schedule.cycleMinutes + 2 : 0;
  return (
    checks + plan(parsed.shifting).shiftMs / 60_000 + Math.max(rollout.bakeMinutes, cycle) + BACK_MINUTES
  );
}

/**
 * How long the deploying role is taken on for, minutes, in whole hours. The engine shifts several functions at a time, as many as it has hands: reckoned is one
 * after another, up to what is possible. A job of GitHub's takes it on for as long as the job may live, since its workflow does not know the stack's settings.
 *
 * @throws when a single rollout is longer than any session, since its rights would end in the middle of it.
 */
export function sessionMinutes(settings: LongSettings, deployedBy: keyof typeof SESSION_MINUTES_MAX): number {
  const most = SESSION_MINUTES_MAX[deployedBy];
  const minutes = ROLLED_OUT.map((name) => ({ name, each: rolloutMinutes(settings, name) }));
  for (const { name, each } of minutes)
    if (each + REST_MINUTES > most)
      throw new Error(
        `rollout.${name} may take ${Math.ceil(each)} minutes, and a deployment by ${deployedBy} ends after ${most}, of which ${REST_MINUTES} are for the rest: take larger steps or shorter intervals, or deploy this version by hand`,
      );
  if (deployedBy === 'github_actions') return most;
  const all = minutes.reduce((sum, { name, each }) => sum + each * (ALIASES[name] ?? 1), REST_MINUTES);
  return Math.min(60 * Math.ceil(all / 60), most);
}
