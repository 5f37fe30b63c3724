import { sql, type Kysely } from 'kysely';
import type { Database } from '../../functions/database.ts';
import { readBalances } from '../../functions/ledger/ledger.repository.ts';
import type { BooksAtRest } from './audit.ts';

/** What the books say of payouts. */
export async function readBooks(db: Kysely<Database>): Promise<BooksAtRest> {
  const items = await db
    .selectFrom('transfer_item as i')
    .innerJoin('shop_order as o', 'o.order_id', 'i.order_id')
    .select(['o.shop_order_id as shopOrderId', 'i.transfer_id as transferId'])
    .execute();
  const transfers = await db.selectFrom('transfer').select(['transfer_id as transferId', 'state']).execute();
  const attempts = await db
    .selectFrom('transfer_attempt')
    .select(['bank_tran_id as bankTranId', 'transfer_id as transferId', 'state'])
    .execute();
  return {
    items,
    transfers,
    attempts: attempts.map(({ state, ...attempt }) => ({
      ...attempt,
      isBookedAsPaid: state === 'succeeded',
    })),
  };
}

/**
 * What does not add up in the books of a system at rest, in words: the bank's balance must be the sum of all others and what the bank itself says,
 * and nothing may be on its way.
 *
 * @param atTheBank the balance of the one bank account, by the bank, won.
 */
export async function unbalanced(db: Kysely<Database>, atTheBank: bigint): Promise<string[]> {
  const balances = [...(await readBalances(db))];
  const sum = (of: (account: string) => boolean): bigint =>
    balances.reduce((total, [account, balance]) => (of(account) ? total + balance : total), 0n);
  const bank = sum((account) => account.startsWith('bank:'));
  const others = sum((account) => !account.startsWith('bank:'));
  const open = sum((account) => account === 'in_transit');
  const { rows } = await sql<{ held: bigint }>`
    select coalesce(sum(amount), 0)::bigint as held from transfer where state in ('sending', 'unknown')`.execute(
    db,
  );
  const held = rows[0]?.held ?? 0n;
  return [
    ...(bank === others
      ? []
      : [`the books hold ${bank} won at the bank and ${others} won on all other accounts`]),
    ...(bank === atTheBank ? [] : [`the books say ${bank} won at the bank, the bank says ${atTheBank} won`]),
    ...(open === held ? [] : [`${open} won are booked as in transit, and open claims hold ${held} won`]),
  ];
}

/**
 * Transfers among these of which nobody knows what became of them and nobody has asked: no inquiry, no row of the statement, no answer to the send
 * that says it all.
 */
export async function notAskedAbout(db: Kysely<Database>, transferIds: readonly bigint[]): Promise<bigint[]> {
  if (transferIds.length === 0) return [];
  const { rows } = await sql<{ transfer_id: bigint }>`
    select t.transfer_id from unnest(${[...transferIds]}::bigint[]) as t(transfer_id)
    where not exists (
      select from transfer_attempt a join attempt_evidence e on e.attempt_id = a.attempt_id
      where a.transfer_id = t.transfer_id
        and (e.source in ('inquiry', 'statement') or (e.source = 'send' and e.verdict in ('succeeded', 'not_sent'))))`.execute(
    db,
  );
  return rows.map((row) => row.transfer_id);
}
