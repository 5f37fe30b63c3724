import type {
  AllocationTable,
  ClassificationRuleTable,
  CollectCursorTable,
  DepositRemitterTable,
  DepositTable,
  StatementReadTable,
  StatementRowTable,
  WithdrawalTable,
} from './deposits/deposit.table.ts';
import type { EventTable } from './events/event.table.ts';
import type {
  AccountBalanceTable,
  BooksComparisonTable,
  DailyCloseAccountTable,
  DailyCloseTable,
  PostingSealTable,
  PostingTable,
  SealProgressTable,
} from './ledger/ledger.table.ts';
import type { ShopOrderTable } from './orders/order.table.ts';
import type { PayoutAccountTable, SellerTable } from './orders/seller.table.ts';
import type { ApprovalTable } from './people/people.table.ts';
import type { ReviewDecisionTable } from './reviews/review.table.ts';
import type {
  AlarmTable,
  AuditTable,
  CycleTable,
  DatabaseRestoreTable,
  InstallationTable,
  LeaseTable,
  ReconciliationTable,
} from './shared/operations.table.ts';
import type { ApiKeyTable, ApiRateTable, OrderRequestTable, ShopTable } from './shops/shop.table.ts';
import type {
  AttemptEvidenceTable,
  BankMessageTable,
  PayoutLimitTable,
  PayoutStopTable,
  TransferAttemptTable,
  TransferItemTable,
  TransferTable,
} from './transfers/transfer.table.ts';
import type { WebhookDeliveryTable, WebhookEndpointTable } from './webhooks/webhook.table.ts';

/** Every table, by its name. `int8` is read as `bigint`, `date` as text, `timestamptz` as `Date`. */
export interface Database {
  seller: SellerTable;
  payout_account: PayoutAccountTable;
  shop_order: ShopOrderTable;
  statement_row: StatementRowTable;
  statement_read: StatementReadTable;
  collect_cursor: CollectCursorTable;
  deposit: DepositTable;
  deposit_remitter: DepositRemitterTable;
  withdrawal: WithdrawalTable;
  allocation: AllocationTable;
  review_decision: ReviewDecisionTable;
  classification_rule: ClassificationRuleTable;
  transfer: TransferTable;
  transfer_item: TransferItemTable;
  transfer_attempt: TransferAttemptTable;
  attempt_evidence: AttemptEvidenceTable;
  bank_message: BankMessageTable;
  payout_stop: PayoutStopTable;
  payout_limit: PayoutLimitTable;
  posting: PostingTable;
  posting_seal: PostingSealTable;
  account_balance: AccountBalanceTable;
  seal_progress: SealProgressTable;
  books_comparison: BooksComparisonTable;
  daily_close: DailyCloseTable;
  daily_close_account: DailyCloseAccountTable;
  lease: LeaseTable;
  cycle: CycleTable;
  reconciliation: ReconciliationTable;
  alarm: AlarmTable;
  audit: AuditTable;
  approval: ApprovalTable;
  shop: ShopTable;
  api_key: ApiKeyTable;
  api_rate: ApiRateTable;
  order_request: OrderRequestTable;
  event: EventTable;
  webhook_endpoint: WebhookEndpointTable;
  webhook_delivery: WebhookDeliveryTable;
  installation: InstallationTable;
  database_restore: DatabaseRestoreTable;
}
