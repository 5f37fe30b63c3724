import assert from 'node:assert/strict';
import { Command } from 'commander';
import { addAccounts } from '../../cli/accounts.ts';
import { addCost } from '../../cli/cost.ts';
import { addInvoke } from '../../cli/invoke.ts';
import { addKeys } from '../../cli/keys.ts';
import { addLedger } from '../../cli/ledger.ts';
import { addPayouts } from '../../cli/payouts.ts';
import { addProbe } from '../../cli/probe.ts';
import { addReview } from '../../cli/review.ts';
import { addRollout } from '../../cli/rollout.ts';
import { addRules } from '../../cli/rules.ts';
import { addStart } from '../../cli/start.ts';
import { addTransfers } from '../../cli/transfers.ts';
import { addWebhooks } from '../../cli/webhooks.ts';

const program = new Command();
for (const add of [
  addAccounts,
  addCost,
  addInvoke,
  addKeys,
  addLedger,
  addPayouts,
  addProbe,
  addReview,
  addRollout,
  addRules,
  addStart,
  addTransfers,
  addWebhooks,
])
  add(program);

/** The commands of a page's code blocks, a line each, without what is said beside them. */
export function commandsOf(text: string): string[] {
  return [...text.matchAll(/^ *```sh\n([\s\S]*?)^ *```/gm)].flatMap(([, block]) =>
    (block ?? '')
      .replaceAll(/\\\n\s*/g, '')
      .split('\n')
      .map((line) => line.replace(/\s+#.*$/, '').trim())
      .filter((line) => line !== ''),
  );
}

/** The words of a command, a quoted one whole and without its quotes. */
export function wordsOf(line: string): string[] {
  return [...line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) =>
    word.replace(/^(["'])(.*)\1$/s, '$2'),
  );
}

/** Whether a line is one of our own command-line program. */
export function isOurs(line: string): boolean {
  return line.startsWith('npx smart-transfer ');
}

/** Fails when our program has no such command, or the command no such option. */
export function assertOurs(line: string): void {
  const words = wordsOf(line.replace(/^npx smart-transfer /, ''));
  let command = program;
  for (const word of words) {
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) break;
    command = next;
  }
  assert.equal(command.commands.length, 0, `${line}: which verb?`);
  assert.notEqual(command, program, line);
  const known = command.options.map(({ long }) => long);
  for (const option of optionsOf(words))
    assert.ok(known.includes(option), `${line}: ${command.name()} has no ${option}`);
}

/** The long options of a command, without the values that stand behind a `=`. */
export function optionsOf(words: readonly string[]): string[] {
  return words.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0] ?? word);
}
