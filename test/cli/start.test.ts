import assert from 'node:assert/strict';
import { spawn, execFileSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../cli/smart-transfer.ts', import.meta.url));

interface Started {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Resolves when the output holds the text; rejects when the process ends before. */
  shows(text: string | RegExp): Promise<void>;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

function start(...args: string[]): Started {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      for (const listener of listeners) listener();
    });
  }
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  return {
    child,
    output: () => output,
    ended,
    async shows(text) {
      const there = () => (typeof text === 'string' ? output.includes(text) : text.test(output));
      const seen = new Promise<void>((resolve) => {
        const listener = () => {
          if (!there()) return;
          listeners.delete(listener);
          resolve();
        };
        listeners.add(listener);
        listener();
      });
      const gone = ended.then(({ code }) => {
        if (!there())
          throw new Error(
            `it ended with status ${String(code)} before it showed ${String(text)}:\n${output}`,
          );
      });
      await Promise.race([seen, gone]);
    },
  };
}

/** What still runs out of a folder, by the command lines of all processes. */
function processesOf(folder: string): string[] {
  return execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(folder) && !line.includes(' ps '));
}

describe('smart-transfer start', function () {
  this.timeout(240_000);
  let folder: string;
  let running: Started[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smart-transfer-cli-'));
    running = [];
  });
  afterEach(async () => {
    for (const one of running) {
      one.child.kill('SIGTERM');
      await one.ended;
    }
    await rm(folder, { recursive: true, force: true });
  });

  const demo = (...more: string[]): Started => {
    const started = start('start', '--folder', join(folder, 'data'), '--cycle-seconds', '2', ...more);
    running.push(started);
    return started;
  };

  it('pays demo sellers out, and leaves no process behind after Ctrl-C', async () => {
    const run = demo();
    await run.shows(/paid out [1-9]/);
    assert.ok(existsSync(join(folder, 'data', 'postgres', 'postmaster.pid')));
    run.child.kill('SIGINT');
    assert.deepEqual(await run.ended, { code: 0, signal: null });
    assert.match(run.output(), /Ended after \d+ cycles: \d+ orders/);
    assert.equal(existsSync(join(folder, 'data', 'postgres', 'postmaster.pid')), false);
    assert.deepEqual(processesOf(folder), []);
  });

  it('leaves a system that runs in the folder alone, and says whose it is', async () => {
    const first = demo();
    await first.shows('deposits');
    const second = demo();
    assert.equal((await second.ended).code, 1);
    assert.match(
      second.output(),
      new RegExp(`runs already in .*process ${String(first.child.pid)}\\).*--folder`, 's'),
    );
    await first.shows(/paid out [1-9]/);
  });

  it('goes on with its data after it was killed outright', async () => {
    const first = demo();
    await first.shows(/paid out [1-9]/);
    first.child.kill('SIGKILL');
    await first.ended;
    const second = demo('--cycles', '2', '--json');
    assert.equal((await second.ended).code, 0, second.output());
    const last = second
      .output()
      .split('\n')
      .find((line) => line.startsWith('{'));
    const summary = JSON.parse(last ?? '') as {
      orders: { total: number };
      transfers: { succeeded: { count: number } };
    };
    assert.ok(summary.transfers.succeeded.count > 0, second.output());
    assert.doesNotMatch(second.output(), /DRIFT/);
  });

  it('tells what is missing when only one of two files is given', async () => {
    const run = start('start', '--orders', 'orders.csv');
    assert.equal((await run.ended).code, 1);
    assert.match(run.output(), /--statement FILE is missing/);
  });

  it('refuses a fault that it does not know, with the names of those it knows', async () => {
    const run = start('start', '--faults', 'nonsense=1');
    assert.equal((await run.ended).code, 1);
    assert.match(run.output(), /nonsense.*execute_then_timeout/s);
  });

  it('ends with status 1, one clear message and no report on a bad file', async () => {
    const orders = join(folder, 'orders.csv');
    await writeFile(
      orders,
      'shop_order_id,seller_id,recipient_name,amount,ordered_at\nA,s,홍길동,-5,2026-03-02T09:00\n',
    );
    const report = join(folder, 'report.json');
    const run = start(
      'start',
      '--orders',
      orders,
      '--statement',
      join(folder, 'none.csv'),
      '--report',
      report,
    );
    assert.equal((await run.ended).code, 1);
    assert.match(run.output(), /orders\.csv line 2, column amount: "-5".*Nothing was stored/s);
    assert.equal(existsSync(report), false);
  });

  it('prints the report as one JSON object in the last line', async () => {
    const orders = join(folder, 'orders.csv');
    const statement = join(folder, 'statement.csv');
    const report = join(folder, 'report.json');
    await writeFile(
      orders,
      'shop_order_id,seller_id,recipient_name,amount,ordered_at,depositor_name\nA,s,홍길동,"10,000",2026-03-02T09:00,홍길동1234\n',
    );
    await writeFile(
      statement,
      'at,type,amount,balance_after,text\n2026-03-02T09:30,in,"10,000","10,000",국민홍길동1234\n',
    );
    const run = start('start', '--orders', orders, '--statement', statement, '--report', report, '--json');
    assert.equal((await run.ended).code, 0, run.output());
    const written = JSON.parse(await readFile(report, 'utf8')) as { transfers: object; matches: object[] };
    const last = run.output().trimEnd().split('\n').at(-1) ?? '';
    assert.deepEqual(JSON.parse(last), written);
    assert.deepEqual(written.matches, [{ shop_order_id: 'A', deposit_row: 1, amount: 10_000 }]);
    assert.deepEqual(written.transfers, {
      total: 1,
      succeeded: 1,
      failed: 0,
      unknown: 0,
      held: 0,
      returned: 0,
      paid_won: 9700,
    });
  });
});

describe('smart-transfer invoke', function () {
  this.timeout(120_000);

  it('runs one function with one event, and prints what it returns', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'smart-transfer-cli-'));
    try {
      const event = join(folder, 'event.json');
      await writeFile(event, '{"dry_run": true}');
      const run = start('invoke', 'matcher', event, '--folder', join(folder, 'data'));
      assert.equal((await run.ended).code, 0, run.output());
      assert.ok(run.output().includes('{"ok":true,"checked":["the secret '), run.output());
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('names the functions that there are when asked for another', async () => {
    const run = start('invoke', 'nobody', 'event.json');
    assert.equal((await run.ended).code, 1);
    assert.match(run.output(), /no function "nobody"; there are matcher, settlement, verification, rotation/);
  });
});
