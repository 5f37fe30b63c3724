/**
 * How traffic moves from one version to another.
 *
 * - `all_at_once`: everything, at once.
 * - `canary`: a part at once, the rest after the interval.
 * - `linear`: a part at once, and another part after each interval, until everything has moved.
 */
export type Shifting =
  | { readonly kind: 'all_at_once' }
  | { readonly kind: 'canary'; readonly percent: number; readonly intervalMinutes: number }
  | { readonly kind: 'linear'; readonly percent: number; readonly intervalMinutes: number };

/** The names of AWS SAM's `DeploymentPreference.Type`, and what each means. */
export const SAM_TYPES = {
  AllAtOnce: { kind: 'all_at_once' },
  Canary10Percent5Minutes: { kind: 'canary', percent: 10, intervalMinutes: 5 },
  Canary10Percent10Minutes: { kind: 'canary', percent: 10, intervalMinutes: 10 },
  Canary10Percent15Minutes: { kind: 'canary', percent: 10, intervalMinutes: 15 },
  Canary10Percent30Minutes: { kind: 'canary', percent: 10, intervalMinutes: 30 },
  Linear10PercentEvery1Minute: { kind: 'linear', percent: 10, intervalMinutes: 1 },
  Linear10PercentEvery2Minutes: { kind: 'linear', percent: 10, intervalMinutes: 2 },
  Linear10PercentEvery3Minutes: { kind: 'linear', percent: 10, intervalMinutes: 3 },
  Linear10PercentEvery10Minutes: { kind: 'linear', percent: 10, intervalMinutes: 10 },
} as const satisfies Record<string, Shifting>;

export type SamType = keyof typeof SAM_TYPES;

/** A SAM type's name, or one of your own: percent 1 to 99, whole; minutes 1 to 720, whole. */
export type RolloutStrategy = SamType | Exclude<Shifting, { kind: 'all_at_once' }>;

/** A role may be assumed for twelve hours at the most: a longer rollout would lose its rights on the way, minutes. */
export const SHIFTING_MINUTES_MAX = 720;

export type ParsedStrategy =
  | { readonly outcome: 'parsed'; readonly shifting: Shifting }
  | { readonly outcome: 'refused'; readonly message: string };

/**
 * Reads a strategy, such as a stack's config holds it: `Linear10PercentEvery1Minute`, or `{kind: linear, percent: 20, intervalMinutes: 2}`.
 * A refusal names the value and what could stand there.
 */
export function parseStrategy(value: unknown): ParsedStrategy {
  if (typeof value === 'string') {
    return isSamType(value)
      ? { outcome: 'parsed', shifting: SAM_TYPES[value] }
      : refused(value, `write one of ${Object.keys(SAM_TYPES).join(', ')}, or an object`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refused(value, 'write the name of a SAM type, or an object');
  const { kind, percent, intervalMinutes, ...unknown } = value as Record<string, unknown>;
  const [stranger] = Object.keys(unknown);
  if (stranger !== undefined)
    return refused(value, `"${stranger}" means nothing; there are kind, percent and intervalMinutes`);
  if (kind !== 'canary' && kind !== 'linear') return refused(value, 'kind is "canary" or "linear"');
  if (!isWhole(percent, 1, 99)) return refused(value, 'percent is a whole number from 1 to 99');
  if (!isWhole(intervalMinutes, 1, SHIFTING_MINUTES_MAX))
    return refused(value, `intervalMinutes is a whole number from 1 to ${SHIFTING_MINUTES_MAX}`);
  const shifting: Shifting = { kind, percent, intervalMinutes };
  const minutes = intervalsOf(shifting) * intervalMinutes;
  return minutes <= SHIFTING_MINUTES_MAX
    ? { outcome: 'parsed', shifting }
    : refused(
        value,
        `it would take ${minutes} minutes, and a role's session ends after ${SHIFTING_MINUTES_MAX}: take larger steps or shorter intervals`,
      );
}

/** How many intervals pass between the first step and the last. */
export function intervalsOf(shifting: Shifting): number {
  switch (shifting.kind) {
    case 'all_at_once':
      return 0;
    case 'canary':
      return 1;
    case 'linear':
      return Math.ceil(100 / shifting.percent) - 1;
  }
}

function isSamType(name: string): name is SamType {
  return Object.hasOwn(SAM_TYPES, name);
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

function refused(value: unknown, remedy: string): ParsedStrategy {
  return { outcome: 'refused', message: `${JSON.stringify(value)} is no rollout strategy: ${remedy}` };
}
