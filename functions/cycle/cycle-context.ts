import type { Kysely } from 'kysely';
import type { Bank, CollectionAccount } from '../bank/bank.ts';
import type { Database } from '../database.ts';
import type { PayoutLimits } from '../transfers/limits.step.ts';
import type { TransferQueue } from '../transfers/transfer-queue.client.ts';
import type { Vault } from '../shared/encryption.ts';

/** What the steps of a cycle share. */
export interface CycleContext {
  readonly db: Kysely<Database>;
  readonly bank: Bank;
  readonly queue: TransferQueue;
  readonly vault: Vault;
  /** The cycle's time: one instant for all its steps. */
  readonly now: Date;
  /** The fencing token of the cycle's lease. */
  readonly token: bigint;
  readonly settings: CycleSettings;
  /**
   * Whether there is time to begin another page or call.
   *
   * @param leave the part of the cycle's whole time, 0 to 1, that must then be left for the steps after this one.
   */
  readonly hasTime: (leave?: number) => boolean;
  readonly log: CycleLog;
}

export interface CycleSettings {
  readonly collectionAccount: string;
  readonly payoutAccount: string;
  /** The collection account as the bank's question about senders names it; without it nobody is asked who sent a deposit. */
  readonly sendersOf?: CollectionAccount | undefined;
  readonly organisationCode: string;
  /** How the deployment names the database's cluster, where it does. */
  readonly databaseCluster?: string | undefined;
  readonly cycleMs: number;
  /** The longest that the bank takes to execute, and then to show it, together: how long absence waits after a lease, ms. */
  readonly absenceWaitMs: number;
  readonly pageSize: number;
  readonly maxSends: number;
  /** What may go out without a second person, for all sellers together. */
  readonly limits: PayoutLimits;
}

/** The part of a logger that the steps use. No account number is ever passed to it. */
export interface CycleLog {
  info(message: string, detail?: Record<string, unknown>): void;
  warn(message: string, detail?: Record<string, unknown>): void;
  error(message: string, detail?: Record<string, unknown>): void;
}

/** The accounts that are read: the collection account, and the payout account where it is another one. */
export function accountsOf(settings: CycleSettings): string[] {
  return [...new Set([settings.collectionAccount, settings.payoutAccount])];
}
