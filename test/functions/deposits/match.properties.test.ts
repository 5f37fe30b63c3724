import assert from 'node:assert/strict';
import fc from 'fast-check';

import { normaliseDepositorText, stripBankPrefix } from '../../../functions/deposits/depositor-text.ts';
import {
  matchPage,
  reconsider,
  REVIEW_REASONS,
  type CandidateOrder,
  type MatchableDeposit,
  type OpenReview,
} from '../../../functions/deposits/match.ts';
import { won } from '../../../functions/shared/money.ts';

// Few names, amounts and times, so that deposits and orders meet in every way that the rule distinguishes.
const NAMES = ['홍길동0420', '홍길동1357', '홍길0042', '국민수', '수', '김철수2468', 'KIM0420'] as const;
const TEXTS = [
  ...NAMES,
  '국민홍길동0420',
  '홍길동０４２０',
  '홍길동',
  '홍길돈0420',
  '홍길동04',
  '김철수',
  '-',
  '월세',
] as const;
const AMOUNTS = [1_000n, 2_000n, 3_000n, 5_000n] as const;

const minutes = (count: number) => new Date(Date.UTC(2026, 2, 2) + count * 60_000);
const amount = fc.constantFrom(...AMOUNTS).map(won);

const order = fc.record<Omit<CandidateOrder, 'orderId'>>({
  depositorName: fc.constantFrom(...NAMES),
  recipientName: fc.constantFrom('홍길동', '김철수', '수', '-'),
  amount,
  state: fc.constantFrom(
    'awaiting_deposit',
    'awaiting_deposit',
    'awaiting_deposit',
    'paid',
    'expired',
    'cancelled',
  ),
  opensAt: fc.nat(20).map(minutes),
  expiresAt: fc.option(fc.integer({ min: 15, max: 40 }).map(minutes), { nil: undefined }),
});
const deposit = fc.record<Omit<MatchableDeposit, 'rowId'>>({
  occurredAt: fc.nat(40).map(minutes),
  amount,
  text: fc.constantFrom(...TEXTS),
  possibleDuplicate: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
});

const orders = fc
  .array(fc.tuple(order, fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true))), {
    maxLength: 12,
  })
  .map((list): CandidateOrder[] =>
    list.map(([one, partly], at) => ({
      ...one,
      orderId: BigInt(at),
      ...(partly && one.state !== 'paid' ? { partlyPaid: true } : {}),
    })),
  );
const inTimesOrder = <Row extends { occurredAt: Date }>(rows: Row[]) =>
  rows.toSorted((a, b) => a.occurredAt.getTime() - b.occurredAt.getTime());
const deposits = fc
  .array(deposit, { maxLength: 12 })
  .map((list): MatchableDeposit[] => inTimesOrder(list).map((one, at) => ({ ...one, rowId: BigInt(at) })));
const openReviews = fc
  .array(fc.tuple(deposit, fc.constantFrom(...REVIEW_REASONS)), { maxLength: 8 })
  .map((list): OpenReview[] =>
    inTimesOrder(list.map(([one, reason]) => ({ ...one, reason }))).map((one, at) => ({
      ...one,
      rowId: BigInt(1_000 + at),
    })),
  );
const page = fc.record({ deposits, orders, openReviews });

function namesOf(text: string): readonly string[] {
  const raw = normaliseDepositorText(text);
  return [raw, ...stripBankPrefix(raw)];
}

/** The window once more, in its own words: from a minute before it begins to a minute after it ends. */
function isOpenAt(one: CandidateOrder, at: Date): boolean {
  const ms = at.getTime();
  return ms >= one.opensAt.getTime() - 60_000 && ms <= (one.expiresAt?.getTime() ?? Infinity) + 60_000;
}

const RUNS = { numRuns: 1_500 };

