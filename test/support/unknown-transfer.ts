import { sql } from 'kysely';
import { kstDate, kstMidnight } from '../../functions/bank/kst.ts';
import { dispatch } from '../../functions/transfers/dispatch.step.ts';
import { recordSuccess, type SuccessOutcome } from '../../functions/transfers/outcome.repository.ts';
import { resolveUnknown, type ResolveOutcome } from '../../functions/transfers/resolve.step.ts';
import { settle } from '../../functions/transfers/settle.step.ts';
import {
  attemptsOf,
  beginAccount,
  cycleContext,
  endStops,
  MINUTE_MS,
  PAYOUT,
  queueOne,
  settleContext,
  type PayoutWorld,
} from './payout-world.ts';
import { timesOut, type SendScript } from './scripted-bank.ts';

/** How long after a claim, ms, absence can be proven: the lease, the bank's times, and a second to be over. */
export const RIPE_MS = 90_000 + 15 * MINUTE_MS + 1000;

/** Sends a queued transfer and gets such an answer. */
export async function sendAndGet(world: PayoutWorld, transferId: bigint, answer: SendScript): Promise<void> {
  world.bank.sends.push(answer);
  await settle(settleContext(world), transferId);
}

/** A transfer whose send was answered so that nobody knows what became of it. */
export async function unknownOne(
  world: PayoutWorld,
  amount: bigint,
  answer: SendScript = timesOut,
): Promise<bigint> {
  const transferId = await queueOne(world, amount);
  await sendAndGet(world, transferId, answer);
  return transferId;
}

export interface ReadOptions {
  readonly account?: string;
  readonly from?: Date;
  readonly to?: Date;
  readonly beganAt?: Date;
  readonly chain?: 'whole' | 'mended' | 'broken';
}

/** Stores that the payout account was read to its last page: by default the whole day, up to a second ago. */
export async function addRead(world: PayoutWorld, read: ReadOptions = {}): Promise<void> {
  const now = world.clock.now();
  await beginAccount(world, read.account ?? PAYOUT, kstMidnight('2026-02-01'));
  await world.db
    .insertInto('statement_read')
    .values({
      account: read.account ?? PAYOUT,
      covers_from: read.from ?? kstMidnight(kstDate(now)),
      covers_to: read.to ?? new Date(now.getTime() - 1000),
      began_at: read.beganAt ?? now,
      rows: 0,
      fresh_rows: 0,
      repeated_rows: 0,
      chain: read.chain ?? 'whole',
    })
    .execute();
}

/** Lets the bank say "no such transfer" in one cycle after another, with a read that proves absence in each. */
export async function proveAbsence(world: PayoutWorld): Promise<ResolveOutcome> {
  world.bank.onInquiry = () => ({ outcome: 'no_such_transfer', code: 'A0310' });
  world.clock.advance(RIPE_MS + 1000);
  await addRead(world);
  await resolveUnknown(cycleContext(world));
  return await resolveUnknown(cycleContext(world));
}

/** A transfer that the bank refused for this cause, and whose failure is proven. Pauses that the refusal raised are ended. */
export async function failedOne(
  world: PayoutWorld,
  amount: bigint,
  cause: 'funds' | 'limit' | 'payee' | 'maintenance' | 'rejected',
): Promise<bigint> {
  const transferId = await unknownOne(world, amount, () => ({ outcome: 'failed', cause, code: 'refused' }));
  await endStops(world);
  await proveFailure(world);
  return transferId;
}

/** What the bank has refused is proven by a read that shows nothing of it. */
export async function proveFailure(world: PayoutWorld): Promise<void> {
  world.clock.advance(RIPE_MS + 1000);
  await addRead(world);
  await resolveUnknown(cycleContext(world));
}

/** Sends a planned transfer again. */
export async function resend(world: PayoutWorld, transferId: bigint, answer: SendScript): Promise<void> {
  await dispatch(cycleContext(world));
  await sendAndGet(world, transferId, answer);
}

/** Stores a booked row that went out and that nothing explains, with its posting. */
export async function addUnexplained(
  world: PayoutWorld,
  row: { rowId: bigint; amount: bigint; at: Date },
): Promise<void> {
  await sql`
    insert into withdrawal (row_id, account, occurred_at, amount, text, state, ledger_account, decided_at)
    values (${row.rowId}, ${PAYOUT}, ${row.at}, ${row.amount}, '', 'unexplained', 'suspense', ${row.at})`.execute(
    world.db,
  );
}

/** What a transfer's latest attempt is called on the statement. */
export async function referenceOf(world: PayoutWorld, transferId: bigint): Promise<string> {
  const attempt = (await attemptsOf(world, transferId)).at(-1);
  if (attempt === undefined)
    throw new Error(`transfer ${transferId.toString()} has no attempt, so no reference`);
  return attempt.reference;
}

/** The statement shows the withdrawal of a transfer's attempt. */
export async function statementShows(
  world: PayoutWorld,
  transferId: bigint,
  n = 1,
  db = world.db,
): Promise<SuccessOutcome> {
  const attempt = (await attemptsOf(world, transferId))[n - 1];
  if (attempt === undefined) throw new Error(`transfer ${transferId.toString()} has no attempt ${n}`);
  return await db.transaction().execute((trx) =>
    recordSuccess(trx, {
      attemptId: attempt.attempt_id,
      token: attempt.token,
      source: 'statement',
      verdict: 'succeeded',
      code: 'statement',
      at: world.clock.now(),
    }),
  );
}
