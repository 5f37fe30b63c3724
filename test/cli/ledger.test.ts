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

describe('smart-transfer ledger verify', function () {
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

  it('ends with 0 on sound books, and with 1 and what is wrong on broken ones', async () => {
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
      sealed_through: '0',
    });

    await withLocalDatabase(data, async ({ db }) => {
      await db.insertInto('account_balance').values({ account: 'fees', debits: 0n, credits: 7n }).execute();
    });
    const broken = await run('ledger', 'verify', '--json', '--folder', data);
    assert.equal(broken.code, 1);
    const found = JSON.parse(broken.stdout) as { ok: boolean; first_broken: unknown };
    assert.equal(found.ok, false);
    assert.deepEqual(found.first_broken, {
      position: null,
      posting_id: null,
      what: 'the kept sums of account fees are not those of its postings: debits 0 instead of 0, credits 7 instead of 0',
    });
    assert.match(broken.stderr, /BROKEN: the kept sums of account fees/);
  });
});
