import assert from 'node:assert/strict';
import * as accounts from '../../../functions/operators/account.routes.ts';
import * as keys from '../../../functions/operators/key.routes.ts';
import * as ledger from '../../../functions/operators/ledger.routes.ts';
import type { Operation } from '../../../functions/operators/operation.ts';
import { OPERATIONS } from '../../../functions/operators/operations.ts';
import * as payouts from '../../../functions/operators/payout.routes.ts';
import * as reviews from '../../../functions/operators/review.routes.ts';
import * as rules from '../../../functions/operators/rule.routes.ts';
import * as transfers from '../../../functions/operators/transfer.routes.ts';
import * as webhooks from '../../../functions/operators/webhook.routes.ts';
import { closeDays } from '../../../functions/ledger/close.step.ts';
import { seal } from '../../../functions/ledger/seal.step.ts';
import { noticeRestore } from '../../../functions/transfers/restore.repository.ts';
import { book } from '../../../functions/deposits/book.step.ts';
import { CLOSE_AFTER_MS } from '../../../functions/transfers/close.step.ts';
import { dumpDatabase } from '../../support/logical-dump.ts';
import { createSetClock } from '../../support/set-clock.ts';
import {
  addPaidOrder,
  addSeller,
  addStatementRow,
  beginAccount,
  cycleContext,
  MINUTE_MS,
  openPayoutWorld,
  PAYOUT,
  plan,
  planOne,
  queueOne,
  stateOf,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import { openReviewScene, type ReviewScene } from '../../support/review-scene.ts';
import { addOrder, at, vault } from '../../support/statement-scene.ts';
import { failedOne, unknownOne } from '../../support/unknown-transfer.ts';
import { insertDeliveries } from '../../../functions/webhooks/webhook.repository.ts';
import { assertBooks } from '../../support/assert-books.ts';
import { KIM, KIM_TOO, LEE, openOperatorsDoor, type OperatorsDoor } from './operators-door.ts';

/** Asks twice, as two people, for what takes two: the first time nothing is done, and not by the same person under another permission set. */
async function byTwo<Answer>(
  door: OperatorsDoor,
  operation: Operation,
  input: object,
  read: (answer: unknown) => Answer,
): Promise<Answer> {
  assert.equal(((await door.done(KIM, operation, input)) as { outcome: string }).outcome, 'requested');
  for (const kim of [KIM, KIM_TOO])
    assert.equal(await door.refused(kim, operation, input), 'needs_second_person', operation.name);
  return read(await door.done(LEE, operation, input));
}

const outcomeOf = (answer: unknown) => (answer as { outcome: string }).outcome;

type Story = () => Promise<void>;

/** A story on deposits that wait for a person. */
function onReviews(tell: (door: OperatorsDoor, scene: ReviewScene) => Promise<void>): Story {
  return async () => {
    const scene = await openReviewScene();
    const door = await openOperatorsDoor({ db: scene.test.db, clock: createSetClock(at('11:00:00')), vault });
    try {
      await tell(door, scene);
    } finally {
      await door.close();
      await scene.close();
    }
  };
}

/** A story on money that is on its way out. */
function onPayouts(tell: (door: OperatorsDoor, world: PayoutWorld) => Promise<void>): Story {
  return async () => {
    const world = await openPayoutWorld();
    const door = await openOperatorsDoor(world);
    try {
      await tell(door, world);
      await assertBooks(world.db);
    } finally {
      await door.close();
      await world.close();
    }
  };
}

const orderNameOf = async (scene: ReviewScene, orderId: bigint) =>
  (
    await scene.test.db
      .selectFrom('shop_order')
      .select('shop_order_id')
      .where('order_id', '=', orderId)
      .executeTakeFirstOrThrow()
  ).shop_order_id;

/** Orders that somebody may have meant, each of 10,000 won. */
async function ordersOf(scene: ReviewScene, count: number): Promise<{ id: bigint; name: string }[]> {
  const made = [];
  for (let n = 0; n < count; n += 1) {
    const { sellerId } = scene;
    const id = await addOrder(scene.test.db, { sellerId, name: `홍길동042${n}`, amount: 10_000n });
    made.push({ id, name: await orderNameOf(scene, id) });
  }
  return made;
}

/** A payout that is held over its seller's limit. */
async function heldOne(world: PayoutWorld): Promise<bigint> {
  await addSeller(world, 'limited', { transferLimit: 1000n });
  const [transferId] = await plan(world, [await addPaidOrder(world, 'limited', 5000n)]);
  return transferId!;
}

/** Money leaves under a reference that nobody here knows. */
async function leaves(world: PayoutWorld, amount: bigint, text: string): Promise<bigint> {
  await beginAccount(world, PAYOUT, new Date('2026-03-01T00:00:00+09:00'));
  world.clock.advance(5 * MINUTE_MS);
  const rowId = await addStatementRow(world, { amount, text, booked: false, balanceAfter: 1n });
  await book(cycleContext(world), PAYOUT);
  return rowId;
}

/** A delivery to a shop's endpoint that has failed for good. */
async function parkedOne(world: PayoutWorld): Promise<bigint> {
  const now = world.clock.now();
  await world.db
    .insertInto('shop')
    .values({
      shop_id: 'flowers',
      name: 'flowers',
      fee_bp: 300,
      order_life_minutes: 60,
      created_at: now,
    })
    .execute();
  await world.db
    .insertInto('webhook_endpoint')
    .values({
      shop_id: 'flowers',
      url: 'https://flowers.example/hooks',
      types: [],
      key_id: 'w1',
      previous_key_id: null,
      previous_until: null,
      created_by: 'shop flowers',
      created_at: now,
      removed_at: null,
    })
    .execute();
  const { id } = await world.db
    .insertInto('event')
    .values({
      shop_id: 'flowers',
      type: 'order.paid',
      subject_kind: 'order',
      subject_id: '1',
      sequence: 1n,
      data: '{}',
      occurred_at: now,
      published_at: null,
      publishing_until: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await insertDeliveries(world.db, id, now);
  const { delivery_id } = await world.db
    .updateTable('webhook_delivery')
    .set({ state: 'parked', attempts: 9, last_status: 500 })
    .returning('delivery_id')
    .executeTakeFirstOrThrow();
  return delivery_id;
}

const account = { seller_id: 'seller', bank_code: '088', account_number: '110987654321', holder: '홍길동' };

/** What each operation does, asked for over HTTP by people who sign. */
const STORIES: Readonly<Record<string, Story>> = {
  'review list': onReviews(async (door, scene) => {
    const rowId = await scene.unknown(7000n, '10:00:00');
    const { total, reviews: waiting } = await door.done(KIM, reviews.listTheReviews, { limit: '5' });
    assert.deepEqual([total, waiting.map((one) => one.rowId)], [1n, [rowId]]);
    const other = await door.done(KIM, reviews.listTheReviews, { reason: 'split' });
    assert.deepEqual(other, { total: 0n, reviews: [] });
  }),
  'review show': onReviews(async (door, scene) => {
    const rowId = await scene.unknown(7000n, '10:00:00');
    const shown = await door.done(KIM, reviews.showOneReview, { row_id: rowId });
    assert.deepEqual([shown.amount, shown.reason, shown.occurredAt], [7000n, 'name_unknown', at('10:00:00')]);
    assert.equal(await door.refused(KIM, reviews.showOneReview, { row_id: 999n }), 'deposit_not_found');
  }),
  'review assign': onReviews(async (door, scene) => {
    const [order] = await ordersOf(scene, 1);
    const rowId = await scene.unknown(10_000n, '10:00:00');
    const input = { row_id: rowId, order: order!.name };
    assert.equal(await door.refused(KIM, reviews.assign, { ...input, order: 'none' }), 'order_not_found');
    const decided = await door.done(KIM, reviews.assign, input);
    assert.deepEqual(
      decided.orders.map((one) => [one.state, one.outstanding]),
      [['paid', 0n]],
    );
    assert.equal(await scene.deposit(rowId), 'assigned 0');
  }),
  'review split': onReviews(async (door, scene) => {
    const [one, two] = await ordersOf(scene, 2);
    const rowId = await scene.unknown(15_000n, '10:00:00');
    const orders = [{ order: one!.name }, { order: two!.name, amount: '4000' }];
    await door.done(KIM, reviews.split, { row_id: rowId, orders });
    assert.equal(await scene.order(two!.id), 'awaiting_deposit 6000');
    assert.equal(await scene.deposit(rowId), 'in_review 1000');
  }),
  'review combine': onReviews(async (door, scene) => {
    const [order] = await ordersOf(scene, 1);
    const rows = [await scene.unknown(4000n, '10:00:00'), await scene.unknown(6000n, '10:05:00')];
    await door.done(KIM, reviews.combine, { order: order!.name, row_ids: rows.map(String) });
    assert.equal(await scene.order(order!.id), 'paid 0');
  }),
  'review refund': onReviews(async (door, scene) => {
    const rowId = await scene.unknown(7000n, '10:00:00');
    const { bank_code, account_number, holder } = account;
    const input = { row_id: rowId, bank_code, account_number, holder };
    assert.equal(await byTwo(door, reviews.refund, input, outcomeOf), 'refunding');
    assert.equal(await scene.deposit(rowId), 'refund_pending 0');
    const bad = await door.ask(KIM, reviews.refund, { ...input, account_number: 110987654321 });
    assert.equal(bad.status, 400);
    assert.doesNotMatch(JSON.stringify([bad.body, door.errors]), /110987654321/);
  }),
  'review ignore': onReviews(async (door, scene) => {
    const rowId = await scene.unknown(7000n, '10:00:00');
    await door.done(KIM, reviews.ignore, { row_id: rowId, account: 'interest' });
    assert.equal(await scene.deposit(rowId), 'ignored 0');
  }),
  'review undo': onReviews(async (door, scene) => {
    const rowId = await scene.unknown(7000n, '10:00:00');
    const { decisionId } = await door.done(KIM, reviews.ignore, { row_id: rowId });
    await door.done(LEE, reviews.undo, { decision_id: decisionId });
    assert.equal(await scene.deposit(rowId), 'in_review 7000');
    assert.equal(await door.refused(LEE, reviews.undo, { decision_id: decisionId }), 'already_undone');
  }),
  'transfers list': onPayouts(async (door, world) => {
    const held = await heldOne(world);
    await planOne(world, 2000n);
    const { transfers: found } = await door.done(KIM, transfers.listTheTransfers, { held: 'limit' });
    assert.deepEqual(
      found.map((one) => [one.transfer_id, one.amount]),
      [[held, 5000n]],
    );
    const of = await door.done(KIM, transfers.listTheTransfers, { seller_id: 'seller', state: 'planned' });
    assert.deepEqual(
      of.transfers.map((one) => one.amount),
      [2000n],
    );
    const masked = JSON.stringify((await door.ask(KIM, transfers.listTheTransfers)).body);
    assert.doesNotMatch(masked, /ciphertext|110222333444/);
  }),
  'transfers show': onPayouts(async (door, world) => {
    const transferId = await unknownOne(world, 5000n);
    const story = await door.done(KIM, transfers.showTransfer, { transfer_id: transferId });
    assert.deepEqual([story.transfer.state, story.attempts.length], ['unknown', 1]);
    assert.equal(await door.refused(KIM, transfers.showTransfer, { transfer_id: 999n }), 'not_found');
  }),
  'transfers approve': onPayouts(async (door, world) => {
    const transferId = await heldOne(world);
    assert.equal(await byTwo(door, transfers.approve, { transfer_id: transferId }, outcomeOf), 'released');
    assert.equal(await stateOf(world, transferId), 'planned');
    const failed = await failedOne(world, 3000n, 'rejected');
    assert.equal(await byTwo(door, transfers.approve, { transfer_id: failed }, outcomeOf), 'planned_anew');
    const people = await world.db.selectFrom('approval').select(['requested_by', 'decided_by']).execute();
    assert.deepEqual(people[0], { requested_by: 'kim@example.com', decided_by: 'lee@example.com' });
  }),
  'transfers cancel': onPayouts(async (door, world) => {
    const transferId = await queueOne(world, 5000n);
    const cancelled = await door.done(KIM, transfers.cancel, { transfer_id: transferId });
    assert.deepEqual([cancelled.kind, cancelled.amount], ['payout', 5000n]);
    assert.equal(await stateOf(world, transferId), 'cancelled');
  }),
  'transfers close': onPayouts(async (door, world) => {
    const transferId = await unknownOne(world, 5000n);
    await beginAccount(world, PAYOUT, new Date('2026-02-01T00:00:00+09:00'));
    const input = {
      transfer_id: transferId,
      outcome: 'succeeded',
      evidence: 'the bank says so in its letter',
    };
    assert.equal(await door.refused(KIM, transfers.close, input), 'too_early');
    world.clock.advance(90_000 + CLOSE_AFTER_MS);
    assert.equal(await byTwo(door, transfers.close, input, outcomeOf), 'closed');
    assert.equal(await stateOf(world, transferId), 'succeeded');
  }),
  'payouts status': onPayouts(async (door, world) => {
    await queueOne(world, 5000n);
    await door.done(KIM, payouts.halt);
    const status = await door.done(LEE, payouts.showPayouts);
    assert.deepEqual(
      status.stops.map((stop) => [stop.name, stop.changed_by]),
      [['halt_person', 'kim@example.com']],
    );
    assert.deepEqual(status.transfers, [{ state: 'queued', reason: null, count: 1, won: 5000n }]);
  }),
  'payouts halt': onPayouts(async (door) => {
    await door.done(KIM, payouts.halt);
    assert.equal(await door.refused(LEE, payouts.halt), 'halted_already');
  }),
  'payouts resume': onPayouts(async (door) => {
    await door.done(KIM, payouts.halt);
    const resumed = await door.done(KIM, payouts.resume);
    assert.deepEqual(resumed, { outcome: 'resumed', ended: ['halt_person'], remaining: [] });
    assert.equal(await door.refused(KIM, payouts.resume), 'not_halted');
  }),
  'payouts unexplained': onPayouts(async (door, world) => {
    const transferId = await planOne(world, 5000n);
    const rowId = await leaves(world, 5000n, 'ST000000001');
    const { rows } = await door.done(KIM, payouts.unexplained);
    assert.deepEqual(
      rows.map((row) => [row.rowId, row.proposals]),
      [[rowId, [[transferId]]]],
    );
  }),
  'payouts explain': onPayouts(async (door, world) => {
    await world.test.owner.updateTable('installation').set({ database_identity: 'another' }).execute();
    await noticeRestore(world.db, undefined, 'cycle', world.clock.now());
    const transferId = await planOne(world, 5000n);
    const rowId = await leaves(world, 5000n, 'ST000000001');
    for (const said of [{}, { lost: true, transfer_ids: ['1'] }, { transfer_ids: ['1'], not: ['1'] }])
      assert.equal(await door.refused(KIM, payouts.explain, { row_id: rowId, ...said }), 'invalid');
    const input = { row_id: rowId, transfer_ids: [transferId.toString()] };
    assert.equal(await byTwo(door, payouts.explain, input, outcomeOf), 'explained');
    assert.equal(await stateOf(world, transferId), 'succeeded');
  }),
  'rules list': onPayouts(async (door, world) => {
    await beginAccount(world, PAYOUT, new Date('2026-03-01T00:00:00+09:00'));
    const rule = { account: PAYOUT, direction: 'out', text: '이체수수료', to: 'bank_fees' };
    const { rule_id } = await door.done(KIM, rules.add, rule);
    await door.done(KIM, rules.remove, { rule_id });
    assert.deepEqual((await door.done(LEE, rules.listTheRules)).rules, []);
    const all = await door.done(LEE, rules.listTheRules, { all: 'true' });
    assert.deepEqual(
      all.rules.map((one) => [one.rule_id, one.added_by]),
      [[rule_id, 'kim@example.com']],
    );
  }),
  'rules add': onPayouts(async (door, world) => {
    await leaves(world, 500n, '이체수수료');
    const rule = { account: PAYOUT, direction: 'out', to: 'bank_fees' };
    assert.equal(await door.refused(KIM, rules.add, rule), 'fits_everything');
    const added = await door.done(KIM, rules.add, { ...rule, text: '이체수수료', apply: true });
    assert.equal(added.applied, 1);
  }),
  'rules remove': onPayouts(async (door, world) => {
    await beginAccount(world, PAYOUT, new Date('2026-03-01T00:00:00+09:00'));
    const rule = { account: PAYOUT, direction: 'in', text: '이자', to: 'interest' };
    const { rule_id } = await door.done(KIM, rules.add, rule);
    await door.done(LEE, rules.remove, { rule_id });
    assert.equal(await door.refused(LEE, rules.remove, { rule_id }), 'not_found');
  }),
  'accounts list': onPayouts(async (door, world) => {
    await addSeller(world, 'seller');
    const ofSeller = await door.done(KIM, accounts.listAccounts, { seller_id: 'seller' });
    assert.deepEqual(
      ofSeller.accounts.map((one) => one.account_number_masked),
      ['********3444'],
    );
    assert.deepEqual((await door.done(KIM, accounts.listAccounts)).accounts, []);
  }),
  'accounts request': onPayouts(async (door, world) => {
    await addSeller(world, 'seller');
    const requested = await door.done(KIM, accounts.request, account);
    assert.equal(requested.masked, '********4321');
    assert.equal(await door.refused(KIM, accounts.request, { ...account, bank_code: '1' }), 'invalid');
    const { tables } = await dumpDatabase(world.test.owner);
    assert.doesNotMatch(JSON.stringify([...tables]), /110987654321/, 'the number stands nowhere in clear');
  }),
  'accounts approve': onPayouts(async (door, world) => {
    await addSeller(world, 'seller');
    const { payout_account_id } = await door.done(KIM, accounts.request, account);
    const input = { payout_account_id };
    for (const kim of [KIM, KIM_TOO])
      assert.equal(await door.refused(kim, accounts.approve, input), 'needs_second_person');
    const approved = await door.done(LEE, accounts.approve, input);
    assert.equal(approved.account.account_number_masked, '********4321');
  }),
  'accounts reject': onPayouts(async (door, world) => {
    await addSeller(world, 'seller');
    const { payout_account_id } = await door.done(KIM, accounts.request, account);
    await door.done(LEE, accounts.reject, { payout_account_id });
    assert.equal(await door.refused(LEE, accounts.approve, { payout_account_id }), 'decided_already');
  }),
  'ledger verify': onPayouts(async (door, world) => {
    await unknownOne(world, 5000n);
    await seal(cycleContext(world));
    const found = await door.done(KIM, ledger.verify);
    assert.deepEqual([found.ok, found.whole, found.unsealed], [true, true, 0]);
    assert.equal(found.accounts['in_transit'], 5000n);
    await world.test.owner.updateTable('account_balance').set({ debits: 1n }).execute();
    assert.equal((await door.done(KIM, ledger.verify)).ok, false);
  }),
  'ledger close': onPayouts(async (door, world) => {
    assert.equal(await door.refused(KIM, ledger.showClose), 'not_found');
    await unknownOne(world, 5000n);
    await seal(cycleContext(world));
    world.clock.advance(24 * 60 * MINUTE_MS);
    await closeDays(world.db, world.clock.now());
    const day = await door.done(KIM, ledger.showClose, { date: '2026-03-02' });
    assert.equal(day.accounts.find((one) => one.account === 'in_transit')?.closing, 5000n);
    assert.equal((await door.ask(KIM, ledger.showClose, { date: '2026-02-30' })).status, 400);
  }),
  'ledger correct': onPayouts(async (door, world) => {
    const rowId = await leaves(world, 500n, '무엇인지 모름');
    const part = { row_id: rowId, to: 'owner', amount: '200' };
    const corrected = await byTwo(door, ledger.correct, part, (answer) => answer);
    assert.deepEqual(corrected, { outcome: 'corrected', amount: 200n, left: -300n });
    assert.equal(await door.refused(KIM, ledger.correct, { ...part, amount: '301' }), 'more_than_there_is');
  }),
  'webhooks list': onPayouts(async (door, world) => {
    const deliveryId = await parkedOne(world);
    const { deliveries } = await door.done(KIM, webhooks.listTheDeliveries, { state: 'parked' });
    assert.deepEqual(
      deliveries.map((one) => [one.delivery_id, one.shop_id, one.last_status]),
      [[deliveryId, 'flowers', 500]],
    );
    const others = await door.done(KIM, webhooks.listTheDeliveries, { shop_id: 'books' });
    assert.deepEqual(others.deliveries, []);
  }),
  'webhooks resend': onPayouts(async (door, world) => {
    const deliveryId = await parkedOne(world);
    await door.done(KIM, webhooks.resend, { delivery_id: deliveryId });
    assert.equal(await door.refused(KIM, webhooks.resend, { delivery_id: deliveryId }), 'not_parked');
    assert.equal(await door.refused(KIM, webhooks.resend, { delivery_id: 999n }), 'not_found');
  }),
  'keys create': onPayouts(async (door) => {
    assert.equal(await door.refused(KIM, keys.create, { shop_id: 'flowers' }), 'unknown_shop');
    const shop = { shop_id: 'flowers', name: 'Flowers', fee_bp: 300 };
    const created = await door.done(KIM, keys.create, shop);
    assert.match(created.key, /^st_[a-z0-9]{12}_/);
    assert.equal(created.shop_added, true);
  }),
  'keys list': onPayouts(async (door) => {
    const { key, key_id } = await door.done(KIM, keys.create, { shop_id: 'flowers', name: 'F', fee_bp: 0 });
    const listed = await door.ask(LEE, keys.list, { shop_id: 'flowers' });
    assert.match(JSON.stringify(listed.body), new RegExp(key_id));
    assert.doesNotMatch(JSON.stringify(listed.body), new RegExp(key.split('_').at(-1)!));
  }),
  'keys revoke': onPayouts(async (door) => {
    const { key_id } = await door.done(KIM, keys.create, { shop_id: 'flowers', name: 'F', fee_bp: 0 });
    await door.done(LEE, keys.revoke, { key_id });
    assert.equal(await door.refused(LEE, keys.revoke, { key_id }), 'already_revoked');
  }),
};

describe('what an operator asks for over HTTP', () => {
  for (const { name } of OPERATIONS)
    it(`is done: ${name}`, async () => {
      const story = STORIES[name] ?? assert.fail(`${name} has no story: tell what it does`);
      await story();
    });
});

describe('a command that is sent again over HTTP', () => {
  it('is done once, whatever state there is by then', async () => {
    await onReviews(async (door, scene) => {
      const orders = await ordersOf(scene, 2);
      const rowId = await scene.unknown(15_000n, '10:00:00');
      // Nothing in the state keeps a second splitting by amounts from being done.
      const input = { row_id: rowId, orders: orders.map(({ name: order }) => ({ order, amount: '1000' })) };
      const first = await door.ask(KIM, reviews.split, input, 'key-that-came-twice');
      const again = await door.ask(KIM, reviews.split, input, 'key-that-came-twice');
      assert.deepEqual([first.status, again.status, again.body['code']], [200, 409, 'done_already']);
      const { deed } = again.body as { deed: { action: string; subject: string } };
      assert.deepEqual([deed.action, deed.subject], ['review split', `deposit ${rowId}`]);
      assert.equal(await scene.deposit(rowId), 'in_review 13000');
      const other = await door.ask(
        KIM,
        reviews.split,
        { ...input, reason: 'another' },
        'key-that-came-twice',
      );
      assert.equal(other.body['code'], 'key_used_otherwise');
    })();
  });

  it('never ends a halt that somebody else has begun since', async () => {
    await onPayouts(async (door) => {
      await door.done(KIM, payouts.halt);
      const resume = () => door.ask(KIM, payouts.resume, {}, 'key-that-came-twice');
      assert.equal((await resume()).status, 200);
      await door.done(LEE, payouts.halt);
      assert.equal((await resume()).body['code'], 'done_already');
      assert.equal((await door.done(LEE, payouts.showPayouts)).stops.length, 1);
    })();
  });

  it('must bear a key and a reason', async () => {
    await onPayouts(async (door) => {
      const path = '/operators/v1/payouts/halt';
      const without = await door.send(KIM, { method: 'POST', path, body: { reason: 'a test' } });
      assert.deepEqual([without.status, without.body['code']], [400, 'invalid']);
      assert.match(String(without.body['detail']), /idempotency-key/);
      const silent = await door.ask(KIM, payouts.halt, { reason: ' ' });
      assert.match(String(silent.body['detail']), /body\.reason/);
    })();
  });

  it('names what is wrong field by field, and never the number of an account', async () => {
    await onPayouts(async (door) => {
      const wrong = { ...account, account_number: 110987654321, holder: 7 };
      const { status, body } = await door.ask(KIM, accounts.request, wrong);
      assert.equal(status, 400);
      assert.doesNotMatch(JSON.stringify([body, door.errors]), /110987654321/);
      assert.match(JSON.stringify(body), /body\.account_number.*body\.holder/);
    })();
  });
});
