import type { Clock } from '../shared/clock.ts';
import type { BankEnvironment } from '../shared/environment.ts';
import type { Secrets } from '../shared/secrets.ts';
import type { Bank } from './bank.ts';
import { bankCredentialsShape } from './bank-secrets.ts';
import { randomQueryId } from './bank-tran-id.ts';
import { createOpenBanking } from './openbanking.client.ts';

/** What a payout needs beyond the client's credentials. */
export interface PayoutAuthority {
  readonly passPhrase: (fresh: boolean) => Promise<string>;
  readonly contractAccountNumber: () => string;
}

/** A function that may ask the bank and must not pay: the matcher. */
export const mayNotPay: PayoutAuthority = {
  passPhrase: () =>
    Promise.reject(new Error('this function may not pay: it has no right to the payout secret')),
  contractAccountNumber: () => {
    throw new Error('this function may not pay: it has no right to the payout secret');
  },
};

/** Opens the bank that the environment names, with credentials from Secrets Manager. */
export function openBank(
  env: BankEnvironment,
  secrets: Secrets,
  clock: Clock,
  authority: PayoutAuthority,
): Bank {
  return createOpenBanking({
    baseUrl: env.BANK_BASE_URL,
    credentials: async (fresh) => {
      const id = env.BANK_CREDENTIALS_SECRET_ID;
      const value = await (fresh
        ? secrets.readFresh(id, bankCredentialsShape)
        : secrets.read(id, bankCredentialsShape));
      return {
        clientId: value.client_id,
        clientSecret: value.client_secret,
        organisationCode: value.organisation_code,
      };
    },
    passPhrase: authority.passPhrase,
    contractAccountNumber: authority.contractAccountNumber,
    queryId: randomQueryId,
    clock,
    callTimeoutMs: env.BANK_CALL_TIMEOUT_S * 1000,
    maxConcurrentCalls: env.BANK_MAX_CALLS,
  });
}
