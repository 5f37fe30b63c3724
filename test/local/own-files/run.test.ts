import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseFaults } from '../../../local/bank-simulator/faults.ts';
import { runOwnFiles, type OwnFilesOptions } from '../../../local/own-files/run.ts';
import type { Report } from '../../../local/own-files/report.ts';
import type { LocalSystem } from '../../../local/system.ts';
import { codefSample, codefToStatement } from '../../data/codef-to-statement.ts';
import { writeShopFiles, type Truth } from '../../data/generate-shop-files.ts';

/** How many orders and deposits the runs with a known truth have. `npm run acceptance` sets ten thousand. */
const ORDERS = Number(process.env['TRUTH_ORDERS'] ?? '400');

/** Every fault of the lying bank but returns and mangled names, which change what is right. */
const LIES =
  'execute_then_timeout=0.01,say_failed_after_executing=0.02,forget_id=0.02,lying_inquiry=0.2,rows_late=0.02,rows_twice=0.05,' +
  'rows_out_of_order=0.05,http_5xx=0.02,slow=0.005,cut_mid_body=0.02,maintenance_window=0.01';

interface Run {
  readonly report: Report;
  readonly lines: readonly string[];
  readonly notable: readonly string[];
  readonly faults: Readonly<Record<string, number>>;
}

/** Ends the run of a test that has failed, so that it does not go on beside the next one. */
let ending = new AbortController();
afterEach(() => {
  ending.abort();
  ending = new AbortController();
});

async function run(
  options: Partial<OwnFilesOptions> & Pick<OwnFilesOptions, 'orders' | 'statement'>,
): Promise<Run> {
  const lines: string[] = [];
  const notable: string[] = [];
  const result = await runOwnFiles({
    say: (line) => lines.push(line),
    onLog: (line) => {
      if (line.notable) notable.push(`${line.from}: ${line.text}`);
    },
    signal: ending.signal,
    ...options,
  });
  if (result.outcome !== 'finished') throw new Error(`the run ended as ${JSON.stringify(result)}`);
  return { report: result.report, lines, notable, faults: result.faults };
}

