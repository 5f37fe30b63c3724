import assert from 'node:assert/strict';
import { combineDeposits } from '../../../functions/reviews/combine.step.ts';
import { ignoreDeposit } from '../../../functions/reviews/ignore.step.ts';
import { splitDeposit } from '../../../functions/reviews/split.step.ts';
import { undoDecision } from '../../../functions/reviews/undo.step.ts';
import { called, changesOf } from '../../support/changes.ts';
import {
  acting,
  assign,
  done,
  openReviewScene,
  refund,
  type ReviewScene,
} from '../../support/review-scene.ts';
import { ACCOUNT, addOrder, addSeller, at } from '../../support/statement-scene.ts';

/*
 * What people decide on one deposit leaves all others as they are, and the orders, transfers and decisions of others. Beside a deposit stand deposits that came
 * before and after it, in every state that a decision can bring about; and what is changed is named in full, in the whole database.
 */
describe('beside other deposits', () => {
  let scene: ReviewScene;
  let second = 0;
  let own: bigint;
  let other: bigint;
  let orders: Record<'whole' | 'most' | 'rest' | 'both', bigint>;

  const inReview = async (amount: bigint, text?: string) => {
    second += 1;
    const time = `10:${String(Math.floor(second / 60)).padStart(2, '0')}:${String(second % 60).padStart(2, '0')}`;
    return await scene.unknown(amount, time, text);
  };
  const orderOf = async (amount: bigint, name: string, sellerId = scene.sellerId) =>
    await addOrder(scene.test.db, { sellerId, name, amount });

  beforeEach(async () => {
    scene = await openReviewScene();
    second = 0;
    const others = await addSeller(scene.test.db, { feeBp: 100 });
    await bystanders('앞', others);
    own = await inReview(10_000n, '누구');
    orders = {
      whole: await orderOf(10_000n, '홍길동0001'),
      most: await orderOf(6_000n, '홍길동0002'),
      rest: await orderOf(4_000n, '홍길동0003'),
      both: await orderOf(13_000n, '홍길동0004'),
    };
    other = await inReview(3_000n, '누구나');
    await bystanders('뒤', others);
  });
  afterEach(async () => {
    await scene.close();
  });

  /** A deposit in every state that people can bring one into, each with orders of its own. */
  async function bystanders(when: string, sellerId: string): Promise<void> {
    const order = async (amount: bigint, n: number) => await orderOf(amount, `${when}사람000${n}`, sellerId);
    await inReview(100n);
    await order(150n, 0);
    await assign(scene, await inReview(200n), await order(200n, 1));
    await assign(scene, await inReview(300n), await order(250n, 2));
    await assign(scene, await inReview(350n), await order(400n, 3));
    const shares = [{ orderId: await order(200n, 4) }, { orderId: await order(220n, 5) }];
    done(await splitDeposit(scene.test.db, acting(), { depositRowId: await inReview(500n), shares }));
    const ignored = { depositRowId: await inReview(600n), account: 'owner' } as const;
    done(await ignoreDeposit(scene.test.db, acting(), ignored));
    await refund(scene, await inReview(700n));
    done(await undo((await refund(scene, await inReview(800n))).decisionId));
    done(await undo((await assign(scene, await inReview(900n), await order(900n, 6))).decisionId));
  }

  const undo = async (decisionId: bigint) => await undoDecision(scene.test.db, acting('lee'), decisionId);

  /** What an act has changed of all that there is; what is of the two deposits and the four orders is called by their names. */
  const changes = async (act: () => Promise<unknown>): Promise<string[]> => {
    const told = await changesOf(scene.test, act);
    const deposits = new Map([
      [own, 'own'],
      [other, 'other'],
    ]);
    const orderNames = new Map(Object.entries(orders).map(([name, orderId]) => [orderId, name]));
    const names = new Map<string, string>();
    const name = (table: string, key: string, by: string) => names.set(`${table} ${key}`, `${table} ${by}`);
    for (const [rowId, by] of deposits) name('deposit', rowId.toString(), by);
    for (const [orderId, by] of orderNames) name('shop_order', orderId.toString(), by);
    const { db } = scene.test;
    for (const { allocation_id, deposit_row_id, order_id } of await db
      .selectFrom('allocation')
      .selectAll()
      .execute()) {
      const by = deposits.get(deposit_row_id);
      if (by !== undefined)
        name('allocation', allocation_id.toString(), `${by} to ${orderNames.get(order_id) ?? '?'}`);
    }
    for (const { transfer_id, order_id } of await db.selectFrom('transfer_item').selectAll().execute()) {
      const by = orderNames.get(order_id);
      if (by === undefined) continue;
      name('transfer_item', `${transfer_id.toString()} ${order_id.toString()}`, by);
      name('transfer', transfer_id.toString(), 'own');
    }
    for (const { transfer_id, deposit_row_id } of await db.selectFrom('transfer').selectAll().execute()) {
      if (deposit_row_id === own) name('transfer', transfer_id.toString(), 'own');
    }
    for (const { decision_id, deposit_rows } of await db
      .selectFrom('review_decision')
      .selectAll()
      .execute()) {
      if (deposit_rows.includes(own)) name('review_decision', decision_id.toString(), 'own');
    }
    return called(told, names);
  };

  /** What each way of deciding on the deposit does. */
  const decide = {
    assign: () => assign(scene, own, orders.whole),
    'assign a part': () => assign(scene, own, orders.most),
    split: async () => {
      const shares = [{ orderId: orders.most }, { orderId: orders.rest }];
      return done(await splitDeposit(scene.test.db, acting(), { depositRowId: own, shares }));
    },
    combine: async () => {
      const combined = { orderId: orders.both, depositRowIds: [own, other] };
      return done(await combineDeposits(scene.test.db, acting(), combined));
    },
    ignore: async () =>
      done(await ignoreDeposit(scene.test.db, acting(), { depositRowId: own, account: 'interest' })),
    refund: () => refund(scene, own),
  } as const;
  type Decision = keyof typeof decide;

  const ORDER = 'closed_at, outstanding, paid_at, state';
  const REFUND = 'refund_row, refunded_row, remaining, state';
  const paid = (count: number) => ['transfer: +1', `transfer_item: +${count}`];
  const DECIDED: Record<Decision, readonly string[]> = {
    assign: [
      'allocation: +1',
      'deposit own: decided_at, remaining, state',
      'event: +3',
      'posting: +2',
      `shop_order whole: ${ORDER}`,
      ...paid(1),
    ],
    'assign a part': [
      'allocation: +1',
      'deposit own: decided_at, remaining',
      'event: +2',
      'posting: +2',
      `shop_order most: ${ORDER}`,
      ...paid(1),
    ],
    split: [
      'allocation: +2',
      'deposit own: decided_at, remaining, state',
      'event: +4',
      'posting: +4',
      `shop_order most: ${ORDER}`,
      `shop_order rest: ${ORDER}`,
      ...paid(2),
    ],
    combine: [
      'allocation: +2',
      'deposit other: decided_at, remaining, state',
      'deposit own: decided_at, remaining, state',
      'event: +4',
      'posting: +4',
      `shop_order both: ${ORDER}`,
      ...paid(1),
    ],
    ignore: ['deposit own: decided_at, remaining, state', 'event: +1', 'posting: +1'],
    refund: ['approval: +1', 'audit: +2', `deposit own: decided_at, ${REFUND}`, 'event: +2', 'transfer: +1'],
  };
  const unpaid = (...names: string[]) => [
    ...names.map((name) => `shop_order ${name}: ${ORDER}`),
    'transfer own: state',
    ...names.map((name) => `transfer_item ${name}: live`),
  ];
  const freed = (allocations: string[]) => allocations.map((one) => `allocation ${one}: live, undone_at`);
  const UNDONE: Record<Decision, readonly string[]> = {
    assign: [
      ...freed(['own to whole']),
      'deposit own: remaining, state',
      'event: +3',
      'posting: +2',
      ...unpaid('whole'),
    ],
    'assign a part': [
      ...freed(['own to most']),
      'deposit own: remaining',
      'event: +2',
      'posting: +2',
      ...unpaid('most'),
    ],
    split: [
      ...freed(['own to most', 'own to rest']),
      'deposit own: remaining, state',
      'event: +4',
      'posting: +4',
      ...unpaid('most', 'rest'),
    ],
    combine: [
      ...freed(['other to both', 'own to both']),
      'deposit other: remaining, state',
      'deposit own: remaining, state',
      'event: +4',
      'posting: +4',
      ...unpaid('both'),
    ],
    ignore: ['deposit own: remaining, state', 'event: +1', 'posting: +1'],
    refund: [`deposit own: ${REFUND}`, 'event: +2', 'transfer own: refunds_row, state'],
  };
  const REVERSED: Record<Decision | 'nothing', readonly string[]> = {
    assign: [
      ...freed(['own to whole']),
      'deposit own: decided_at, refunded_row, state',
      'event: +3',
      'posting: +3',
      'review_decision own: state',
      ...unpaid('whole'),
    ],
    'assign a part': [
      ...freed(['own to most']),
      'deposit own: decided_at, refunded_row, remaining, state',
      'event: +3',
      'posting: +3',
      'review_decision own: state',
      ...unpaid('most'),
    ],
    split: [
      ...freed(['own to most', 'own to rest']),
      'deposit own: decided_at, refunded_row, state',
      'event: +4',
      'posting: +5',
      'review_decision own: state',
      ...unpaid('most', 'rest'),
    ],
    combine: [
      ...freed(['own to both']),
      'deposit own: decided_at, refunded_row, state',
      'event: +3',
      'posting: +5',
      ...unpaid('both'),
    ],
    ignore: [
      'deposit own: decided_at, refunded_row, state',
      'event: +1',
      'posting: +2',
      'review_decision own: state',
    ],
    refund: [
      'deposit own: decided_at, refund_row, state',
      'event: +3',
      'posting: +1',
      'review_decision own: state',
      'transfer own: refunds_row, state',
    ],
    nothing: ['deposit own: decided_at, refunded_row, remaining, state', 'event: +1', 'posting: +1'],
  };

  for (const kind of Object.keys(decide) as Decision[]) {
    it(`to ${kind} changes what it is about, and to undo it that again`, async () => {
      let decisionId = 0n;
      const decided = await changes(async () => ({ decisionId } = await decide[kind]()));
      const audit = kind === 'refund' ? [] : ['audit: +1'];
      assert.deepEqual(decided, [...DECIDED[kind], ...audit, 'review_decision: +1'].sort());
      const undone = await changes(async () => done(await undo(decisionId)));
      assert.deepEqual(
        undone,
        [
          ...UNDONE[kind],
          'audit: +1',
          'review_decision own: state, undone_at, undone_by, undone_reason',
        ].sort(),
      );
    });
  }

  for (const kind of [...(Object.keys(decide) as Decision[]), 'nothing'] as const) {
    it(`what the bank takes back is one deposit, when people had decided to ${kind}`, async () => {
      if (kind !== 'nothing') await decide[kind]();
      scene.statement.out(10_000n, '누구', at('11:30:00'), '입금취소');
      const back = await changes(() => scene.bookAt('11:35:00'));
      const read = [
        `collect_cursor ${ACCOUNT}: booked_through`,
        'lease cycle: ends_at, token',
        'statement_row: +1',
      ];
      assert.deepEqual(back, [...REVERSED[kind], ...read, 'alarm: +1', 'withdrawal: +1'].sort());
    });
  }
});
