import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sql, type Kysely } from 'kysely';
import type { Database } from '../functions/database.ts';
import { findDifferences } from '../functions/ledger/compare.step.ts';
import {
  insertComparison,
  readMarks,
  readLastEqual,
  readTouched,
} from '../functions/ledger/compare.repository.ts';
import {
  compareDeposits,
  compareItems,
  compareOrders,
  compareTransfers,
} from '../functions/ledger/compare.repository.ts';
import { chainHash, GENESIS } from '../functions/ledger/chain.ts';
import { readChain, readChainEnd } from '../functions/ledger/replay.repository.ts';
import { insertSeals, readUnsealed, type Seal } from '../functions/ledger/seal.repository.ts';
import { verifyLedger } from '../functions/ledger/verify.step.ts';
import { migrate } from '../functions/migrations/migrate.ts';
import { openDatabaseAs, type Login } from '../functions/shared/postgres.ts';
import { startPostgres } from '../local/postgres.ts';

/**
 * What looking after the books costs, beside floors that check nothing: the whole comparison of orders with the ledger beside one statement that adds up the
 * same postings; a cycle's comparison of 1,000 orders on top of that history; and the replay beside reading the same pages. Ratios hold from machine to
 * machine, absolute figures do not.
 */

const { values } = parseArgs({
  options: {
    orders: { type: 'string', default: '100000' },
    'no-replay': { type: 'boolean', default: false },
  },
});
const ORDERS = Number(values.orders);
const CYCLE = 1000;
const PAST = new Date('2026-03-02T03:00:00Z');
const NOW = new Date('2026-03-03T03:00:00Z');

/** Paid orders, from a number to another: each with its deposit, allocation, transfer and five postings. */
async function fill(db: Kysely<Database>, from: number, to: number, at: Date): Promise<void> {
  const numbers = sql`generate_series(${from}::int, ${to}::int) n`;
  await sql`
    insert into shop_order (shop_id, shop_order_id, seller_id, recipient_name, recipient_letters, depositor_name, depositor_letters,
      depositor_name_issued, amount, outstanding, state, opens_at, paid_at, closed_at, created_at)
    select 'shop', n::text, 'seller-' || n % 50, '홍', '홍', '홍' || n, '홍', false, 10000, 0, 'paid', ${at}, ${at}, ${at}, ${at} from ${numbers}`.execute(
    db,
  );
  await sql`
    insert into deposit (row_id, account, occurred_at, amount, remaining, text, names, state, decided_at)
    select n, 'bench', ${at}, 10000, 0, '홍' || n, array['홍' || n], 'matched', ${at} from ${numbers}`.execute(
    db,
  );
  await sql`
    insert into allocation (deposit_row_id, order_id, amount, kind, made_at)
    select n, n, 10000, 'automatic', ${at} from ${numbers}`.execute(db);
  await sql`
    insert into transfer (kind, seller_id, amount, fee, account_number_ciphertext, state, planned_at, deposited_at, settled_at)
    select 'payout', 'seller-' || n % 50, 9700, 300, '\\x00', 'succeeded', ${at}, ${at}, ${at} from ${numbers}`.execute(
    db,
  );
  await sql`insert into transfer_item (transfer_id, order_id, amount, fee) select n, n, 10000, 300 from ${numbers}`.execute(
    db,
  );
  await sql`
    insert into posting (debit, credit, amount, kind, row_id, order_id, transfer_id, attempt_id, at)
    select p.debit, p.credit, p.amount, p.kind, case when p.booked then n end, case when p.of_order then n end,
      case when not p.booked then n end, case when not p.booked then n end, ${at}
    from ${numbers}
    cross join lateral (values
      ('bank:bench', 'unallocated', 10000, 'deposit', true, false), ('unallocated', 'seller:seller-' || n % 50, 9700, 'allocation', true, true),
      ('unallocated', 'fees', 300, 'fee', true, true), ('seller:seller-' || n % 50, 'in_transit', 9700, 'hold', false, false),
      ('in_transit', 'bank:bench', 9700, 'post', false, false)
    ) p (debit, credit, amount, kind, booked, of_order)
    order by n`.execute(db);
}

