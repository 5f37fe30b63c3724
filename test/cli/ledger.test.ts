import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLocalDatabase } from '../../cli/local-database.ts';

const CLI = fileURLToPath(new URL('../../cli/smart-transfer.ts', import.meta.url));

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

describe('smart-transfer ledger', function () {
  this.timeout(240_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smart-transfer-cli-'));
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('says what to do where there is no local system', async () => {
    const { code, stderr } = await run('ledger', 'verify', '--folder', join(folder, 'nothing'));
    assert.equal(code, 1);
    assert.match(stderr, /run npm start first/);
  });

  it('verify ends with 0 on sound books, and with 1 and what is wrong on broken ones', async () => {
    const event = join(folder, 'event.json');
    await writeFile(event, '{}');
    const data = join(folder, 'data');
    const checked = await run('invoke', 'verification', event, '--folder', data);
    assert.equal(checked.code, 0, checked.stderr);
    assert.equal((JSON.parse(checked.stdout) as { ended?: string }).ended, 'sound');

    const sound = await run('ledger', 'verify', '--json', '--folder', data);
    assert.equal(sound.code, 0, sound.stderr);
    assert.deepEqual(JSON.parse(sound.stdout), {
      ok: true,
      entries: 0,
      head_hash: '',
      first_broken: null,
      accounts: {},
      unsealed: 0,
      whole: true,
      sealed_through: '0',
    });

    const open = await run('ledger', 'close', '--folder', data);
    assert.deepEqual([open.code, open.stderr], [1, 'no day is closed yet: the daily check closes it\n']);

    await withLocalDatabase(data, async ({ db }) => {
      await db
        .insertInto('daily_close')
        .values({
          business_date: '2026-03-10',
          from_position: 1n,
          to_position: 0n,
          head_hash: Buffer.alloc(32),
          closed_at: new Date(),
        })
        .execute();
      const moved = { money_in: 7n, money_out: 2n, late_in: 1n, late_out: 0n };
      await db
        .insertInto('daily_close_account')
        .values({ business_date: '2026-03-10', account: 'fees', opening: 0n, closing: 5n, ...moved })
        .execute();
    });
    const close = await run('ledger', 'close', '2026-03-10', '--json', '--folder', data);
    assert.equal(close.code, 0, close.stderr);
    assert.deepEqual((JSON.parse(close.stdout) as { accounts: unknown }).accounts, [
      {
        account: 'fees',
        opening: '0',
        money_in: '7',
        money_out: '2',
        closing: '5',
        late_in: '1',
        late_out: '0',
      },
    ]);
    assert.match(close.stderr, /fees +0 +7 +2 +5 +1 +0/);

    const broken = await run('ledger', 'verify', '--json', '--folder', data);
    assert.equal(broken.code, 1);
    const found = JSON.parse(broken.stdout) as { ok: boolean; first_broken: unknown };
    assert.equal(found.ok, false);
    assert.deepEqual(found.first_broken, {
      position: '0',
      posting_id: null,
      what: 'account fees has 0 won there, and 5 in the close of 2026-03-10',
    });
    assert.match(broken.stderr, /BROKEN at position 0: account fees/);
  });
});
