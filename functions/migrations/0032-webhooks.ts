import { sql, type Kysely } from 'kysely';
import { APPLICATION_ROLE } from './0007-roles.ts';

/** Where shops want to be told of events, and what became of each telling. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // No key is stored: it is derived from a secret, the endpoint's id and the generation.
  await sql`
    create table webhook_endpoint (
      endpoint_id bigint generated always as identity primary key,
      shop_id text not null references shop,
      url text not null check (url ~ '^https?://' and char_length(url) <= 2000),
      types text[] not null,
      state text not null default 'active' check (state in ('active', 'failing', 'removed')),
      key_id text not null,
      generation integer not null default 1 check (generation >= 1),
      previous_key_id text,
      previous_until timestamptz,
      created_by text not null,
      created_at timestamptz not null,
      removed_at timestamptz,
      constraint webhook_endpoint_removed check ((state = 'removed') = (removed_at is not null)),
      constraint webhook_endpoint_previous check ((previous_key_id is null) = (previous_until is null))
    )`.execute(db);
  await sql`create unique index webhook_endpoint_once on webhook_endpoint (shop_id, url) where state <> 'removed'`.execute(
    db,
  );
  await sql`
    create table webhook_delivery (
      delivery_id bigint generated always as identity primary key,
      endpoint_id bigint not null references webhook_endpoint,
      event_id bigint not null references event,
      state text not null default 'pending' check (state in ('pending', 'delivered', 'parked')),
      attempts integer not null default 0 check (attempts >= 0),
      due_at timestamptz not null,
      queued_until timestamptz,
      last_status integer,
      last_error text,
      last_attempt_at timestamptz,
      created_at timestamptz not null,
      constraint webhook_delivery_ended check (state = 'pending' or queued_until is null),
      constraint webhook_delivery_once unique (endpoint_id, event_id)
    ) with (fillfactor = 80)`.execute(db);
  await sql`create index webhook_delivery_due on webhook_delivery (endpoint_id, due_at) where state = 'pending'`.execute(
    db,
  );
  await sql`create index webhook_delivery_of_endpoint on webhook_delivery (endpoint_id, delivery_id desc)`.execute(
    db,
  );
  await sql`grant select, insert, update on webhook_endpoint, webhook_delivery to ${sql.id(APPLICATION_ROLE)}`.execute(
    db,
  );
}
