import { Option, type Command } from 'commander';
import { listRules } from '../functions/deposits/rules.repository.ts';
import {
  addRule,
  removeRule,
  RULE_TARGETS,
  type AddedRule,
  type NewRule,
} from '../functions/deposits/rules.step.ts';
import { formatWon } from '../functions/shared/money.ts';
import { columns, refusedAnswer, wallClock } from './lines.ts';
import {
  actingNow,
  acts,
  answer,
  reads,
  rowNumber,
  type ActOptions,
  type Answer,
  type ReadOptions,
} from './person-command.ts';

interface ListOptions extends ReadOptions {
  readonly all?: boolean;
}

interface AddOptions extends ActOptions {
  readonly account: string;
  readonly direction: 'in' | 'out';
  readonly text?: string;
  readonly kind?: string;
  readonly to: NewRule['to'];
  readonly apply?: boolean;
}

/** Adds `rules`, with which people say what rows are that are nobody's order and nobody's payout. */
export function addRules(program: Command): void {
  const rules = program
    .command('rules')
    .description("rules for rows of the statement that are nobody's order and nobody's payout (분류 규칙)");
  addList(rules);
  addAdd(rules);
  addRemove(rules);
}

function addList(rules: Command): void {
  reads(rules.command('list'))
    .description('the rules in force')
    .option('--all', 'and those that were removed')
    .action(async (options: ListOptions) => {
      await answer(options, async ({ db }) => {
        const found = await listRules(db, options.all === true);
        const lines = columns(
          found.map((rule) => [
            rule.rule_id.toString(),
            rule.account,
            rule.direction,
            rule.text_equals === null ? 'any text' : `text "${rule.text_equals}"`,
            rule.kind_equals === null ? 'any kind' : `kind "${rule.kind_equals}"`,
            `to ${rule.ledger_account}`,
            `${rule.added_by}, ${wallClock(rule.added_at)}: ${rule.reason}`,
            rule.removed_at === null ? '' : `(removed ${wallClock(rule.removed_at)})`,
          ]),
        );
        return { text: lines.length === 0 ? 'There is no rule.' : lines.join('\n'), json: { rules: found } };
      });
    });
}

function addAdd(rules: Command): void {
  acts(rules.command('add'))
    .description('say what such rows are from now on')
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
      await answer(options, async ({ db }) => {
        const { account, direction, text, kind, to, apply } = options;
        const rule = { account, direction, text, kind, to, apply: apply === true };
        const outcome = await addRule(db, actingNow(options), rule);
        return outcome.outcome === 'refused' ? refusedAnswer(outcome) : addedAnswer(outcome.result);
      });
    });
}

function addedAnswer(added: AddedRule): Answer {
  const id = added.ruleId.toString();
  const would = added.fitting.map(
    ({ state, rows, won }) => `${rows} rows that are ${state} (${formatWon(won)} won)`,
  );
  return {
    text: [
      `Rule ${id} is in force.`,
      would.length === 0
        ? 'It would have fitted no row of the last 30 days.'
        : `In the last 30 days it would have fitted ${would.join(', ')}.`,
      ...(added.applied === 0 ? [] : [`${added.applied} rows in suspense are explained by it now.`]),
    ].join('\n'),
    json: { outcome: 'added', rule_id: added.ruleId, fitting: added.fitting, applied: added.applied },
  };
}

function addRemove(rules: Command): void {
  acts(rules.command('remove'))
    .description('end a rule; what it has classified stays as it is booked')
    .argument('<id>', 'the rule', rowNumber)
    .action(async (ruleId: bigint, options: ActOptions) => {
      await answer(options, async ({ db }) => {
        const outcome = await removeRule(db, actingNow(options), ruleId);
        if (outcome.outcome === 'refused') return refusedAnswer(outcome);
        return {
          text: `Rule ${ruleId.toString()} is ended.`,
          json: { outcome: 'removed', rule_id: ruleId },
        };
      });
    });
}
