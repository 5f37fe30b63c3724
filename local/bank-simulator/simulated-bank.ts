import type { Clock } from '../../functions/shared/clock.ts';
import { won } from '../../functions/shared/money.ts';
import type { Won } from '../../functions/shared/money.ts';
import { kstDate, wholeSecond } from '../../functions/bank/kst.ts';
import { BankState, store } from './bank-state.ts';
import type {
  AccountState,
  BankEvent,
  Sender,
  SimulatedAccount,
  SimulatedRow,
  SimulatedTransfer,
} from './bank-state.ts';
import type { FaultDice } from './faults.ts';
import type { Journal } from './journal.ts';
import { mangleText } from './mangled-text.ts';

/** The bank's mark of a return and of the two directions in `tran_type`: this simulator's words, since banks differ in theirs. */
const KIND_RETURN = '반환';
const KIND_TRANSFER_IN = '타행입금';
const KIND_TRANSFER_OUT = '타행이체';
const BRANCH = '오픈뱅킹';

/** KFTC's codes of a transfer whose outcome is not decided yet. */
const IN_PROGRESS = { rspCode: 'A0001', bankRspCode: '400' } as const;

export interface SimulatedBankOptions {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly dice: FaultDice;
  /** The longest time by which a late row is late. */
  readonly postingLagMsMax: number;
  /** How long a returned transfer's money stays away. */
  readonly returnAfterMs: number;
  /** The longest time that a transfer is in progress. */
  readonly processingMsMax: number;
}

/** Money that leaves a simulated account otherwise than by a transfer: its owner takes it, or the bank takes a deposit back. */
export interface Withdrawal {
  /** `fintech_use_num`. */
  readonly account: string;
  readonly amount: Won;
  readonly text: string;
  /** The bank's word for the kind of the row. */
  readonly kind?: string;
}

/** A payment into a simulated account. */
export interface Deposit {
  /** `fintech_use_num`. */
  readonly account: string;
  readonly amount: Won;
  /** What the payer typed. */
  readonly text: string;
  /** Where it comes from, as far as the bank knows. */
  readonly sender?: Sender;
  /** Now, unless given; never before the account's last row. */
  readonly at?: Date;
  /** The bank's word for the kind of the row. */
  readonly kind?: string;
}

/** What a transfer asks for, once its message has been found in order. */
export interface TransferDemand {
  readonly bankTranId: string;
  readonly amount: Won;
  readonly toBankCode: string;
  readonly toAccountNumber: string;
  readonly toHolder: string;
  readonly reference: string;
  readonly recipientText: string;
}

/** The codes that answer a transfer or an inquiry, and what the bank knows of the transfer. */
export interface TransferVerdict {
  readonly rspCode: string;
  readonly bankRspCode: string;
  readonly transfer?: SimulatedTransfer;
}

/** The accounts and transfers of a simulated bank, without its wire. Every change is in the journal before it is told to anybody. */
export class SimulatedBank {
  readonly #state = new BankState();
  readonly #options: SimulatedBankOptions;

  readonly #repetitions = new Map<string, number>();

  /** The events of the change that is under way. */
  #change: BankEvent[] | undefined;

  constructor(options: SimulatedBankOptions, history: readonly (readonly BankEvent[])[]) {
    this.#options = options;
    for (const event of history.flat()) this.#state.apply(event);
  }

  /** Opens an account; opening the same one again changes nothing. */
  openAccount(account: SimulatedAccount): void {
    const existing = this.#state.account(account.fintechUseNum)?.account;
    if (!existing) {
      this.#record({ type: 'account_opened', account: store(account) });
      return;
    }
    if (JSON.stringify(store(existing)) !== JSON.stringify(store(account))) {
      throw new Error(
        `Account ${account.fintechUseNum} exists with other details; use another journal file or other details`,
      );
    }
  }

