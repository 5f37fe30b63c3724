import type { FaultReport } from './run-fault.ts';

const COLUMNS = ['lost', 'paid twice', 'in doubt', 'recovery s'] as const;

/** The heading of the table, and a fault's line in it with what was done below; what went wrong follows, a line each. */
export function heading(): string {
  return row('fault', COLUMNS);
}

export function faultLines(report: FaultReport): string {
  const { name, what, lost, paid_twice, in_doubt, recovery_s, problems } = report;
  const figures = [lost, paid_twice, in_doubt].map(String);
  return [
    row(name, [...figures, recovery_s === null ? 'never' : recovery_s.toFixed(1)]),
    `    ${what}`,
    ...problems.map((problem) => `  ! ${problem}`),
  ].join('\n');
}

function row(name: string, cells: readonly string[]): string {
  return `${name.padEnd(28)}${cells.map((cell) => cell.padStart(12)).join('')}`;
}
