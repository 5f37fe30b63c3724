import { processPartialResponse, SqsFifoPartialProcessorAsync } from '@aws-lambda-powertools/batch';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { Kysely } from 'kysely';
import type { Bank } from '../bank/bank.ts';
import type { PayoutSecret } from '../bank/bank-secrets.ts';
import type { PayoutAuthority } from '../bank/open-bank.ts';
import type { Database } from '../database.ts';
import type { EventBus } from '../events/event-bus.client.ts';
import { publishAfterwards } from '../events/publish-afterwards.step.ts';
import type { Clock } from '../shared/clock.ts';
import type { Vault } from '../shared/encryption.ts';
import type { FunctionLog } from '../shared/function-log.ts';
import { settle, type SettleContext } from './settle.step.ts';
import { parseTransferMessage } from './transfer-queue.client.ts';

/** The time that one claim needs at the most, ms: the bank's call, and the record after it. With less left nothing is begun. */
const CLAIM_MS = 30_000;

/** What settlement works with. `settle.handler.ts` makes it of the function's environment, the simulator of a seed. */
export interface SettlementParts {
  readonly db: Kysely<Database>;
  readonly openBank: (authority: PayoutAuthority) => Bank;
  readonly clock: Clock;
  readonly log: Pick<FunctionLog, 'info' | 'warn'>;
  /** Where events are published behind a batch; nowhere without it. */
  readonly bus?: EventBus | undefined;
  readonly payoutAccount: string;
  readonly databaseCluster: string | undefined;
  /** These are read at each invocation, so that a rotated secret works without a restart; the pass phrase right before each send. */
  readonly readVault: () => Promise<Vault>;
  readonly readOrganisationCode: () => Promise<string>;
  /** `fresh` when the bank may have refused the pass phrase for having been rotated. */
  readonly readPayoutSecret: (fresh: boolean) => Promise<PayoutSecret>;
}

/** A message was not begun for want of time. The queue brings it again. */
class NotBegun extends Error {
  override readonly name = 'NotBegun';
}

/**
 * Makes the function that pays the transfers of a batch, one after the other, since each message is one claim.
 *
 * Returning an item among the failures means that it was not begun or that the infrastructure broke: the queue brings it again. Every
 * outcome that the row knows (paid, unknown, stopped, claimed by another) acknowledges its message. Throwing means that nothing could be begun at all.
 */
export function createSettlement(
  parts: SettlementParts,
): (event: SQSEvent, lambda: Pick<Context, 'getRemainingTimeInMillis'>) => Promise<SQSBatchResponse> {
  const { db, clock, log, payoutAccount, databaseCluster } = parts;
  const processor = new SqsFifoPartialProcessorAsync();
  /** Set at each invocation, since a bank's message needs it before anything can be awaited. */
  let contractAccountNumber = '';
  const bank = parts.openBank({
    passPhrase: async (fresh) => (await parts.readPayoutSecret(fresh)).wd_pass_phrase,
    contractAccountNumber: () => contractAccountNumber,
  });
  return async (event, lambda) => {
    const organisationCode = await parts.readOrganisationCode();
    contractAccountNumber = (await parts.readPayoutSecret(false)).contract_account_number;
    const vault = await parts.readVault();
    const context: SettleContext = {
      db,
      bank,
      clock,
      vault,
      payoutAccount,
      organisationCode,
      databaseCluster,
      onClaimed: (claimed) => log.info('transfer claimed', { ...claimed }),
    };
    const pay = async (record: SQSRecord): Promise<void> => {
      if (lambda.getRemainingTimeInMillis() < CLAIM_MS)
        throw new NotBegun('no time left to begin this transfer');
      const transferId = parseTransferMessage(record.body);
      const outcome = await settle(context, transferId);
      log.info('transfer settled', { transferId: transferId.toString(), ...outcome });
    };
    const response = await processPartialResponse(event, pay, processor, {
      skipGroupOnError: true,
      throwOnFullBatchFailure: false,
    });
    await publishAfterwards(db, parts.bus, () => lambda.getRemainingTimeInMillis() > CLAIM_MS, log);
    return response;
  };
}
