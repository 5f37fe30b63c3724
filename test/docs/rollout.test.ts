import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { plan } from '../../components/rollout/plan.ts';
import { SAM_TYPES, type SamType } from '../../components/rollout/strategy.ts';
import { ROLLED_OUT, type RolledOut } from '../../components/settings.ts';
import { readStackFile } from '../../components/stack-file.ts';
import { rolloutScene } from '../components/rollout/rollout-scene.ts';
import { assertOurs, commandsOf, isOurs } from '../support/documented-commands.ts';

const COMPONENTS = new URL('../../components/', import.meta.url);
const ROLLOUT = new URL('rollout/', COMPONENTS);

const page = readFileSync(new URL('../../docs/rollout.md', import.meta.url), 'utf8');

/** The rows of the table below a heading, cell by cell, without its head. */
function tableOf(heading: string): string[][] {
  const [, section] = page.split(`\n## ${heading}\n`);
  assert.ok(section !== undefined, `docs/rollout.md has no section ${heading}`);
  const rows = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(1).map((row) =>
    row
      .slice(1, -1)
      .split(' | ')
      .map((cell) => cell.trim()),
  );
}

/** The code block that begins so, line by line. */
function blockOf(beginning: string): string[] {
  const block = [...page.matchAll(/```text\n([\s\S]*?)```/g)].find(([, text]) => text?.includes(beginning));
  assert.ok(block?.[1] !== undefined, `docs/rollout.md has no block with ${beginning}`);
  return block[1].trimEnd().split('\n');
}

/** The right that a command of the SDK takes, where it is not called like the command. */
const RIGHTS: Readonly<Record<string, string>> = { 'lambda:Invoke': 'lambda:InvokeFunction' };

/** What the code of a rollout calls AWS for, as IAM names it. */
function rightsUsed(): string[] {
  const files = readdirSync(ROLLOUT).map((file) => readFileSync(new URL(file, ROLLOUT), 'utf8'));
  const commands = files.flatMap((text) =>
    [...text.matchAll(/import \{([^}]*)\} from '@aws-sdk\/client-(\w+)'/g)].flatMap(([, names, service]) =>
      [...(names ?? '').matchAll(/(\w+)Command\b/g)].map(([, name]) => `${service}:${name}`),
    ),
  );
  return [...new Set(commands.map((command) => RIGHTS[command] ?? command))].sort();
}

describe('the page on rollouts', () => {
  it('lists the rights that the code uses, and no other', () => {
    const listed = tableOf('Rights').map(([right]) => /`([\w:]+)`/.exec(right ?? '')?.[1] ?? right);
    // Assuming the provider's roles is what credentials do by themselves.
    assert.deepEqual(listed.sort(), [...rightsUsed(), 'sts:AssumeRole'].sort());
    assert.ok(listed.length > 10);
  });

  it('has the exact schedule of each SAM type', () => {
    const rows = tableOf('Strategies').map(([name, steps, minutes]) => [name, steps, minutes]);
    const schedules = (Object.keys(SAM_TYPES) as SamType[]).map((name) => {
      const { steps, shiftMs } = plan(SAM_TYPES[name]);
      const told = steps.map(({ percent, atMs }) => `${percent} % at ${atMs / 60_000}`).join(', ');
      return [`\`${name}\``, told, (shiftMs / 60_000).toString()];
    });
    assert.deepEqual(rows, schedules);
  });

  it('tells how the stacks roll out: dev at once, prod by tenths what carries traffic', () => {
    const strategies = (stack: 'dev' | 'prod') =>
      readStackFile(stack)['smart-transfer:rollout'] as Readonly<Record<RolledOut, unknown>>;
    for (const name of ROLLED_OUT) assert.equal(strategies('dev')[name], 'AllAtOnce', name);
    const byTenths = ROLLED_OUT.filter((name) => strategies('prod')[name] === 'Linear10PercentEvery1Minute');
    assert.deepEqual(byTenths, ['settlement', 'api', 'webhookFanOut', 'webhookDelivery', 'webhookRecord']);
    for (const name of ROLLED_OUT.filter((one) => !byTenths.includes(one)))
      assert.equal(strategies('prod')[name], 'AllAtOnce', name);
  });

  it('shows the lines of a rollout as they are', async () => {
    const shown = blockOf('3/3 check after').flatMap((line) => /[123]\/3 .*$/.exec(line)?.[0] ?? []);
    const scene = rolloutScene();
    const [, alarm = '', state] = /alarms: (\S+) (OK|INSUFFICIENT_DATA)/.exec(shown.join('\n')) ?? [];
    scene.aws.alarms.set(alarm, state as 'OK');
    scene.aws.functions.get('settlement')!.invoke = () => ({ ok: true, checked: ['the double'] });
    await scene.shift(scene.rollout('Linear10PercentEvery1Minute', { alarms: [alarm] }));
    // A real clock is a second late now and then.
    const inMinutes = (line: string) => line.replace(/(\d+):\d\d( gone|$)/, '$1 minutes$2');
    assert.deepEqual(shown.map(inMinutes), scene.said.map(inMinutes));
  });

  it('shows the last line of one that goes back as it is', async () => {
    const [last = ''] = blockOf('before hook').slice(-1);
    const scene = rolloutScene();
    const [, alarm = ''] = /the alarm (\S+) is/.exec(last) ?? [];
    scene.aws.alarms.set(alarm, 'OK');
    scene.clock.after(130_000, () => scene.aws.alarms.set(alarm, 'ALARM'));
    const shifted = await scene.shift(scene.rollout('Linear10PercentEvery1Minute', { alarms: [alarm] }));
    assert.ok('message' in shifted);
    assert.match(last, /error: before hook "rollout-settlement" failed: /);
    // The time that it took is that of the run which is shown.
    const withoutTime = (text: string) => text.replace(/for \d+:\d\d/, 'for …');
    assert.equal(withoutTime(last.split(' failed: ')[1] ?? ''), withoutTime(shifted.message));
  });

  it('tells every argument of the component', () => {
    const source = readFileSync(new URL('gradual-rollout.ts', COMPONENTS), 'utf8');
    const [, body = ''] = /export interface GradualRolloutArgs \{\n([\s\S]*?)\n\}/.exec(source) ?? [];
    const names = [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name);
    assert.ok(names.length > 10);
    const told = tableOf('In another program').flatMap(([cell]) =>
      [...(cell ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name),
    );
    assert.deepEqual(told.sort(), names.sort());
  });

  it('names commands, variables and options that there are', () => {
    const lines = commandsOf(page).filter(isOurs);
    assert.ok(lines.length >= 3);
    for (const line of lines) assertOurs(line);
    const sources = ['gradual-rollout.ts', 'rollout/shift.ts'].map((file) =>
      readFileSync(new URL(file, COMPONENTS), 'utf8'),
    );
    for (const [variable] of page.matchAll(/\bROLLOUT_\w+/g))
      assert.ok(
        sources.some((text) => text.includes(variable)),
        variable,
      );
  });
});
