import type { Clock } from '../shared/clock.ts';
import type { DryRunCheck } from '../shared/dry-run.ts';
import type { Bank } from './bank.ts';
import { bankTranId, randomQueryId } from './bank-tran-id.ts';
import { kstDate } from './kst.ts';
import { won } from '../shared/money.ts';

/**
 * Asks the bank what became of a transfer that nobody made: address, certificate, credentials and token are those that a payout takes, and nothing changes
 * there. A bank that is closed for maintenance has been reached.
 */
export function bankCheck(
  bank: Bank,
  clock: Clock,
  readOrganisationCode: () => Promise<string>,
): DryRunCheck {
  return [
    'the bank',
    async () => {
      const answer = await bank.inquire([
        {
          bankTranId: bankTranId(await readOrganisationCode(), randomQueryId()),
          bankDate: kstDate(clock.now()),
          amount: won(1n),
        },
      ]);
      if (answer.outcome === 'answered') return undefined;
      if (answer.cause === 'maintenance') return 'closed for maintenance';
      throw new Error(`it did not answer an inquiry: ${answer.cause} (${answer.detail})`);
    },
  ];
}
