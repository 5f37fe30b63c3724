import assert from 'node:assert/strict';

import {
  lookupKeys,
  matchPage,
  reconsider,
  type CandidateOrder,
  type MatchableDeposit,
  type OpenReview,
  type ReviewReason,
} from '../../../functions/deposits/match.ts';
import { won } from '../../../functions/shared/money.ts';

const DAY_MS = 86_400_000;
const OPENS = Date.parse('2026-03-02T09:00:00+09:00');
const EXPIRES = OPENS + DAY_MS;

/** An instant, in milliseconds after the orders open. */
const at = (ms: number) => new Date(OPENS + ms);

/** The order of these examples: 홍길동0420, 10,000 won, open for a day. */
function order(
  orderId: bigint,
  change: Partial<Omit<CandidateOrder, 'amount'>> & { amount?: bigint } = {},
): CandidateOrder {
  return {
    orderId,
    depositorName: '홍길동0420',
    recipientName: '홍길동',
    state: 'awaiting_deposit',
    opensAt: new Date(OPENS),
    expiresAt: new Date(EXPIRES),
    ...change,
    amount: won(change.amount ?? 10_000n),
  };
}

/** The deposit that fits it, an hour after it opened. */
function deposit(
  rowId: bigint,
  change: Partial<Omit<MatchableDeposit, 'amount'>> & { amount?: bigint } = {},
): MatchableDeposit {
  return {
    rowId,
    occurredAt: at(3_600_000),
    text: '홍길동0420',
    possibleDuplicate: false,
    ...change,
    amount: won(change.amount ?? 10_000n),
  };
}

const review = (reason: ReviewReason, of: MatchableDeposit): OpenReview => ({ ...of, reason });

/** What becomes of a page, in short: `matched 1`, or `reason: candidates`, one for each deposit. */
function outcomes(
  deposits: readonly MatchableDeposit[],
  orders: readonly CandidateOrder[],
  openReviews: readonly OpenReview[] = [],
): readonly string[] {
  return matchPage({ deposits, orders, openReviews }).decisions.map((decision) =>
    decision.outcome === 'matched'
      ? `matched ${decision.orderId}`
      : `${decision.reason}: ${decision.candidates.join(' ')}`.trimEnd(),
  );
}

const outcome = (one: MatchableDeposit, orders: readonly CandidateOrder[]) => outcomes([one], orders)[0];

