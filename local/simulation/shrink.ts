import { ALL_TROUBLES, planWorld, type PlanChanges } from './plan.ts';
import type { WorldRunner } from './world-runner.ts';
import type { WorldResult } from './world.ts';

/** Worlds that are tried to make one failure smaller. */
const TRIES_MAX = 100;

export interface Shrunk {
  readonly changes: PlanChanges;
  readonly result: WorldResult;
  readonly tries: number;
}

/**
 * Looks for the smallest world in which the same invariant still breaks: fewer orders, a shorter time, fewer kinds of trouble. Nothing when the world
 * does not fail.
 */
export async function shrink(
  runner: Pick<WorldRunner, 'run'>,
  seed: number,
  given: PlanChanges,
  triesMax = TRIES_MAX,
): Promise<Shrunk | undefined> {
  let tries = 0;
  const run = async (changes: PlanChanges): Promise<WorldResult | undefined> => {
    tries += 1;
    const result = await runner.run(seed, changes);
    return result.violations.length > 0 ? result : undefined;
  };
  let changes: PlanChanges = { ...given, lookEvery: 1 };
  let best = (await run(changes)) ?? (await run((changes = given)));
  if (best === undefined) return undefined;
  const invariant = best.violations[0]?.invariant;
  const attempt = async (smaller: PlanChanges): Promise<boolean> => {
    if (tries >= triesMax) return false;
    const result = await run(smaller);
    if (result?.violations[0]?.invariant !== invariant || result === undefined) return false;
    changes = smaller;
    best = result;
    return true;
  };
  const oneStepFewer = async (): Promise<boolean> => {
    const plan = planWorld(seed, changes);
    return (
      (plan.orders > 1 && (await attempt({ ...changes, orders: Math.floor(plan.orders / 2) }))) ||
      (plan.orders > 1 &&
        (await attempt({ ...changes, orders: plan.orders - Math.ceil(plan.orders / 5) }))) ||
      (plan.minutes > 5 && (await attempt({ ...changes, minutes: Math.floor(plan.minutes / 2) }))) ||
      (plan.sellers > 1 && (await attempt({ ...changes, sellers: plan.sellers - 1 }))) ||
      (plan.workers > 1 && (await attempt({ ...changes, workers: plan.workers - 1 })))
    );
  };
  const fewer = async (): Promise<void> => {
    for (let smaller = true; smaller && tries < triesMax;) smaller = await oneStepFewer();
  };
  // A world with little in it is quick, so that it becomes small before its troubles are told apart.
  await fewer();
  await without(
    ALL_TROUBLES.filter((name) => (planWorld(seed, given).troubles[name] ?? 0) > 0),
    attempt,
    () => changes,
  );
  await fewer();
  return { changes, result: best, tries };
}

async function without(
  names: readonly (typeof ALL_TROUBLES)[number][],
  attempt: (changes: PlanChanges) => Promise<boolean>,
  changesNow: () => PlanChanges,
): Promise<void> {
  if (names.length === 0) return;
  const changes = changesNow();
  if (await attempt({ ...changes, without: [...(changes.without ?? []), ...names] })) return;
  if (names.length === 1) return;
  const half = Math.ceil(names.length / 2);
  await without(names.slice(0, half), attempt, changesNow);
  await without(names.slice(half), attempt, changesNow);
}

/** The command that repeats a world. */
export function commandOf(seed: number, changes: PlanChanges): string {
  const options = [
    `--seed ${seed} --runs 1`,
    ...(['orders', 'minutes', 'sellers', 'workers'] as const).flatMap((name) =>
      changes[name] === undefined ? [] : [`--${name} ${changes[name]}`],
    ),
    ...(changes.lookEvery === undefined ? [] : [`--look-every ${changes.lookEvery}`]),
    ...(changes.without === undefined ? [] : [`--without ${changes.without.join(',')}`]),
  ];
  return `npm run simulate -- ${options.join(' ')}`;
}
