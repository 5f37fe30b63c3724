import { won } from '../../functions/shared/money.ts';
import type { Won } from '../../functions/shared/money.ts';
import type { StatementRow } from '../../functions/bank/bank.ts';

export interface SimulatedAccount {
  readonly fintechUseNum: string;
  readonly bankCode: string;
  readonly accountNumber: string;
  readonly holder: string;
  readonly openingBalance: Won;
}

/** The account that a deposit came from. */
export interface Sender {
  readonly bankCode: string;
  readonly accountNumber: string;
  readonly name: string;
}

/** A row as it will be told to whoever asks. */
export interface SimulatedRow extends StatementRow {
  /** Told to whoever asks for senders, where the bank knows one. */
  readonly sender?: Sender;
  /** When the statement begins to show it: later than it happened where the bank posts late. */
  readonly visibleAt: Date;
}

export interface SimulatedTransfer {
  /** The KST date on which the bank got it, `YYYY-MM-DD`. An id is unique within it. */
  readonly bankDate: string;
  readonly bankTranId: string;
  /** Counts from 2 the executions of an id that was used before, where the bank repeats it. */
  readonly repetition?: number;
  /** The paying account's `fintech_use_num`. */
  readonly account: string;
  readonly amount: Won;
  readonly toBankCode: string;
  readonly toAccountNumber: string;
  readonly toHolder: string;
  readonly reference: string;
  readonly recipientText: string;
  readonly at: Date;
  /** Whether the money went. */
  readonly executed: boolean;
  /** The codes of its outcome: `A0000` and `000` when executed. */
  readonly rspCode: string;
  readonly bankRspCode: string;
  /** When the bank will look at it, where it has not yet. */
  readonly executeAt?: Date;
  /** When the money comes back, where it does. */
  readonly returnAt?: Date;
  /** Whether the bank, asked for the result, knows nothing of it. */
  readonly forgotten: boolean;
}

/** What changes the simulated bank. Amounts are digits, since JSON has no whole numbers of this size; times are ISO 8601. */
export type BankEvent =
  | { readonly type: 'account_opened'; readonly account: Stored<SimulatedAccount> }
  | { readonly type: 'row_posted'; readonly account: string; readonly row: Stored<SimulatedRow> }
  | {
      readonly type: 'statement_loaded';
      readonly account: string;
      readonly rows: readonly Stored<SimulatedRow>[];
    }
  | { readonly type: 'transfer_recorded'; readonly transfer: Stored<SimulatedTransfer> }
  | {
      readonly type: 'transfer_returned';
      readonly bankDate: string;
      readonly bankTranId: string;
      readonly repetition?: number;
    }
  | { readonly type: 'destination_closed'; readonly bankCode: string; readonly accountNumber: string };

/** A value as JSON keeps it. */
export type Stored<T> = {
  readonly [K in keyof T]: T[K] extends bigint | Date
    ? string
    : T[K] extends Date | undefined
      ? string | undefined
      : T[K];
};

export interface AccountState {
  readonly account: SimulatedAccount;
  readonly rows: SimulatedRow[];
  balance: Won;
  /** Whether its rows came from a file, whose balances nothing may disturb. */
  isLoaded: boolean;
}

/** The books of the simulated bank: they change by events alone, so that replaying the events gives the same books. */
export class BankState {
  readonly #accounts = new Map<string, AccountState>();
  readonly #accountsByNumber = new Map<string, AccountState[]>();
  readonly #transfers = new Map<string, SimulatedTransfer>();
  /** Executed transfers whose money is to come back and has not. */
  readonly #returnsAwaited = new Map<string, SimulatedTransfer & { readonly returnAt: Date }>();
  /** Transfers that are in progress. */
  readonly #executionsAwaited = new Map<string, SimulatedTransfer & { readonly executeAt: Date }>();
  readonly #closed = new Set<string>();

  apply(event: BankEvent): void {
    switch (event.type) {
      case 'account_opened':
        this.#open(readAccount(event.account));
        return;
      case 'row_posted':
        this.#post(event.account, readRow(event.row));
        return;
      case 'statement_loaded':
        this.#load(event.account, event.rows.map(readRow));
        return;
      case 'transfer_recorded':
        this.#addTransfer(readTransfer(event.transfer));
        return;
      case 'transfer_returned':
        this.#returnsAwaited.delete(transferKey(event.bankDate, event.bankTranId, event.repetition));
        return;
      case 'destination_closed':
        this.#closed.add(destinationKey(event.bankCode, event.accountNumber));
        return;
    }
  }