describe('matching', () => {
  describe('an exact name and an exact amount', () => {
    it('match', () =>
      assert.equal(
        outcome(deposit(1n), [order(1n), order(2n, { depositorName: '김철수1234' })]),
        'matched 1',
      ));

    for (const text of ['홍길동０４２０', ' 홍 길 동 0420', '홍길동-0420', '홍길동0420'.normalize('NFD')]) {
      it(`match however the bank shows them: ${text}`, () =>
        assert.equal(outcome(deposit(1n, { text }), [order(1n)]), 'matched 1'));
    }

    for (const text of ['국민홍길동0420', 'KB홍길동0420', '카카오뱅크 홍길동0420', '우리은행홍길동0420']) {
      it(`match behind the sending bank's name: ${text}`, () =>
        assert.equal(outcome(deposit(1n, { text }), [order(1n)]), 'matched 1'));
    }

    it('match without a deadline at any later time', () =>
      assert.equal(
        outcome(deposit(1n, { occurredAt: at(400 * DAY_MS) }), [order(1n, { expiresAt: undefined })]),
        'matched 1',
      ));

    it('match among orders of the same name with other amounts', () =>
      assert.equal(
        outcome(deposit(1n), [order(1n, { amount: 9_000n }), order(2n), order(3n, { amount: 11_000n })]),
        'matched 2',
      ));

    it('do not match an order that a person has allocated a part to: its last part is a split', () => {
      const partly = order(1n, { partlyPaid: true });
      assert.equal(outcome(deposit(1n), [partly]), 'split: 1');
      assert.equal(outcome(deposit(1n, { amount: 10_001n }), [partly]), 'amount_over: 1');
      assert.equal(outcome(deposit(1n, { amount: 9_999n }), [partly]), 'amount_under: 1');
      assert.equal(outcome(deposit(1n), [partly, order(2n)]), 'matched 2');
      assert.equal(outcome(deposit(1n), [{ ...partly, state: 'cancelled' }]), 'order_cancelled: 1');
    });

    it('match beside a closed order of the same name and amount', () =>
      assert.equal(
        outcome(deposit(1n), [order(1n, { state: 'cancelled' }), order(2n), order(3n, { state: 'paid' })]),
        'matched 2',
      ));

    it('match an order once that is given twice', () =>
      assert.equal(outcome(deposit(1n), [order(1n), order(1n)]), 'matched 1'));

    it('pay the order for the later deposits of the page', () =>
      assert.deepEqual(outcomes([deposit(1n), deposit(2n), deposit(3n, { amount: 9_000n })], [order(1n)]), [
        'matched 1',
        'duplicate_payment: 1',
        'duplicate_payment: 1',
      ]));

    it("leave the caller's orders as they are", () => {
      const given = Object.freeze(order(1n));
      assert.equal(outcome(deposit(1n), [given]), 'matched 1');
      assert.equal(given.state, 'awaiting_deposit');
    });
  });

  describe('the window', () => {
    const edges: readonly (readonly [string, number, string])[] = [
      ['61 s before it begins is too early', -61_000, 'paid_before_order: 1'],
      ['60 s before it begins is inside', -60_000, 'matched 1'],
      ['the second in which it begins is inside', 0, 'matched 1'],
      ['the second in which it ends is inside', DAY_MS, 'matched 1'],
      ['60 s after it ends is inside', DAY_MS + 60_000, 'matched 1'],
      ['61 s after it ends is too late', DAY_MS + 61_000, 'order_expired: 1'],
    ];
    for (const [what, ms, expected] of edges) {
      it(what, () => assert.equal(outcome(deposit(1n, { occurredAt: at(ms) }), [order(1n)]), expected));
    }

    it('is compared in whole seconds', () => {
      const late = order(1n, { opensAt: at(999), expiresAt: at(DAY_MS + 1) });
      assert.equal(outcome(deposit(1n, { occurredAt: at(-60_000) }), [late]), 'matched 1');
      assert.equal(outcome(deposit(1n, { occurredAt: at(DAY_MS + 60_000) }), [late]), 'matched 1');
      assert.equal(outcome(deposit(1n, { occurredAt: at(DAY_MS + 60_999) }), [late]), 'matched 1');
      assert.equal(outcome(deposit(1n, { occurredAt: at(DAY_MS + 61_000) }), [late]), 'order_expired: 1');
    });
  });

  describe('a review for', () => {
    const closed = (state: CandidateOrder['state']) => [order(1n, { state })];
    const reasons: readonly (readonly [string, MatchableDeposit, readonly CandidateOrder[], string])[] = [
      [
        'a possible duplicate',
        deposit(1n, { possibleDuplicate: true }),
        [order(1n)],
        'possible_duplicate: 1',
      ],
      [
        'a possible duplicate of another amount',
        deposit(1n, { possibleDuplicate: true, amount: 1n }),
        [order(1n)],
        'possible_duplicate: 1',
      ],
      [
        'a possible duplicate of an unknown name',
        deposit(1n, { possibleDuplicate: true, text: '홍길동' }),
        [order(1n)],
        'possible_duplicate: 1',
      ],
      ['two orders that fit', deposit(1n), [order(2n), order(1n)], 'ambiguous: 1 2'],
      ['an order that is paid', deposit(1n), closed('paid'), 'duplicate_payment: 1'],
      ['an order that is cancelled', deposit(1n), closed('cancelled'), 'order_cancelled: 1'],
      ['an order that is expired', deposit(1n), closed('expired'), 'order_expired: 1'],
      [
        'a paid order and another amount',
        deposit(1n, { amount: 9n }),
        closed('paid'),
        'duplicate_payment: 1',
      ],
      ['too little', deposit(1n, { amount: 9_999n }), [order(1n)], 'amount_under: 1'],
      ['too much', deposit(1n, { amount: 10_001n }), [order(1n)], 'amount_over: 1'],
      ['a wrong digit', deposit(1n, { text: '홍길동0421' }), [order(1n)], 'number_mistyped: 1'],
      ['digits cut off', deposit(1n, { text: '국민홍길동04' }), [order(1n)], 'number_mistyped: 1'],
      ['no digits', deposit(1n, { text: '홍길동' }), [order(1n)], 'number_missing: 1'],
      [
        "no digits behind the bank's name",
        deposit(1n, { text: '농협홍길동' }),
        [order(1n)],
        'number_missing: 1',
      ],
      ['an unknown name', deposit(1n, { text: '월세' }), [order(1n, { amount: 9n })], 'name_unknown:'],
      [
        'a name that only contains the right one',
        deposit(1n, { text: '홍길동04200' }),
        [order(1n)],
        'number_mistyped: 1',
      ],
      ['no text', deposit(1n, { text: '-' }), [order(1n)], 'name_unknown: 1'],
      ['no order at all', deposit(1n), [], 'name_unknown:'],
    ];
    for (const [what, one, orders, expected] of reasons) {
      it(`${what} has its reason`, () => assert.equal(outcome(one, orders), expected));
    }

    const full = { depositorName: '남궁민0420', recipientName: '남궁민수' };
    it('the full name with another number is a mistyped number', () =>
      assert.equal(outcome(deposit(1n, { text: '남궁민수0421' }), [order(1n, full)]), 'number_mistyped: 1'));
    it('the full name without a number is a missing number', () =>
      assert.equal(outcome(deposit(1n, { text: '남궁민수' }), [order(1n, full)]), 'number_missing: 1'));
    it('the full name with the right number is an unknown name, of that order before all others', () =>
      assert.equal(
        outcome(deposit(1n, { text: '남궁민수0420' }), [
          order(3n, { depositorName: '남궁민1357', recipientName: '남궁민수' }),
          order(2n, { depositorName: '남궁만9999' }),
          order(1n, { ...full, amount: 50_000n }),
        ]),
        'name_unknown: 1 3 2',
      ));
    it('a slip in the letters with the right number is an unknown name, of that order first', () =>
      assert.equal(
        outcome(deposit(1n, { text: '홍길돈0420' }), [
          order(1n, { depositorName: '홍길순9999', recipientName: '홍길순' }),
          order(2n, { amount: 7_000n }),
        ]),
        'name_unknown: 2 1',
      ));
    it('a mistyped number brings no stranger of the same amount', () =>
      assert.equal(
        outcome(deposit(1n, { text: '홍길동0421' }), [
          order(1n),
          order(2n, { depositorName: '김철수1234', recipientName: '김철수' }),
        ]),
        'number_mistyped: 1',
      ));
    it('a possible duplicate that names an order brings no other', () =>
      assert.equal(
        outcome(deposit(1n, { possibleDuplicate: true }), [
          order(1n),
          order(2n, { depositorName: '홍길동1357' }),
        ]),
        'possible_duplicate: 1',
      ));
    it('the letters of an imported name without its number are a missing number', () =>
      assert.equal(
        outcome(deposit(1n, { text: '길동상회' }), [order(1n, { depositorName: '길동상회77' })]),
        'number_missing: 1',
      ));
    it('two slips in the letters are no connection, whatever the number', () =>
      assert.equal(
        outcome(deposit(1n, { text: '홍수돈0420' }), [order(1n, { amount: 7_000n })]),
        'name_unknown:',
      ));
    it('a short number is no connection by itself', () =>
      assert.equal(
        outcome(deposit(1n, { text: '홍길돈042' }), [
          order(1n, { depositorName: '홍길동042', amount: 7_000n }),
        ]),
        'name_unknown:',
      ));
    it('letters that nobody has do not connect orders without letters', () =>
      assert.equal(
        outcome(deposit(1n, { text: '1234567' }), [
          order(1n, { depositorName: '7654321', recipientName: '!', amount: 9n }),
        ]),
        'name_unknown:',
      ));
    it('digits where the order has none are a mistyped number', () =>
      assert.equal(outcome(deposit(1n), [order(1n, { depositorName: '홍길동' })]), 'number_mistyped: 1'));
    it('a recipient typed for an imported name without digits is an unknown name', () =>
      assert.equal(
        outcome(deposit(1n, { text: '홍길동' }), [order(1n, { depositorName: '길동상회' })]),
        'name_unknown: 1',
      ));
  });

  describe('where imported names repeat', () => {
    it('the raw text and the text without the bank both fitting is ambiguous', () =>
      assert.equal(
        outcome(deposit(1n, { text: '국민수' }), [
          order(1n, { depositorName: '국민수' }),
          order(2n, { depositorName: '수' }),
        ]),
        'ambiguous: 1 2',
      ));
    it('only one of the two readings fitting is a match', () =>
      assert.equal(
        outcome(deposit(1n, { text: '국민수' }), [
          order(1n, { depositorName: '국민수', amount: 9n }),
          order(2n, { depositorName: '수' }),
        ]),
        'matched 2',
      ));
    it('the state of the order of the exact amount is the reason, beside a live one of another amount', () =>
      assert.equal(
        outcome(deposit(1n), [order(1n, { amount: 9_000n }), order(2n, { state: 'cancelled' })]),
        'order_cancelled: 2 1',
      ));
    it('the amount of the live order is the reason, beside closed ones of other amounts', () =>
      assert.equal(
        outcome(deposit(1n, { amount: 9_000n }), [
          order(1n, { state: 'cancelled', amount: 9_001n }),
          order(2n, { state: 'paid', amount: 8_000n }),
          order(3n),
        ]),
        'amount_under: 3 1 2',
      ));
    it('the state of an order of another amount does not hide that of the exact one', () =>
      assert.equal(
        outcome(deposit(1n), [
          order(1n, { amount: 9_000n, state: 'paid' }),
          order(2n, { state: 'cancelled' }),
        ]),
        'order_cancelled: 2 1',
      ));
    it('closed orders have the first reason in precedence', () => {
      const states = [
        order(4n, { state: 'paid' }),
        order(3n, { state: 'cancelled' }),
        order(2n, { state: 'expired' }),
        order(1n, { opensAt: at(DAY_MS) }),
      ];
      const found = states.map((_one, from) => outcome(deposit(1n), states.slice(from))?.split(':')[0]);
      assert.deepEqual(found, ['duplicate_payment', 'order_cancelled', 'order_expired', 'paid_before_order']);
      const otherAmounts = states.map(
        (_one, from) => outcome(deposit(1n, { amount: 1n }), states.slice(from))?.split(':')[0],
      );
      assert.deepEqual(otherAmounts, found);
    });
    it('too little or too much is measured by the nearest order, too little first', () => {
      const orders = [order(1n, { amount: 5_000n }), order(2n, { amount: 20_000n })];
      assert.equal(outcome(deposit(1n, { amount: 6_000n }), orders), 'amount_over: 1 2');
      assert.equal(outcome(deposit(1n, { amount: 19_000n }), orders), 'amount_under: 2 1');
      assert.equal(outcome(deposit(1n, { amount: 12_500n }), orders), 'amount_under: 2 1');
    });
  });

  describe('one order in several transfers', () => {
    const part = (rowId: bigint, amount: bigint, ms = 0) => deposit(rowId, { amount, occurredAt: at(ms) });

    it('is a split of all parts once they add up', () =>
      assert.deepEqual(outcomes([part(1n, 3_000n), part(2n, 2_000n), part(3n, 5_000n)], [order(1n)]), [
        'split: 1',
        'split: 1',
        'split: 1',
      ]));

    it('stays too little while they do not', () =>
      assert.deepEqual(outcomes([part(1n, 3_000n), part(2n, 2_000n)], [order(1n)]), [
        'amount_under: 1',
        'amount_under: 1',
      ]));

    it('leaves parts alone that the sum does not need', () =>
      assert.deepEqual(outcomes([part(1n, 1_000n), part(2n, 4_000n), part(3n, 6_000n)], [order(1n)]), [
        'amount_under: 1',
        'split: 1',
        'split: 1',
      ]));

    it('goes through five parts, not six', () => {
      const five = [1n, 2n, 3n, 4n, 5n].map((rowId) => part(rowId, 2_000n));
      assert.deepEqual(new Set(outcomes(five, [order(1n)])), new Set(['split: 1']));
      const six = [1n, 2n, 3n, 4n, 5n, 6n].map((rowId) => part(rowId, 2_000n));
      assert.deepEqual(
        new Set(outcomes(six, [order(1n, { amount: 12_000n })])),
        new Set(['amount_under: 1']),
      );
    });

    it('counts what is in review already, and reconsiders it', () => {
      const page = matchPage({
        deposits: [part(9n, 7_000n, 1_000)],
        orders: [order(1n)],
        openReviews: [
          review('amount_under', part(1n, 3_000n)),
          review('amount_under', part(2n, 1_000n)),
          review('amount_over', part(3n, 3_000n, 999)),
          review('possible_duplicate', part(4n, 3_000n, 1_000)),
          review('amount_under', deposit(5n, { amount: 3_000n, text: '김철수1234', occurredAt: at(1_000) })),
          review('amount_under', part(6n, 3_000n, -61_000)),
        ],
      });
      assert.deepEqual(page.decisions, [
        { rowId: 9n, outcome: 'in_review', reason: 'split', candidates: [1n] },
      ]);
      assert.deepEqual(page.reconsidered, [{ rowId: 1n, reason: 'split', candidates: [1n] }]);
    });

    it('takes the parts nearest in time, the earlier row of two at one time', () => {
      const found = outcomes(
        [part(1n, 3_000n, 0), part(2n, 3_000n, 5_000), part(3n, 3_000n, 5_000), part(4n, 7_000n, 6_000)],
        [order(1n)],
      );
      assert.deepEqual(found, ['amount_under: 1', 'split: 1', 'amount_under: 1', 'split: 1']);
    });

    it('does not count a part from outside the window', () => {
      const early = review('amount_under', part(1n, 3_000n, -61_000));
      assert.deepEqual(outcomes([part(2n, 7_000n)], [order(1n)], [early]), ['amount_under: 1']);
    });

    it('counts a part of an earlier split', () => {
      const earlier = review('split', part(1n, 3_000n));
      assert.deepEqual(outcomes([part(2n, 7_000n)], [order(1n)], [earlier]), ['split: 1']);
    });

    it('is a split of the order that adds up, before a nearer one of the same name', () => {
      const orders = [order(1n, { amount: 8_000n }), order(2n)];
      assert.deepEqual(outcomes([part(1n, 3_000n)], orders), ['amount_under: 1 2']);
      assert.deepEqual(outcomes([part(1n, 3_000n), part(2n, 7_000n)], orders), ['split: 2 1', 'split: 2 1']);
    });

    it('is too little as long as the parts are of a closed order', () =>
      assert.deepEqual(outcomes([part(1n, 3_000n), part(2n, 7_000n)], [order(1n, { state: 'cancelled' })]), [
        'order_cancelled: 1',
        'order_cancelled: 1',
      ]));

    it('does not count a possible duplicate as a part', () =>
      assert.deepEqual(
        outcomes([{ ...part(1n, 3_000n), possibleDuplicate: true }, part(2n, 7_000n)], [order(1n)]),
        ['possible_duplicate: 1', 'amount_under: 1'],
      ));

    it("reads the parts' texts with and without the bank's name", () =>
      assert.deepEqual(
        outcomes([{ ...part(1n, 3_000n), text: '국민홍길동0420' }, part(2n, 7_000n)], [order(1n)]),
        ['split: 1', 'split: 1'],
      ));
  });

  describe('several orders in one transfer', () => {
    const other = (orderId: bigint, amount: bigint, change: Partial<Omit<CandidateOrder, 'amount'>> = {}) =>
      order(orderId, { depositorName: `홍길동${orderId}`, recipientName: '홍 길동', amount, ...change });
    const sum = (amount: bigint) => deposit(1n, { amount });

    it('are combined, the named one first', () =>
      assert.equal(outcome(sum(13_000n), [other(1n, 3_000n), order(2n)]), 'combined: 2 1'));

    it('are as few as possible', () =>
      assert.equal(
        outcome(sum(13_000n), [other(1n, 1_000n), other(2n, 2_000n), other(3n, 3_000n), order(4n)]),
        'combined: 4 3',
      ));

    it('are at most five', () => {
      const others = [1n, 2n, 3n, 4n, 5n].map((orderId) => other(orderId, 1_000n));
      assert.equal(outcome(sum(14_000n), [...others, order(9n)]), 'combined: 9 1 2 3 4');
      assert.equal(outcome(sum(15_000n), [...others, order(9n)]), 'amount_over: 9');
    });

    it('are those that opened nearest to the named one', () =>
      assert.equal(
        outcome(sum(13_000n), [other(1n, 3_000n, { opensAt: at(60_000) }), order(2n), other(3n, 3_000n)]),
        'combined: 2 3',
      ));

    it('are of whichever named order they add up with', () =>
      assert.equal(
        outcome(sum(13_000n), [
          order(1n, { recipientName: '김철수' }),
          order(2n, { amount: 9_000n }),
          other(3n, 4_000n),
        ]),
        'combined: 2 3',
      ));

    it('share a depositor name where recipients differ', () =>
      assert.equal(
        outcome(sum(13_000n), [order(1n, { amount: 3_000n, recipientName: '김철수' }), order(2n)]),
        'combined: 2 1',
      ));

    it('are all live, and of one recipient or name', () => {
      for (const change of [
        { state: 'paid' },
        { state: 'cancelled' },
        { opensAt: at(DAY_MS) },
        { recipientName: '김철수' },
      ] as const) {
        assert.equal(outcome(sum(13_000n), [other(1n, 3_000n, change), order(2n)]), 'amount_over: 2');
      }
    });

    it('do not share the lack of a name', () =>
      assert.equal(
        outcome(sum(13_000n), [other(1n, 3_000n, { recipientName: '-' }), order(2n, { recipientName: '*' })]),
        'amount_over: 2',
      ));
  });

  describe('candidates', () => {
    it('are five at most', () => {
      const orders = [1n, 2n, 3n, 4n, 5n, 6n, 7n].map((orderId) => order(orderId));
      assert.equal(outcome(deposit(1n), orders), 'ambiguous: 1 2 3 4 5');
    });

    it('come by exact amount, then live, then nearest amount, then fewest slips, then id', () =>
      assert.equal(
        outcome(deposit(1n, { text: '홍길동0421' }), [
          order(7n, { amount: 9_000n, state: 'expired' }),
          order(6n, { amount: 8_000n }),
          order(3n, { amount: 9_000n, depositorName: '홍길동9876' }),
          order(4n, { amount: 9_000n }),
          order(5n, { amount: 9_000n }),
          order(2n, { state: 'cancelled' }),
          order(1n),
        ]),
        'number_mistyped: 1 2 4 5 3',
      ));

    it('of an unknown name are looked for around the time of the deposit', () => {
      const strangers = Array.from({ length: 500 }, (_, minute) =>
        order(BigInt(minute), {
          depositorName: `박문수${minute}`,
          recipientName: '박문수',
          opensAt: at(minute * 60_000),
        }),
      );
      const meant = order(900n, {
        depositorName: '이순신1234',
        recipientName: '이순신',
        opensAt: at(299 * 60_000),
      });
      const one = deposit(1n, { text: '이순시', occurredAt: at(300 * 60_000) });
      assert.match(outcome(one, [...strangers, meant]) ?? '', /^name_unknown: 900 /);
    });

    it('of an unknown name have the exact amount, live ones first, then the most similar', () =>
      assert.equal(
        outcome(deposit(1n, { text: '이순신' }), [
          order(1n, { depositorName: '이순진1234', recipientName: '이순진', state: 'cancelled' }),
          order(2n, { depositorName: '박문수1234', recipientName: '박문수' }),
          order(3n, { depositorName: '이순자1234', recipientName: '이순자' }),
          order(4n, { depositorName: '이승신1234', recipientName: '이승신', amount: 9_999n }),
        ]),
        'name_unknown: 3 2 1',
      ));
  });

  describe('reconsidering', () => {
    const again = (openReviews: readonly OpenReview[], orders: readonly CandidateOrder[]) =>
      reconsider({ openReviews, orders }).map(({ rowId, reason, candidates }) =>
        `${rowId} ${reason}: ${candidates.join(' ')}`.trimEnd(),
      );

    it('makes an unknown name a payment before its order', () =>
      assert.deepEqual(again([review('name_unknown', deposit(1n))], [order(1n, { opensAt: at(DAY_MS) })]), [
        '1 paid_before_order: 1',
      ]));

    it('makes two amounts that are too small a split', () =>
      assert.deepEqual(
        again(
          [
            review('amount_under', deposit(1n, { amount: 4_000n })),
            review('name_unknown', deposit(2n, { amount: 6_000n })),
          ],
          [order(1n)],
        ),
        ['1 split: 1', '2 split: 1'],
      ));

    it('makes a split too little again when its other part is gone', () =>
      assert.deepEqual(again([review('split', deposit(1n, { amount: 4_000n }))], [order(1n)]), [
        '1 amount_under: 1',
      ]));

    it('never makes a match: the review keeps its reason and shows the order', () =>
      assert.deepEqual(
        again([review('name_unknown', deposit(1n)), review('duplicate_payment', deposit(2n))], [order(1n)]),
        ['1 name_unknown: 1', '2 duplicate_payment: 1'],
      ));

    it('leaves out what the rule could not process', () =>
      assert.deepEqual(again([review('unprocessable', deposit(1n))], [order(1n)]), []));
  });

  describe('lookup keys', () => {
    it('are every reading and its letters, normalised', () =>
      assert.deepEqual(lookupKeys('국민 홍길동-０４２０'), {
        names: ['국민홍길동0420', '홍길동0420'],
        letters: ['국민홍길동', '홍길동'],
      }));
    it('hold no empty text', () => {
      assert.deepEqual(lookupKeys('-'), { names: [], letters: [] });
      assert.deepEqual(lookupKeys('국민 0420'), { names: ['국민0420', '0420'], letters: ['국민'] });
    });
  });
});
