import { sql, type Kysely } from 'kysely';
import { APPLICATION_ROLE } from './0007-roles.ts';

/** Shops, their API keys, how often each key was used this minute, and what each order was asked for with. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // A shop's id has no dot, so that `<shop>.<seller>` can be taken apart again.
  await sql`
    create table shop (
      shop_id text primary key check (shop_id ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
      name text not null check (name <> ''),
      fee_bp integer not null check (fee_bp between 0 and 10000),
      order_life_minutes integer not null check (order_life_minutes between 10 and 43200),
      created_at timestamptz not null
    )`.execute(db);

  // The secret itself is shown once and stored nowhere: 32 random bytes need no slow hash.
  await sql`
    create table api_key (
      key_id text primary key check (key_id ~ '^[a-z0-9]{12}$'),
      shop_id text not null references shop,
      secret_hash bytea not null check (octet_length(secret_hash) = 32),
      label text not null,
      created_by text not null,
      created_at timestamptz not null,
      revoked_by text,
      revoked_at timestamptz,
      constraint api_key_revoked check ((revoked_at is null) = (revoked_by is null))
    )`.execute(db);
  await sql`create index api_key_of_shop on api_key (shop_id)`.execute(db);

  // Lost in a crash of the database, which costs a minute of counting: nothing here is worth waiting for the disk.
  await sql`
    create unlogged table api_rate (
      key_id text primary key,
      window_began timestamptz not null,
      requests integer not null
    ) with (fillfactor = 50)`.execute(db);

  // What the shop asked for, word for word as far as it means anything: a request that comes again is compared with it.
  await sql`
    create table order_request (
      order_id bigint primary key references shop_order,
      body jsonb not null
    )`.execute(db);
  await sql`create index shop_order_of_shop on shop_order (shop_id, order_id desc)`.execute(db);

  // Sellers from before there were shops belong to the shop of their orders.
  await sql`alter table seller add column shop_id text not null default 'unassigned'`.execute(db);
  await sql`
    update seller s set shop_id = o.shop_id
    from (select distinct on (seller_id) seller_id, shop_id from shop_order order by seller_id, order_id) o
    where o.seller_id = s.seller_id`.execute(db);
  await sql`create index seller_of_shop on seller (shop_id, seller_id)`.execute(db);

  await sql`create index deposit_in_review_latest on deposit (row_id desc) where state = 'in_review'`.execute(
    db,
  );
  await sql`create index transfer_of_seller on transfer (seller_id, transfer_id desc) where seller_id is not null`.execute(
    db,
  );

  // A seller's statement, the youngest first.
  await sql`create index posting_debit_of_seller on posting (debit, posting_id desc) where debit like 'seller:%'`.execute(
    db,
  );
  await sql`create index posting_credit_of_seller on posting (credit, posting_id desc) where credit like 'seller:%'`.execute(
    db,
  );

  const role = sql.id(APPLICATION_ROLE);
  await sql`grant select, insert, update on shop, api_key, api_rate to ${role}`.execute(db);
  await sql`grant select, insert on order_request to ${role}`.execute(db);
}