/** Seals everything, as the sealer does. */
async function sealAll(db: Kysely<Database>): Promise<void> {
  let previous: Uint8Array = GENESIS;
  for (let position = 0n; ;) {
    const page = await readUnsealed(db, 20_000);
    const last = page.at(-1);
    if (last === undefined) break;
    const seals: Seal[] = page.map((posting) => {
      position += 1n;
      const hash = chainHash(previous, position, posting);
      previous = hash;
      return { position, postingId: posting.posting_id, hash };
    });
    await db.transaction().execute(async (trx) => await insertSeals(trx, seals));
    await sql`update seal_progress set sealed_through = ${last.posting_id}`.execute(db);
  }
  await sql`
    insert into account_balance (account, debits, credits)
    select account, sum(debits), sum(credits) from (
      select debit as account, amount as debits, 0 as credits from posting union all select credit, 0, amount from posting
    ) sides group by account`.execute(db);
}

/** The floor of the comparison: one statement that adds up the same postings by order, and compares that alone. */
async function floorOfComparison(db: Kysely<Database>): Promise<void> {
  await sql`
    select count(*) from shop_order o join (
      select order_id, sum(amount) as paid from posting where order_id is not null group by order_id
    ) l on l.order_id = o.order_id where l.paid <> o.amount - o.outstanding`.execute(db);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const folder = await mkdtemp(join(tmpdir(), 'smart-transfer-bench-'));
const postgres = await startPostgres({ folder: join(folder, 'data'), settings: { fsync: 'off' } });
try {
  const superuser: Login = { username: postgres.superuser, password: postgres.password };
  const address = { host: postgres.host, port: postgres.port, database: 'postgres', tls: 'off' } as const;
  const db = openDatabaseAs<Database>(address, superuser, 2);
  await migrate(db as Kysely<unknown>);
  await sql`insert into seller (seller_id, name, fee_bp, created_at) select 'seller-' || n, 'seller', 300, ${PAST} from generate_series(0, 49) n`.execute(
    db,
  );
  await fill(db, 1, ORDERS, PAST);
  if (values['no-replay'])
    await sql`update seal_progress set sealed_through = (select max(posting_id) from posting)`.execute(db);
  else await sealAll(db);
  await sql`vacuum analyze`.execute(db);

  const floor = await timed(() => floorOfComparison(db));
  const whole = await timed(async () => {
    const found = await findDifferences(db);
    if (found?.differences.length !== 0)
      throw new Error(`the bench's own books differ: ${found?.differences[0]?.what ?? 'no time'}`);
  });
  say(
    `comparing ${ORDERS} orders, their deposits and their transfers with the ledger: ${(whole / 1000).toFixed(1)} s, ` +
      `${((whole / ORDERS) * 1000).toFixed(0)} µs an order; a statement that adds up the orders' postings alone takes ${(floor / whole).toFixed(2)} of that`,
  );

  await db.transaction().execute(async (trx) => {
    const marks = await readMarks(trx);
    await insertComparison(trx, { scope: 'whole', at: NOW, marks, differences: 0, detail: {} });
  });
  await fill(db, ORDERS + 1, ORDERS + CYCLE, NOW);
  const cycle = await timed(async () => {
    const touched = await readTouched(db, await readLastEqual(db), 100_000);
    const found = [
      ...(await compareOrders(db, touched.orders)),
      ...(await compareDeposits(db, touched.deposits)),
      ...(await compareTransfers(db, touched.transfers)),
      ...(await compareItems(db, touched.transfers)),
    ];
    if (touched.orders.length !== CYCLE || found.length !== 0)
      throw new Error('a cycle compared something else');
  });
  const idle = await timed(async () => {
    await readTouched(db, { at: new Date(NOW.getTime() + 3_600_000), marks: await readMarks(db) }, 100_000);
  });
  say(
    `a cycle that paid ${CYCLE} orders on top of these: ${cycle.toFixed(0)} ms (${((cycle / CYCLE) * 1000).toFixed(0)} µs an order); one that paid none: ${idle.toFixed(0)} ms`,
  );

  if (!values['no-replay']) {
    const end = await readChainEnd(db);
    const reading = await timed(async () => {
      for await (const page of readChain(db, end.position)) if (page.length === 0) break;
    });
    let entries = 0;
    const replay = await timed(async () => {
      const found = await verifyLedger(db);
      entries = found.entries;
      if (!found.ok)
        throw new Error(`the bench's own chain is broken: ${found.firstBroken?.what ?? 'no time'}`);
    });
    say(
      `verifying ${entries} entries: ${(replay / 1000).toFixed(1)} s, ${Math.round((entries / replay) * 1000).toLocaleString('en-US')} entries/s, ` +
        `${(reading / replay).toFixed(2)} of the speed of reading them; ${(process.memoryUsage.rss() / 2 ** 20).toFixed(0)} MiB`,
    );
  }
  await db.destroy();
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}