describe('matching, whatever the page', () => {
  it('decides each deposit once, in their order', () => {
    fc.assert(
      fc.property(page, (given) => {
        const { decisions } = matchPage(given);
        assert.deepEqual(
          decisions.map((one) => one.rowId),
          given.deposits.map((one) => one.rowId),
        );
      }),
      RUNS,
    );
  });

  it('matches only an exact name and amount, of the only live order that has them', () => {
    fc.assert(
      fc.property(page, (given) => {
        const paid = new Set<bigint>();
        matchPage(given).decisions.forEach((decision, at) => {
          const one = given.deposits[at]!;
          const fitting = given.orders.filter(
            (candidate) =>
              candidate.state === 'awaiting_deposit' &&
              candidate.partlyPaid !== true &&
              !paid.has(candidate.orderId) &&
              candidate.amount === one.amount &&
              namesOf(one.text).includes(candidate.depositorName) &&
              isOpenAt(candidate, one.occurredAt),
          );
          const matched = decision.outcome === 'matched' ? [decision.orderId] : [];
          const expected = fitting.length === 1 && !one.possibleDuplicate ? [fitting[0]!.orderId] : [];
          assert.deepEqual(matched, expected);
          for (const orderId of matched) paid.add(orderId);
        });
      }),
      RUNS,
    );
  });

  it('matches no order twice', () => {
    fc.assert(
      fc.property(page, (given) => {
        const matched = matchPage(given).decisions.flatMap((one) =>
          one.outcome === 'matched' ? [one.orderId] : [],
        );
        assert.equal(new Set(matched).size, matched.length);
      }),
      RUNS,
    );
  });

  it('does not depend on the order of the orders', () => {
    const shuffled = page.chain((given) =>
      fc.tuple(fc.constant(given), fc.shuffledSubarray(given.orders, { minLength: given.orders.length })),
    );
    fc.assert(
      fc.property(shuffled, ([given, permuted]) => {
        assert.deepEqual(matchPage({ ...given, orders: permuted }), matchPage(given));
        assert.deepEqual(reconsider({ ...given, orders: permuted }), reconsider(given));
      }),
      RUNS,
    );
  });

  it('offers at most five candidates, each once, each an order of the page', () => {
    fc.assert(
      fc.property(page, (given) => {
        const { decisions, reconsidered } = matchPage(given);
        for (const one of [...decisions, ...reconsidered, ...reconsider(given)]) {
          const candidates = 'candidates' in one ? one.candidates : [];
          assert.ok(candidates.length <= 5);
          assert.equal(new Set(candidates).size, candidates.length);
          assert.ok(
            candidates.every((orderId) => given.orders.some((candidate) => candidate.orderId === orderId)),
          );
        }
      }),
      RUNS,
    );
  });

  it('never makes a match of a review', () => {
    fc.assert(
      fc.property(page, (given) => {
        const { reconsidered } = matchPage(given);
        const reviews = new Set(given.openReviews.map((one) => one.rowId));
        assert.ok(reconsidered.every((one) => one.reason === 'split' && reviews.has(one.rowId)));

        const again = reconsider(given);
        const judged = given.openReviews.filter((one) => one.reason !== 'unprocessable');
        assert.deepEqual(
          again.map((one) => one.rowId),
          judged.map((one) => one.rowId),
        );
        assert.ok(again.every((one) => !('orderId' in one) && REVIEW_REASONS.includes(one.reason)));
      }),
      RUNS,
    );
  });

  it('calls a payment a split only where parts of it, this one included, are exactly the order', () => {
    fc.assert(
      fc.property(page, (given) => {
        const { decisions, reconsidered } = matchPage(given);
        const rows = new Map([...given.deposits, ...given.openReviews].map((one) => [one.rowId, one]));
        const splits = [...decisions, ...reconsidered].filter(
          (one) => 'reason' in one && one.reason === 'split',
        );
        const inSplit = new Set([
          ...splits.map((one) => one.rowId),
          ...given.openReviews.filter((one) => one.reason === 'split').map((one) => one.rowId),
        ]);
        for (const split of splits) {
          const best = given.orders.find(
            (one) => 'candidates' in split && one.orderId === split.candidates[0],
          )!;
          const others = [...inSplit].filter((rowId) => {
            const text = rows.get(rowId)!.text;
            return rowId !== split.rowId && namesOf(text).includes(best.depositorName);
          });
          const missing = best.amount - rows.get(split.rowId)!.amount;
          assert.ok(
            sumsOf(
              others.map((rowId) => rows.get(rowId)!.amount),
              4,
            ).has(missing),
          );
        }
      }),
      RUNS,
    );
  });
});

/** Every sum of at most `most` of the amounts. */
function sumsOf(amounts: readonly bigint[], most: number): ReadonlySet<bigint> {
  let sums: { total: bigint; parts: number }[] = [{ total: 0n, parts: 0 }];
  for (const one of amounts) {
    sums = [
      ...sums,
      ...sums
        .filter(({ parts }) => parts < most)
        .map(({ total, parts }) => ({ total: total + one, parts: parts + 1 })),
    ];
  }
  return new Set(sums.map(({ total }) => total));
}
