import { sql, type Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  // What the part of a reading that is stored showed of the balances, for the cycle that goes on with it: a reading is as whole as all of its parts. A
  // release before this one leaves nothing there.
  await sql`
    alter table collect_cursor add column resume_chain text check (resume_chain in ('whole', 'mended', 'broken'))`.execute(
    db,
  );
  // With every page that is booked, the opening balance is held against what the account's first rows prove.
  await sql`
    create index posting_of_opening on posting (debit, credit) where kind in ('opening', 'correction')`.execute(
    db,
  );
}
