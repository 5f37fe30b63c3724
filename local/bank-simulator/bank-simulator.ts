import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../functions/shared/clock.ts';
import type { WireAnswer } from './answers.ts';
import type { SimulatedAccount, SimulatedRow, SimulatedTransfer } from './bank-state.ts';
import { createFaultDice } from './faults.ts';
import type { FaultCounts, Faults } from './faults.ts';
import { openJournal } from './journal.ts';
import { SimulatedBank } from './simulated-bank.ts';
import type { Deposit } from './simulated-bank.ts';
import { createTokenDesk } from './token-desk.ts';
import { createWire, TRANSFER_PATH } from './wire.ts';
import type { WireRequest } from './wire.ts';

export interface BankSimulatorOptions {
  readonly clock: Clock;
  /** A free one unless given. */
  readonly port?: number;
  /** Where accounts, rows and transfers are kept, one JSON value a line; without it they end with the process. */
  readonly journalFile?: string;
  readonly organisationCode: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly passPhrase: string;
  readonly faults?: Faults;
  /** The same seed and the same history meet the same faults. */
  readonly seed?: number;
  /** How long every answer takes. */
  readonly latencyMs?: number;
  /** How much longer a slow answer takes. */
  readonly slowMs?: number;
  /** The longest time by which a late row is late. */
  readonly postingLagMsMax?: number;
  /** How long the money of a returned transfer stays away. */
  readonly returnAfterMs?: number;
  /** The longest time that a transfer is in progress, where the bank executes late. */
  readonly processingMsMax?: number;
  readonly tokenLifeSeconds?: number;
}

export interface BankSimulator {
  readonly url: string;
  /** Opens an account; opening the same one again, as after a restart, changes nothing. */
  openAccount(account: SimulatedAccount): void;
  hasAccount(account: string): boolean;
  /** Pays into an account and answers the row, with its text as the statement will show it. */
  deposit(deposit: Deposit): SimulatedRow;
  /** Takes a file's rows as they are into an account of their own. Each shows once its time has come. */
  loadStatement(account: string, rows: readonly StatementFileRow[]): void;
  /** From now on, transfers to this account fail with 412. */
  closeDestination(bankCode: string, accountNumber: string): void;
  /** Every row of an account, also those that the statement does not show yet. */
  rows(account: string): readonly SimulatedRow[];
  /** Every transfer that the bank has got, also the refused ones. */
  transfers(): readonly SimulatedTransfer[];
  faultCounts(): FaultCounts;
  /** Ends every token at once. */
  revokeTokens(): void;
  /** Takes another client secret beside those it takes already. */
  addClientSecret(clientSecret: string): void;
  /** Refuses a client secret from now on. */
  endClientSecret(clientSecret: string): void;
  /** Moves money for this pass phrase alone from now on. */
  changePassPhrase(passPhrase: string): void;
  /** From now on transfers are executed as ever and their answers held back, until they are let go: nobody outside can know what became of them. */
  holdTransferAnswers(): HeldAnswers;
  /** Cuts every connection and closes the port. */
  stop(): Promise<void>;
}

export type StatementFileRow = Omit<SimulatedRow, 'visibleAt'>;

/** Answers to transfers that the bank has executed, or refused, and not given yet. */
export interface HeldAnswers {
  /** How many callers wait. Who hangs up is counted, too: the bank has done what it was asked. */
  count(): number;
  /** Lets all of them go, and holds back no more: whole, or half of each and then the connection breaks. */
  letGo(how: 'whole' | 'cut'): void;
}

const REQUEST_BYTES_MAX = 1_000_000;
const FIVE_MINUTES_MS = 300_000;
const TEN_MINUTES_MS = 600_000;
const ONE_DAY_SECONDS = 86_400;

