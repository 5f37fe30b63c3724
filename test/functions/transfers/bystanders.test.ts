import assert from 'node:assert/strict';
import type { Transaction } from 'kysely';
import type { Database } from '../../../functions/database.ts';
import { insertWithdrawals } from '../../../functions/deposits/book.repository.ts';
import { SUSPENSE, bankAccount } from '../../../functions/ledger/accounts.ts';
import { insertPostings } from '../../../functions/ledger/ledger.repository.ts';
import { won } from '../../../functions/shared/money.ts';
import { claim, type Claim } from '../../../functions/transfers/claim.step.ts';
import { dispatch } from '../../../functions/transfers/dispatch.step.ts';
import {
  cancelUnsent,
  handBackUnsent,
  holdPayoutsForDebt,
  leaveUnknown,
  lockAttempt,
  postedOf,
  recordProvenEnd,
  type ProvenEnd,
} from '../../../functions/transfers/outcome.repository.ts';
import { release } from '../../../functions/transfers/release.step.ts';
import { endHalt, endPause } from '../../../functions/transfers/stops.repository.ts';
import { assertBooks } from '../../support/assert-books.ts';
import { called, changesOf } from '../../support/changes.ts';
import {
  addStatementRow,
  attemptsOf,
  cycleContext,
  endStops,
  MINUTE_MS,
  openPayoutWorld,
  PAYOUT,
  planOne,
  refundOne,
  settleContext,
  stateOf,
  stop,
  transferOf,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import { executes, isNotReached, refuses, timesOut, type SendScript } from '../../support/scripted-bank.ts';
import { proveFailure, sendAndGet, statementShows } from '../../support/unknown-transfer.ts';

const OWN = 'own';

/** What stands beside the transfer that something is done to, each before it and after it. */
const KINDS = [
  'retried',
  'doubled',
  'succeeded',
  'unproven',
  'unknown',
  'sending',
  'held',
  'queued',
] as const;
type Kind = (typeof KINDS)[number];

const DAY_MS = 24 * 60 * MINUTE_MS;

/*
 * A test with one transfer cannot tell "this one" from "all of them". Here others stand beside it, of other sellers, in every state and with all that a
 * transfer can have; and what an act has changed is named in full, in the whole database.
 */
describe('beside other transfers', () => {
  let world: PayoutWorld;
  let own: bigint;
  let refund: bigint;

  beforeEach(async () => {
    world = await openPayoutWorld();
    const bystanders: { kind: Kind; transferId: bigint }[] = [];
    const planThem = async (when: 'before' | 'after') => {
      for (const kind of KINDS)
        bystanders.push({ kind, transferId: await planOne(world, 1000n, `${kind} ${when}`) });
      await refundOne(world, 700n);
    };
    await planThem('before');
    own = await planOne(world, 5000n, OWN);
    refund = await refundOne(world, 900n);
    await planThem('after');
    for (const kind of KINDS) {
      for (const one of bystanders.filter((bystander) => bystander.kind === kind)) {
        await drive[kind](one.transferId);
        await endStops(world);
      }
    }
    await dispatch(cycleContext(world));
  });
  afterEach(async () => {
    await assertBooks(world.db);
    await world.close();
  });

  const trx = async <Result>(act: (trx: Transaction<Database>) => Promise<Result>): Promise<Result> =>
    await world.db.transaction().execute(act);

  const get = async (transferId: bigint, answer: SendScript) => {
    await dispatch(cycleContext(world));
    await sendAndGet(world, transferId, answer);
  };

  /** The row of a transfer's attempt was booked as one that its transfer cannot have. */
  const bookUnexpected = async (transferId: bigint) => {
    const { amount } = await transferOf(world, transferId);
    const attempt = (await attemptsOf(world, transferId))[0]!;
    const rowId = await addStatementRow(world, { amount });
    const row = {
      rowId,
      account: PAYOUT,
      occurredAt: world.clock.now(),
      direction: 'out',
      amount: won(amount),
    } as const;
    await trx(async (inTrx) => {
      await insertPostings(
        inTrx,
        [{ debit: SUSPENSE, credit: bankAccount(PAYOUT), amount: won(amount), kind: 'unexplained', rowId }],
        world.clock.now(),
      );
      await insertWithdrawals(
        inTrx,
        [
          {
            row: { ...row, balanceAfter: 0n, text: attempt.reference, kind: '', possibleDuplicate: false },
            state: 'unexpected',
            attemptId: attempt.attempt_id,
            ledgerAccount: SUSPENSE,
          },
        ],
        world.clock.now(),
      );
    });
  };

  /** How each bystander comes into its state. Days pass with the first two, so that they come first. */
  const drive: Record<Kind, (transferId: bigint) => Promise<unknown>> = {
    async retried(transferId) {
      await get(transferId, refuses('maintenance'));
      await endStops(world);
      await proveFailure(world);
      assert.equal((await release(cycleContext(world), true)).retried, 1);
    },
    async doubled(transferId) {
      await get(transferId, isNotReached);
      world.clock.advance(DAY_MS);
      await get(transferId, timesOut);
      assert.equal(await statementShows(world, transferId), 'halted');
      await bookUnexpected(transferId);
    },
    succeeded: (transferId) => get(transferId, executes),
    unproven: (transferId) => get(transferId, refuses('payee')),
    unknown: (transferId) => get(transferId, timesOut),
    sending: (transferId) => claimed(transferId),
    held: (transferId) =>
      world.db
        .updateTable('transfer')
        .set({ state: 'held', held_reason: 'limit' })
        .where('transfer_id', '=', transferId)
        .execute(),
    queued: () => Promise.resolve(),
  };

  const claimed = async (transferId: bigint): Promise<Claim> => {
    await dispatch(cycleContext(world));
    const outcome = await claim(settleContext(world), transferId, world.clock.now());
    if (outcome.outcome !== 'claimed') assert.fail(outcome.outcome);
    return outcome.claim;
  };

  const itemsOf = async (transferId: bigint) => {
    const items = await world.db
      .selectFrom('transfer_item')
      .select('order_id')
      .where('transfer_id', '=', transferId)
      .execute();
    return items.map((item) => item.order_id);
  };

  /** What an act has changed of all that there is; what belongs to the transfer in question is called its own. */
  const changes = async (act: () => Promise<unknown>, transferId = own): Promise<string[]> => {
    const told = await changesOf(world.test, act);
    const id = transferId.toString();
    const names = new Map([[`transfer ${id}`, 'transfer own']]);
    for (const { attempt_id, n } of await attemptsOf(world, transferId)) {
      names.set(`transfer_attempt ${attempt_id.toString()}`, `transfer_attempt own ${n}`);
      const rows = await world.db
        .selectFrom('withdrawal')
        .select('row_id')
        .where('attempt_id', '=', attempt_id)
        .execute();
      for (const { row_id } of rows) names.set(`withdrawal ${row_id.toString()}`, 'withdrawal own');
    }
    for (const orderId of await itemsOf(transferId))
      names.set(`transfer_item ${id} ${orderId.toString()}`, 'transfer_item own');
    const { deposit_row_id } = await transferOf(world, transferId);
    if (deposit_row_id !== null) names.set(`deposit ${deposit_row_id.toString()}`, 'deposit own');
    return called(told, names);
  };

  const end = (one: Pick<Claim, 'posted' | 'token'>, proven: ProvenEnd) =>
    trx((inTrx) => recordProvenEnd(inTrx, one.posted, one.token, proven, world.clock.now()));

  /** The claim under which a transfer was sent last. */
  const claimOf = async (transferId: bigint): Promise<Pick<Claim, 'posted' | 'token'>> => {
    const { attempt_id, token } = (await attemptsOf(world, transferId)).at(-1)!;
    return { posted: postedOf(await trx((inTrx) => lockAttempt(inTrx, attempt_id))), token };
  };

  const inDoubt = async (transferId = own): Promise<Claim> => {
    const one = await claimed(transferId);
    await trx((inTrx) => leaveUnknown(inTrx, transferId, one.token));
    return one;
  };

  it('a claim, a doubt and a success are of one transfer, and the success is booked once', async () => {
    let one!: Claim;
    assert.deepEqual(await changes(async () => (one = await claimed(own))), [
      'bank_message: +1',
      'posting: +1',
      'transfer own: lease_ends_at, sends, state, token',
      'transfer_attempt: +1',
    ]);
    assert.deepEqual(await changes(() => trx((inTrx) => leaveUnknown(inTrx, own, one.token))), [
      'event: +1',
      'transfer own: lease_ends_at, state',
    ]);
    assert.deepEqual(await changes(() => statementShows(world, own)), [
      'attempt_evidence: +1',
      'event: +1',
      'posting: +1',
      'transfer own: settled_at, state',
      'transfer_attempt own 1: state',
    ]);
    assert.deepEqual(await changes(() => statementShows(world, own)), ['attempt_evidence: +1']);
  });

  it('a payout that is proven failed frees its own orders, and has them again when it was paid after all', async () => {
    const one = await inDoubt(own);
    assert.deepEqual(await changes(() => end(one, { end: 'failed', cause: 'payee' })), [
      'alarm: +1',
      'event: +1',
      'posting: +1',
      'transfer own: failed_reason, state',
      'transfer_attempt own 1: state',
      'transfer_item own: live',
    ]);
    await bookUnexpected(own);
    assert.deepEqual(await changes(() => statementShows(world, own)), [
      'attempt_evidence: +1',
      'event: +1',
      'posting: +3',
      'transfer own: failed_reason, settled_at, state',
      'transfer_attempt own 1: state',
      'transfer_item own: live',
      'withdrawal own: ledger_account, state',
    ]);
  });

  it('a refund that is proven failed gives its own deposit back, and takes it again when it was paid after all', async () => {
    const one = await inDoubt(refund);
    const proven = await changes(() => end(one, { end: 'failed', cause: 'payee' }), refund);
    assert.deepEqual(proven, [
      'alarm: +1',
      'deposit own: decided_at, refund_row, refunded_row, remaining, state',
      'event: +2',
      'posting: +1',
      'transfer own: failed_reason, refunds_row, state',
      'transfer_attempt own 1: state',
    ]);
    await bookUnexpected(refund);
    assert.deepEqual(await changes(() => statementShows(world, refund), refund), [
      'attempt_evidence: +1',
      'deposit own: refund_row, refunded_row, remaining, state',
      'event: +3',
      'posting: +3',
      'transfer own: failed_reason, refunds_row, settled_at, state',
      'transfer_attempt own 1: state',
      'withdrawal own: ledger_account, state',
    ]);
  });

  for (const kind of ['payout', 'refund'] as const) {
    const deposit = kind === 'refund' ? ['deposit own: decided_at, state'] : [];
    const events = kind === 'refund' ? 2 : 1;

    it(`a ${kind} that is proven absent waits by itself, and is booked by itself when it was paid after all`, async () => {
      const transferId = kind === 'refund' ? refund : own;
      const one = await inDoubt(transferId);
      const proven = await changes(() => end(one, { end: 'absent', thenHold: false }), transferId);
      assert.deepEqual(proven, [
        'event: +1',
        'posting: +1',
        'transfer own: state',
        'transfer_attempt own 1: state',
      ]);
      await bookUnexpected(transferId);
      assert.deepEqual(await changes(() => statementShows(world, transferId), transferId), [
        'attempt_evidence: +1',
        ...deposit,
        `event: +${events}`,
        'posting: +3',
        'transfer own: settled_at, state',
        'transfer_attempt own 1: state',
        'withdrawal own: ledger_account, state',
      ]);
    });
  }

  it('what has used up its attempts is held by itself', async () => {
    const one = await inDoubt(own);
    assert.deepEqual(await changes(() => end(one, { end: 'absent', thenHold: true })), [
      'alarm: +1',
      'event: +1',
      'posting: +1',
      'transfer own: held_reason, state',
      'transfer_attempt own 1: state',
    ]);
  });

  it('a success of an earlier attempt ends its own transfer when the later attempt is proven absent', async () => {
    await drive.doubled(own);
    await endStops(world);
    const one = await claimOf(own);
    assert.deepEqual(await changes(() => end(one, { end: 'absent', thenHold: false })), [
      'event: +2',
      'posting: +4',
      'transfer own: settled_at, state',
      'transfer_attempt own 1: state',
      'transfer_attempt own 2: state',
      'withdrawal own: ledger_account, state',
    ]);
  });

  it('a success after a failure cancels its own retry and no other', async () => {
    await drive.retried(own);
    const { transfer_id: retry } = await world.db
      .selectFrom('transfer')
      .select('transfer_id')
      .where('retry_of', '=', own)
      .executeTakeFirstOrThrow();
    const orderId = (await itemsOf(own))[0]!;
    assert.deepEqual(await changes(() => statementShows(world, own)), [
      'attempt_evidence: +1',
      'event: +2',
      'posting: +2',
      `transfer ${retry.toString()}: state`,
      'transfer own: failed_reason, settled_at, state',
      'transfer_attempt own 1: state',
      `transfer_item ${retry.toString()} ${orderId.toString()}: live`,
      'transfer_item own: live',
    ]);
  });

  it('cancelling frees the orders or the deposit of one transfer', async () => {
    const cancel = (transferId: bigint) =>
      changes(() => trx((inTrx) => cancelUnsent(inTrx, transferId, world.clock.now())), transferId);
    await drive.held(own);
    assert.deepEqual(await cancel(own), [
      'event: +1',
      'transfer own: held_reason, state',
      'transfer_item own: live',
    ]);
    assert.deepEqual(await cancel(refund), [
      'deposit own: decided_at, refund_row, refunded_row, remaining, state',
      'event: +2',
      'transfer own: refunds_row, state',
    ]);
  });

  describe('of a seller who may owe', () => {
    const handBack = ({ posted, token }: Claim) =>
      changes(() => trx((inTrx) => handBackUnsent(inTrx, posted, token, world.clock.now())));
    const holdForDebt = () => changes(() => trx((inTrx) => holdPayoutsForDebt(inTrx, [OWN])));
    const held = ['event: +1', 'seller own: may_owe', 'transfer own: held_reason, state'];

    it('what is queued is held', async () => {
      assert.deepEqual(await holdForDebt(), held);
    });

    it('what is planned is held, and no more than that', async () => {
      await handBack(await claimed(own));
      assert.deepEqual(await holdForDebt(), held);
      assert.deepEqual(await holdForDebt(), []);
    });

    it('what comes back unsent is held by itself', async () => {
      const one = await claimed(own);
      await planOne(world, 1000n, 'planned meanwhile');
      assert.deepEqual(await holdForDebt(), ['seller own: may_owe']);
      assert.deepEqual(await handBack(one), [
        'event: +2',
        'posting: +1',
        'transfer own: held_reason, lease_ends_at, sends, state',
        'transfer_attempt own 1: state',
      ]);
    });

    it('what has used up its attempts waits for people all the same, not for the debt', async () => {
      const one = await inDoubt(own);
      await holdForDebt();
      await end(one, { end: 'absent', thenHold: true });
      assert.equal(await stateOf(world, own), 'held(attempts)');
    });
  });

  it('what comes back unsent goes on by itself', async () => {
    const { posted, token } = await claimed(own);
    assert.deepEqual(
      await changes(() => trx((inTrx) => handBackUnsent(inTrx, posted, token, world.clock.now()))),
      [
        'event: +1',
        'posting: +1',
        'transfer own: lease_ends_at, sends, state',
        'transfer_attempt own 1: state',
      ],
    );
  });

  it('one stop is raised and ended, and the others stand', async () => {
    const at = world.clock.now();
    for (const name of ['halt_person', 'pause_funds'] as const) await stop(world, name, at);
    assert.deepEqual(await changes(() => stop(world, 'pause_limit', at)), [
      'alarm: +1',
      'event: +1',
      'payout_stop pause_limit: active, changed_at, changed_by, reason, retry_at',
    ]);
    assert.deepEqual(await changes(() => stop(world, 'pause_limit', at)), []);
    assert.deepEqual(await changes(() => trx((inTrx) => endPause(inTrx, 'pause_limit', at, 'over'))), [
      'event: +1',
      'payout_stop pause_limit: active, changed_by, reason, retry_at',
    ]);
    assert.deepEqual(await changes(() => trx((inTrx) => endPause(inTrx, 'pause_limit', at, 'again'))), []);
    const ended = { by: 'kim', reason: 'over', at };
    assert.deepEqual(await changes(() => trx((inTrx) => endHalt(inTrx, 'halt_person', ended))), [
      'event: +1',
      'payout_stop halt_person: active, changed_by, reason, retry_at',
    ]);
  });
});
