import assert from 'node:assert/strict';
import { findOrder, listReviews, showReview } from '../../../functions/reviews/queue.repository.ts';
import { undoDecision } from '../../../functions/reviews/undo.step.ts';
import { acting, assign, done, openReviewScene, type ReviewScene } from '../../support/review-scene.ts';
import { addOrder, at, cancelOrder } from '../../support/statement-scene.ts';

describe('the queue of reviews', () => {
  let scene: ReviewScene;
  beforeEach(async () => {
    scene = await openReviewScene();
  });
  afterEach(async () => {
    await scene.close();
  });

  it('is listed oldest first by the bank’s time, with its best candidates, by reason and within a limit', async () => {
    const late = await scene.unknown(1_000n, '10:30:00');
    const orderId = await addOrder(scene.test.db, {
      sellerId: scene.sellerId,
      name: '홍길동0420',
      amount: 10_000n,
    });
    const early = await scene.unknown(9_000n, '10:00:00', '홍길동0420');
    const all = await listReviews(scene.test.db, { limit: 10 });
    assert.deepEqual(
      all.reviews.map((one) => one.rowId),
      [early, late],
    );
    assert.deepEqual(
      all.reviews[0]?.candidates.map((order) => order.orderId),
      [orderId],
    );
    const { total, reviews } = await listReviews(scene.test.db, { limit: 1 });
    assert.deepEqual([total, reviews.length], [2n, 1]);
    const unknown = await listReviews(scene.test.db, { limit: 10, reason: 'name_unknown' });
    assert.deepEqual([unknown.total, unknown.reviews.map((one) => one.rowId)], [1n, [late]]);
  });

  it('shows why an order may be meant, what else bears the name, and what was decided', async () => {
    const orderId = await addOrder(scene.test.db, {
      sellerId: scene.sellerId,
      name: '홍길동0420',
      amount: 10_000n,
    });
    await cancelOrder(scene.test.db, orderId);
    const first = await scene.unknown(6_000n, '10:00:00', '홍길동0420');
    const second = await scene.unknown(5_000n, '10:05:00', '홍길동0420');
    const { decisionId } = await assign(scene, first, orderId);
    const shown = await showReview(scene.test.db, second);
    assert.deepEqual(shown?.candidates[0]?.why, [
      'the name agrees (입금자명 일치)',
      'the deposit has 1,000 won too much (금액 초과)',
      'it was cancelled (주문 취소)',
      '6,000 won were allocated to it before (일부 입금)',
    ]);
    assert.deepEqual(
      shown.others.map((other) => [other.rowId, other.state, other.shopOrderIds.length]),
      [[first, 'assigned', 1]],
    );
    done(await undoDecision(scene.test.db, acting('lee'), decisionId));
    const again = await showReview(scene.test.db, first);
    assert.deepEqual(
      again?.decisions.map((one) => [one.kind, one.state, one.made_by, one.undone_by]),
      [['assign', 'undone', 'kim', 'lee']],
    );
    assert.equal(again.bankRow.balanceAfter, 1_006_000n);
    assert.equal(await showReview(scene.test.db, 999_999n), undefined);
  });

  it('finds an order by its shop’s id, and asks which shop where two have the same', async () => {
    const orderId = await addOrder(scene.test.db, {
      sellerId: scene.sellerId,
      name: '홍길동0420',
      amount: 1n,
    });
    const other = await addOrder(scene.test.db, { sellerId: scene.sellerId, name: '홍길동0421', amount: 1n });
    const rename = async (id: bigint, shop: string, name: string) =>
      await scene.test.db
        .updateTable('shop_order')
        .set({ shop_id: shop, shop_order_id: name })
        .where('order_id', '=', id)
        .execute();
    await rename(orderId, 'a', 'X/1');
    assert.deepEqual(await findOrder(scene.test.db, 'X/1'), { outcome: 'found', orderId });
    assert.deepEqual(await findOrder(scene.test.db, 'a/X/1'), { outcome: 'found', orderId });
    assert.deepEqual(await findOrder(scene.test.db, 'b/X/1'), { outcome: 'missing' });
    await rename(other, 'b', 'X/1');
    assert.deepEqual(await findOrder(scene.test.db, 'X/1'), {
      outcome: 'several',
      names: ['a/X/1', 'b/X/1'],
    });
    assert.deepEqual(await findOrder(scene.test.db, 'b/X/1'), { outcome: 'found', orderId: other });
  });

  it('says of an order’s time what speaks against it', async () => {
    await addOrder(scene.test.db, {
      sellerId: scene.sellerId,
      name: '홍길동0420',
      amount: 10_000n,
      opensAt: at('10:30:00'),
    });
    const rowId = await scene.unknown(10_000n, '10:00:00', '홍길동0420');
    const shown = await showReview(scene.test.db, rowId);
    assert.deepEqual(shown?.candidates[0]?.why, [
      'the name agrees (입금자명 일치)',
      'the amount agrees (금액 일치)',
      'the deposit came before it (주문 전 입금)',
    ]);
  });
});