/** Starts a bank on 127.0.0.1 that speaks KFTC's protocol and, where told to, lies the way banks do. */
export async function startBankSimulator(options: BankSimulatorOptions): Promise<BankSimulator> {
  const { clock, organisationCode, clientId, clientSecret } = options;
  let agreedPassPhrase = options.passPhrase;
  const acceptsPassPhrase = (given: string): boolean => given === agreedPassPhrase;
  const dice = createFaultDice(options.faults ?? {}, options.seed ?? 1);
  const { journal, entries } = openJournal(options.journalFile);
  const postingLagMsMax = options.postingLagMsMax ?? FIVE_MINUTES_MS;
  const returnAfterMs = options.returnAfterMs ?? TEN_MINUTES_MS;
  const processingMsMax = options.processingMsMax ?? TEN_MINUTES_MS;
  const bank = new SimulatedBank(
    { clock, journal, dice, postingLagMsMax, returnAfterMs, processingMsMax },
    entries,
  );
  const lifeSeconds = options.tokenLifeSeconds ?? ONE_DAY_SECONDS;
  const desk = createTokenDesk({ clock, clientId, clientSecret, lifeSeconds });
  const { latencyMs = 0, slowMs = 3000 } = options;
  const answer = createWire({
    bank,
    clock,
    dice,
    desk,
    organisationCode,
    acceptsPassPhrase,
    latencyMs,
    slowMs,
  });
  const gate = createAnswerGate();
  const server = createServer((incoming, outgoing) => void serve(incoming, outgoing, answer, gate));
  const port = await listen(server, options.port ?? 0);
  return {
    url: `http://127.0.0.1:${port}`,
    openAccount: (account) => bank.openAccount(account),
    hasAccount: (account) => bank.account(account) !== undefined,
    deposit: (deposit) => bank.deposit(deposit),
    loadStatement: (account, rows) => bank.loadStatement(account, rows),
    closeDestination: (bankCode, accountNumber) => bank.closeDestination(bankCode, accountNumber),
    rows: (account) => [...bank.rows(account)],
    transfers: () => bank.transfers(),
    faultCounts: () => dice.counts(),
    revokeTokens: () => desk.revokeAll(),
    addClientSecret: (added) => desk.addClientSecret(added),
    endClientSecret: (ended) => desk.endClientSecret(ended),
    changePassPhrase: (agreed) => void (agreedPassPhrase = agreed),
    holdTransferAnswers: () => gate.hold(),
    stop: () => stop(server),
  };
}

async function serve(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  answer: (request: WireRequest) => WireAnswer,
  gate: AnswerGate,
): Promise<void> {
  try {
    const request = await readRequest(incoming);
    send(outgoing, await gate.pass(request, answer(request)));
  } catch (error) {
    outgoing.destroy(error instanceof Error ? error : undefined);
  }
}

interface AnswerGate {
  hold(): HeldAnswers;
  /** Answers what goes out in the end, at once unless transfers' answers are held. */
  pass(request: WireRequest, answer: WireAnswer): WireAnswer | Promise<WireAnswer>;
}

function createAnswerGate(): AnswerGate {
  let waiting: PromiseWithResolvers<'whole' | 'cut'>[] | undefined;
  return {
    hold() {
      const held: PromiseWithResolvers<'whole' | 'cut'>[] = (waiting ??= []);
      return {
        count: () => held.length,
        letGo(how) {
          waiting = undefined;
          for (const { resolve } of held) resolve(how);
        },
      };
    },
    async pass(request, answer) {
      if (waiting === undefined || request.url.pathname !== TRANSFER_PATH) return answer;
      const place = Promise.withResolvers<'whole' | 'cut'>();
      waiting.push(place);
      const how = await place.promise;
      return how === 'cut' && answer.kind === 'whole' ? { ...answer, kind: 'cut' } : answer;
    },
  };
}

async function readRequest(incoming: IncomingMessage): Promise<WireRequest> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > REQUEST_BYTES_MAX) throw new Error(`A request of more than ${REQUEST_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return {
    method: incoming.method ?? '',
    url: new URL(incoming.url ?? '/', 'http://127.0.0.1'),
    authorization: incoming.headers.authorization ?? '',
    contentType: incoming.headers['content-type'] ?? '',
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

function send(outgoing: ServerResponse, answer: WireAnswer): void {
  if (answer.kind === 'silence') return;
  const deliver = () => {
    const body = Buffer.from(answer.body);
    outgoing.writeHead(answer.status, {
      'content-type': 'application/json; charset=UTF-8',
      'content-length': body.length,
    });
    if (answer.kind === 'whole') outgoing.end(body);
    else outgoing.write(body.subarray(0, Math.floor(body.length / 2)), () => outgoing.destroy());
  };
  if (answer.delayMs === 0) {
    deliver();
    return;
  }
  const timer = setTimeout(deliver, answer.delayMs);
  outgoing.on('close', () => clearTimeout(timer));
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/** Stopping what has stopped changes nothing. */
function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
