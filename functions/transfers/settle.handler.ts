import { processPartialResponse, SqsFifoPartialProcessorAsync } from '@aws-lambda-powertools/batch';
import { Logger } from '@aws-lambda-powertools/logger';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { sql } from 'kysely';
import { bankCredentialsShape, bankPayoutShape } from '../bank/bank-secrets.ts';
import { openBank } from '../bank/open-bank.ts';
import type { Database } from '../database.ts';
import { clockFromEnvironment } from '../shared/clock.ts';
import { createVault, dataKeysShape } from '../shared/encryption.ts';
import { readEnvironment } from '../shared/environment.ts';
import { openDatabase } from '../shared/postgres.ts';
import { createSecrets } from '../shared/secrets.ts';
import { settle, type SettleContext } from './settle.step.ts';
import { parseTransferMessage } from './transfer-queue.client.ts';

/** The time that one claim needs at the most, ms: the bank's call, and the record after it. With less left nothing is begun. */
const CLAIM_MS = 30_000;

const env = readEnvironment('settlement', process.env);
const clock = clockFromEnvironment(process.env);
const logger = new Logger({ serviceName: 'settlement' });
const secrets = createSecrets(env.SECRET_TTL_S);
const db = openDatabase<Database>(env, secrets, 1);
const processor = new SqsFifoPartialProcessorAsync();

/** Set at each invocation, since a bank's message needs it before anything can be awaited. */
let contractAccountNumber = '';
const bank = openBank(env, secrets, clock, {
  passPhrase: async () => (await secrets.read(env.BANK_PAYOUT_SECRET_ID, bankPayoutShape)).wd_pass_phrase,
  contractAccountNumber: () => contractAccountNumber,
});

/** The queue's event, or a dry run that looks whether a transfer could be paid and changes nothing. */
export type SettleEvent = SQSEvent | { readonly dry_run: true };

/** A message was not begun for want of time. The queue brings it again. */
class NotBegun extends Error {
  override readonly name = 'NotBegun';
}

/**
 * Pays the transfers of a batch, one after the other, since each message is one claim.
 *
 * Returning an item among the failures means that it was not begun or that the infrastructure broke: the queue brings it again. Every
 * outcome that the row knows (paid, unknown, stopped, claimed by another) acknowledges its message. Throwing means that nothing could be begun at all.
 */
export async function handler(
  event: SettleEvent,
  lambda: Context,
): Promise<SQSBatchResponse | { ended: 'dry_run' }> {
  logger.addContext(lambda);
  const credentials = await secrets.read(env.BANK_CREDENTIALS_SECRET_ID, bankCredentialsShape);
  const payout = await secrets.read(env.BANK_PAYOUT_SECRET_ID, bankPayoutShape);
  contractAccountNumber = payout.contract_account_number;
  const context: SettleContext = {
    db,
    bank,
    clock,
    vault: createVault(await secrets.read(env.DATA_KEYS_SECRET_ID, dataKeysShape)),
    payoutAccount: env.PAYOUT_ACCOUNT,
    organisationCode: credentials.organisation_code,
    databaseCluster: env.DATABASE_IDENTITY,
    onClaimed: (claimed) => logger.info('transfer claimed', { ...claimed }),
  };
  if ('dry_run' in event) {
    await sql`select name from payout_stop limit 1`.execute(db);
    return { ended: 'dry_run' };
  }
  const pay = async (record: SQSRecord): Promise<void> => {
    if (lambda.getRemainingTimeInMillis() < CLAIM_MS)
      throw new NotBegun('no time left to begin this transfer');
    const transferId = parseTransferMessage(record.body);
    const outcome = await settle(context, transferId);
    logger.info('transfer settled', { transferId: transferId.toString(), ...outcome });
  };
  return await processPartialResponse(event, pay, processor, {
    skipGroupOnError: true,
    throwOnFullBatchFailure: false,
  });
}
