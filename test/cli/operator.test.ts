import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withLocalDatabase } from '../../cli/local-database.ts';
import { CLI, runCommand, type Said } from '../support/command-line.ts';
import { until } from '../support/until.ts';

describe("the operator's commands", function () {
  this.timeout(300_000);
  let folder: string;
  let live: ChildProcess | undefined;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smart-transfer-operator-'));
    const first = await say(['start', '--cycle-seconds', '1', '--cycles', '1']);
    assert.equal(first.status, 0, first.err);
    // From now on every payout is over its seller's limit.
    await withLocalDatabase(folder, async ({ db }) => {
      await db.updateTable('seller').set({ transfer_limit_won: 1n }).execute();
    });
  });
  after(async () => {
    await stopLive();
    await rm(folder, { recursive: true, force: true });
  });

  async function stopLive(): Promise<void> {
    if (live === undefined) return;
    const ending = live;
    live = undefined;
    if (ending.exitCode !== null) return;
    const closed = once(ending, 'close');
    ending.kill('SIGINT');
    await closed;
  }

  const say = async (args: readonly string[], input = ''): Promise<Said> =>
    await runCommand([...args, '--folder', folder], { input });
  const by = (name: string) => ['--as', name, '--reason', 'a test', '--json'];
  const saidDone = async (args: readonly string[], input?: string): Promise<Record<string, unknown>> => {
    const said = await say(args, input);
    assert.equal(said.status, 0, said.err);
    return said.json;
  };
  const refusedAs = async (args: readonly string[], input?: string): Promise<unknown> => {
    const said = await say(args, input);
    assert.equal(said.status, 1, said.out);
    return said.json['code'];
  };
  const transfers = async (...filter: string[]) =>
    (await saidDone(['transfers', 'list', ...filter, '--json']))['transfers'] as {
      transfer_id: string;
      seller_id: string;
      state: string;
    }[];

  it('let a transfer go by two people while the system runs, and it is paid', async () => {
    live = spawn(process.execPath, [CLI, 'start', '--folder', folder, '--cycle-seconds', '2'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // A command that comes first would have the folder for itself, and the system would not start.
    await once(live.stdout ?? assert.fail('its output is not read'), 'data');
    live.stdout?.resume();
    const ofDemo = live;
    let held: Awaited<ReturnType<typeof transfers>> = [];
    await until(
      'a payout is held over its limit',
      async () => {
        assert.equal(ofDemo.exitCode, null, 'the system ended');
        const said = await say(['transfers', 'list', '--held', 'limit', '--json']);
        held = said.status === 0 ? (said.json['transfers'] as typeof held) : [];
        return held.length >= 2;
      },
      120_000,
    );
    const id = held[0]!.transfer_id;
    assert.equal((await saidDone(['transfers', 'approve', id, ...by('kim')]))['outcome'], 'requested');
    assert.equal(await refusedAs(['transfers', 'approve', id, ...by('KIM')]), 'needs_second_person');
    assert.equal((await saidDone(['transfers', 'approve', id, ...by('lee')]))['outcome'], 'released');
    await until(
      'it is paid',
      async () => {
        const shown = await saidDone(['transfers', 'show', id, '--json']);
        return (shown['transfer'] as { state: string }).state === 'succeeded';
      },
      60_000,
    );
    const shown = await say(['transfers', 'show', id]);
    assert.match(shown.out, /asked for by kim .*approved by lee/);
    assert.match(shown.out, /send says succeeded/);
    assert.match(shown.out, /to +bank \d{3}, \*{4,}\d{4}, /);
    assert.equal((await saidDone(['payouts', 'halt', ...by('kim')]))['outcome'], 'halted');
    await stopLive();
  });

  it('tell what stops payouts, and let them go on, while nothing runs', async () => {
    const status = await say(['payouts', 'status']);
    assert.equal(status.status, 0, status.err);
    assert.match(status.out, /STOPPED:\n +halt_person +since .* by kim +a test/);
    assert.match(status.out, /held\(limit\) +\d+/);
    assert.equal(await refusedAs(['payouts', 'halt', ...by('lee')]), 'halted_already');
    assert.deepEqual((await saidDone(['payouts', 'resume', ...by('lee')]))['ended'], ['halt_person']);
    assert.equal(await refusedAs(['payouts', 'resume', ...by('lee')]), 'not_halted');
  });

  it('cancel a transfer, and pay it again by two people', async () => {
    const [first] = await transfers('--held', 'limit');
    const id = first!.transfer_id;
    assert.equal((await saidDone(['transfers', 'cancel', id, ...by('kim')]))['outcome'], 'cancelled');
    assert.equal(await refusedAs(['transfers', 'cancel', id, ...by('kim')]), 'ended');
    await saidDone(['transfers', 'approve', id, ...by('kim')]);
    const anew = await saidDone(['transfers', 'approve', id, ...by('lee')]);
    assert.equal(anew['outcome'], 'planned_anew');
    const close = ['--outcome', 'failed', '--evidence', 'the bank says so'];
    assert.equal(await refusedAs(['transfers', 'close', id, ...close, ...by('kim')]), 'not_unknown');
  });

  it('change a payout account by two people, with a number that no argument holds and no answer shows', async () => {
    const [one] = await transfers('--limit', '1');
    const seller = one!.seller_id;
    const ask = ['accounts', 'request', seller, '--bank', '004', '--holder', '홍길동'];
    const requested = await say([...ask, ...by('kim')], '98765432101234\n');
    assert.equal(requested.status, 0, requested.err);
    assert.doesNotMatch(requested.out + requested.err, /98765432101234/);
    assert.equal(await refusedAs([...ask, ...by('kim')], '1\n'), 'invalid');
    const id = requested.json['payout_account_id'] as string;
    const listed = await say(['accounts', 'list']);
    assert.match(listed.out, /requested +bank 004 +\*{10}1234 +홍길동 +asked for by kim/);
    assert.equal(await refusedAs(['accounts', 'approve', id, ...by('kim')]), 'needs_second_person');
    assert.equal((await saidDone(['accounts', 'approve', id, ...by('lee')]))['outcome'], 'approved');
    assert.equal(await refusedAs(['accounts', 'reject', id, ...by('lee')]), 'decided_already');
  });

  it('keep rules, and correct only what stands in suspense', async () => {
    const { reconciliations } = await saidDone(['payouts', 'status', '--json']);
    const [{ account }] = reconciliations as [{ account: string }];
    const add = ['rules', 'add', '--account', account, '--direction', 'out', '--to', 'bank_fees'];
    assert.equal(await refusedAs([...add, ...by('kim')]), 'fits_everything');
    const added = await saidDone([...add, '--text', '이체수수료', '--apply', ...by('kim')]);
    assert.equal(added['applied'], 0);
    assert.match((await say(['rules', 'list'])).out, /out +text "이체수수료" +any kind +to bank_fees +kim/);
    await saidDone(['rules', 'remove', added['rule_id'] as string, ...by('lee')]);
    assert.match((await say(['rules', 'list'])).out, /There is no rule/);
    const correct = ['ledger', 'correct', '--row', '1', '--to', 'owner'];
    assert.equal(await refusedAs([...correct, ...by('kim')]), 'nothing_in_suspense');
  });

  it('want a name and a reason, and name the value that makes no sense', async () => {
    const nobody = await say(['payouts', 'halt']);
    assert.equal(nobody.status, 1);
    assert.match(nobody.err, /--as <name>/);
    const nonsense = await say([
      'ledger',
      'correct',
      '--row',
      '1',
      '--to',
      'owner',
      '--amount',
      '1.5',
      ...by('kim'),
    ]);
    assert.match(nonsense.err, /"1\.5" is no amount; write whole won/);
  });
});
