import { sql, type Kysely } from 'kysely';

/** Money that we send: intents, their attempts, what is known of each, and the rows that stop it all. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table transfer (
      transfer_id bigint generated always as identity primary key,
      kind text not null check (kind in ('payout', 'refund')),
      seller_id text references seller,
      deposit_row_id bigint,
      amount bigint not null check (amount between 1 and 999999999999),
      fee bigint not null check (fee >= 0),
      payout_account_id bigint references payout_account,
      bank_code text,
      account_number_ciphertext bytea,
      account_number_key_id text,
      account_number_masked text,
      account_holder text,
      queue_group text,
      state text not null check (
        state in ('planned', 'queued', 'sending', 'succeeded', 'failed', 'unknown', 'held', 'cancelled', 'returned')
      ),
      held_reason text check (held_reason in ('limit', 'approval', 'seller_debt', 'attempts', 'unsendable')),
      failed_reason text check (failed_reason in ('funds', 'limit', 'payee', 'maintenance', 'rejected')),
      retry_of bigint references transfer,
      dispatch_number integer not null default 0,
      dispatched_at timestamptz,
      token bigint not null default 0,
      lease_ends_at timestamptz,
      sends integer not null default 0 check (sends >= 0),
      planned_at timestamptz not null,
      deposited_at timestamptz,
      settled_at timestamptz,
      constraint transfer_pays_somebody check ((kind = 'payout') = (seller_id is not null) and (kind = 'refund') = (deposit_row_id is not null)),
      constraint transfer_held check ((state = 'held') = (held_reason is not null)),
      constraint transfer_failed check ((state = 'failed') = (failed_reason is not null)),
      constraint transfer_leased check ((state = 'sending') = (lease_ends_at is not null)),
      constraint transfer_settled check ((state in ('succeeded', 'returned')) = (settled_at is not null)),
      constraint transfer_destination check (state in ('held', 'cancelled') or account_number_ciphertext is not null)
    ) with (fillfactor = 80)`.execute(db);
  await sql`create unique index transfer_one_live_retry on transfer (retry_of) where retry_of is not null and state <> 'cancelled'`.execute(
    db,
  );
  await sql`
    create unique index transfer_one_live_refund on transfer (deposit_row_id)
    where deposit_row_id is not null and state not in ('failed', 'cancelled', 'returned')`.execute(db);
  await sql`
    create index transfer_open on transfer (state, transfer_id)
    where state in ('planned', 'queued', 'sending', 'unknown', 'held')`.execute(db);
  await sql`create index transfer_by_settlement on transfer (settled_at) where settled_at is not null`.execute(
    db,
  );
  await sql`create index transfer_by_seller on transfer (seller_id, planned_at)`.execute(db);

  // Amount, fee, payee and destination are snapshots. A destination may be filled in once, while the transfer is held for it.
  await sql`
    create function transfer_keeps_its_snapshot() returns trigger language plpgsql as $$
    begin
      if (old.kind, old.seller_id, old.deposit_row_id, old.amount, old.fee, old.retry_of)
         is distinct from (new.kind, new.seller_id, new.deposit_row_id, new.amount, new.fee, new.retry_of) then
        raise exception 'transfer %: what a transfer pays never changes; cancel it and plan another', old.transfer_id;
      end if;
      if old.account_number_ciphertext is not null and old.state <> 'held'
         and (old.payout_account_id, old.bank_code, old.account_number_masked, old.account_holder)
         is distinct from (new.payout_account_id, new.bank_code, new.account_number_masked, new.account_holder) then
        raise exception 'transfer %: where a transfer pays to never changes; cancel it and plan another', old.transfer_id;
      end if;
      if new.token < old.token then
        raise exception 'transfer %: the fencing token fell from % to %', old.transfer_id, old.token, new.token;
      end if;
      return new;
    end $$`.execute(db);
  await sql`
    create trigger transfer_keeps_its_snapshot before update of
      kind, seller_id, deposit_row_id, amount, fee, retry_of, payout_account_id, bank_code, account_number_masked, account_holder, token
    on transfer for each row execute function transfer_keeps_its_snapshot()`.execute(db);

  await sql`
    create function transfer_moves_as_allowed() returns trigger language plpgsql as $$
    begin
      if old.state <> new.state and (old.state || '>' || new.state) not in (
        'planned>queued', 'planned>held', 'planned>cancelled', 'planned>succeeded',
        'queued>sending', 'queued>held', 'queued>cancelled', 'queued>succeeded',
        'sending>succeeded', 'sending>unknown', 'sending>planned',
        'unknown>succeeded', 'unknown>failed', 'unknown>planned', 'unknown>held',
        'held>planned', 'held>cancelled', 'held>succeeded',
        'failed>succeeded', 'succeeded>returned'
      ) then
        raise exception 'transfer %: no transfer goes from % to %', old.transfer_id, old.state, new.state;
      end if;
      return new;
    end $$`.execute(db);
  await sql`
    create trigger transfer_moves_as_allowed before update of state
    on transfer for each row execute function transfer_moves_as_allowed()`.execute(db);

  // An order is in one live transfer only.
  await sql`
    create table transfer_item (
      transfer_id bigint not null,
      order_id bigint not null,
      amount bigint not null check (amount > 0),
      fee bigint not null check (fee between 0 and amount),
      live boolean not null default true,
      primary key (transfer_id, order_id)
    )`.execute(db);
  await sql`create unique index transfer_item_order_once on transfer_item (order_id) where live`.execute(db);

  // Never starts again, also across days: the bank demands ids that are unique within a day only.
  await sql`create sequence bank_id_sequence as bigint start 1 no cycle`.execute(db);
  await sql`
    create table transfer_attempt (
      attempt_id bigint generated always as identity primary key,
      transfer_id bigint not null references transfer,
      n integer not null check (n >= 1),
      bank_tran_id text not null unique check (char_length(bank_tran_id) = 20),
      reference text not null unique check (reference <> ''),
      account text not null,
      bank_date date not null,
      amount bigint not null check (amount > 0),
      token bigint not null,
      sent_at timestamptz not null,
      lease_ends_at timestamptz not null,
      state text not null check (state in ('open', 'succeeded', 'failed', 'absent')),
      answered_bank_date date,
      constraint transfer_attempt_n unique (transfer_id, n)
    )`.execute(db);
  // At most one attempt of a transfer is not proven failed or absent.
  await sql`
    create unique index transfer_attempt_one_unproven on transfer_attempt (transfer_id)
    where state in ('open', 'succeeded')`.execute(db);

  await sql`create index transfer_attempt_not_paid on transfer_attempt (attempt_id) where state <> 'succeeded'`.execute(
    db,
  );

  await sql`
    create table attempt_evidence (
      evidence_id bigint generated always as identity primary key,
      attempt_id bigint not null,
      token bigint not null,
      source text not null check (source in ('send', 'inquiry', 'statement', 'person')),
      verdict text not null check (verdict in ('succeeded', 'failed', 'no_such_transfer', 'absent', 'ambiguous', 'not_sent', 'returned')),
      cause text,
      code text not null,
      at timestamptz not null,
      message_id bigint,
      row_id bigint
    )`.execute(db);
  await sql`create index attempt_evidence_of on attempt_evidence (attempt_id, token)`.execute(db);

  // Requests and answers, compressed and then encrypted, since they hold account numbers. Kept five years.
  await sql`
    create table bank_message (
      message_id bigint generated always as identity primary key,
      operation text not null,
      part text not null check (part in ('request', 'answer', 'exchange')),
      path text not null,
      at timestamptz not null,
      http_status integer,
      error text,
      elapsed_ms integer,
      body_ciphertext bytea not null,
      body_key_id text not null,
      attempt_id bigint,
      read_id bigint
    )`.execute(db);
  await sql`create index bank_message_of_attempt on bank_message (attempt_id) where attempt_id is not null`.execute(
    db,
  );

  // A person's halt, a drift's halt and the system's own pauses are rows of their own, so that the one never lifts the other.
  await sql`
    create table payout_stop (
      name text primary key check (name in ('halt_person', 'halt_drift', 'pause_funds', 'pause_limit', 'pause_maintenance', 'pause_reconciliation')),
      active boolean not null,
      reason text not null,
      changed_by text not null,
      changed_at timestamptz not null,
      retry_at timestamptz
    )`.execute(db);
  await sql`
    insert into payout_stop (name, active, reason, changed_by, changed_at)
    select name, false, '', 'migration', now()
    from unnest(array['halt_person', 'halt_drift', 'pause_funds', 'pause_limit', 'pause_maintenance', 'pause_reconciliation']) as name`.execute(
    db,
  );
}
