import type { Command } from 'commander';
import { jsonOf } from '../functions/shared/json.ts';
import { costReport, costTables, GOAL_ORDERS, type CostReport } from './cost/report.ts';

const STACKS = ['dev', 'prod'] as const;

/** Adds `cost`: what the stacks cost a month, by their own settings and a list of prices. */
export function addCost(program: Command): void {
  program
    .command('cost')
    .description('what dev and prod cost a month, by line and orders a day, beside Fargate and EC2')
    .option('--json', 'print one JSON object as the last line; everything else goes to standard error')
    .action(async ({ json }: { readonly json?: boolean }) => {
      // Loaded here, since it reads the program's components, which no other command needs.
      const { stackShape } = await import('./cost/stack-shape.ts');
      const report = costReport(Object.fromEntries(STACKS.map((stack) => [stack, stackShape(stack)])));
      (json === true ? process.stderr : process.stdout).write(`${textOf(report)}\n`);
      if (json === true) process.stdout.write(`${jsonOf(report)}\n`);
    });
}

function textOf(report: CostReport): string {
  const { prices, goals } = report;
  return [
    `List prices of ${prices.region} as of ${prices.date} (${prices.source}); ${prices.caution}.`,
    '',
    costTables(report),
    '',
    ...Object.entries(goals).map(
      ([stack, { usd, usd_max, met }]) =>
        `${stack} at ${GOAL_ORDERS.toLocaleString('en-US')} orders a day: ${usd.toFixed(2)} USD, goal ${usd_max.toString()}: ${met ? 'met' : 'MISSED'}.`,
    ),
  ].join('\n');
}
