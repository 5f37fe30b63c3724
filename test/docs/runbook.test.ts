import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addAccounts } from '../../cli/accounts.ts';
import { addCost } from '../../cli/cost.ts';
import { addKeys } from '../../cli/keys.ts';
import { addLedger } from '../../cli/ledger.ts';
import { addPayouts } from '../../cli/payouts.ts';
import { addProbe } from '../../cli/probe.ts';
import { addReview } from '../../cli/review.ts';
import { addRules } from '../../cli/rules.ts';
import { addTransfers } from '../../cli/transfers.ts';
import { addWebhooks } from '../../cli/webhooks.ts';
import { RUNBOOK_SECTIONS, type RunbookSection } from '../../components/alarms.ts';

const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');

/** The text below a heading, up to the next. */
function sectionOf(name: string): string {
  const [, rest] = runbook.split(`\n## ${name}\n`);
  assert.ok(rest !== undefined, `docs/runbook.md has no section ${name}`);
  return rest.split('\n## ')[0] ?? '';
}

/** The commands of a section's code blocks, a line each. */
function commandsOf(text: string): string[] {
  return [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) =>
    (block ?? '').split('\n').filter((line) => line !== ''),
  );
}

const program = new Command();
for (const add of [
  addAccounts,
  addCost,
  addKeys,
  addLedger,
  addPayouts,
  addProbe,
  addReview,
  addRules,
  addTransfers,
  addWebhooks,
])
  add(program);

/** The command that a line runs, found as commander finds it, and the options that it is given. */
function parse(line: string): { command: Command; options: string[] } {
  const words = line.replace(/^npx smart-transfer /, '').match(/"[^"]*"|\S+/g) ?? [];
  let command = program;
  for (const word of words) {
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) break;
    command = next;
  }
  return { command, options: words.filter((word) => word.startsWith('--')) };
}

describe('the runbook', () => {
  for (const [section, korean] of Object.entries(RUNBOOK_SECTIONS)) {
    it(`says what ${section} means, what a person does, and what to type`, () => {
      const text = sectionOf(section);
      assert.ok(text.trimStart().startsWith(`> ${korean}\n`), 'it begins with what the alarm says');
      assert.match(text, /\*\*It means\*\*/);
      assert.match(text, /\*\*Do\*\*/);
      assert.ok(
        commandsOf(text).some((line) => line.startsWith('npx smart-transfer ')),
        'no command to type',
      );
    });
  }

  it('has no section for an alarm that does not exist', () => {
    const sections = [...runbook.matchAll(/^## ([a-z-]+)$/gm)].map(([, name]) => name as RunbookSection);
    assert.deepEqual(sections.sort(), Object.keys(RUNBOOK_SECTIONS).sort());
  });

  it('names commands and options that there are', () => {
    const lines = commandsOf(runbook).filter((line) => line.startsWith('npx smart-transfer '));
    assert.ok(lines.length > 30, `${lines.length} commands`);
    for (const line of lines) {
      const { command, options } = parse(line);
      assert.equal(command.commands.length, 0, `${line}: which verb?`);
      assert.notEqual(command, program, line);
      const known = command.options.map(({ long }) => long);
      for (const option of options)
        assert.ok(known.includes(option), `${line}: ${command.name()} has no ${option}`);
    }
  });

  it('links to sections and files that there are', () => {
    for (const [, target] of runbook.matchAll(/\]\(#([a-z-]+)\)/g))
      assert.match(runbook.toLowerCase(), new RegExp(`^## ${String(target).replaceAll('-', '[- ]')}$`, 'm'));
  });
});
