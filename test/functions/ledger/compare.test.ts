import assert from 'node:assert/strict';
import { sql, type RawBuilder } from 'kysely';
import { LeaseLost } from '../../../functions/cycle/lease.ts';
import { book } from '../../../functions/deposits/book.step.ts';
import { compareTouched, compareWhole } from '../../../functions/ledger/compare.step.ts';
import { seal } from '../../../functions/ledger/seal.step.ts';
import type { Claim } from '../../../functions/transfers/claim.step.ts';
import { claim } from '../../../functions/transfers/claim.step.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import {
  ACCOUNT,
  addOrder,
  addSeller,
  at,
  claimPlanned,
  cycleAt,
  leaveInDoubt,
  Statement,
  storeStatement,
  succeed,
  vault,
} from '../../support/statement-scene.ts';

describe('the comparison of orders and ledger', () => {
  let test: TestDatabase;
  let statement: Statement;
  let sellerId: string;
  let claims: Claim[];
  /** What was logged as an error, with its rows. */
  let errors: { message: string; detail: Record<string, unknown> | undefined }[];
  beforeEach(async () => {
    test = await createTestDatabase();
    statement = new Statement();
    errors = [];
    sellerId = await addSeller(test.db, { feeBp: 100, grouping: 'order' });
    for (const [name, amount] of [
      ['홍길동0420', 10_000n],
      ['김철수0421', 20_000n],
      ['이영희0422', 30_000n],
    ] as const) {
      await addOrder(test.db, { sellerId, name, amount });
      statement.in(amount, name, at('10:00:00'));
    }
    statement.in(7_000n, '모르는사람', at('10:01:00'));
    await storeStatement(test.db, statement.rows);
    await book(await cycleAt(test, at('10:05:00')), ACCOUNT);
    // The first is paid, the second in doubt, the third on its way.
    claims = await claimPlanned(test, at('10:06:00'));
    await succeed(test, claims[0]!, at('10:06:01'));
    await leaveInDoubt(test, claims[1]!);
  });
  afterEach(async () => {
    await test.close();
  });

  const log = {
    info: () => undefined,
    warn: () => undefined,
    error: (message: string, detail?: Record<string, unknown>) => void errors.push({ message, detail }),
  };
  const compareAt = async (time: string) => {
    const compared = await compareTouched(await cycleAt(test, at(time), { log }));
    return compared.outcome === 'compared' ? compared.differences : assert.fail(compared.outcome);
  };
  const compareAllAt = async (time: string) => {
    const compared = await compareWhole({ db: test.db, now: at(time), hasTime: () => true, log });
    return compared.outcome === 'compared' ? compared.differences : assert.fail(compared.outcome);
  };
  const named = (differences: Awaited<ReturnType<typeof compareAt>>) =>
    differences.map(({ subject, id }) => `${subject} ${id.toString()}`);
  /** As the database's owner may, once the triggers are off. */
  const tamper = (statement: RawBuilder<unknown>) =>
    test.owner.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx);
      await statement.execute(trx);
    });
  const halted = async () =>
    (await test.db.selectFrom('payout_stop').select('name').where('active', '=', true).execute()).map(
      (stop) => stop.name,
    );
  const alarms = async () =>
    await test.db
      .selectFrom('alarm')
      .select(['name', 'detail'])
      .where('name', '=', 'books_differ')
      .orderBy('alarm_id')
      .execute();

  it('finds nothing where every row says what the ledger says, whatever is under way', async () => {
    assert.deepEqual(await compareAt('10:10:00'), []);
    assert.deepEqual(await compareAllAt('10:10:00'), []);
    assert.deepEqual([await halted(), await alarms(), errors], [[], [], []]);
  });

  const order = sql`(select order_id from shop_order where depositor_name = '김철수0421')`;
  const cases: Record<string, { breaks: () => RawBuilder<unknown>; is: string[] }> = {
    'an order that is paid by its row and not by the ledger': {
      breaks: () => sql`
        insert into shop_order (shop_id, shop_order_id, seller_id, recipient_name, recipient_letters, depositor_name, depositor_letters,
          depositor_name_issued, amount, outstanding, state, opens_at, paid_at, closed_at, created_at)
        select shop_id, 'forged', seller_id, recipient_name, recipient_letters, 'x', 'x', false, 500, 0, 'paid', opens_at, paid_at, closed_at, created_at
        from shop_order limit 1`,
      is: ['order 4'],
    },
    'an order that the ledger pays, and that its row says is not paid': {
      breaks: () =>
        sql`update shop_order set state = 'awaiting_deposit', outstanding = amount, paid_at = null, closed_at = null where order_id = ${order}`,
      is: ['order 2'],
    },
    'an order that the ledger pays, and that is not there': {
      breaks: () => sql`delete from shop_order where order_id = ${order}`,
      is: ['order 2', 'order 2'],
    },
    'an order that another amount is allocated to than was booked': {
      breaks: () => sql`update allocation set amount = amount - 1 where order_id = ${order}`,
      is: ['order 2'],
    },
    "an order whose money went to another seller's account": {
      breaks: () =>
        sql`update posting set credit = 'seller:else' where kind = 'allocation' and order_id = ${order}`,
      is: ['order 2'],
    },
    'an order that is paid and was never planned': {
      breaks: () => sql`with i as (delete from transfer_item where order_id = ${order} returning transfer_id)
        update transfer t set state = 'cancelled' from i where t.transfer_id = i.transfer_id`,
      is: ['order 2', 'transfer 2', 'account in_transit'],
    },
    'a transfer that pays an order with another fee than was booked': {
      breaks:
        () => sql`with i as (update transfer_item set fee = fee - 50 where order_id = ${order} returning transfer_id)
        update transfer t set amount = t.amount + 50, fee = t.fee - 50 from i where t.transfer_id = i.transfer_id`,
      is: ['transfer 2', 'order 2', 'account in_transit'],
    },
    'a transfer that sends more than its orders': {
      breaks: () => sql`update transfer set amount = amount + 1 where transfer_id = 3`,
      is: ['transfer 3', 'account in_transit'],
    },
    'a transfer that is succeeded by its row and not by the ledger': {
      breaks: () =>
        sql`update transfer set state = 'succeeded', settled_at = ${at('10:07:00')}, lease_ends_at = null where transfer_id = 3`,
      is: ['transfer 3', 'account in_transit'],
    },
    'a transfer that the ledger has paid, and whose row is planned again': {
      breaks: () => sql`update transfer set state = 'planned', settled_at = null where transfer_id = 1`,
      is: ['transfer 1'],
    },
    'a transfer that the ledger has paid out of another account': {
      breaks: () => sql`update posting set debit = 'seller:else' where kind = 'hold' and transfer_id = 3`,
      is: ['transfer 3'],
    },
    'a transfer that the ledger knows, and that is not there': {
      breaks: () => sql`delete from transfer where transfer_id = 3`,
      is: ['transfer 3', 'account in_transit'],
    },
    'a deposit of which more is left than the ledger has': {
      breaks: () => sql`update deposit set remaining = remaining - 1 where state = 'in_review'`,
      is: ['deposit 4', 'account unallocated'],
    },
    'a deposit that the ledger took, and that is not there': {
      breaks: () => sql`delete from deposit where state = 'in_review'`,
      is: ['deposit 4', 'account unallocated'],
    },
    'a posting that moves money from one seller to another for no reason': {
      breaks: () => sql`insert into posting (debit, credit, amount, kind, at)
        values (${`seller:${sellerId}`}, 'seller:else', 5, 'reversal', ${at('10:07:00')})`,
      is: ['posting'],
    },
  };

  describe('names, halts payouts, and leaves an alarm and a log line for', () => {
    for (const [what, { breaks, is }] of Object.entries(cases)) {
      it(what, async () => {
        await tamper(breaks());
        const found = await compareAt('10:10:00');
        const names = named(found).map((name) => (name.startsWith('posting') ? 'posting' : name));
        assert.deepEqual(names, is);
        assert.deepEqual(await halted(), ['halt_drift']);
        const [alarm, ...others] = await alarms();
        assert.deepEqual(others, []);
        const texts = found.map((one) => `${one.subject} ${one.id.toString()}: ${one.what}`);
        assert.deepEqual((alarm?.detail as { differences?: unknown }).differences, texts);
        assert.deepEqual(errors, [
          {
            message: 'orders and ledger differ; payouts are halted',
            detail: { count: texts.length, differences: texts },
          },
        ]);
      });
    }
  });

  it('tells what each side says', async () => {
    await tamper(sql`update allocation set amount = amount - 1 where order_id = ${order}`);
    const [found] = await compareAt('10:10:00');
    assert.equal(
      found?.what,
      'given 20000 won by its row, 19999 by allocations; paid 20000 by its state, 20000 by the ledger (19800 to its seller, 200 fee)',
    );
  });

  it('lets no claim begin any more', async () => {
    await tamper(sql`update transfer set amount = amount + 1 where transfer_id = 3`);
    await compareAt('10:10:00');
    const context = {
      db: test.db,
      bank: { prepareTransfer: () => assert.fail('a message was built while payouts are halted') },
      vault,
      payoutAccount: ACCOUNT,
      organisationCode: 'F123456789',
    };
    assert.deepEqual(await claim(context, 3n, at('10:11:00')), { outcome: 'stopped', stops: ['halt_drift'] });
  });

  describe('in each cycle', () => {
    it('looks at what was touched since it last found nothing, and the day at the rest', async () => {
      await seal(await cycleAt(test, at('10:08:00')));
      assert.deepEqual(await compareAt('10:20:00'), []);
      // An old order that nothing touches: its row names a payment that is long past.
      await tamper(sql`update allocation set amount = amount - 1 where order_id = ${order}`);
      await tamper(sql`update shop_order set paid_at = ${at('09:00:00')} where order_id = ${order}`);
      assert.deepEqual(await compareAt('10:25:00'), []);
      assert.deepEqual(named(await compareAllAt('10:25:00')), ['order 2']);
      assert.deepEqual(await halted(), ['halt_drift']);
    });

    it('names what differs again and again until it is mended, with one alarm', async () => {
      await seal(await cycleAt(test, at('10:08:00')));
      await compareAt('10:20:00');
      statement.in(9_000n, '또모르는사람', at('10:21:00'));
      await storeStatement(test.db, statement.rows);
      await book(await cycleAt(test, at('10:25:00')), ACCOUNT);
      await tamper(sql`update deposit set remaining = 8999 where amount = 9000`);
      const differs = ['deposit 5', 'account unallocated'];
      assert.deepEqual(named(await compareAt('10:25:00')), differs);
      await seal(await cycleAt(test, at('10:25:00')));
      for (const time of ['10:30:00', '10:35:00', '10:40:00'])
        assert.deepEqual(named(await compareAt(time)), differs);
      assert.equal((await alarms()).length, 1);
      await tamper(sql`update deposit set remaining = 9000 where amount = 9000`);
      assert.deepEqual(await compareAt('10:45:00'), []);
      assert.deepEqual(await halted(), ['halt_drift']);
    });

    it('raises another alarm when something else differs, and when a person has resumed payouts too early', async () => {
      await tamper(sql`update transfer set amount = amount + 1 where transfer_id = 3`);
      await compareAt('10:10:00');
      await tamper(sql`update allocation set amount = amount - 1 where order_id = ${order}`);
      await compareAt('10:15:00');
      assert.equal((await alarms()).length, 2);
      await test.owner.updateTable('payout_stop').set({ active: false }).execute();
      await compareAt('10:20:00');
      assert.equal((await alarms()).length, 3);
      assert.deepEqual(await halted(), ['halt_drift']);
    });

    it('finds what committed with a lower posting id than the last comparison saw', async () => {
      const slow = await test.owner.startTransaction().execute();
      await sql`insert into posting (debit, credit, amount, kind, row_id, at) values (${`bank:${ACCOUNT}`}, 'unallocated', 5, 'deposit', 99, now())`.execute(
        slow,
      );
      await seal(await cycleAt(test, at('10:08:00')));
      assert.deepEqual(await compareAt('10:20:00'), []);
      await slow.commit().execute();
      assert.deepEqual(named(await compareAt('10:25:00')), ['deposit 99', 'account unallocated']);
    });

    it('keeps nothing when its time is out, so that the next one begins where it did', async () => {
      const context = await cycleAt(test, at('10:10:00'), { log, hasTime: () => false });
      assert.deepEqual(await compareTouched(context), { outcome: 'out_of_time' });
      assert.deepEqual(await test.db.selectFrom('books_comparison').selectAll().execute(), []);
    });

    it('writes nothing once its lease has gone to another cycle', async () => {
      const late = await cycleAt(test, at('10:10:00'));
      await cycleAt(test, at('10:10:00'));
      await assert.rejects(compareTouched(late), LeaseLost);
    });
  });
});
