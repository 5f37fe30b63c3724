import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sql, type Kysely } from 'kysely';
import type { Bank } from '../functions/bank/bank.ts';
import type { CycleContext } from '../functions/cycle/cycle-context.ts';
import { takeLease } from '../functions/cycle/lease.ts';
import type { Database } from '../functions/database.ts';
import { book } from '../functions/deposits/book.step.ts';
import { createLogins, migrate } from '../functions/migrations/migrate.ts';
import { createVault } from '../functions/shared/encryption.ts';
import { openDatabaseAs, type Login, type PostgresAddress } from '../functions/shared/postgres.ts';
import { startPostgres } from '../local/postgres.ts';

/**
 * How fast deposits are booked, beside a floor: one statement a page that stores, matches, allocates and posts the same rows and checks nothing.
 * Ratios hold from machine to machine, absolute figures do not.
 */

const { values } = parseArgs({
  options: {
    deposits: { type: 'string', default: '20000' },
    page: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '3' },
  },
});
const DEPOSITS = Number(values.deposits);
const PAGE = Number(values.page);
const ROUNDS = Number(values.rounds);
const ACCOUNT = 'bench';
const NOW = new Date('2026-03-02T03:00:00Z');

/** Nine of ten deposits fit an order; the tenth has its name and another amount. */
async function fill(owner: Kysely<Database>): Promise<void> {
  await sql`
    insert into seller (seller_id, name, fee_bp, created_at) select 'seller-' || n, 'seller', 300, ${NOW} from generate_series(0, 49) n`.execute(
    owner,
  );
  await sql`
    insert into payout_account (seller_id, bank_code, account_number_ciphertext, account_number_key_id, account_number_masked,
      account_fingerprint, account_holder, state, requested_by, requested_at, approved_by, approved_at)
    select seller_id, '088', '\\x00', 'k1', '****', seller_id, '판매자', 'approved', 'a', ${NOW}, 'b', ${NOW} from seller`.execute(
    owner,
  );
  await sql`
    insert into shop_order (shop_id, shop_order_id, seller_id, recipient_name, recipient_letters, depositor_name, depositor_letters,
      depositor_name_issued, amount, outstanding, state, opens_at, created_at)
    select 'shop', n::text, 'seller-' || n % 50, '홍' || chr(44032 + n % 11000), '홍' || chr(44032 + n % 11000),
      '홍' || chr(44032 + n % 11000) || lpad(n::text, 8, '0'), '홍' || chr(44032 + n % 11000), false, 10000 + n % 997, 10000 + n % 997,
      'awaiting_deposit', ${NOW}::timestamptz - interval '1 day', ${NOW}
    from generate_series(1, ${DEPOSITS}::int) n`.execute(owner);
  await sql`
    insert into statement_row (account, occurred_at, direction, amount, balance_after, text, kind, branch, ordinal, possible_duplicate, collected_at)
    select ${ACCOUNT}, ${NOW}::timestamptz + make_interval(secs => n), 'in', amount, sum(amount) over (order by n), text, '', '', 1, false, ${NOW}
    from (
      select order_id as n, amount + case when order_id % 10 = 0 then 1 else 0 end as amount, depositor_name as text from shop_order
    ) deposits order by n`.execute(owner);
  await sql`
    insert into collect_cursor (account, begins_at, read_through) values (${ACCOUNT}, ${NOW}, ${NOW})`.execute(
    owner,
  );
  await sql`analyze`.execute(owner);
}

async function bookAll(db: Kysely<Database>): Promise<void> {
  const token = await takeLease(db, 'bench', NOW, 3_600_000);
  if (token === undefined) throw new Error('the lease of a new database is taken');
  const never: Bank = {
    listTransactions: () => Promise.reject(new Error('booking asks no bank')),
    listRemitters: () => Promise.reject(new Error('booking asks no bank')),
    prepareTransfer: () => {
      throw new Error('booking asks no bank');
    },
    sendTransfer: () => Promise.reject(new Error('booking asks no bank')),
    inquire: () => Promise.reject(new Error('booking asks no bank')),
  };
  const keys = {
    current: 'k1',
    keys: { k1: randomBytes(32).toString('base64') },
    fingerprint: randomBytes(32).toString('base64'),
  };
  const context: CycleContext = {
    db,
    bank: never,
    queue: { dispatch: () => Promise.resolve({ notTaken: 0 }) },
    vault: createVault(keys),
    now: NOW,
    token,
    hasTime: () => true,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    settings: {
      collectionAccount: ACCOUNT,
      payoutAccount: ACCOUNT,
      organisationCode: 'LOCAL00001',
      cycleMs: 300_000,
      absenceWaitMs: 900_000,
      pageSize: PAGE,
      maxSends: 5,
      limits: { transfer: undefined, day: undefined },
    },
  };
  const booked = await book(context, ACCOUNT);
  const expected = DEPOSITS - Math.floor(DEPOSITS / 10);
  if (booked.matched !== expected)
    throw new Error(`${booked.matched} deposits were matched instead of ${expected}`);
}

