import assert from 'node:assert/strict';
import {
  classifyRow,
  referenceIn,
  type ClassificationRule,
  type KnownAttempt,
  type ReversibleDeposit,
  type UnbookedRow,
} from '../../../functions/deposits/classify.ts';
import { won } from '../../../functions/shared/money.ts';
import { ACCOUNT, at } from '../../support/statement-scene.ts';

const REFERENCE = 'ST000000001';

const row = (change: Partial<Omit<UnbookedRow, 'amount'>> & { amount?: bigint } = {}): UnbookedRow => ({
  rowId: 1n,
  account: ACCOUNT,
  occurredAt: at('10:00:00'),
  direction: 'out',
  balanceAfter: 0n,
  text: REFERENCE,
  kind: '',
  possibleDuplicate: false,
  ...change,
  amount: won(change.amount ?? 9900n),
});

const attempt = (change: Partial<KnownAttempt> = {}): KnownAttempt => ({
  attemptId: 7n,
  transferId: 70n,
  reference: REFERENCE,
  account: ACCOUNT,
  amount: won(9900n),
  succeeded: true,
  withdrawn: false,
  returned: false,
  ...change,
});

const rule = (change: Partial<ClassificationRule> = {}): ClassificationRule => ({
  account: ACCOUNT,
  direction: 'in',
  textEquals: null,
  kindEquals: '이자',
  ledgerAccount: 'interest',
  ...change,
});

const deposited = (change: Partial<ReversibleDeposit> = {}): ReversibleDeposit => ({
  rowId: 3n,
  account: ACCOUNT,
  amount: won(5000n),
  text: '홍길동0420',
  occurredAt: at('09:00:00'),
  ...change,
});

/** The class, with what it points to. */
function classOf(
  one: UnbookedRow,
  known: { attempt?: KnownAttempt; rules?: ClassificationRule[]; reversible?: ReversibleDeposit[] } = {},
): string {
  const attempts = new Map(known.attempt ? [[known.attempt.reference, known.attempt]] : []);
  const found = classifyRow(one, attempts, known.rules ?? [], known.reversible ?? []);
  switch (found.class) {
    case 'return':
    case 'withdrawal':
      return `${found.class} ${found.attempt.attemptId}`;
    case 'classified':
      return `classified ${found.ledgerAccount}`;
    case 'reversal':
      return `reversal ${found.depositRowId}`;
    default:
      return found.class;
  }
}

describe('the class of a row', () => {
  describe('that came in', () => {
    it('is a return with our reference and the exact amount', () => {
      assert.equal(classOf(row({ direction: 'in' }), { attempt: attempt() }), 'return 7');
    });

    it('is a return, too, before the transfer is known to have succeeded', () => {
      const open = attempt({ succeeded: false });
      assert.equal(classOf(row({ direction: 'in' }), { attempt: open }), 'return 7');
    });

    it('is a deposit without our reference, with another amount, or when the transfer came back before', () => {
      assert.equal(classOf(row({ direction: 'in', text: '홍길동' }), { attempt: attempt() }), 'deposit');
      assert.equal(classOf(row({ direction: 'in', amount: 9899n }), { attempt: attempt() }), 'deposit');
      assert.equal(classOf(row({ direction: 'in' }), { attempt: attempt({ returned: true }) }), 'deposit');
    });

    it('is a deposit when it may be stored already: a return wrongly seen pays a seller again', () => {
      const doubtful = row({ direction: 'in', possibleDuplicate: true });
      assert.equal(classOf(doubtful, { attempt: attempt() }), 'deposit');
    });

    it('is what a rule says when nothing else explains it', () => {
      const interest = row({ direction: 'in', text: '이자', kind: '이자' });
      assert.equal(classOf(interest, { rules: [rule()] }), 'classified interest');
      assert.equal(classOf({ ...interest, kind: '이체' }, { rules: [rule()] }), 'deposit');
      assert.equal(
        classOf(row({ direction: 'in' }), { attempt: attempt(), rules: [rule({ kindEquals: '' })] }),
        'return 7',
      );
    });

    it('is a deposit to match otherwise', () => {
      assert.equal(classOf(row({ direction: 'in', text: '홍길동0420' })), 'deposit');
    });
  });

  describe('that went out', () => {
    it('is our withdrawal with our reference and the exact amount', () => {
      assert.equal(classOf(row(), { attempt: attempt() }), 'withdrawal 7');
      assert.equal(classOf(row(), { attempt: attempt({ succeeded: false }) }), 'withdrawal 7');
    });

    it('is unexplained with another amount, on another account, or when the transfer was seen leaving before', () => {
      assert.equal(classOf(row({ amount: 9901n }), { attempt: attempt() }), 'unexplained');
      assert.equal(classOf(row(), { attempt: attempt({ account: 'another' }) }), 'unexplained');
      assert.equal(classOf(row(), { attempt: attempt({ withdrawn: true }) }), 'unexplained');
    });

    it('is a reversal with the bank’s mark, and the account, amount and text of an earlier deposit', () => {
      const taken = { amount: 5000n, text: '홍길동0420', kind: '입금취소' };
      const known = { reversible: [deposited()] };
      assert.equal(classOf(row(taken), known), 'reversal 3');
      assert.equal(classOf(row({ ...taken, kind: ' 취소' }), known), 'reversal 3');
      const inTheSameSecond = row({ ...taken, occurredAt: deposited().occurredAt });
      assert.equal(classOf(inTheSameSecond, known), 'reversal 3');
      assert.equal(classOf(row({ ...taken, kind: '출금' }), known), 'unexplained');
      assert.equal(classOf(row({ ...taken, amount: 5001n }), known), 'unexplained');
      assert.equal(classOf(row({ ...taken, text: '김철수0420' }), known), 'unexplained');
      assert.equal(classOf(row({ ...taken, account: 'another' }), known), 'unexplained');
      assert.equal(classOf(row({ ...taken, occurredAt: at('08:59:59') }), known), 'unexplained');
      assert.equal(classOf(row({ ...taken, possibleDuplicate: true }), known), 'unexplained');
    });

    it('is what a rule says when it is none of ours', () => {
      const fees = rule({
        direction: 'out',
        kindEquals: null,
        textEquals: '이체수수료',
        ledgerAccount: 'bank_fees',
      });
      assert.equal(classOf(row({ text: '이체수수료' }), { rules: [fees] }), 'classified bank_fees');
      assert.equal(classOf(row({ text: '이체수수료 ' }), { rules: [fees] }), 'unexplained');
      assert.equal(classOf(row({ text: '이체수수료', direction: 'in' }), { rules: [fees] }), 'deposit');
      assert.equal(
        classOf(row({ text: '이체수수료', account: 'another' }), { rules: [fees] }),
        'unexplained',
      );
      const everything = rule({ direction: 'out', kindEquals: null, ledgerAccount: 'owner' });
      assert.equal(classOf(row({ text: '본사' }), { rules: [fees, everything] }), 'classified owner');
    });
  });
});

describe('a reference in a text', () => {
  for (const text of [REFERENCE, 'ＳＴ００００００００１', `st000000001`, `국민 ${REFERENCE}`]) {
    it(`is found in ${text}`, () => assert.equal(referenceIn(text), REFERENCE));
  }

  for (const text of ['', '홍길동0420', 'ST12345678', 'S T000000001']) {
    it(`is not found in "${text}"`, () => assert.equal(referenceIn(text), undefined));
  }
});
