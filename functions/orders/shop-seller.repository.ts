import { sql, type Kysely, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { sellerAccount } from '../ledger/accounts.ts';
import type { PostingKind } from '../ledger/ledger.table.ts';
import { ownSellerId, sellerIdOf, sellerIdsOf, type ShopId } from '../shops/api-key.ts';

/** A seller as its shop sees it. */
export interface ShopSeller {
  readonly sellerId: string;
  readonly ownSellerId: string;
  readonly name: string;
  /** Basis points. */
  readonly feeBp: number;
  readonly createdAt: Date;
  /** Where it is paid, masked; nothing until an account is approved. */
  readonly approvedAccount: MaskedAccount | undefined;
  /** What it is to be paid to once a second person has approved it. */
  readonly requestedAccount: WaitingAccount | undefined;
}

export interface MaskedAccount {
  readonly bankCode: string;
  readonly accountNumberMasked: string;
  readonly holder: string;
}

export interface WaitingAccount extends MaskedAccount {
  readonly requestedAt: Date;
}

interface AccountRow {
  readonly bank_code: string;
  readonly account_number_masked: string;
  readonly account_holder: string;
  /** ISO 8601, as PostgreSQL writes it in JSON. */
  readonly requested_at: string;
}

interface Row {
  readonly seller_id: string;
  readonly name: string;
  readonly fee_bp: number;
  readonly created_at: Date;
  readonly approved: AccountRow | null;
  readonly requested: AccountRow | null;
}

function accountIn(state: 'approved' | 'requested') {
  return sql<AccountRow | null>`(
    select json_build_object('bank_code', p.bank_code, 'account_number_masked', p.account_number_masked, 'account_holder', p.account_holder,
      'requested_at', p.requested_at)
    from payout_account p where p.seller_id = s.seller_id and p.state = ${state}
    order by p.payout_account_id desc limit 1)`;
}

const COLUMNS = sql`s.seller_id, s.name, s.fee_bp, s.created_at,
  ${accountIn('approved')} as approved, ${accountIn('requested')} as requested`;

function masked(row: AccountRow | null): MaskedAccount | undefined {
  if (row === null) return undefined;
  return {
    bankCode: row.bank_code,
    accountNumberMasked: row.account_number_masked,
    holder: row.account_holder,
  };
}

function waiting(row: AccountRow | null): WaitingAccount | undefined {
  const account = masked(row);
  return row === null || account === undefined
    ? undefined
    : { ...account, requestedAt: new Date(row.requested_at) };
}

function toShopSeller(shopId: ShopId, row: Row): ShopSeller {
  return {
    sellerId: row.seller_id,
    ownSellerId: ownSellerId(shopId, row.seller_id),
    name: row.name,
    feeBp: row.fee_bp,
    createdAt: row.created_at,
    approvedAccount: masked(row.approved),
    requestedAccount: waiting(row.requested),
  };
}

/** A seller of the shop, by the shop's own id. */
export async function readSeller(
  db: Kysely<Database> | Transaction<Database>,
  shopId: ShopId,
  ownId: string,
): Promise<ShopSeller | undefined> {
  const { rows } = await sql<Row>`
    select ${COLUMNS} from seller s
    where s.shop_id = ${shopId} and s.seller_id = any(${[...sellerIdsOf(shopId, ownId)]})
    order by (s.seller_id = ${sellerIdOf(shopId, ownId)}) desc limit 1`.execute(db);
  return rows[0] === undefined ? undefined : toShopSeller(shopId, rows[0]);
}

/** Sellers of the shop in the order of their ids; one more than `limit`. */
export async function listSellers(
  db: Kysely<Database>,
  shopId: ShopId,
  after: string | undefined,
  limit: number,
): Promise<ShopSeller[]> {
  const { rows } = await sql<Row>`
    select ${COLUMNS} from seller s
    where s.shop_id = ${shopId} and (${after ?? null}::text is null or s.seller_id > ${after ?? null}::text)
    order by s.seller_id limit ${limit + 1}`.execute(db);
  return rows.map((row) => toShopSeller(shopId, row));
}

/** Adds a seller with the shop's fee, unless it is there. Answers whether it was added. */
export async function addShopSeller(
  trx: Transaction<Database>,
  shopId: ShopId,
  seller: { readonly ownSellerId: string; readonly name: string },
  now: Date,
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    insert into seller (seller_id, shop_id, name, fee_bp, created_at)
    select ${sellerIdOf(shopId, seller.ownSellerId)}, shop_id, ${seller.name}, fee_bp, ${now} from shop where shop_id = ${shopId}
    on conflict (seller_id) do nothing`.execute(trx);
  return numAffectedRows === 1n;
}

export async function renameSeller(
  trx: Transaction<Database>,
  sellerId: string,
  name: string,
): Promise<void> {
  await trx.updateTable('seller').set({ name }).where('seller_id', '=', sellerId).execute();
}

/** One line of a seller's statement. */
export interface StatementLine {
  readonly postingId: bigint;
  readonly at: Date;
  readonly kind: PostingKind;
  /** Won; negative where it left the seller's balance. */
  readonly amount: bigint;
  readonly shopOrderId: string | null;
  readonly transferId: bigint | null;
}

/** What moved a seller's balance, the youngest first; one more than `limit`. */
export async function listStatement(
  db: Kysely<Database>,
  sellerId: string,
  before: bigint | undefined,
  limit: number,
): Promise<StatementLine[]> {
  const account = sellerAccount(sellerId);
  const bound = before === undefined ? sql`true` : sql`p.posting_id < ${before}`;
  const { rows } = await sql<{
    posting_id: bigint;
    at: Date;
    kind: PostingKind;
    amount: bigint;
    shop_order_id: string | null;
    transfer_id: bigint | null;
  }>`
    select m.*, o.shop_order_id from (
      (select p.posting_id, p.at, p.kind, p.amount, p.order_id, p.transfer_id from posting p
       where p.credit = ${account} and p.credit like 'seller:%' and ${bound} order by p.posting_id desc limit ${limit + 1})
      union all
      (select p.posting_id, p.at, p.kind, -p.amount, p.order_id, p.transfer_id from posting p
       where p.debit = ${account} and p.debit like 'seller:%' and ${bound} order by p.posting_id desc limit ${limit + 1})
    ) m left join shop_order o on o.order_id = m.order_id
    order by m.posting_id desc limit ${limit + 1}`.execute(db);
  return rows.map((row) => ({
    postingId: row.posting_id,
    at: row.at,
    kind: row.kind,
    amount: row.amount,
    shopOrderId: row.shop_order_id,
    transferId: row.transfer_id,
  }));
}
