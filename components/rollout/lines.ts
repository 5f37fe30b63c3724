import type { AlarmState } from './ports.ts';

/** The three stages as a person sees them. */
export const STAGES = {
  before: '1/3 check before (배포 전 확인)',
  shifting: '2/3 traffic shifting (트래픽 전환)',
  after: '3/3 check after (배포 후 확인)',
} as const;

/** A duration as people read it on a clock: `2:05`, `1:30:00`. */
export function duration(ms: number): string {
  const seconds = Math.max(Math.round(ms / 1000), 0);
  const two = (value: number) => value.toString().padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return hours === 0 ? `${minutes}:${two(seconds % 60)}` : `${hours}:${two(minutes)}:${two(seconds % 60)}`;
}

/** One step of traffic. */
export function stepLine(step: {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly percent: number;
  readonly number: number;
  readonly of: number;
  readonly elapsedMs: number;
  readonly leftMs: number;
  readonly alarms: ReadonlyMap<string, AlarmState>;
}): string {
  return [
    `${STAGES.shifting} · ${step.name} version ${step.from} → ${step.to}: ${step.percent} %`,
    `step ${step.number} of ${step.of}`,
    `${duration(step.elapsedMs)} gone, ${duration(step.leftMs)} left`,
    alarmsText(step.alarms),
  ].join(' · ');
}

export function alarmsText(alarms: ReadonlyMap<string, AlarmState>): string {
  if (alarms.size === 0) return 'no alarms';
  return `alarms: ${[...alarms].map(([name, state]) => `${name} ${state}`).join(', ')}`;
}

/** A list for a sentence: `a`, `a and b`, `a, b and c`. */
export function listed(items: readonly string[]): string {
  return items.length <= 1 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1) ?? ''}`;
}
