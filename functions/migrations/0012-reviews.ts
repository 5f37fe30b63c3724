import { sql, type Kysely } from 'kysely';
import { APPLICATION_ROLE } from './0007-roles.ts';

/** What people decide about deposits in review. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // A decision is never deleted: it stands, was undone by a person, ended because its refund came back, or because the bank took its deposits back.
  await sql`
    create table review_decision (
      decision_id bigint generated always as identity primary key,
      kind text not null check (kind in ('assign', 'split', 'combine', 'refund', 'ignore')),
      deposit_rows bigint[] not null check (cardinality(deposit_rows) >= 1),
      order_ids bigint[] not null,
      amount bigint not null check (amount > 0),
      ledger_account text check (ledger_account in ('owner', 'interest', 'tax', 'bank_fees', 'suspense')),
      transfer_id bigint references transfer,
      before jsonb not null,
      state text not null default 'standing' check (state in ('standing', 'undone', 'came_back', 'reversed')),
      made_by text not null check (made_by <> ''),
      made_at timestamptz not null,
      reason text not null check (reason <> ''),
      undone_by text,
      undone_at timestamptz,
      undone_reason text,
      constraint review_decision_account check ((kind = 'ignore') = (ledger_account is not null)),
      constraint review_decision_transfer check ((kind = 'refund') = (transfer_id is not null)),
      constraint review_decision_orders check ((kind in ('assign', 'split', 'combine')) = (cardinality(order_ids) >= 1)),
      constraint review_decision_came_back check (state <> 'came_back' or kind = 'refund'),
      constraint review_decision_undone check (
        (state = 'undone') = (undone_by is not null and undone_at is not null and undone_reason is not null)
      )
    )`.execute(db);
  await sql`create index review_decision_of_deposit on review_decision using gin (deposit_rows)`.execute(db);
  await sql`create unique index review_decision_of_transfer on review_decision (transfer_id) where transfer_id is not null`.execute(
    db,
  );
  await sql`grant select, insert, update on review_decision to ${sql.id(APPLICATION_ROLE)}`.execute(db);
  // What was decided never changes; only whether it stands.
  await sql`
    create function review_decision_keeps_its_word() returns trigger language plpgsql as $$
    begin
      if (old.kind, old.deposit_rows, old.order_ids, old.amount, old.ledger_account, old.transfer_id, old.before, old.made_by, old.made_at, old.reason)
         is distinct from
         (new.kind, new.deposit_rows, new.order_ids, new.amount, new.ledger_account, new.transfer_id, new.before, new.made_by, new.made_at, new.reason)
         or old.state in ('undone', 'reversed') then
        raise exception 'decision %: what was decided never changes; undo it once, or decide anew', old.decision_id;
      end if;
      return new;
    end $$`.execute(db);
  await sql`
    create trigger review_decision_keeps_its_word before update on review_decision
    for each row execute function review_decision_keeps_its_word()`.execute(db);

  await sql`
    alter table allocation add decision_id bigint references review_decision,
      add constraint allocation_decided check ((kind = 'manual') = (decision_id is not null))`.execute(db);
  await sql`create index if not exists allocation_by_hand on allocation (order_id) where kind = 'manual'`.execute(
    db,
  );
  await sql`create index allocation_by_hand_of_deposit on allocation (deposit_row_id) where kind = 'manual'`.execute(
    db,
  );

  // What an order becomes again when it stops being paid: nothing here means that it awaits its deposit.
  await sql`
    alter table shop_order add reopens_as text check (reopens_as in ('expired', 'cancelled')),
      add reopens_closed_at timestamptz,
      add constraint shop_order_reopens check (
        (reopens_as is null) = (reopens_closed_at is null) and (reopens_as is null or state = 'paid')
      )`.execute(db);

  // Parts that people gave to orders which are not paid yet: nobody's money, counted by each comparison of the books.
  await sql`create index shop_order_partly_paid on shop_order (order_id) where state <> 'paid' and outstanding < amount`.execute(
    db,
  );

  // A deposit is in review exactly while something of it is nobody's.
  await sql`alter table deposit add constraint deposit_in_review_rest check ((state = 'in_review') = (remaining > 0))`.execute(
    db,
  );
  await sql`create index deposit_oldest_review on deposit (occurred_at, row_id) where state = 'in_review'`.execute(
    db,
  );

  // A deposit that is being refunded has its one live refund, and a live refund has a deposit that is being or was refunded, or that the bank took
  // back while it was too late to stop the refund. Both foreign keys are looked at when the transaction commits, so no code can leave the one without the other.
  await sql`
    alter table transfer add refunds_row bigint generated always as (
      case when kind = 'refund' and state not in ('failed', 'cancelled', 'returned') then deposit_row_id end
    ) stored`.execute(db);
  await sql`
    alter table deposit
      add refund_row bigint generated always as (case when state in ('refund_pending', 'refunded') then row_id end) stored,
      add refunded_row bigint generated always as (case when state in ('refund_pending', 'refunded', 'reversed') then row_id end) stored`.execute(
    db,
  );
  await sql`alter table transfer add constraint transfer_refunds_once unique (refunds_row)`.execute(db);
  await sql`alter table deposit add constraint deposit_refunded_once unique (refunded_row)`.execute(db);
  await sql`
    alter table deposit add constraint deposit_has_its_refund
    foreign key (refund_row) references transfer (refunds_row) deferrable initially deferred`.execute(db);
  await sql`
    alter table transfer add constraint transfer_has_its_deposit
    foreign key (refunds_row) references deposit (refunded_row) deferrable initially deferred`.execute(db);
  await sql`drop index transfer_one_live_refund`.execute(db);

  // Money of a deposit that is nobody's order: to the account that a person names.
  await sql`alter table posting drop constraint posting_kind_check`.execute(db);
  await sql`
    alter table posting add constraint posting_kind_check check (
      kind in ('opening', 'deposit', 'allocation', 'fee', 'hold', 'post', 'void', 'return', 'reversal', 'classified', 'unexplained', 'correction', 'ignored')
    )`.execute(db);
}
