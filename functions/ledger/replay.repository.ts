import { sql, type Kysely } from 'kysely';
import type { Database } from '../database.ts';
import type { ChainedPosting } from './chain.ts';
import type { AccountTotals, Anchor, ChainEntry } from './replay.ts';
import { sealedThrough } from './seal.repository.ts';

/** Entries a page, and ids a page where postings outside the chain are looked for. */
const PAGE = 5000n;
const IDS_A_PAGE = 200_000n;

/** The chain's end at one moment, with what is kept beside it. */
export interface ChainEnd {
  readonly position: bigint;
  /** The sums that the sealer keeps, at that position. */
  readonly totals: Map<string, AccountTotals>;
  /** Up to which posting id everything is sealed. */
  readonly sealedThrough: bigint;
  /** Postings that are not sealed yet: the next cycle does it. */
  readonly unsealed: number;
}

/** Reads where the chain ends, in one snapshot: what is sealed later is not looked at. */
export async function readChainEnd(db: Kysely<Database>): Promise<ChainEnd> {
  return await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (trx) => {
      const { rows } = await sql<{ position: bigint; sealed_through: bigint; unsealed: number }>`
        select coalesce((select max(position) from posting_seal), 0)::bigint as position, ${sealedThrough} as sealed_through,
          (select count(*)::int from posting p where p.posting_id > ${sealedThrough}
             and not exists (select from posting_seal s where s.posting_id = p.posting_id)) as unsealed`.execute(
        trx,
      );
      const sums = await trx.selectFrom('account_balance').selectAll().execute();
      const [end] = rows;
      if (end === undefined) throw new Error('no end of the chain: a select without from has one row');
      return {
        position: end.position,
        sealedThrough: end.sealed_through,
        unsealed: end.unsealed,
        totals: new Map(sums.map(({ account, debits, credits }) => [account, { debits, credits }])),
      };
    });
}

type EntryRow = { position: bigint; sealed_id: bigint; hash: Uint8Array } & {
  [Field in keyof ChainedPosting]: ChainedPosting[Field] | null;
};

/** Reads the chain from its first entry up to a position, a page at a time: no transaction stays open, since nothing of it ever changes. */
export async function* readChain(
  db: Kysely<Database>,
  through: bigint,
): AsyncGenerator<readonly ChainEntry[]> {
  for (let after = 0n; after < through;) {
    const { rows } = await sql<EntryRow>`
      select s.position, s.posting_id as sealed_id, s.hash,
        p.posting_id, p.debit, p.credit, p.amount, p.kind, p.row_id, p.order_id, p.transfer_id, p.attempt_id, p.at
      from posting_seal s left join posting p on p.posting_id = s.posting_id
      where s.position > ${after} and s.position <= ${through}
      order by s.position limit ${PAGE}`.execute(db);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map((row) => ({
      position: row.position,
      postingId: row.sealed_id,
      hash: row.hash,
      posting: row.posting_id === null ? undefined : (row as ChainedPosting),
    }));
    after = last.position;
  }
}

/** The first posting that the chain leaves out although everything up to there is said to be sealed: somebody put it in later. */
export async function firstLeftOut(db: Kysely<Database>, through: bigint): Promise<bigint | undefined> {
  for (let after = 0n; after < through; after += IDS_A_PAGE) {
    const { rows } = await sql<{ posting_id: bigint }>`
      select p.posting_id from posting p
      where p.posting_id > ${after} and p.posting_id <= least(${through}::bigint, ${after + IDS_A_PAGE}::bigint)
        and not exists (select from posting_seal s where s.posting_id = p.posting_id)
      order by p.posting_id limit 1`.execute(db);
    if (rows[0] !== undefined) return rows[0].posting_id;
  }
  return undefined;
}

/** The daily closes as what the chain must agree with; an account's closings are read when the replay comes to them. */
export async function readCloseAnchors(db: Kysely<Database>): Promise<Anchor[]> {
  const closes = await db
    .selectFrom('daily_close')
    .select(['business_date', 'to_position', 'head_hash'])
    .orderBy('business_date')
    .execute();
  return closes.map(({ business_date, to_position, head_hash }) => ({
    name: `the close of ${business_date}`,
    position: to_position,
    hash: Buffer.from(head_hash).toString('hex'),
    balances: async () => {
      const closings = await db
        .selectFrom('daily_close_account')
        .select(['account', 'closing'])
        .where('business_date', '=', business_date)
        .execute();
      return new Map(closings.map(({ account, closing }) => [account, closing]));
    },
  }));
}
