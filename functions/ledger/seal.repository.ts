import { sql, type Kysely, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import type { ChainedPosting } from './chain.ts';
import { assertRows, recordset } from '../shared/postgres.ts';

/** No transaction lives longer than this (the login's limits), so an id that no posting had so long ago will never have one, seconds. */
const TRANSACTION_LIFE_S = 120;

/** The posting id up to which nothing is left to seal, now or ever. */
export const sealedThrough = sql<bigint>`(select sealed_through from seal_progress)`;

/**
 * Moves the mark up to which nothing is left to seal: over every sealed posting without a gap; and over gaps, up to the last posting that was sealed so long
 * ago that no transaction can be left which took an id before it, but never over a posting that is there and not sealed. Ids are given out before
 * transactions commit, so a lower id can appear after a higher one was sealed.
 */
export async function advanceSealProgress(trx: Transaction<Database>): Promise<void> {
  await sql`
    update seal_progress set sealed_through = greatest(sealed_through, gapless.posting_id, settled.posting_id)
    from (
      select max(posting_id) as posting_id
      from (
        select posting_id, row_number() over (order by posting_id) as nth
        from posting_seal where posting_id > ${sealedThrough}
      ) sealed
      where posting_id - nth = ${sealedThrough}
    ) gapless, (
      select case when max(posting_id) is not null then least(max(posting_id), (
        select min(p.posting_id) - 1 from posting p
        where p.posting_id > ${sealedThrough}
          and not exists (select from posting_seal s where s.posting_id = p.posting_id)
      )) end as posting_id
      from posting_seal
      where posting_id > ${sealedThrough}
        and sealed_at < clock_timestamp() - make_interval(secs => ${sql.lit(TRANSACTION_LIFE_S)})
    ) settled`.execute(trx);
}

/** Postings that the chain does not hold yet, oldest first. */
export async function readUnsealed(
  db: Kysely<Database> | Transaction<Database>,
  limit: number,
): Promise<ChainedPosting[]> {
  const { rows } = await sql<ChainedPosting>`
    select p.posting_id, p.debit, p.credit, p.amount, p.kind, p.row_id, p.order_id, p.transfer_id, p.attempt_id, p.at
    from posting p
    where p.posting_id > ${sealedThrough}
      and not exists (select from posting_seal s where s.posting_id = p.posting_id)
    order by p.posting_id
    limit ${limit}`.execute(db);
  return rows;
}

/** The last link of the chain; nothing before the first posting is sealed. */
export async function readHead(
  db: Kysely<Database> | Transaction<Database>,
): Promise<{ position: bigint; hash: Uint8Array } | undefined> {
  return await db
    .selectFrom('posting_seal')
    .select(['position', 'hash'])
    .orderBy('position', 'desc')
    .limit(1)
    .executeTakeFirst();
}

export interface Seal {
  readonly position: bigint;
  readonly postingId: bigint;
  readonly hash: Buffer;
}

export async function insertSeals(trx: Transaction<Database>, seals: readonly Seal[]): Promise<void> {
  const rows = seals.map(({ position, postingId, hash }) => ({
    position,
    posting_id: postingId,
    hash: hash.toString('hex'),
  }));
  const inserted = await sql`
    insert into posting_seal (position, posting_id, hash)
    select position, posting_id, decode(hash, 'hex')
    from ${recordset('s', 'position bigint, posting_id bigint, hash text', rows)}`.execute(trx);
  assertRows('postings sealed', Number(inserted.numAffectedRows), seals.length);
}

export interface AccountSum {
  readonly account: string;
  readonly debits: bigint;
  readonly credits: bigint;
}

/** Adds what was sealed to the accounts' sums. */
export async function addToBalances(trx: Transaction<Database>, sums: readonly AccountSum[]): Promise<void> {
  await sql`
    insert into account_balance (account, debits, credits)
    select account, debits, credits
    from ${recordset('b', 'account text, debits bigint, credits bigint', sums)}
    on conflict (account) do update set
      debits = account_balance.debits + excluded.debits,
      credits = account_balance.credits + excluded.credits`.execute(trx);
}
