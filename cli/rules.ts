import { Option, type Command } from 'commander';
import { RULE_TARGETS } from '../functions/deposits/rules.step.ts';
import { add, listTheRules, remove, type AddedRule, type Rule } from '../functions/operators/rule.routes.ts';
import { formatWon } from '../functions/shared/money.ts';
import { linesOr, wallClock } from './lines.ts';
import { acts, ask, reads, rowNumber, type ActOptions, type ReadOptions } from './person-command.ts';

interface AddOptions extends ActOptions {
  readonly account: string;
  readonly direction: 'in' | 'out';
  readonly text?: string;
  readonly kind?: string;
  readonly to: (typeof RULE_TARGETS)[number];
  readonly apply?: boolean;
}

/** Adds `rules`, with which people say what rows are that are nobody's order and nobody's payout. */
export function addRules(program: Command): void {
  const rules = program
    .command('rules')
    .description("rules for rows of the statement that are nobody's order and nobody's payout (분류 규칙)");
  reads(rules.command('list'))
    .description(listTheRules.summary)
    .option('--all', 'and those that were removed')
    .action(async (options: ReadOptions & { readonly all?: boolean }) => {
      const all = options.all === true ? ('true' as const) : undefined;
      await ask(options, listTheRules, { all }, (found) =>
        linesOr('There is no rule.', found.rules.map(lineOf)),
      );
    });
  acts(rules.command('add'))
    .description(add.summary)
    .requiredOption('--account <account>', 'the account whose statement shows them')
    .addOption(
      new Option('--direction <direction>', 'whether they bring or take money')
        .choices(['in', 'out'])
        .makeOptionMandatory(),
    )
    .option('--text <text>', 'their whole text')
    .option('--kind <kind>', 'their whole kind, as the bank calls it')
    .addOption(
      new Option('--to <account>', 'the account of the books that they belong to')
        .choices(RULE_TARGETS)
        .makeOptionMandatory(),
    )
    .option('--apply', 'explain such rows that stand in suspense already, too')
    .action(async (options: AddOptions) => {
      const { account, direction, text, kind, to, apply } = options;
      await ask(options, add, { account, direction, text, kind, to, apply }, addedText);
    });
  acts(rules.command('remove'))
    .description(remove.summary)
    .argument('<id>', 'the rule', rowNumber)
    .action(async (id: string, options: ActOptions) => {
      await ask(options, remove, { rule_id: id }, () => `Rule ${id} is ended.`);
    });
}

function lineOf(rule: Rule): string[] {
  return [
    rule.rule_id.toString(),
    rule.account,
    rule.direction,
    rule.text_equals === null ? 'any text' : `text "${rule.text_equals}"`,
    rule.kind_equals === null ? 'any kind' : `kind "${rule.kind_equals}"`,
    `to ${rule.ledger_account}`,
    `${rule.added_by}, ${wallClock(rule.added_at)}: ${rule.reason}`,
    rule.removed_at === null ? '' : `(removed ${wallClock(rule.removed_at)})`,
  ];
}

function addedText({ rule_id, fitting, applied }: AddedRule): string {
  const would = fitting.map(
    ({ state, rows, won }) => `${rows} rows that are ${state} (${formatWon(won)} won)`,
  );
  return [
    `Rule ${rule_id.toString()} is in force.`,
    would.length === 0
      ? 'It would have fitted no row of the last 30 days.'
      : `In the last 30 days it would have fitted ${would.join(', ')}.`,
    ...(applied === 0 ? [] : [`${applied} rows in suspense are explained by it now.`]),
  ].join('\n');
}
