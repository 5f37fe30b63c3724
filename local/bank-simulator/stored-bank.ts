import type { Clock } from '../../functions/shared/clock.ts';
import type { WireAnswer } from './answers.ts';
import type { BankEvent, SimulatedAccount } from './bank-state.ts';
import { createFaultDice } from './faults.ts';
import type { JournalBucket } from './journal-bucket.client.ts';
import { SimulatedBank, type Deposit } from './simulated-bank.ts';
import type { TokenDesk } from './token-desk.ts';
import { createWire, type WireRequest } from './wire.ts';

export interface StoredBankOptions {
  readonly clock: Clock;
  readonly journal: JournalBucket;
  readonly desk: Pick<TokenDesk, 'issue' | 'accepts'>;
  readonly organisationCode: string;
  readonly account: SimulatedAccount;
}

/** A simulated bank that lives in no process: each request begins from what is stored. It is honest: its lies are for tests. */
export interface StoredBank {
  answer(request: WireRequest): Promise<WireAnswer>;
  deposit(deposit: Omit<Deposit, 'account'>): Promise<void>;
}

/** Others may write at the same time, and each gets on in the end. */
const ATTEMPTS_MAX = 20;

/** As a bank posts that is neither slow nor late, ms. */
const NO_DELAY = { postingLagMsMax: 0, returnAfterMs: 600_000, processingMsMax: 0 } as const;

export function createStoredBank(options: StoredBankOptions): StoredBank {
  const { clock, journal, desk, organisationCode, account } = options;
  const dice = createFaultDice({}, 1);

  /** Does something at the bank and stores what changed before anybody is told; does it again when somebody else was faster. */
  async function change<Result>(work: (bank: SimulatedBank) => Result): Promise<Result> {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const stored = await journal.read();
      const events: (readonly BankEvent[])[] = [];
      const record = { append: (event: readonly BankEvent[]) => void events.push(event) };
      const bank = new SimulatedBank({ clock, journal: record, dice, ...NO_DELAY }, stored.entries);
      bank.openAccount(account);
      const result = work(bank);
      if (events.length === 0 || (await journal.append(stored, events))) return result;
    }
    throw new Error(`the simulated bank was written to by others ${ATTEMPTS_MAX} times in a row`);
  }

  return {
    answer: (request) =>
      change((bank) =>
        createWire({
          bank,
          clock,
          dice,
          desk,
          organisationCode,
          // The secret that holds it is settlement's alone.
          acceptsPassPhrase: () => true,
          latencyMs: 0,
          slowMs: 0,
        })(request),
      ),
    deposit: (deposit) =>
      change((bank) => {
        bank.deposit({ ...deposit, account: account.fintechUseNum });
      }),
  };
}
