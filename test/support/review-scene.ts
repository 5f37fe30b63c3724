import assert from 'node:assert/strict';
import { book } from '../../functions/deposits/book.step.ts';
import type { Acting } from '../../functions/people/person.ts';
import { assignDeposit } from '../../functions/reviews/assign.step.ts';
import type { Decided } from '../../functions/reviews/allocate.step.ts';
import { refundDeposit } from '../../functions/reviews/refund.step.ts';
import { actingAs } from './acting.ts';
import { assertBooks } from './assert-books.ts';
import { assertDeposits } from './assert-deposits.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { ACCOUNT, addSeller, at, cycleAt, Statement, storeStatement, vault } from './statement-scene.ts';

export const acting = (name = 'kim', when = at('11:00:00')): Acting => actingAs(name, when);

/** Where buyers want their money back to. */
export const BUYERS_ACCOUNT = { bankCode: '088', accountNumber: '110987654321', holder: '홍길동' };

/** A statement, a seller, and deposits that wait for a person. */
export interface ReviewScene {
  readonly test: TestDatabase;
  readonly statement: Statement;
  readonly sellerId: string;
  /** Books all that the statement shows. */
  bookAt(time: string): ReturnType<typeof book>;
  /** A deposit that names nobody: it goes to review. Answers its row. */
  unknown(amount: bigint, time: string, text?: string): Promise<bigint>;
  /** `state remaining` by row. */
  readonly deposit: (rowId: bigint) => Promise<string>;
  /** `state outstanding` by order. */
  readonly order: (orderId: bigint) => Promise<string>;
  /** `amount state` of all transfers, in their order. */
  transfers(): Promise<string[]>;
  alarms(): Promise<string[]>;
  /** Asserts all that must always hold, and closes. */
  close(): Promise<void>;
}

export async function openReviewScene(feeBp = 100): Promise<ReviewScene> {
  const test = await createTestDatabase();
  const statement = new Statement();
  const sellerId = await addSeller(test.db, { feeBp });
  const bookAt = async (time: string) => {
    await storeStatement(test.db, statement.rows);
    const log = {
      info: () => undefined,
      warn: (message: string, detail?: object) => assert.fail(`${message} ${JSON.stringify(detail)}`),
      error: (message: string) => assert.fail(message),
    };
    return await book(await cycleAt(test, at(time), { log }), ACCOUNT);
  };
  return {
    test,
    statement,
    sellerId,
    bookAt,
    async unknown(amount, time, text = '모르는사람') {
      statement.in(amount, text, at(time));
      await bookAt(time);
      const { row_id } = await test.db
        .selectFrom('deposit')
        .select('row_id')
        .orderBy('row_id', 'desc')
        .limit(1)
        .executeTakeFirstOrThrow();
      return row_id;
    },
    async deposit(rowId) {
      const { state, remaining } = await test.db
        .selectFrom('deposit')
        .select(['state', 'remaining'])
        .where('row_id', '=', rowId)
        .executeTakeFirstOrThrow();
      return `${state} ${remaining.toString()}`;
    },
    async order(orderId) {
      const { state, outstanding } = await test.db
        .selectFrom('shop_order')
        .select(['state', 'outstanding'])
        .where('order_id', '=', orderId)
        .executeTakeFirstOrThrow();
      return `${state} ${outstanding.toString()}`;
    },
    async transfers() {
      const rows = await test.db.selectFrom('transfer').selectAll().orderBy('transfer_id').execute();
      return rows.map(({ amount, state, held_reason }) => `${amount.toString()} ${held_reason ?? state}`);
    },
    async alarms() {
      const rows = await test.db.selectFrom('alarm').select('name').orderBy('alarm_id').execute();
      return rows.map((row) => row.name);
    },
    async close() {
      try {
        await assertBooks(test.db);
        await assertDeposits(test.db);
      } finally {
        await test.close();
      }
    },
  };
}

/** Unwraps what was done; a refusal fails the test with its words. */
export function done<Result>(
  outcome:
    | { readonly outcome: 'done'; readonly result: Result }
    | { readonly outcome: 'refused'; readonly message: string },
): Result {
  if (outcome.outcome === 'refused') assert.fail(outcome.message);
  return outcome.result;
}

/** Asserts a refusal by its code. */
export function refusedAs(
  outcome:
    | { readonly outcome: 'done' }
    | { readonly outcome: 'refused'; readonly code: string; readonly message: string },
  code: string,
  message?: RegExp,
): void {
  assert.equal(outcome.outcome, 'refused');
  assert.equal(outcome.code, code);
  if (message !== undefined) assert.match(outcome.message, message);
}

export async function assign(scene: ReviewScene, depositRowId: bigint, orderId: bigint): Promise<Decided> {
  return done(await assignDeposit(scene.test.db, acting(), { depositRowId, orderId }));
}

/** Two people refund what is left of a deposit. Answers the decision and its transfer. */
export async function refund(
  scene: ReviewScene,
  depositRowId: bigint,
): Promise<{ decisionId: bigint; transferId: bigint }> {
  const wanted = { depositRowId, to: BUYERS_ACCOUNT };
  assert.equal(done(await refundDeposit(scene.test.db, vault, acting('kim'), wanted)).outcome, 'requested');
  const agreed = done(await refundDeposit(scene.test.db, vault, acting('lee'), wanted));
  if (agreed.outcome !== 'refunding') assert.fail('the second person only asked');
  return { decisionId: agreed.decided.decisionId, transferId: agreed.transferId };
}