  deposit(deposit: Deposit): SimulatedRow {
    this.#settleDue();
    const state = this.#changeable(deposit.account);
    const key = `${deposit.account}#${state.rows.length}`;
    const mangled = this.#options.dice.fires('mangled_names', key);
    return this.#post(deposit.account, {
      direction: 'in',
      amount: deposit.amount,
      text: mangled ? mangleText(deposit.text, this.#options.dice.draw(`mangle|${key}`)) : deposit.text,
      kind: deposit.kind ?? KIND_TRANSFER_IN,
      occurredAt: deposit.at ?? this.#options.clock.now(),
      ...(deposit.sender === undefined ? {} : { sender: deposit.sender }),
    });
  }

  withdraw({ account, amount, text, kind }: Withdrawal): SimulatedRow {
    this.#settleDue();
    return this.#post(account, {
      direction: 'out',
      amount,
      text,
      kind: kind ?? KIND_TRANSFER_OUT,
      occurredAt: this.#notBeforeLast(account, this.#options.clock.now()),
    });
  }

  /** Takes a file's rows as they are, balances included; each shows once its time has come. Loading the same again changes nothing. */
  loadStatement(account: string, rows: readonly Omit<SimulatedRow, 'visibleAt'>[]): void {
    const state = this.#state.account(account);
    if (!state) throw new Error(`The simulated bank has no account ${account}; open it with openAccount`);
    if (state.isLoaded && sameRows(state.rows, rows)) return;
    if (state.rows.length > 0)
      throw new Error(`Account ${account} already has rows; load a statement into an account of its own`);
    checkOrder(account, rows);
    const withVisibility = rows.map((row, index) => ({
      ...row,
      visibleAt: this.#visibleAt(account, index, row.occurredAt),
    }));
    this.#record({ type: 'statement_loaded', account, rows: withVisibility.map(store) });
  }

  closeDestination(bankCode: string, accountNumber: string): void {
    if (this.#state.isClosed(bankCode, accountNumber)) return;
    this.#record({ type: 'destination_closed', bankCode, accountNumber });
  }

  rows(account: string): readonly SimulatedRow[] {
    this.#settleDue();
    return this.#state.account(account)?.rows ?? [];
  }

  /** The rows of an account that its statement shows now, between two instants (both included), in the order of the books. */
  visibleRows(
    account: string,
    from: Date,
    to: Date,
  ): readonly { readonly index: number; readonly row: SimulatedRow }[] {
    const rows = this.rows(account);
    const now = this.#options.clock.now();
    const shown: { index: number; row: SimulatedRow }[] = [];
    for (let index = firstIndexFrom(rows, from); index < rows.length; index += 1) {
      const row = rows[index];
      if (!row || row.occurredAt > to) break;
      if (row.visibleAt <= now) shown.push({ index, row });
    }
    return shown;
  }

  /** The account with a bank's code and a number. */
  accountByNumber(bankCode: string, accountNumber: string): SimulatedAccount | undefined {
    return this.#state.accountByNumber(accountNumber, bankCode)?.account;
  }

  balance(account: string): Won | undefined {
    this.#settleDue();
    return this.#state.account(account)?.balance;
  }

  account(fintechUseNum: string): SimulatedAccount | undefined {
    return this.#state.account(fintechUseNum)?.account;
  }

  transfers(): readonly SimulatedTransfer[] {
    this.#settleDue();
    return this.#state.transfers();
  }

  /** Executes a transfer, or refuses it. An id that was used on this KST date, for whatever, is a duplicate and changes nothing. */
  transfer(payingAccountNumber: string, demand: TransferDemand): TransferVerdict {
    this.#settleDue();
    const bankDate = kstDate(this.#options.clock.now());
    const earlier = this.#state.transfer(bankDate, demand.bankTranId);
    const { dice, clock, processingMsMax } = this.#options;
    const repetition = earlier && this.#repetitionOf(`${bankDate} ${demand.bankTranId}`);
    if (earlier && repetition === undefined)
      return { rspCode: 'A0326', bankRspCode: '822', transfer: earlier };
    const paying = this.#state.accountByNumber(payingAccountNumber);
    const account = paying?.account.fintechUseNum ?? '';
    const key = `${bankDate} ${demand.bankTranId}`;
    if (repetition !== undefined || !dice.fires('execute_late', key))
      return this.#execute(demand, bankDate, account, wholeSecond(clock.now()), repetition);
    const at = wholeSecond(clock.now());
    const executeAt = new Date(at.getTime() + Math.floor(dice.draw(`late|${key}`) * processingMsMax));
    const codes = { executed: false, ...IN_PROGRESS, forgotten: false };
    const transfer = { ...demand, bankDate, account, at, executeAt, ...codes };
    this.#record({ type: 'transfer_recorded', transfer: store(transfer) });
    return { ...IN_PROGRESS, transfer };
  }

  /** Which execution of an id that was used before this would be, if the bank repeats it. */
  #repetitionOf(key: string): number | undefined {
    const repetition = (this.#repetitions.get(key) ?? 1) + 1;
    if (!this.#options.dice.fires('repeat_duplicate', `${key}#${repetition}`)) return undefined;
    this.#repetitions.set(key, repetition);
    return repetition;
  }

  /** Moves the money, or refuses to. */
  #execute(
    demand: TransferDemand,
    bankDate: string,
    account: string,
    at: Date,
    repetition?: number,
  ): TransferVerdict {
    const paying = this.#state.account(account);
    const codes = this.#refusalOf(demand, paying?.isLoaded === false ? paying.balance : undefined);
    const transfer = {
      ...this.#newTransfer(demand, bankDate, account, at, codes),
      ...(repetition === undefined ? {} : { repetition }),
    };
    this.#atomically(() => {
      this.#record({ type: 'transfer_recorded', transfer: store(transfer) });
      if (transfer.executed) this.#moveMoney(transfer);
    });
    return { rspCode: transfer.rspCode, bankRspCode: transfer.bankRspCode, transfer };
  }

  /** What became of a transfer, as the bank would truly say; A0310 for one that it does not know, or has forgotten. */
  resultOf(bankDate: string, bankTranId: string, amount: Won | undefined): TransferVerdict {
    this.#settleDue();
    const transfer = this.#state.transfer(bankDate, bankTranId);
    if (!transfer || transfer.forgotten || transfer.amount !== amount)
      return { rspCode: 'A0310', bankRspCode: '' };
    return { rspCode: transfer.rspCode, bankRspCode: transfer.bankRspCode, transfer };
  }

  /** Why a transfer is refused. `balance` is absent for an account that cannot pay. */
  #refusalOf(
    demand: TransferDemand,
    balance: Won | undefined,
  ): { rspCode: string; bankRspCode: string } | undefined {
    if (balance === undefined || balance < demand.amount) return { rspCode: 'A0009', bankRspCode: '453' };
    if (this.#state.isClosed(demand.toBankCode, demand.toAccountNumber))
      return { rspCode: 'A0009', bankRspCode: '412' };
    const destination = this.#state.accountByNumber(demand.toAccountNumber, demand.toBankCode);
    if (destination && destination.account.holder !== demand.toHolder)
      return { rspCode: 'A0312', bankRspCode: '' };
    return undefined;
  }

  #newTransfer(
    demand: TransferDemand,
    bankDate: string,
    account: string,
    at: Date,
    refusal: { rspCode: string; bankRspCode: string } | undefined,
  ): SimulatedTransfer {
    const { dice, returnAfterMs } = this.#options;
    const key = `${bankDate} ${demand.bankTranId}`;
    if (refusal) return { ...demand, bankDate, account, at, executed: false, ...refusal, forgotten: false };
    const returned = dice.fires('paid_then_returned', key)
      ? { returnAt: new Date(at.getTime() + returnAfterMs) }
      : {};
    const forgotten = dice.fires('forget_id', key);
    return {
      ...demand,
      bankDate,
      account,
      at,
      executed: true,
      rspCode: 'A0000',
      bankRspCode: '000',
      forgotten,
      ...returned,
    };
  }

  #moveMoney(transfer: SimulatedTransfer): void {
    const { account, amount, reference } = transfer;
    const occurredAt = this.#notBeforeLast(account, transfer.at);
    this.#post(account, { direction: 'out', amount, text: reference, kind: KIND_TRANSFER_OUT, occurredAt });
    const destination = this.#state.accountByNumber(transfer.toAccountNumber, transfer.toBankCode);
    if (!destination || destination.isLoaded || transfer.returnAt) return;
    const { fintechUseNum } = destination.account;
    this.#post(fintechUseNum, {
      direction: 'in',
      amount,
      text: transfer.recipientText,
      kind: KIND_TRANSFER_IN,
      occurredAt: this.#notBeforeLast(fintechUseNum, transfer.at),
    });
  }

  /** What was to happen by now: transfers in progress are executed, and the money of returned ones is back. */
  #settleDue(): void {
    for (const { executeAt, bankDate, account, ...transfer } of this.#state.executionsDue(
      this.#options.clock.now(),
    )) {
      const { bankTranId, amount, toBankCode, toAccountNumber, toHolder, reference, recipientText } =
        transfer;
      const demand = { bankTranId, amount, toBankCode, toAccountNumber, toHolder, reference, recipientText };
      this.#execute(demand, bankDate, account, executeAt);
    }
    this.#postReturnsDue();
  }

  /** Brings back the money of returned transfers whose time has come, each with the reference that it left with. */
  #postReturnsDue(): void {
    for (const transfer of this.#state.returnsDue(this.#options.clock.now())) {
      const { bankDate, bankTranId, account, amount, reference, returnAt, repetition } = transfer;
      this.#atomically(() => {
        const which = { bankDate, bankTranId, ...(repetition === undefined ? {} : { repetition }) };
        this.#record({ type: 'transfer_returned', ...which });
        const occurredAt = this.#notBeforeLast(account, returnAt);
        this.#post(account, { direction: 'in', amount, text: reference, kind: KIND_RETURN, occurredAt });
      });
    }
  }

  /** A time that keeps the order of an account's rows, where a payer's row was entered ahead of its time. */
  #notBeforeLast(account: string, at: Date): Date {
    const lastAt = this.#state.account(account)?.rows.at(-1)?.occurredAt;
    return lastAt && lastAt > at ? lastAt : at;
  }

  #post(
    account: string,
    row: Pick<SimulatedRow, 'direction' | 'amount' | 'text' | 'kind' | 'occurredAt' | 'sender'>,
  ): SimulatedRow {
    const state = this.#changeable(account);
    const occurredAt = wholeSecond(row.occurredAt);
    const last = state.rows.at(-1);
    if (last && occurredAt < last.occurredAt) {
      throw new Error(
        `A row at ${occurredAt.toISOString()} would come before the last one of account ${account}; a statement only grows`,
      );
    }
    const whole: SimulatedRow = {
      ...row,
      occurredAt,
      balanceAfter: won(row.direction === 'in' ? state.balance + row.amount : state.balance - row.amount),
      branch: BRANCH,
      visibleAt: this.#visibleAt(account, state.rows.length, occurredAt),
    };
    this.#record({ type: 'row_posted', account, row: store(whole) });
    return whole;
  }

  #visibleAt(account: string, index: number, occurredAt: Date): Date {
    const { dice, postingLagMsMax } = this.#options;
    const key = `${account}#${index}`;
    if (!dice.fires('rows_late', key)) return occurredAt;
    return new Date(occurredAt.getTime() + Math.floor(dice.draw(`lag|${key}`) * postingLagMsMax));
  }

  #changeable(account: string): AccountState {
    const state = this.#state.account(account);
    if (!state) throw new Error(`The simulated bank has no account ${account}; open it with openAccount`);
    if (state.isLoaded)
      throw new Error(`Account ${account} holds a file's rows; nothing may be added to them`);
    return state;
  }

  /** Writes all events of a change as one line of the journal, so that a crash keeps all of them or none. */
  #atomically(change: () => void): void {
    this.#change = [];
    change();
    this.#options.journal.append(this.#change);
    this.#change = undefined;
  }

  #record(event: BankEvent): void {
    if (this.#change) this.#change.push(event);
    else this.#options.journal.append([event]);
    this.#state.apply(event);
  }
}

function checkOrder(account: string, rows: readonly Pick<SimulatedRow, 'occurredAt'>[]): void {
  rows.forEach((row, index) => {
    const before = rows[index - 1];
    if (before && row.occurredAt < before.occurredAt) {
      throw new Error(
        `Row ${index + 1} of the statement of account ${account} is earlier than the row before; sort the rows by time`,
      );
    }
  });
}

function sameRows(
  loaded: readonly SimulatedRow[],
  rows: readonly Omit<SimulatedRow, 'visibleAt'>[],
): boolean {
  return JSON.stringify(loaded.map(fingerprint)) === JSON.stringify(rows.map(fingerprint));
}

function fingerprint(row: Omit<SimulatedRow, 'visibleAt'>): string {
  const { occurredAt, direction, amount, balanceAfter, text, kind, branch } = row;
  return JSON.stringify([
    occurredAt.toISOString(),
    direction,
    `${amount}`,
    `${balanceAfter}`,
    text,
    kind,
    branch,
  ]);
}

/** The index of the first row at or after an instant, by halving: rows are in time's order. */
function firstIndexFrom(rows: readonly SimulatedRow[], from: Date): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const row = rows[middle];
    if (row && row.occurredAt < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