/** The same rows written by one statement a page, with no lock, no rule, no assertion, no plan. */
async function floor(owner: Kysely<Database>): Promise<void> {
  for (let through = 0; through < DEPOSITS; through += PAGE) {
    await sql`
      with page as (
        select s.*, o.order_id, o.seller_id, o.amount * 300 / 10000 as fee from statement_row s
        left join shop_order o on o.depositor_name = s.text and o.amount = s.amount and o.state = 'awaiting_deposit'
        where s.row_id > ${through}::bigint and s.row_id <= ${through + PAGE}::bigint
      ), stored as (
        insert into deposit (row_id, account, occurred_at, amount, remaining, text, names, state, reason, decided_at)
        select row_id, account, occurred_at, amount, case when order_id is null then amount else 0 end, text, array[text],
          case when order_id is null then 'in_review' else 'matched' end, case when order_id is null then 'amount_over' end, ${NOW} from page
      ), allocated as (
        insert into allocation (deposit_row_id, order_id, amount, kind, made_at)
        select row_id, order_id, amount, 'automatic', ${NOW} from page where order_id is not null
      ), paid as (
        update shop_order o set state = 'paid', outstanding = 0, paid_at = ${NOW}, closed_at = ${NOW} from page where o.order_id = page.order_id
      )
      insert into posting (debit, credit, amount, kind, row_id, order_id, at)
      select 'bank:' || account, 'unallocated', amount, 'deposit', row_id, null, ${NOW}::timestamptz from page
      union all select 'unallocated', 'seller:' || seller_id, amount - fee, 'allocation', row_id, order_id, ${NOW} from page where order_id is not null
      union all select 'unallocated', 'fees', fee, 'fee', row_id, order_id, ${NOW} from page where order_id is not null`.execute(
      owner,
    );
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

const folder = await mkdtemp(join(tmpdir(), 'smart-transfer-bench-'));
const postgres = await startPostgres({ folder: join(folder, 'data') });
try {
  const superuser: Login = { username: postgres.superuser, password: postgres.password };
  const at = (database: string): PostgresAddress => ({
    host: postgres.host,
    port: postgres.port,
    database,
    tls: 'off',
  });
  const maintenance = openDatabaseAs<unknown>(at('postgres'), superuser, 1);
  await sql`create database template_bench`.execute(maintenance);
  const template = openDatabaseAs<Database>(at('template_bench'), superuser, 1);
  await migrate(template as Kysely<unknown>);
  const password = randomBytes(12).toString('hex');
  const [username] = await createLogins(template as Kysely<unknown>, { a: password, b: password });
  await fill(template);
  await template.destroy();

  const ratios: number[] = [];
  const rates = { booked: [] as number[], floor: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const ms = { booked: 0, floor: 0 };
    for (const name of ['booked', 'floor'] as const) {
      await sql`create database ${sql.id(`${name}_${round}`)} template template_bench`.execute(maintenance);
      const login = name === 'booked' ? { username, password } : superuser;
      const db = openDatabaseAs<Database>(at(`${name}_${round}`), login, 1);
      ms[name] = await timed(() => (name === 'booked' ? bookAll(db) : floor(db)));
      rates[name].push((DEPOSITS / ms[name]) * 1000);
      await db.destroy();
      await sql`drop database ${sql.id(`${name}_${round}`)}`.execute(maintenance);
    }
    ratios.push(ms.floor / ms.booked);
  }
  await maintenance.destroy();
  const rounded = (rate: number) => Math.round(rate).toLocaleString('en-US');
  process.stdout.write(
    `booking ${DEPOSITS} deposits in pages of ${PAGE}: ${median(ratios).toFixed(2)} of the floor's speed ` +
      `(${rounded(median(rates.booked))} beside ${rounded(median(rates.floor))} deposits/s; ratios ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')})\n`,
  );
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}
