import assert from 'node:assert/strict';
import { sql } from 'kysely';
import { book } from '../../../functions/deposits/book.step.ts';
import { assignDeposit } from '../../../functions/reviews/assign.step.ts';
import { combineDeposits } from '../../../functions/reviews/combine.step.ts';
import { ignoreDeposit } from '../../../functions/reviews/ignore.step.ts';
import { refundDeposit } from '../../../functions/reviews/refund.step.ts';
import { splitDeposit } from '../../../functions/reviews/split.step.ts';
import { undoDecision } from '../../../functions/reviews/undo.step.ts';
import { won } from '../../../functions/shared/money.ts';
import { claim } from '../../../functions/transfers/claim.step.ts';
import { dispatch } from '../../../functions/transfers/dispatch.step.ts';
import {
  acting,
  assign,
  BUYERS_ACCOUNT,
  done,
  openReviewScene,
  type ReviewScene,
} from '../../support/review-scene.ts';
import {
  ACCOUNT,
  addOrder,
  at,
  claimContext,
  cycleAt,
  install,
  storeStatement,
  vault,
} from '../../support/statement-scene.ts';
import { until } from '../../support/until.ts';

describe('people who decide at the same moment', () => {
  let scene: ReviewScene;
  beforeEach(async () => {
    scene = await openReviewScene();
  });
  afterEach(async () => {
    await scene.close();
  });

  const orderOf = async (amount: bigint, name: string) =>
    await addOrder(scene.test.db, { sellerId: scene.sellerId, name, amount });
  const codes = (outcomes: readonly ({ outcome: 'done' } | { outcome: 'refused'; code: string })[]) =>
    outcomes.map((one) => (one.outcome === 'done' ? 'done' : one.code));

  it('are fifty, and one of them decides on a deposit, whatever each wants of it', async () => {
    const { db } = scene.test;
    const rowId = await scene.unknown(10_000n, '10:00:00');
    const [half, other] = [await scene.unknown(5_000n, '10:01:00'), await orderOf(10_000n, '김철수1111')];
    const whole = await orderOf(15_000n, '이영희2222');
    const [five, five2] = [await orderOf(5_000n, '박지훈3333'), await orderOf(5_000n, '최은주4444')];
    const to = BUYERS_ACCOUNT;
    done(await refundDeposit(db, vault, acting('asker'), { depositRowId: rowId, to }));
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const who = acting(`person${n}`);
        switch (n % 5) {
          case 0:
            return await assignDeposit(db, who, { depositRowId: rowId, orderId: other });
          case 1:
            return await splitDeposit(db, who, {
              depositRowId: rowId,
              shares: [{ orderId: five2 }, { orderId: five, amount: won(5_000n) }],
            });
          case 2:
            return await combineDeposits(db, who, { orderId: whole, depositRowIds: [half, rowId] });
          case 3:
            return await refundDeposit(db, vault, who, { depositRowId: rowId, to });
          default:
            return await ignoreDeposit(db, who, { depositRowId: rowId, account: 'suspense' });
        }
      }),
    );
    const seen = codes(outcomes);
    assert.equal(seen.filter((code) => code === 'done').length, 1);
    const lost = seen.filter((code) => code === 'already_used' || code === 'order_paid').length;
    assert.equal(lost, 49, seen.join());
    assert.equal((await db.selectFrom('review_decision').selectAll().execute()).length, 1);
    const deeds = await db.selectFrom('audit').select('action').execute();
    assert.equal(deeds.length, 2, 'the request for the refund, and the one decision');
  });

  it('pay one order from many deposits once, and the rest of each stays theirs', async () => {
    const orderId = await orderOf(10_000n, '홍길동0420');
    const rows: bigint[] = [];
    for (let n = 0; n < 8; n += 1) rows.push(await scene.unknown(3_000n, `10:0${n}:00`));
    const outcomes = await Promise.all(
      rows.map(
        async (depositRowId, n) =>
          await assignDeposit(scene.test.db, acting(`p${n}`), { depositRowId, orderId }),
      ),
    );
    assert.equal(
      codes(outcomes).filter((code) => code === 'done').length,
      4,
      'three whole, and a part of a fourth',
    );
    assert.equal(await scene.order(orderId), 'paid 0');
    assert.deepEqual(await scene.transfers(), ['9900 planned']);
  });

  it('undo one decision once', async () => {
    const orderId = await orderOf(10_000n, '홍길동0420');
    const { decisionId } = await assign(scene, await scene.unknown(10_000n, '10:00:00'), orderId);
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, n) => undoDecision(scene.test.db, acting(`p${n}`), decisionId)),
    );
    const seen = codes(outcomes);
    assert.equal(seen.filter((code) => code === 'done').length, 1);
    assert.equal(seen.filter((code) => code === 'already_undone').length, 19);
  });

  for (const first of ['the cycle', 'the person'] as const) {
    it(`pay an order once, when a cycle matches another deposit to it and ${first} comes first`, async () => {
      const orderId = await orderOf(10_000n, '홍길동0420');
      const rowId = await scene.unknown(10_000n, '10:00:00');
      scene.statement.in(10_000n, '홍길동0420', at('10:10:00'));
      await storeStatement(scene.test.db, scene.statement.rows);
      const context = await cycleAt(scene.test, at('10:15:00'));
      const gate = await gateAfterOrderIsLocked(scene, first);
      const runs = {
        'the cycle': async () => (await book(context, ACCOUNT)).matched,
        'the person': async () =>
          Number(
            (await assignDeposit(scene.test.db, acting(), { depositRowId: rowId, orderId })).outcome ===
              'done',
          ),
      };
      const leading = runs[first]();
      await waiting(scene, 1);
      const following = runs[first === 'the cycle' ? 'the person' : 'the cycle']();
      await waiting(scene, 2);
      await gate.open();
      assert.deepEqual(await Promise.all([leading, following]), [1, 0]);
      assert.equal(await scene.order(orderId), 'paid 0');
      assert.deepEqual(await scene.transfers(), ['9900 planned']);
    });
  }

  it('refund a deposit that the bank takes back meanwhile: nothing is sent', async () => {
    const rowId = await scene.unknown(10_000n, '10:00:00');
    const wanted = { depositRowId: rowId, to: BUYERS_ACCOUNT };
    done(await refundDeposit(scene.test.db, vault, acting('kim'), wanted));
    const gate = await gateAfterOrderIsLocked(scene, 'the person');
    const refunding = refundDeposit(scene.test.db, vault, acting('lee'), wanted);
    await waiting(scene, 1);
    scene.statement.out(10_000n, '모르는사람', at('10:10:00'), '입금취소');
    const booking = scene.bookAt('10:15:00');
    await waiting(scene, 2);
    await gate.open();
    done(await refunding);
    assert.equal((await booking).reversed, 1);
    assert.equal(await scene.deposit(rowId), 'reversed 0');
    assert.deepEqual(await scene.transfers(), ['10000 cancelled']);
  });

  it('undo a decision, or find its payout claimed, but never both', async () => {
    await install(scene.test);
    for (let n = 0; n < 5; n += 1) {
      const orderId = await orderOf(10_000n, `홍길동000${n}`);
      const { decisionId } = await assign(scene, await scene.unknown(10_000n, `10:0${n}:00`), orderId);
      await dispatch(await cycleAt(scene.test, at('11:00:00')));
      const [queued] = await scene.test.db
        .selectFrom('transfer')
        .select('transfer_id')
        .where('state', '=', 'queued')
        .execute();
      const [undone, { outcome }] = await Promise.all([
        undoDecision(scene.test.db, acting('lee'), decisionId),
        claim(claimContext(scene.test), queued!.transfer_id, at('11:01:00')),
      ]);
      const claimed = outcome === 'claimed';
      assert.equal(undone.outcome === 'done', !claimed);
      assert.equal(await scene.order(orderId), claimed ? 'paid 0' : 'awaiting_deposit 10000');
    }
  });
});

const GATE = 43;

/** Whoever comes first waits at a gate right before it writes, with its order locked. */
async function gateAfterOrderIsLocked(
  scene: ReviewScene,
  first: 'the cycle' | 'the person',
): Promise<{ open: () => Promise<void> }> {
  const table = first === 'the cycle' ? 'deposit' : 'review_decision';
  await sql`
    create function wait_at_gate() returns trigger language plpgsql as $$
    begin perform pg_advisory_xact_lock(${sql.lit(GATE)}); return null; end $$`.execute(scene.test.owner);
  await sql`
    create trigger wait_at_gate before insert on ${sql.table(table)}
    for each statement execute function wait_at_gate()`.execute(scene.test.owner);
  const closed = await scene.test.db.startTransaction().execute();
  await sql`select pg_advisory_xact_lock(${sql.lit(GATE)})`.execute(closed);
  return {
    open: async () => {
      await closed.commit().execute();
    },
  };
}

async function waiting(scene: ReviewScene, sessions: number): Promise<void> {
  await until(`${sessions} sessions wait for a lock`, async () => {
    const { rows } = await sql<{ waiting: number }>`
      select count(*)::int as waiting from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(scene.test.owner);
    return rows[0]?.waiting === sessions;
  });
}
