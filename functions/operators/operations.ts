import { accountOperations } from './account.routes.ts';
import { keyOperations } from './key.routes.ts';
import { ledgerOperations } from './ledger.routes.ts';
import type { Operation } from './operation.ts';
import { payoutOperations } from './payout.routes.ts';
import { reviewOperations } from './review.routes.ts';
import { ruleOperations } from './rule.routes.ts';
import { transferOperations } from './transfer.routes.ts';
import { webhookOperations } from './webhook.routes.ts';

/** All that operators can ask for. */
export const OPERATIONS: readonly Operation[] = [
  ...reviewOperations,
  ...transferOperations,
  ...payoutOperations,
  ...ruleOperations,
  ...accountOperations,
  ...ledgerOperations,
  ...webhookOperations,
  ...keyOperations,
];
