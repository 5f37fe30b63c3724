/** A week in minutes. */
export const WEEK_MINUTES = 7 * 24 * 60;

const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

const UNIT_MINUTES = { minute: 1, hour: 60, day: 24 * 60 } as const;

/**
 * When a schedule of EventBridge Scheduler runs in a week, minutes since its beginning on Sunday.
 *
 * @throws when it depends on the day of the month, the month or the year, which no week shows.
 */
export function runsOfWeek(expression: string): number[] {
  const rate = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression);
  if (rate !== null) {
    const every = Number(rate[1]) * UNIT_MINUTES[rate[2] as keyof typeof UNIT_MINUTES];
    return Array.from({ length: Math.ceil(WEEK_MINUTES / every) }, (_, n) => n * every);
  }
  const [minutes, hours, dayOfMonth, month, dayOfWeek, year] =
    /^cron\((.+)\)$/.exec(expression)?.[1]?.split(' ') ?? [];
  if (
    minutes === undefined ||
    hours === undefined ||
    dayOfWeek === undefined ||
    !['*', '?'].includes(dayOfMonth ?? '') ||
    month !== '*' ||
    year !== '*'
  )
    throw new Error(
      `the schedule ${expression} is none of every week; write rate(…) or a cron(…) of minutes, hours and days of the week`,
    );
  const days = valuesOf(dayOfWeek === '?' ? '*' : dayOfWeek, 1, 7);
  return days.flatMap((day) =>
    valuesOf(hours, 0, 23).flatMap((hour) =>
      valuesOf(minutes, 0, 59).map((minute) => ((day - 1) * 24 + hour) * 60 + minute),
    ),
  );
}

/** The values of a cron field: `*`, `5`, `9-17`, `0/15`, `MON-FRI`, and lists of them. */
function valuesOf(field: string, min: number, max: number): number[] {
  const values = field.split(',').flatMap((part) => {
    const [range = '', step] = part.split('/');
    const [from, to] = range === '*' ? [min, max] : range.split('-').map(numberOf);
    const last = to ?? (step === undefined ? from : max);
    const by = step === undefined ? 1 : Number(step);
    if (from === undefined || last === undefined || ![from, last, by].every(Number.isInteger) || by < 1)
      throw new Error(`"${field}" is no field of a schedule`);
    const count = Math.floor((last - from) / by) + 1;
    return Array.from({ length: Math.max(count, 0) }, (_, n) => from + n * by);
  });
  if (values.some((value) => !Number.isInteger(value) || value < min || value > max))
    throw new Error(`"${field}" is no field of a schedule: values are ${min} to ${max}`);
  return [...new Set(values)].sort((a, b) => a - b);
}

function numberOf(text: string): number {
  const day = DAYS.indexOf(text);
  return day === -1 ? Number(text) : day + 1;
}

/**
 * The part of a week for which something is awake that each run wakes for `awakeMinutes`.
 *
 * @param runs minutes since the week's beginning, in any order.
 */
export function awakeShare(runs: readonly number[], awakeMinutes: number): number {
  let awake = 0;
  let until = -Infinity;
  const sorted = [...runs].sort((a, b) => a - b);
  const [first] = sorted;
  // The week after begins as this one did: what is awake over its end is counted up to then.
  const end = first === undefined ? WEEK_MINUTES : first + WEEK_MINUTES;
  for (const run of sorted) {
    const from = Math.max(run, until);
    until = Math.max(until, Math.min(run + awakeMinutes, end));
    awake += Math.max(until - from, 0);
  }
  return awake / WEEK_MINUTES;
}
