import { sql, type Kysely } from 'kysely';
import {
  readAllocationsOf,
  lockOrders,
  type LiveAllocation,
  type LockedOrder,
} from '../deposits/allocation.repository.ts';
import { isCancellable, lockPayoutsOf, takeAllocationsBack } from '../deposits/unpay-orders.step.ts';
import type { Database } from '../database.ts';
import { SUSPENSE, UNALLOCATED } from '../ledger/accounts.ts';
import { insertPostings } from '../ledger/ledger.repository.ts';
import { readInSuspense } from '../ledger/suspense.repository.ts';
import { act } from '../people/act.step.ts';
import type { Acting } from '../people/person.ts';
import { refuse, type Refused } from '../people/refusal.ts';
import { formatWon, won } from '../shared/money.ts';
import type { Trx } from '../shared/postgres.ts';
import { cancelUnsent } from '../transfers/outcome.repository.ts';
import type { Transfer } from '../transfers/transfer.table.ts';
import { described, lockSubjects } from './allocate.step.ts';
import type { DecidedOutcome } from './assign.step.ts';
import { markUndone, readDecision, readLastWord, type Decision } from './decision.repository.ts';
import { giveBackToDeposits, giveRemainderBack, lockDeposits } from './deposit.repository.ts';

interface Locked {
  readonly orders: ReadonlyMap<bigint, LockedOrder>;
  readonly refund: Transfer | undefined;
  /** What the decision allocates still. */
  readonly allocations: readonly LiveAllocation[];
}

/**
 * Undoes what a person decided, once: deposits are in review again with what was taken of them, orders are what they were before. It can be undone while every
 * transfer that pays by it can still be cancelled; payouts that are cancelled for it are planned anew without its orders.
 */
export async function undoDecision(
  db: Kysely<Database>,
  acting: Acting,
  decisionId: bigint,
): Promise<DecidedOutcome> {
  return await act(db, acting, async (trx) => {
    const known = await readDecision(trx, decisionId);
    if (known === undefined)
      return refuse(
        'decision_not_found',
        `there is no decision ${decisionId.toString()}; npx smart-transfer review show ROW names those of a deposit`,
      );
    // Orders, then a refund, then deposits: as everybody locks them.
    const orders = await lockOrders(trx, known.order_ids);
    const refund = known.transfer_id === null ? undefined : await lockRefund(trx, known.transfer_id);
    await lockDeposits(trx, known.deposit_rows);
    const decision = (await readDecision(trx, decisionId)) ?? known;
    const allocations = await readOwn(trx, decision);
    const refused =
      refuseEnded(decision) ?? (await undo(trx, acting, decision, { orders, refund, allocations }));
    if (refused !== undefined) return refused;
    const now = await lockSubjects(trx, decision.order_ids, decision.deposit_rows);
    const { deposits, orders: ordersNow } = described(allocations, now);
    const rests =
      allocations.length === 0 ? deposits.map((one) => ({ ...one, amount: won(decision.amount) })) : deposits;
    return {
      outcome: 'done',
      result: { decisionId, kind: decision.kind, deposits: rests, orders: ordersNow, planned: 0, held: 0 },
      deed: {
        action: 'review undo',
        subject: `decision ${decisionId.toString()}`,
        detail: { kind: decision.kind, depositRows: decision.deposit_rows, amount: decision.amount },
      },
    };
  });
}

function refuseEnded({ decision_id, state, undone_by }: Decision): Refused | undefined {
  const name = `decision ${decision_id.toString()}`;
  switch (state) {
    case 'standing':
      return undefined;
    case 'undone':
      return refuse(
        'already_undone',
        `${name} was undone by ${undone_by ?? 'somebody'}; decide anew instead`,
      );
    case 'came_back':
      return refuse('already_ended', `the refund of ${name} was not paid: its deposit is in review again`);
    case 'reversed':
      return refuse(
        'already_ended',
        `the bank has taken back what ${name} was about: there is nothing to undo`,
      );
    default:
      return state satisfies never;
  }
}

async function undo(
  trx: Trx<Database>,
  acting: Acting,
  decision: Decision,
  locked: Locked,
): Promise<Refused | undefined> {
  switch (decision.kind) {
    case 'refund':
      return await undoRefund(trx, acting, decision, locked.refund);
    case 'ignore':
      return await undoIgnore(trx, acting, decision);
    case 'assign':
    case 'split':
    case 'combine':
      return await undoAllocations(trx, acting, decision, locked);
    default:
      return decision.kind satisfies never;
  }
}