  account(fintechUseNum: string): AccountState | undefined {
    return this.#accounts.get(fintechUseNum);
  }

  /** The account with a number, at any of the simulated banks unless one is named. */
  accountByNumber(accountNumber: string, bankCode?: string): AccountState | undefined {
    const states = this.#accountsByNumber.get(accountNumber) ?? [];
    return states.find(({ account }) => bankCode === undefined || account.bankCode === bankCode);
  }

  transfer(bankDate: string, bankTranId: string): SimulatedTransfer | undefined {
    return this.#transfers.get(transferKey(bankDate, bankTranId));
  }

  transfers(): readonly SimulatedTransfer[] {
    return [...this.#transfers.values()];
  }

  /** Transfers whose money is to be back by `now`, earliest first. */
  returnsDue(now: Date): readonly (SimulatedTransfer & { readonly returnAt: Date })[] {
    return [...this.#returnsAwaited.values()]
      .filter(({ returnAt }) => returnAt <= now)
      .sort((a, b) => a.returnAt.getTime() - b.returnAt.getTime());
  }

  /** Transfers that are in progress and to be executed by `now`, earliest first. */
  executionsDue(now: Date): readonly (SimulatedTransfer & { readonly executeAt: Date })[] {
    return [...this.#executionsAwaited.values()]
      .filter(({ executeAt }) => executeAt <= now)
      .sort((a, b) => a.executeAt.getTime() - b.executeAt.getTime());
  }

  isClosed(bankCode: string, accountNumber: string): boolean {
    return this.#closed.has(destinationKey(bankCode, accountNumber));
  }

  #open(account: SimulatedAccount): void {
    const state: AccountState = { account, rows: [], balance: account.openingBalance, isLoaded: false };
    this.#accounts.set(account.fintechUseNum, state);
    const sameNumber = this.#accountsByNumber.get(account.accountNumber) ?? [];
    this.#accountsByNumber.set(account.accountNumber, [...sameNumber, state]);
  }

  #addTransfer(transfer: SimulatedTransfer): void {
    const { returnAt, executeAt, repetition } = transfer;
    const key = transferKey(transfer.bankDate, transfer.bankTranId, repetition);
    this.#transfers.set(key, transfer);
    if (executeAt) this.#executionsAwaited.set(key, { ...transfer, executeAt });
    else this.#executionsAwaited.delete(key);
    if (returnAt) this.#returnsAwaited.set(key, { ...transfer, returnAt });
  }

  #post(account: string, row: SimulatedRow): void {
    const state = this.#known(account);
    state.rows.push(row);
    state.balance = row.balanceAfter;
  }

  #load(account: string, rows: readonly SimulatedRow[]): void {
    for (const row of rows) this.#post(account, row);
    this.#known(account).isLoaded = true;
  }

  #known(account: string): AccountState {
    const state = this.#accounts.get(account);
    if (!state) throw new Error(`The simulated bank has no account ${account}; open it with openAccount`);
    return state;
  }
}

/** A value as JSON keeps it. */
export function store<T extends object>(value: T): Stored<T> {
  const entries = Object.entries(value).map(([key, field]: [string, unknown]) => {
    if (typeof field === 'bigint') return [key, field.toString()];
    return [key, field instanceof Date ? field.toISOString() : field];
  });
  return Object.fromEntries(entries) as Stored<T>;
}

function readAccount(stored: Stored<SimulatedAccount>): SimulatedAccount {
  return { ...stored, openingBalance: readWon(stored.openingBalance) };
}

function readRow(stored: Stored<SimulatedRow>): SimulatedRow {
  return {
    ...stored,
    occurredAt: new Date(stored.occurredAt),
    visibleAt: new Date(stored.visibleAt),
    amount: readWon(stored.amount),
    balanceAfter: readWon(stored.balanceAfter),
  };
}

function readTransfer(stored: Stored<SimulatedTransfer>): SimulatedTransfer {
  const { returnAt, executeAt, ...rest } = stored;
  return {
    ...rest,
    amount: readWon(rest.amount),
    at: new Date(rest.at),
    ...(executeAt === undefined ? {} : { executeAt: new Date(executeAt) }),
    ...(returnAt === undefined ? {} : { returnAt: new Date(returnAt) }),
  };
}

function readWon(digits: string): Won {
  return won(BigInt(digits));
}

function transferKey(bankDate: string, bankTranId: string, repetition?: number): string {
  return `${bankDate} ${bankTranId}${repetition === undefined ? '' : `#${repetition}`}`;
}

function destinationKey(bankCode: string, accountNumber: string): string {
  return `${bankCode} ${accountNumber}`;
}
