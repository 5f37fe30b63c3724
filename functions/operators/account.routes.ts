import { z } from '@hono/zod-openapi';
import { readAccounts, readRequestedAccounts } from '../orders/payout-account.repository.ts';
import { approveAccount, rejectAccount, requestAccount } from '../orders/payout-account.step.ts';
import { command, reading } from './operation.ts';
import {
  idSchema,
  instantSchema,
  listOf,
  payeeFields,
  reasonSchema,
  textSchema,
  wholeSchema,
} from './schemas.ts';

const accountSchema = z
  .object({
    payout_account_id: idSchema,
    seller_id: z.string(),
    bank_code: z.string(),
    account_number_masked: z.string(),
    account_holder: z.string(),
    state: z.string(),
    requested_by: z.string(),
    requested_at: instantSchema,
    approved_by: z.string().nullable(),
    approved_at: instantSchema.nullable(),
  })
  .openapi('PayoutAccount');

export type Account = z.output<typeof accountSchema>;

const one = z.object({ payout_account_id: idSchema, reason: reasonSchema });

export const listAccounts = reading({
  name: 'accounts list',
  path: '/accounts',
  summary: "accounts that wait for a second person, or a seller's, numbers masked",
  input: z.object({
    seller_id: textSchema(150)
      .optional()
      .openapi({ description: 'All accounts that this seller has or had.' }),
  }),
  answer: z.object({ accounts: listOf(accountSchema) }).openapi('PayoutAccountList'),
  read: async ({ db }, { seller_id: seller }) => ({
    accounts: seller === undefined ? await readRequestedAccounts(db) : await readAccounts(db, seller),
  }),
});

export const request = command({
  name: 'accounts request',
  path: '/accounts',
  summary: 'ask that a seller be paid to another account',
  input: z.object({
    seller_id: textSchema(150),
    ...payeeFields,
    reason: reasonSchema,
  }),
  secret: 'account_number',
  answer: z
    .object({ outcome: z.literal('requested'), payout_account_id: idSchema, masked: z.string() })
    .openapi('PayoutAccountRequested'),
  async act({ db, openVault }, acting, { seller_id: sellerId, bank_code, account_number, holder }) {
    const details = { bankCode: bank_code, accountNumber: account_number, holder };
    const outcome = await requestAccount(db, await openVault(), acting, sellerId, details);
    if (outcome.outcome === 'refused') return outcome;
    const { payoutAccountId, masked } = outcome.result;
    return { outcome: 'requested', payout_account_id: payoutAccountId, masked };
  },
});

export const approve = command({
  name: 'accounts approve',
  path: '/accounts/{payout_account_id}/approve',
  summary: 'approve an account that somebody else asked for; it takes the former place at once',
  input: one,
  answer: z
    .object({
      outcome: z.literal('approved'),
      payout_account_id: idSchema,
      held_payouts: wholeSchema,
      account: accountSchema,
    })
    .openapi('PayoutAccountApproved'),
  async act({ db }, acting, { payout_account_id }) {
    const outcome = await approveAccount(db, acting, payout_account_id);
    if (outcome.outcome === 'refused') return outcome;
    const { account, heldPayouts } = outcome.result;
    return { outcome: 'approved', payout_account_id, held_payouts: heldPayouts, account };
  },
});

export const reject = command({
  name: 'accounts reject',
  path: '/accounts/{payout_account_id}/reject',
  summary: 'do not approve an account that somebody asked for',
  input: one,
  answer: z
    .object({ outcome: z.literal('rejected'), payout_account_id: idSchema, seller_id: z.string() })
    .openapi('PayoutAccountRejected'),
  async act({ db }, acting, { payout_account_id }) {
    const outcome = await rejectAccount(db, acting, payout_account_id);
    if (outcome.outcome === 'refused') return outcome;
    return { outcome: 'rejected', payout_account_id, seller_id: outcome.result.seller_id };
  },
});

export const accountOperations = [listAccounts, request, approve, reject] as const;
