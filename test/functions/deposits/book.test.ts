import assert from 'node:assert/strict';
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import type { StatementRow } from '../../../functions/bank/bank.ts';
import { LeaseLost } from '../../../functions/cycle/lease.ts';
import type { Database } from '../../../functions/database.ts';
import { book } from '../../../functions/deposits/book.step.ts';
import { readBalances } from '../../../functions/ledger/ledger.repository.ts';
import { poolOptions } from '../../../functions/shared/postgres.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import {
  ACCOUNT,
  addOrder,
  addOrders,
  addSeller,
  at,
  cycleAt,
  imbalance,
  later,
  replayedBalances,
  Statement,
  storeStatement,
} from '../../support/statement-scene.ts';

describe('booking', () => {
  let test: TestDatabase;
  beforeEach(async () => {
    test = await createTestDatabase();
  });
  afterEach(async () => {
    await test.close();
  });

  const now = at('11:00:00');
  const bookNow = async (overrides: Parameters<typeof cycleAt>[2] = {}) =>
    await book(await cycleAt(test, now, overrides), ACCOUNT);
  const deposits = () => test.db.selectFrom('deposit').selectAll().orderBy('row_id').execute();
  const reasons = async () => (await deposits()).map((deposit) => deposit.reason ?? deposit.state);
  const orderState = async (orderId: bigint) =>
    await test.db
      .selectFrom('shop_order')
      .select(['state', 'outstanding', 'paid_at'])
      .where('order_id', '=', orderId)
      .executeTakeFirstOrThrow();
  const postings = () => test.db.selectFrom('posting').selectAll().orderBy('posting_id').execute();

  /** Makes the database refuse deposits with a text, unless they go to review as what they are: a row that breaks its page. */
  const breakOn = async (text: string, code = 'P0001') => {
    await sql`
      create function break_row() returns trigger language plpgsql as $$
      begin
        if new.text = ${sql.lit(text)} and new.reason is distinct from 'unprocessable' then
          raise exception using errcode = ${sql.lit(code)}, message = 'trouble';
        end if;
        return new;
      end $$`.execute(test.owner);
    await sql`create trigger break_row before insert on deposit for each row execute function break_row()`.execute(
      test.owner,
    );
  };

  /** Makes the database refuse deposits with a text, whatever becomes of them. */
  const breakAlways = async (text: string) => {
    await sql`
      create function break_always() returns trigger language plpgsql as $$
      begin
        if new.text = ${sql.lit(text)} then raise exception 'trouble'; end if;
        return new;
      end $$`.execute(test.owner);
    await sql`create trigger break_always before insert on deposit for each row execute function break_always()`.execute(
      test.owner,
    );
  };

  /** `count` orders of one seller, and the deposits that pay them, one a second. */
  const paidOrders = async (count: number, seller = { feeBp: 100 }) => {
    const sellerId = await addSeller(test.db, seller);
    const statement = new Statement();
    const names = Array.from({ length: count }, (_, n) => `구매자${(1000 + n).toString()}`);
    const orderIds = await addOrders(
      test.db,
      names.map((name) => ({ sellerId, name, amount: 10_000n })),
    );
    names.forEach((name, n) => statement.in(10_000n, name, later(at('10:00:00'), n * 1000)));
    const rowIds = await storeStatement(test.db, statement.rows);
    return { sellerId, orderIds, rowIds, statement };
  };

  describe('a deposit that fits one order', () => {
    it('is matched: deposit, allocation, paid order, postings and planned payout', async () => {
      const { sellerId, orderIds, rowIds } = await paidOrders(1);
      const booked = await bookNow();
      assert.deepEqual(
        [booked.rows, booked.deposits, booked.matched, booked.planned, booked.held, booked.whole],
        [1, 1, 1, 1, 0, true],
      );
      const [deposit] = await deposits();
      assert.deepEqual([deposit?.row_id, deposit?.state, deposit?.remaining], [rowIds[0], 'matched', 0n]);
      const [allocation] = await test.db.selectFrom('allocation').selectAll().execute();
      assert.deepEqual(
        [
          allocation?.deposit_row_id,
          allocation?.order_id,
          allocation?.amount,
          allocation?.kind,
          allocation?.live,
        ],
        [rowIds[0], orderIds[0], 10_000n, 'automatic', true],
      );
      assert.deepEqual(await orderState(orderIds[0]!), { state: 'paid', outstanding: 0n, paid_at: now });
      assert.deepEqual(
        (await postings()).map(({ debit, credit, amount, kind }) => [debit, credit, amount, kind]),
        [
          [`bank:${ACCOUNT}`, 'opening', 1_000_000n, 'opening'],
          [`bank:${ACCOUNT}`, 'unallocated', 10_000n, 'deposit'],
          ['unallocated', `seller:${sellerId}`, 9900n, 'allocation'],
          ['unallocated', 'fees', 100n, 'fee'],
        ],
      );
      const [transfer] = await test.db.selectFrom('transfer').selectAll().execute();
      assert.deepEqual(
        [transfer?.state, transfer?.seller_id, transfer?.amount, transfer?.fee, transfer?.deposited_at],
        ['planned', sellerId, 9900n, 100n, at('10:00:00')],
      );
      const [item] = await test.db.selectFrom('transfer_item').selectAll().execute();
      assert.deepEqual(
        [item?.transfer_id, item?.order_id, item?.live],
        [transfer?.transfer_id, orderIds[0], true],
      );
    });

    it('is booked once, however often booking runs', async () => {
      await paidOrders(3);
      await bookNow();
      const before = await postings();
      assert.deepEqual((await bookNow()).rows, 0);
      assert.deepEqual(await postings(), before);
    });

    it('leaves nothing behind when the page cannot commit', async () => {
      const { orderIds } = await paidOrders(2);
      await sql`
        create function refuse_transfer() returns trigger language plpgsql as $$
        begin raise exception using errcode = '57P01', message = 'the server ends'; end $$`.execute(
        test.owner,
      );
      await sql`create trigger refuse_transfer before insert on transfer for each row execute function refuse_transfer()`.execute(
        test.owner,
      );
      await assert.rejects(bookNow(), /the server ends/);
      assert.deepEqual(await deposits(), []);
      assert.deepEqual(await postings(), []);
      assert.equal((await orderState(orderIds[0]!)).state, 'awaiting_deposit');
    });
  });

  describe('the opening balance', () => {
    it('is posted once, as what the account held before its first row', async () => {
      const statement = new Statement(777n);
      statement.in(10n, '하나', at('10:00:00'));
      statement.out(3n, '둘', at('10:00:00'));
      await storeStatement(test.db, statement.rows.toReversed());
      await bookNow({ settings: { pageSize: 1 } });
      await storeStatement(test.db, [...statement.rows, statement.in(10n, '셋', at('10:01:00'))]);
      await bookNow();
      const openings = (await postings()).filter((posting) => posting.kind === 'opening');
      assert.deepEqual(
        openings.map((posting) => posting.amount),
        [777n],
      );
    });

    it('is owed by the owner when the account was overdrawn, and no posting when it was empty', async () => {
      const overdrawn = new Statement(-500n);
      overdrawn.in(10n, '하나', at('10:00:00'));
      await storeStatement(test.db, overdrawn.rows);
      const empty = new Statement(0n);
      empty.in(10n, '하나', at('10:00:00'));
      await storeStatement(test.db, empty.rows, 'empty');
      const context = await cycleAt(test, now);
      await book(context, ACCOUNT);
      await book(context, 'empty');
      const openings = (await postings()).filter((posting) => posting.kind === 'opening');
      assert.deepEqual(
        openings.map(({ debit, credit, amount }) => [debit, credit, amount]),
        [['opening', `bank:${ACCOUNT}`, 500n]],
      );
    });

    it('is corrected when a row shows up late that lies before the first', async () => {
      const statement = new Statement(1000n);
      statement.in(10n, '가장 늦은', at('10:00:00'));
      statement.in(20n, '늦은', at('10:01:00'));
      statement.in(40n, '이른', at('10:02:00'));
      for (const shown of [2, 1, 0]) {
        await storeStatement(test.db, statement.rows.slice(shown));
        await bookNow();
      }
      const balances = await readBalances(test.db);
      assert.equal(balances.get(`bank:${ACCOUNT}`), 1070n);
      assert.equal(balances.get('opening'), 1000n);
      assert.equal(balances.get('unallocated'), 70n);
    });

    it('is corrected when a row of the first second shows up late, whichever of them it is', async () => {
      for (const [account, missing] of [
        ['first', 0],
        ['middle', 1],
        ['last', 2],
      ] as const) {
        const statement = new Statement(1000n);
        statement.in(10n, '하나', at('10:00:00'));
        statement.in(20n, '둘', at('10:00:00'));
        statement.in(40n, '셋', at('10:00:00'));
        await storeStatement(
          test.db,
          statement.rows.filter((_, index) => index !== missing),
          account,
        );
        const context = await cycleAt(test, now);
        await book(context, account);
        await storeStatement(test.db, statement.rows, account);
        await book(context, account);
        assert.equal((await readBalances(test.db)).get(`bank:${account}`), 1070n, account);
      }
    });

    it('is corrected once a later second tells where rows begin that lead round', async () => {
      const statement = new Statement(1000n);
      statement.in(1n, '인증', at('10:00:00'));
      statement.out(1n, '환급', at('10:00:00'));
      await storeStatement(test.db, statement.rows.toReversed(), 'round');
      const context = await cycleAt(test, now);
      await book(context, 'round');
      assert.equal((await readBalances(test.db)).get('bank:round'), 1001n);
      statement.in(500n, '구매자', at('10:07:00'));
      await storeStatement(test.db, statement.rows, 'round');
      await book(context, 'round');
      assert.equal((await readBalances(test.db)).get('bank:round'), 1500n);
    });

    it('is right at last, when equal rows of its second come in any order', async () => {
      for (const [account, arrivals] of [
        [
          'middle last',
          [
            [2, 0],
            [2, 1, 0],
          ],
        ],
        [
          'even first',
          [
            [1, 3],
            [0, 1, 3],
            [0, 1, 2, 3],
          ],
        ],
      ] as const) {
        const statement = new Statement(1000n);
        const count = arrivals.at(-1)!.length;
        for (let n = 0; n < count; n += 1) statement.in(10n, `row ${n}`, at('10:00:00'));
        const tail = statement.in(7n, '나중', at('10:01:00'));
        const context = await cycleAt(test, now);
        for (const shown of arrivals) {
          await storeStatement(test.db, [...shown.map((n) => statement.rows[n]!), tail], account);
          await book(context, account);
        }
        assert.equal((await readBalances(test.db)).get(`bank:${account}`), tail.balanceAfter, account);
      }
    });

    it('is right at last, also when its second holds more rows than are looked at', async () => {
      const statement = new Statement(1000n);
      for (let n = 0; n < 205; n += 1) statement.in(BigInt(10 + n), `row ${n}`, at('10:00:00'));
      await storeStatement(test.db, statement.rows.slice(1), 'many');
      const context = await cycleAt(test, now);
      await book(context, 'many');
      await storeStatement(test.db, statement.rows, 'many');
      await book(context, 'many');
      assert.equal((await readBalances(test.db)).get('bank:many'), statement.rows.at(-1)!.balanceAfter);
    });

    it('stays what it is beside a row that is missing, so that the drift is seen', async () => {
      const statement = new Statement(1000n);
      statement.in(10n, '하나', at('10:00:00'));
      statement.out(10n, '둘', at('10:00:00'));
      const lost = statement.out(300n, '없는 줄', at('10:00:00'));
      statement.in(40n, '넷', at('10:00:00'));
      await storeStatement(
        test.db,
        statement.rows.filter((row) => row !== lost),
        'gap',
      );
      await book(await cycleAt(test, now), 'gap');
      const drift = statement.rows.at(-1)!.balanceAfter - (await readBalances(test.db)).get('bank:gap')!;
      assert.equal(drift, -300n);
    });

    it('stays what it is beside a row that was stored twice, so that the drift is seen', async () => {
      const statement = new Statement(1000n);
      statement.out(10n, '환급', at('10:00:00'));
      const paid = statement.in(10n, '홍길동', at('10:00:00'));
      statement.in(7n, '구매자', at('10:02:00'));
      await storeStatement(test.db, statement.rows, 'twice');
      await book(await cycleAt(test, now), 'twice');
      const renamed = { ...paid, text: '국민홍길동' };
      await storeStatement(test.db, [...statement.rows, renamed], 'twice');
      await book(await cycleAt(test, later(now, 300_000)), 'twice');
      const { count } = await test.db
        .selectFrom('statement_row')
        .select((eb) => eb.fn.countAll<bigint>().as('count'))
        .where('possible_duplicate', '=', true)
        .executeTakeFirstOrThrow();
      assert.equal(count, 1n);
      const drift = statement.rows.at(-1)!.balanceAfter - (await readBalances(test.db)).get('bank:twice')!;
      assert.equal(drift, -10n);
    });

    it('is the same when a page ends within the first second, and in whatever order its rows came', async () => {
      const statement = new Statement(1000n);
      statement.in(10n, '하나', at('10:00:00'));
      statement.in(20n, '둘', at('10:00:00'));
      statement.in(40n, '셋', at('10:00:00'));
      const [first, second, third] = statement.rows as [StatementRow, StatementRow, StatementRow];
      for (const [index, rows] of [
        [third, first, second],
        [second, third, first],
        [third, second, first],
      ].entries()) {
        const account = `order ${index}`;
        await storeStatement(test.db, rows, account);
        const context = await cycleAt(test, now, { settings: { pageSize: 1 } });
        await book(context, account);
        assert.equal((await readBalances(test.db)).get(`bank:${account}`), 1070n, account);
      }
    });
  });

  it('accounts for every won of a day: the bank holds what sellers, fees and the rest have a claim on', async () => {
    const rich = await addSeller(test.db, { feeBp: 333 });
    const all = await addSeller(test.db, { feeBp: 10_000 });
    const free = await addSeller(test.db, { feeBp: 0, account: false });
    await addOrders(test.db, [
      { sellerId: rich, name: '가나다1111', amount: 9_999n },
      { sellerId: rich, name: '가나다2222', amount: 12_345n },
      { sellerId: all, name: '가나다3333', amount: 7_000n },
      { sellerId: free, name: '가나다4444', amount: 5_000n },
    ]);
    await test.db
      .insertInto('classification_rule')
      .values([
        {
          account: ACCOUNT,
          direction: 'in',
          text_equals: null,
          kind_equals: '이자',
          ledger_account: 'interest',
          added_by: 'a',
          added_at: now,
          reason: 'r',
          removed_at: null,
        },
        {
          account: ACCOUNT,
          direction: 'out',
          text_equals: '본사',
          kind_equals: null,
          ledger_account: 'owner',
          added_by: 'a',
          added_at: now,
          reason: 'r',
          removed_at: null,
        },
        {
          account: ACCOUNT,
          direction: 'out',
          text_equals: '도난',
          kind_equals: null,
          ledger_account: 'owner',
          added_by: 'a',
          added_at: now,
          reason: 'r',
          removed_at: now,
        },
      ])
      .execute();
    const statement = new Statement();
    statement.in(9_999n, '가나다1111', at('10:00:00'));
    statement.in(12_345n, '국민가나다2222', at('10:00:01'));
    statement.in(7_000n, '가나다3333', at('10:00:02'));
    statement.in(5_000n, '가나다4444', at('10:00:03'));
    statement.in(31n, '결산', at('10:00:04'), '이자');
    statement.in(4_000n, '모르는사람', at('10:00:05'));
    statement.out(500n, '본사', at('10:00:06'));
    statement.out(60n, '도난', at('10:00:07'));
    await storeStatement(test.db, statement.rows);
    const booked = await bookNow();
    assert.deepEqual([booked.matched, booked.planned, booked.held, booked.unexplained], [4, 1, 1, 1]);
    const balances = await replayedBalances(test.db);
    assert.deepEqual(balances, {
      [`bank:${ACCOUNT}`]: statement.rows.at(-1)!.balanceAfter,
      opening: 1_000_000n,
      unallocated: 4_000n,
      [`seller:${rich}`]: 9_999n + 12_345n - 332n - 411n,
      [`seller:${free}`]: 5_000n,
      fees: 332n + 411n + 7_000n,
      interest: 31n,
      owner: -500n,
      suspense: -60n,
    });
    assert.equal(imbalance(balances), 0n);
    const states = await test.db
      .selectFrom('transfer')
      .select(['seller_id', 'amount', 'held_reason'])
      .orderBy('transfer_id')
      .execute();
    assert.deepEqual(states, [
      { seller_id: rich, amount: 21_601n, held_reason: null },
      { seller_id: free, amount: 5_000n, held_reason: 'approval' },
    ]);
  });

  it('halts payouts, with an alarm, when money went out that nothing explains', async () => {
    const statement = new Statement();
    statement.out(60n, '도난', at('10:00:07'));
    await storeStatement(test.db, statement.rows);
    await bookNow();
    const stop = await test.db.selectFrom('payout_stop').selectAll().where('active', '=', true).execute();
    assert.deepEqual(
      stop.map((one) => one.name),
      ['halt_drift'],
    );
    const alarms = await test.db.selectFrom('alarm').select('name').execute();
    assert.deepEqual(alarms, [{ name: 'unexplained_withdrawal' }]);
  });

  it('keeps reason and ranked candidates of deposits in review', async () => {
    const sellerId = await addSeller(test.db);
    const [exact, alike] = await addOrders(test.db, [
      { sellerId, name: '홍길동0420', amount: 10_000n },
      { sellerId, name: '홍길동0777', amount: 10_000n },
    ]);
    const statement = new Statement();
    statement.in(9_000n, '홍길동0420', at('10:00:00'));
    statement.in(10_000n, '홍길동', at('10:00:01'));
    statement.in(1n, '아무개', at('10:00:02'));
    await storeStatement(test.db, statement.rows);
    const booked = await bookNow();
    assert.deepEqual(booked.inReview, { amount_under: 1, number_missing: 1, name_unknown: 1 });
    const stored = await deposits();
    assert.deepEqual(
      stored.map(({ state, reason, remaining }) => [state, reason, remaining]),
      [
        ['in_review', 'amount_under', 9_000n],
        ['in_review', 'number_missing', 10_000n],
        ['in_review', 'name_unknown', 1n],
      ],
    );
    assert.equal(stored[0]?.candidates.map(BigInt)[0], exact);
    assert.deepEqual(stored[1]?.candidates.map(BigInt).toSorted(), [exact, alike].toSorted());
    assert.deepEqual(stored[0]?.names, ['홍길동0420']);
  });

  it('makes an earlier part, in review since another cycle, a split with the part that follows', async () => {
    const sellerId = await addSeller(test.db);
    await addOrder(test.db, { sellerId, name: '홍길동0420', amount: 10_000n });
    const statement = new Statement();
    statement.in(4_000n, '홍길동0420', at('10:00:00'));
    await storeStatement(test.db, statement.rows);
    await bookNow();
    assert.deepEqual(await reasons(), ['amount_under']);
    statement.in(6_000n, '홍길동0420', at('10:05:00'));
    await storeStatement(test.db, statement.rows);
    await bookNow();
    assert.deepEqual(await reasons(), ['split', 'split']);
  });

  it('matches the earlier of two payments for one order, although its row showed up later', async () => {
    const sellerId = await addSeller(test.db);
    await addOrder(test.db, { sellerId, name: '홍길동0420', amount: 10_000n });
    const statement = new Statement();
    const late = statement.in(10_000n, '홍길동0420', at('10:00:00'));
    const prompt = statement.in(10_000n, '홍길동0420', at('10:04:00'));
    await storeStatement(test.db, [prompt]);
    await storeStatement(test.db, [prompt, late]);
    await bookNow();
    const booked = await test.db
      .selectFrom('deposit')
      .select(['occurred_at', 'state', 'reason'])
      .orderBy('occurred_at')
      .execute();
    assert.deepEqual(booked, [
      { occurred_at: at('10:00:00'), state: 'matched', reason: null },
      { occurred_at: at('10:04:00'), state: 'in_review', reason: 'duplicate_payment' },
    ]);
  });

  it('never matches a possible duplicate by itself', async () => {
    const sellerId = await addSeller(test.db);
    await addOrder(test.db, { sellerId, name: '홍길동0420', amount: 10_000n });
    const row = new Statement().in(10_000n, '다른사람', at('10:00:00'));
    await storeStatement(test.db, [row]);
    const doubtful = {
      ...row,
      text: '홍길동0420',
      balanceAfter: (row.balanceAfter + 5n) as typeof row.balanceAfter,
    };
    await storeStatement(test.db, [row, doubtful]);
    await bookNow();
    assert.deepEqual(await reasons(), ['name_unknown', 'possible_duplicate']);
  });

  it('books a page of ten deposits and one of five hundred with the same number of statements', async () => {
    const counts: number[] = [];
    for (const count of [10, 500]) {
      const fresh = await createTestDatabase();
      try {
        const outer = test;
        test = fresh;
        await paidOrders(count, { feeBp: 100 });
        const statement = new Statement(9_000_000n);
        for (let n = 0; n < count; n += 1)
          statement.in(1n + BigInt(n), `모름${n}`, later(at('10:30:00'), n * 1000));
        await storeStatement(fresh.db, statement.rows);
        test = outer;
        let statements = 0;
        const pool = new pg.Pool(poolOptions(fresh.address, fresh.application, 1));
        const counted = new Kysely<Database>({
          dialect: new PostgresDialect({ pool }),
          log: () => {
            statements += 1;
          },
        });
        const context = await cycleAt(fresh, now, { db: counted });
        const booked = await book(context, ACCOUNT);
        assert.equal(booked.matched, count);
        counts.push(statements);
        await counted.destroy();
      } finally {
        await fresh.close();
      }
    }
    assert.equal(counts[0], counts[1]);
    assert.ok(counts[0]! <= 30, `${counts[0]} statements for a page`);
  });

  describe('a page that fails', () => {
    it('is halved until the row that breaks it stands alone; that one goes to review, all others are booked', async () => {
      const { rowIds } = await paidOrders(23);
      await breakOn('구매자1013');
      const booked = await bookNow({ settings: { pageSize: 16 } });
      assert.deepEqual([booked.rows, booked.matched, booked.inReview], [23, 22, { unprocessable: 1 }]);
      const review = (await deposits()).filter((deposit) => deposit.state === 'in_review');
      assert.deepEqual(
        review.map(({ row_id, reason, remaining, names }) => [row_id, reason, remaining, names]),
        [[rowIds[13], 'unprocessable', 10_000n, ['구매자1013']]],
      );
      const balances = await replayedBalances(test.db);
      assert.equal(balances['unallocated'], 10_000n);
      assert.equal(balances[`bank:${ACCOUNT}`], 1_230_000n);
      assert.equal(imbalance(balances), 0n);
    });

    it('raises an alarm that names the row when even that cannot be booked', async () => {
      const { rowIds } = await paidOrders(3);
      await breakAlways('구매자1001');
      await assert.rejects(bookNow(), { code: 'P0001' });
      assert.deepEqual(await reasons(), ['matched']);
      const alarms = await test.db.selectFrom('alarm').select(['name', 'detail']).execute();
      const detail = { row_id: rowIds[1]!.toString(), code: 'P0001' };
      assert.deepEqual(alarms, [{ name: 'row_not_booked', detail }]);
    });

    it('is booked whole when it fails only once', async () => {
      const { orderIds } = await paidOrders(4);
      await sql`create sequence failures`.execute(test.owner);
      await sql`grant usage on sequence failures to public`.execute(test.owner);
      await sql`
        create function break_once() returns trigger language plpgsql as $$
        begin
          if nextval('failures') = 1 then raise exception 'once'; end if;
          return new;
        end $$`.execute(test.owner);
      await sql`create trigger break_once before insert on deposit for each statement execute function break_once()`.execute(
        test.owner,
      );
      const booked = await bookNow();
      assert.deepEqual([booked.rows, booked.matched], [4, orderIds.length]);
    });

    for (const [what, code] of [
      ['a server that ends the session', '57P01'],
      ['a full disk', '53100'],
      ['a lock that is not free', '55P03'],
      ['a deadlock', '40P01'],
      ['a statement that takes too long', '57014'],
    ] as const) {
      it(`makes no row unprocessable because of ${what}`, async () => {
        await paidOrders(3);
        await breakOn('구매자1001', code);
        await assert.rejects(bookNow(), { code });
        assert.deepEqual(await test.db.selectFrom('alarm').select('name').execute(), []);
        assert.deepEqual(
          (await deposits()).filter((deposit) => deposit.state !== 'matched'),
          [],
        );
        await sql`drop trigger break_row on deposit`.execute(test.owner);
        await bookNow();
        assert.deepEqual(await reasons(), ['matched', 'matched', 'matched']);
      });
    }

    it('makes no row unprocessable when the connection breaks', async () => {
      await paidOrders(3);
      const gone = new Kysely<Database>({
        dialect: new PostgresDialect({
          pool: new pg.Pool({
            ...poolOptions(test.address, test.application, 1),
            port: 1,
            connectionTimeoutMillis: 500,
          }),
        }),
      });
      await assert.rejects(bookNow({ db: gone }), { code: 'ECONNREFUSED' });
      await gone.destroy();
      assert.deepEqual(await deposits(), []);
      assert.equal((await bookNow()).matched, 3);
    });
  });

  it('stops between pages when its time is out, and says so', async () => {
    await paidOrders(5);
    let pages = 0;
    const booked = await bookNow({ settings: { pageSize: 2 }, hasTime: () => ++pages <= 1 });
    assert.deepEqual([booked.rows, booked.whole], [2, false]);
    assert.equal((await bookNow()).rows, 3);
  });

  it('writes nothing once its lease has gone to another cycle', async () => {
    await paidOrders(2);
    const late = await cycleAt(test, now);
    await cycleAt(test, now);
    await assert.rejects(book(late, ACCOUNT), LeaseLost);
    assert.deepEqual(await deposits(), []);
  });
});
