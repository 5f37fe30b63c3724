import type {
  Bank,
  BankRefusal,
  Exchange,
  Inquiry,
  InquiryOutcome,
  PreparedTransfer,
  SendOutcome,
  TransferOrder,
} from '../../functions/bank/bank.ts';
import { kstDate } from '../../functions/bank/kst.ts';

/** One call of `sendTransfer`, as a script sees it. */
export interface SentTransfer {
  readonly order: TransferOrder;
  readonly prepared: PreparedTransfer;
  readonly mayStillWrite: () => boolean;
  /** Moves the money, whatever the answer then says of it. */
  execute(): void;
}

export type SendScript = (sent: SentTransfer) => SendOutcome | Promise<SendOutcome>;

/** A bank that answers as a test says, executes when it is told to, and remembers all that it was asked. */
export interface ScriptedBank extends Bank {
  /** Every order that a message was built for. */
  readonly prepared: TransferOrder[];
  /** Every message that was sent, in order. */
  readonly sent: PreparedTransfer[];
  /** Every order whose money has really left. */
  readonly executed: TransferOrder[];
  /** Every inquiry, in order. */
  readonly inquired: Inquiry[];
  /** How the next sends are answered, one after the other; when none is left, they execute and say so. */
  readonly sends: SendScript[];
  /** What an inquiry is answered; `undefined` leaves the transfer out of the answer. */
  onInquiry: (inquiry: Inquiry) => InquiryOutcome | undefined;
  /** While set, no inquiry is answered. */
  refusing: BankRefusal['cause'] | undefined;
  /** While set, no message can be built: a function that dies in the middle of a claim. */
  failsToPrepare: Error | undefined;
}

export const executes: SendScript = (sent) => {
  sent.execute();
  return { outcome: 'succeeded', bankDate: kstDate(sent.order.at) };
};

export const timesOut: SendScript = () => ({ outcome: 'ambiguous', code: 'timeout' });

export const executesAndTimesOut: SendScript = (sent) => {
  sent.execute();
  return { outcome: 'ambiguous', code: 'timeout' };
};

export function refuses(cause: 'funds' | 'limit' | 'payee' | 'maintenance' | 'rejected'): SendScript {
  return () => ({ outcome: 'failed', cause, code: `A-${cause}` });
}

export const isNotReached: SendScript = () => ({
  outcome: 'not_sent',
  cause: 'connection',
  code: 'ECONNREFUSED',
});

export function createScriptedBank(): ScriptedBank {
  const orders = new Map<string, TransferOrder>();
  const bank: ScriptedBank = {
    prepared: [],
    sent: [],
    executed: [],
    inquired: [],
    sends: [],
    onInquiry: () => undefined,
    refusing: undefined,
    failsToPrepare: undefined,
    listTransactions() {
      throw new Error('this bank was told nothing of its statement');
    },
    listRemitters() {
      throw new Error('this bank was told nothing of senders');
    },
    prepareTransfer(order) {
      if (bank.failsToPrepare !== undefined) throw bank.failsToPrepare;
      bank.prepared.push(order);
      orders.set(order.bankTranId, order);
      const body = JSON.stringify({ ...order, amount: order.amount.toString() });
      return { bankTranId: order.bankTranId, amount: order.amount, path: '/transfer', body };
    },
    async sendTransfer(prepared, mayStillWrite) {
      const order = orders.get(prepared.bankTranId);
      if (order === undefined) throw new Error(`nobody has prepared ${prepared.bankTranId}`);
      bank.sent.push(prepared);
      const answer = bank.sends.shift() ?? executes;
      const result = await answer({
        order,
        prepared,
        mayStillWrite,
        execute: () => void bank.executed.push(order),
      });
      return { result, exchange: exchange('deposit_transfer', prepared.body, order.at) };
    },
    inquire(inquiries) {
      bank.inquired.push(...inquiries);
      const asked = exchange('transfer_result', JSON.stringify(inquiries.map((one) => one.bankTranId)));
      if (bank.refusing !== undefined) {
        const refusal = {
          outcome: 'refused',
          cause: bank.refusing,
          detail: 'closed',
          exchange: asked,
        } as const;
        return Promise.resolve(refusal);
      }
      const byBankTranId = new Map<string, InquiryOutcome>();
      for (const inquiry of inquiries) {
        const outcome = bank.onInquiry(inquiry);
        if (outcome !== undefined) byBankTranId.set(inquiry.bankTranId, outcome);
      }
      return Promise.resolve({ outcome: 'answered', byBankTranId, exchange: asked });
    },
  };
  return bank;
}

function exchange(operation: Exchange['operation'], requestBody: string, at = new Date(0)): Exchange {
  return {
    operation,
    path: `/${operation}`,
    requestBody,
    requestedAt: at,
    responseBody: '{}',
    httpStatus: 200,
    elapsedMs: 12,
  };
}
