import { sql, type Kysely } from 'kysely';
import type { Database } from '../database.ts';
import type { Transfer, TransferState, HeldReason } from './transfer.table.ts';

/** A transfer as a person may see it: its destination masked. */
export type TransferView = Omit<
  Transfer,
  'account_number_ciphertext' | 'account_number_key_id' | 'queue_group' | 'refunds_row'
>;

const VIEW = [
  'transfer_id',
  'kind',
  'seller_id',
  'deposit_row_id',
  'amount',
  'fee',
  'payout_account_id',
  'bank_code',
  'account_number_masked',
  'account_holder',
  'state',
  'held_reason',
  'failed_reason',
  'retry_of',
  'dispatch_number',
  'dispatched_at',
  'token',
  'lease_ends_at',
  'sends',
  'planned_at',
  'let_go_at',
  'approval_id',
  'deposited_at',
  'settled_at',
] as const;

export interface TransferFilter {
  readonly state?: TransferState | undefined;
  readonly held?: HeldReason | undefined;
  readonly sellerId?: string | undefined;
  readonly limit: number;
}

/** The latest transfers that fit, latest first. */
export async function listTransfers(db: Kysely<Database>, filter: TransferFilter): Promise<TransferView[]> {
  const { state, held, sellerId, limit } = filter;
  let query = db.selectFrom('transfer').select(VIEW);
  if (state !== undefined) query = query.where('state', '=', state);
  if (held !== undefined) query = query.where('held_reason', '=', held);
  if (sellerId !== undefined) query = query.where('seller_id', '=', sellerId);
  return await query.orderBy('transfer_id', 'desc').limit(limit).execute();
}

/** All that is known of a transfer, each list in time's order. */
export interface TransferStory {
  readonly transfer: TransferView;
  readonly orders: readonly {
    readonly order_id: bigint;
    readonly shop_order_id: string;
    readonly order_state: string;
    readonly amount: bigint;
    readonly fee: bigint;
    readonly live: boolean;
  }[];
  readonly attempts: readonly {
    readonly n: number;
    readonly reference: string;
    readonly bank_tran_id: string;
    readonly bank_date: string;
    readonly state: string;
    readonly sent_at: Date;
    readonly lease_ends_at: Date;
    readonly withdrawal_row: bigint | null;
  }[];
  readonly evidence: readonly {
    readonly reference: string;
    readonly source: string;
    readonly verdict: string;
    readonly cause: string | null;
    readonly code: string;
    readonly at: Date;
    readonly row_id: bigint | null;
  }[];
  readonly postings: readonly {
    readonly posting_id: bigint;
    readonly kind: string;
    readonly debit: string;
    readonly credit: string;
    readonly amount: bigint;
    readonly at: Date;
  }[];
  readonly approvals: readonly {
    readonly approval_id: bigint;
    readonly action: string;
    readonly state: string;
    readonly requested_by: string;
    readonly requested_at: Date;
    readonly request_reason: string;
    readonly decided_by: string | null;
    readonly detail: object;
  }[];
  /** Transfers that pay again what this one did not. */
  readonly followedBy: readonly { readonly transfer_id: bigint; readonly state: TransferState }[];
}

export async function readTransferStory(
  db: Kysely<Database>,
  transferId: bigint,
): Promise<TransferStory | undefined> {
  const transfer = await db
    .selectFrom('transfer')
    .select(VIEW)
    .where('transfer_id', '=', transferId)
    .executeTakeFirst();
  if (transfer === undefined) return undefined;
  const orders = await db
    .selectFrom('transfer_item as i')
    .innerJoin('shop_order as o', 'o.order_id', 'i.order_id')
    .select(['i.order_id', 'o.shop_order_id', 'o.state as order_state', 'i.amount', 'i.fee', 'i.live'])
    .where('i.transfer_id', '=', transferId)
    .orderBy('i.order_id')
    .execute();
  const attempts = await db
    .selectFrom('transfer_attempt as a')
    .leftJoin('withdrawal as w', 'w.attempt_id', 'a.attempt_id')
    .select([
      'a.n',
      'a.reference',
      'a.bank_tran_id',
      'a.bank_date',
      'a.state',
      'a.sent_at',
      'a.lease_ends_at',
      'w.row_id as withdrawal_row',
    ])
    .where('a.transfer_id', '=', transferId)
    .orderBy('a.n')
    .execute();
  const evidence = await db
    .selectFrom('attempt_evidence as e')
    .innerJoin('transfer_attempt as a', 'a.attempt_id', 'e.attempt_id')
    .select(['a.reference', 'e.source', 'e.verdict', 'e.cause', 'e.code', 'e.at', 'e.row_id'])
    .where('a.transfer_id', '=', transferId)
    .orderBy('e.at')
    .orderBy('e.evidence_id')
    .execute();
  const postings = await db
    .selectFrom('posting')
    .select(['posting_id', 'kind', 'debit', 'credit', 'amount', 'at'])
    .where('transfer_id', '=', transferId)
    .orderBy('posting_id')
    .execute();
  const approvals = await db
    .selectFrom('approval')
    .select([
      'approval_id',
      'action',
      'state',
      'requested_by',
      'requested_at',
      'request_reason',
      'decided_by',
      'detail',
    ])
    .where('action', 'in', ['transfer_release', 'transfer_close'])
    .where(sql<boolean>`subject like ${`transfer ${transferId.toString()},%`}`)
    .orderBy('approval_id')
    .execute();
  const followedBy = await db
    .selectFrom('transfer')
    .select(['transfer_id', 'state'])
    .where('retry_of', '=', transferId)
    .orderBy('transfer_id')
    .execute();
  return { transfer, orders, attempts, evidence, postings, approvals, followedBy };
}