async function undoRefund(
  trx: Trx<Database>,
  acting: Acting,
  decision: Decision,
  refund: Transfer | undefined,
): Promise<Refused | undefined> {
  if (refund === undefined) throw new Error(`decision ${decision.decision_id.toString()} has no transfer`);
  if (!isCancellable(refund)) return tooLate(refund);
  await markUndone(trx, decision.decision_id, acting);
  await cancelUnsent(trx, refund.transfer_id, acting.at);
  return undefined;
}

async function undoIgnore(
  trx: Trx<Database>,
  acting: Acting,
  decision: Decision,
): Promise<Refused | undefined> {
  const [rowId] = decision.deposit_rows;
  const { ledger_account: debit, decision_id, amount } = decision;
  if (rowId === undefined || debit === null)
    throw new Error(`decision ${decision_id.toString()} names no deposit or no account`);
  const inSuspense = (await readInSuspense(trx, [rowId])).get(rowId) ?? 0n;
  if (debit === SUSPENSE && inSuspense < amount)
    return refuse(
      'corrected_since',
      `${formatWon(amount)} won of deposit ${rowId.toString()} were put in suspense, and ${formatWon(inSuspense)} are left there: two people have moved the rest on (ledger correct), so it cannot come back by itself`,
    );
  await markUndone(trx, decision_id, acting);
  await giveRemainderBack(trx, rowId, won(amount), acting.at);
  const back = { debit, credit: UNALLOCATED, amount: won(amount), kind: 'reversal', rowId } as const;
  await insertPostings(trx, [back], acting.at);
  return undefined;
}

async function undoAllocations(
  trx: Trx<Database>,
  acting: Acting,
  decision: Decision,
  { orders, allocations }: Locked,
): Promise<Refused | undefined> {
  const paid = allocations
    .map((one) => one.orderId)
    .filter((orderId) => orders.get(orderId)?.state === 'paid');
  const refused =
    (await refuseUsedRest(trx, decision)) ??
    (await refuseSent(trx, paid)) ??
    (await refuseTakenName(trx, paid));
  if (refused !== undefined) return refused;
  await markUndone(trx, decision.decision_id, acting);
  await takeAllocationsBack(trx, allocations, orders, acting.at);
  await giveBackToDeposits(trx, allocations, acting.at);
  return undefined;
}

async function readOwn(trx: Trx<Database>, decision: Decision): Promise<LiveAllocation[]> {
  const live = await readAllocationsOf(trx, decision.deposit_rows);
  return live.filter((one) => one.decisionId === decision.decision_id);
}

/** A refund or an ignoring took what this decision had left: what it gives back now would be neither's. */
async function refuseUsedRest(trx: Trx<Database>, decision: Decision): Promise<Refused | undefined> {
  for (const rowId of decision.deposit_rows) {
    const last = await readLastWord(trx, rowId);
    if (last === undefined) continue;
    return refuse(
      'later_decision',
      `the rest of deposit ${rowId.toString()} was used by decision ${last.decision_id.toString()} (${last.kind}); undo that one first`,
    );
  }
  return undefined;
}

async function refuseSent(trx: Trx<Database>, orderIds: readonly bigint[]): Promise<Refused | undefined> {
  const sent = (await lockPayoutsOf(trx, orderIds)).find((transfer) => !isCancellable(transfer));
  return sent === undefined ? undefined : tooLate(sent);
}

function tooLate({ transfer_id, state }: Transfer): Refused {
  return refuse(
    'too_late',
    `transfer ${transfer_id.toString()}, which pays by it, is ${state}: what was sent cannot be undone; only while it is planned, queued or held can it be cancelled`,
  );
}

/** An order that awaits its deposit again needs its name for itself. */
async function refuseTakenName(
  trx: Trx<Database>,
  orderIds: readonly bigint[],
): Promise<Refused | undefined> {
  if (orderIds.length === 0) return undefined;
  const { rows } = await sql<{ name: string; taken_by: string }>`
    select o.depositor_name as name, t.shop_order_id as taken_by
    from shop_order o join shop_order t on t.depositor_name = o.depositor_name and t.order_id <> o.order_id
    where o.order_id = any(${orderIds.map(String)}::bigint[]) and o.reopens_as is null
      and o.depositor_name_issued and t.depositor_name_issued and t.state = 'awaiting_deposit'
    limit 1`.execute(trx);
  const [taken] = rows;
  if (taken === undefined) return undefined;
  return refuse(
    'name_taken',
    `the order's depositor name ${taken.name} belongs to order ${taken.taken_by} by now: it cannot await its deposit again, so the decision stands`,
  );
}

async function lockRefund(trx: Trx<Database>, transferId: bigint): Promise<Transfer> {
  return await trx
    .selectFrom('transfer')
    .selectAll()
    .where('transfer_id', '=', transferId)
    .forUpdate()
    .executeTakeFirstOrThrow();
}