/** Holds a report against the truth that was written beside its files. */
function assertTrue(report: Report, truth: Truth): void {
  const matches = new Map(report.matches.map((match) => [match.deposit_row, match.shop_order_id]));
  const reviews = new Map(report.reviews.map((review) => [review.deposit_row, review]));
  const wrong: unknown[] = [];
  for (const row of truth.rows) {
    if (row.outcome === 'matched') {
      if (matches.get(row.deposit_row) !== row.shop_order_id)
        wrong.push({ row, matched: matches.get(row.deposit_row) });
      continue;
    }
    const review = reviews.get(row.deposit_row);
    if (review?.reason !== row.reason) wrong.push({ row, review, matched: matches.get(row.deposit_row) });
    else if (row.best_candidate !== undefined && review.candidates[0] !== row.best_candidate)
      wrong.push({ row, review });
  }
  assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} deposits are not what they should be`);
  assert.equal(matches.size + reviews.size, truth.deposits.total);
  assertEveryWonAccountedFor(report, truth);
}

function assertEveryWonAccountedFor(report: Report, truth: Truth): void {
  const account = (name: string) => BigInt(report.ledger.accounts[name] ?? 0);
  const sum = (of: (seller: Truth['sellers'][number]) => number) =>
    truth.sellers.reduce((total, seller) => total + BigInt(of(seller)), 0n);
  assert.equal(
    BigInt(report.transfers.paid_won),
    sum((seller) => seller.payout_won),
  );
  assert.equal(
    account('fees'),
    sum((seller) => seller.fee_won),
  );
  assert.equal(account('unallocated'), BigInt(truth.in_review_won));
  assert.equal(account('in_transit'), 0n);
  for (const seller of truth.sellers) assert.equal(account(`seller:${seller.seller_id}`), 0n);
  assert.equal(account('bank:LOCAL0000100000000000001'), BigInt(truth.balance.closing_won));
  assert.equal(report.ledger.balanced, true);
  assert.equal(report.reconciliation.drift_won, 0);
  assert.equal(report.reconciliation.unexplained_rows, 0);
  assert.equal(report.transfers.unknown + report.transfers.held + report.transfers.returned, 0);
}

describe('a run on own files', function () {
  this.timeout(ORDERS > 1000 ? 1_800_000 : 480_000);
  let folder: string;
  let truth: Truth;
  let files: { orders: string; statement: string; sellers: string };
  let honest: Run;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smart-transfer-run-'));
    ({ truth } = await writeShopFiles(folder, {
      orders: ORDERS,
      deposits: ORDERS,
      seed: 7,
      days: ORDERS > 1000 ? 3 : 0.5,
    }));
    files = {
      orders: join(folder, 'orders.csv'),
      statement: join(folder, 'statement.csv'),
      sellers: join(folder, 'sellers.csv'),
    };
    honest = await run({ ...files, report: join(folder, 'report.json') });
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('puts no deposit on a wrong order, matches every one that can be, and gives every review its right reason', () => {
    assertTrue(honest.report, truth);
  });

  it('writes the report that it found', async () => {
    const written = JSON.parse(await readFile(join(folder, 'report.json'), 'utf8')) as Report;
    assert.deepEqual(written, JSON.parse(JSON.stringify(honest.report)));
  });

  it('ends with the same matches and the same balances when the bank lies', async () => {
    const lied = await run({ ...files, faults: parseFaults(LIES), faultSeed: 3 });
    const fired = Object.values(lied.faults).reduce((total, count) => total + count, 0);
    assert.ok(fired > 20, `the bank lied ${fired} times only`);
    assertTrue(lied.report, truth);
    assert.deepEqual(lied.report.matches.map(pair).sort(), honest.report.matches.map(pair).sort());
    assert.deepEqual(lied.report.ledger.accounts, honest.report.ledger.accounts);
  });

  it('goes on, and says so, when its database and a function are killed in the middle', async () => {
    let kills: NodeJS.Timeout | undefined;
    const broken = await run({
      ...files,
      onSystem: (system) => {
        kills = killNowAndThen(system);
      },
    }).finally(() => clearInterval(kills));
    assertTrue(broken.report, truth);
    assert.ok(
      broken.notable.some((line) => line.includes('the database ended')),
      broken.notable.join('\n'),
    );
    assert.ok(
      broken.notable.some((line) => line.includes('the function')),
      broken.notable.join('\n'),
    );
  });
});

function pair(match: Report['matches'][number]): string {
  return `${match.deposit_row} ${match.shop_order_id}`;
}

/** Kills the postmaster once, and a busy function's process now and then, four times. */
function killNowAndThen(system: LocalSystem): NodeJS.Timeout {
  let n = 0;
  let killed = 0;
  return setInterval(() => {
    n += 1;
    if (n === 2) {
      const postmaster = system.postgres.pid();
      if (postmaster !== undefined) process.kill(postmaster, 'SIGKILL');
      return;
    }
    const sandboxes = system.host.sandboxes().filter((sandbox) => sandbox.state === 'busy');
    const victim = sandboxes[n % Math.max(sandboxes.length, 1)];
    if (victim === undefined || killed === 4) return;
    process.kill(victim.pid, 'SIGKILL');
    killed += 1;
  }, 1500);
}

describe('a run on small own files', function () {
  this.timeout(240_000);
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smart-transfer-run-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  async function write(name: string, text: string): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, text);
    return path;
  }

  it("reads a bank's real feed without loss: four rows in, four rows booked", async () => {
    const statement = await write('statement.csv', codefToStatement(codefSample()));
    const orders = await write(
      'orders.csv',
      'shop_order_id,seller_id,recipient_name,amount,ordered_at,depositor_name\nA-1,shop,홍길동,1,2019-06-27T09:00:00,rnd_입금표시1\n',
    );
    const { report } = await run({ orders, statement });
    assert.equal(report.deposits.total, 2);
    assert.deepEqual(report.matches, [{ shop_order_id: 'A-1', deposit_row: 3, amount: 1 }]);
    assert.deepEqual(report.reviews, [
      { deposit_row: 2, reason: 'duplicate_payment', amount: 1, candidates: ['A-1'] },
    ]);
    assert.equal(report.ledger.accounts['owner'], -2);
    assert.equal(report.ledger.accounts['bank:LOCAL0000100000000000001'], 13_634);
    assert.equal(report.reconciliation.drift_won, 0);
  });

  it('issues a depositor name to each order that brings none, and matches nothing by the amount alone', async () => {
    const orders = await write(
      'orders.csv',
      'shop_order_id,seller_id,recipient_name,amount,ordered_at\nA-1,shop,홍길동,10000,2026-03-02T09:00:00\nA-2,shop,홍길동,20000,2026-03-02T09:00:00\n',
    );
    const statement = await write(
      'statement.csv',
      'at,type,amount,balance_after,text\n2026-03-02T10:00:00,in,10000,10000,홍길동\n',
    );
    const { report } = await run({ orders, statement });
    assert.equal(report.issued_names.length, 2);
    assert.equal(new Set(report.issued_names.map((issued) => issued.depositor_name)).size, 2);
    for (const { depositor_name } of report.issued_names) assert.match(depositor_name, /^홍길동\d{4}$/);
    assert.deepEqual(report.matches, []);
    assert.deepEqual(report.reviews, [
      { deposit_row: 1, reason: 'number_missing', amount: 10_000, candidates: ['A-1', 'A-2'] },
    ]);
  });

  it('refuses to cancel an order that was paid before its cancellation', async () => {
    const orders = await write(
      'orders.csv',
      'shop_order_id,seller_id,recipient_name,amount,ordered_at,depositor_name,cancelled_at\n' +
        'A-1,shop,홍길동,10000,2026-03-02T09:00:00,홍길동1234,2026-03-02T11:00:00\n' +
        'A-2,shop,김철수,10000,2026-03-02T09:00:00,김철수1234,2026-03-02T09:30:00\n',
    );
    const statement = await write(
      'statement.csv',
      'at,type,amount,balance_after,text\n2026-03-02T10:00:00,in,10000,10000,홍길동1234\n2026-03-02T12:00:00,in,10000,20000,김철수1234\n',
    );
    const { report } = await run({ orders, statement });
    assert.deepEqual(report.orders, { total: 2, paid: 1, awaiting: 0, expired: 0, cancelled: 1 });
    assert.deepEqual(
      report.reviews.map((review) => review.reason),
      ['order_cancelled'],
    );
  });

  it('shows no account number in clear, neither in what the functions log nor in the report', async () => {
    const orders = await write(
      'orders.csv',
      'shop_order_id,seller_id,recipient_name,amount,ordered_at,depositor_name\nA-1,shop,홍길동,10000,2026-03-02T09:00:00,홍길동1234\n',
    );
    const statement = await write(
      'statement.csv',
      'at,type,amount,balance_after,text\n2026-03-02T09:30:00,in,10000,10000,홍길동1234\n',
    );
    const sellers = await write(
      'sellers.csv',
      'seller_id,name,bank_code,account_number,account_holder,fee_bp\nshop,상점,088,110-987-654321,대표,300\n',
    );
    const logged: string[] = [];
    const { report, lines } = await run({
      orders,
      statement,
      sellers,
      onLog: (line) => logged.push(line.text),
    });
    assert.equal(report.transfers.succeeded, 1);
    assert.ok(
      logged.some((line) => line.includes('"outcome":"succeeded"') && line.includes('function_request_id')),
      logged.join('\n'),
    );
    const shown = [...logged, ...lines, JSON.stringify(report)].join('\n').replaceAll('-', '');
    for (const number of ['110987654321', '100000000001', '100000000002']) assert.ok(!shown.includes(number));
  });

  it('names file, line, column, value and remedy of a bad file, and starts nothing', async () => {
    const orders = await write(
      'orders.csv',
      'shop_order_id,seller_id,recipient_name,amount,ordered_at\nA-1,shop,홍길동,12.5,2026-03-02\n',
    );
    const statement = await write(
      'statement.csv',
      'at,type,amount,balance_after,text\n2026-03-02T10:00:00,in,1,1,x\n',
    );
    const result = await runOwnFiles({
      orders,
      statement,
      say: () => undefined,
      onLog: () => undefined,
      onSystem: () => assert.fail('the system was started on a bad file'),
      signal: new AbortController().signal,
    });
    assert.ok(result.outcome === 'bad_file');
    assert.match(result.message, /orders\.csv line 2, column amount: "12\.5" .*write/s);
  });
});
