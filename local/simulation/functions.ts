import type { SQSBatchResponse } from 'aws-lambda';
import { createOpenBanking } from '../../functions/bank/openbanking.client.ts';
import { mayNotPay, type PayoutAuthority } from '../../functions/bank/open-bank.ts';
import type { Bank } from '../../functions/bank/bank.ts';
import { createMatcher, type MatchResult } from '../../functions/cycle/matcher.ts';
import type { FunctionLog } from '../../functions/shared/function-log.ts';
import type { Vault } from '../../functions/shared/encryption.ts';
import { createSettlement } from '../../functions/transfers/settle-batch.step.ts';
import type { WireAnswer } from '../bank-simulator/answers.ts';
import type { WireRequest } from '../bank-simulator/wire.ts';
import { sqsEvent } from '../function-host/sqs-event.ts';
import { createBankLink } from './bank-link.ts';
import type { WorldDatabase } from './connections.ts';
import { Sandbox } from './sandbox.ts';
import type { SimulatedQueue } from './simulated-queue.ts';
import { ACCOUNT_NUMBERS, BANK_SECRETS, COLLECTION_BANK_CODE, CYCLE_MS } from './world-settings.ts';
import type { WorldState } from './world-state.ts';

/** As deployed, ms. */
const MATCHER_LIMIT_MS = 120_000;
const SETTLEMENT_LIMIT_MS = 45_000;
const BANK_CALL_TIMEOUT_MS = 20_000;

export interface FunctionParts {
  readonly state: WorldState;
  readonly database: WorldDatabase;
  readonly queue: SimulatedQueue;
  readonly answer: (request: WireRequest) => WireAnswer;
  readonly vault: Vault;
  readonly accounts: { readonly collection: string; readonly payout: string };
  /** What a test breaks on purpose. */
  readonly sabotage?: Sabotage;
}

/** Ways to break a rule on purpose, so that a test can see the simulator find it. Nothing of this is in the functions. */
export interface Sabotage {
  /** How long a written message may be under way to the bank, ms. */
  readonly arrivesWithinMs?: number;
  /** Wraps the bank that the functions see. */
  readonly bank?: (bank: Bank) => Bank;
  /** Rewrites a statement before it is sent, knowing who sends it. */
  readonly statement?: (text: string, who: string) => string;
  /** Takes away what the database itself refuses. */
  readonly database?: readonly string[];
  /** Nobody looks at the database before the end, where the bank's own books are counted. */
  readonly blind?: true;
}

interface LambdaContext {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

interface Instance<Event, Result> {
  readonly sandbox: Sandbox;
  readonly handler: (event: Event, lambda: LambdaContext) => Promise<Result>;
}

/** Runs a function as Lambda does: an instance takes one event at a time, is used again, and is killed at the end of its time. */
class FunctionHost<Event, Result> {
  readonly #state: WorldState;
  readonly #create: (name: string) => Instance<Event, Result>;
  readonly #limitMs: number;
  readonly #name: string;
  #idle: Instance<Event, Result>[] = [];
  #made = 0;
  #requests = 0;
  busy = 0;

  constructor(
    state: WorldState,
    name: string,
    limitMs: number,
    create: (name: string) => Instance<Event, Result>,
  ) {
    this.#state = state;
    this.#name = name;
    this.#limitMs = limitMs;
    this.#create = create;
  }

  /** Runs one event; `ended` is called with what the function returned, or with nothing when it threw or died. */
  invoke(event: Event, ended: (result: Result | undefined) => void): void {
    const instance = this.#idle.pop() ?? this.#makeOne();
    const { sandbox, handler } = instance;
    const { timeline } = this.#state;
    const endsAtMs = timeline.nowMs + this.#limitMs;
    this.busy += 1;
    this.#requests += 1;
    const callOff = timeline.after(
      this.#limitMs,
      () => sandbox.kill('runs out of its time and is killed'),
      sandbox,
    );
    const end = (result: Result | undefined): void => {
      callOff();
      this.busy -= 1;
      ended(result);
    };
    sandbox.onDeath = () => end(undefined);
    const lambda: LambdaContext = {
      awsRequestId: `${this.#name}-${this.#requests}`,
      getRemainingTimeInMillis: () => endsAtMs - timeline.nowMs,
    };
    handler(event, lambda).then(
      (result) => {
        if (!sandbox.alive) return;
        this.#idle.push(instance);
        end(result);
      },
      (error: unknown) => {
        if (!sandbox.alive) return;
        this.#state.record(sandbox, `throws ${error instanceof Error ? error.message : String(error)}`, true);
        this.#idle.push(instance);
        end(undefined);
      },
    );
  }

  #makeOne(): Instance<Event, Result> {
    this.#made += 1;
    return this.#create(`${this.#name}${this.#made}`);
  }
}

export interface SimulatedFunctions {
  /** Runs a cycle; answers what it did, when it ends. */
  runCycle(ended: (result: MatchResult | undefined) => void): void;
  /** Looks into the queue, and starts as many settlements as there are batches and workers for. */
  poll(): void;
}

export function createFunctions(parts: FunctionParts): SimulatedFunctions {
  const { state, queue } = parts;
  const matchers = new FunctionHost(state, 'matcher', MATCHER_LIMIT_MS, (name) =>
    createMatcherIn(parts, name),
  );
  const settlements = new FunctionHost(state, 'settlement', SETTLEMENT_LIMIT_MS, (name) =>
    createSettlementIn(parts, name),
  );
  const { timeline } = state;
  const poll = (): void => {
    while (settlements.busy < state.plan.workers) {
      const messages = queue.receive();
      if (messages.length === 0) break;
      state.record('queue', `hands out ${messages.map((message) => message.Body ?? '').join(' ')}`, true);
      settlements.invoke(sqsEvent(messages, 'arn:aws:sqs:simulated:0:transfers.fifo'), (response) => {
        if (response !== undefined && 'batchItemFailures' in response)
          queue.answer(messages, response satisfies SQSBatchResponse);
        timeline.after(1, poll);
      });
    }
  };
  queue.onMessage = (atMs) => void timeline.after(atMs - timeline.nowMs + 1, poll);
  return { runCycle: (ended) => matchers.invoke({}, ended), poll };
}

function createMatcherIn(parts: FunctionParts, name: string) {
  const { state, queue, vault, accounts } = parts;
  const sandbox = new Sandbox(state, parts.database, name, true);
  const handler = createMatcher({
    db: sandbox.db,
    bank: openBankIn(parts, sandbox, mayNotPay),
    queue: queue.clientOf(sandbox),
    clock: sandbox.clock,
    log: logOf(state, sandbox),
    writeMetrics: () => undefined,
    readVault: () => Promise.resolve(vault),
    readOrganisationCode: () => Promise.resolve(BANK_SECRETS.organisationCode),
    settings: {
      collectionAccount: accounts.collection,
      payoutAccount: accounts.payout,
      sendersOf: {
        bankCode: COLLECTION_BANK_CODE,
        accountNumber: ACCOUNT_NUMBERS[accounts.collection] ?? '',
      },
      databaseCluster: undefined,
      cycleMs: CYCLE_MS,
      absenceWaitMs: 15 * 60_000,
      pageSize: 100,
      maxSends: 5,
      limits: { transfer: undefined, day: undefined },
    },
    reserveMs: BANK_CALL_TIMEOUT_MS + 10_000,
  });
  return { sandbox, handler };
}

function createSettlementIn(parts: FunctionParts, name: string) {
  const { state, vault, accounts } = parts;
  const sandbox = new Sandbox(state, parts.database, name, true);
  const log = logOf(state, sandbox);
  const handler = createSettlement({
    db: sandbox.db,
    openBank: (authority) => openBankIn(parts, sandbox, authority),
    clock: sandbox.clock,
    log: {
      info(message, detail) {
        log.info(message, detail);
        checkRefused(state, sandbox, detail);
      },
      warn: (message, detail) => log.warn(message, detail),
    },
    payoutAccount: accounts.payout,
    databaseCluster: undefined,
    readVault: () => Promise.resolve(vault),
    readOrganisationCode: () => Promise.resolve(BANK_SECRETS.organisationCode),
    readPayoutSecret: () =>
      Promise.resolve({
        wd_pass_phrase: BANK_SECRETS.passPhrase,
        contract_account_number: ACCOUNT_NUMBERS[accounts.payout] ?? '',
      }),
  });
  return { sandbox, handler };
}

/** A claim that was refused leaves the state as it was. */
function checkRefused(
  state: WorldState,
  sandbox: Sandbox,
  detail: Record<string, unknown> | undefined,
): void {
  const outcome = detail?.['outcome'];
  if (outcome !== 'not_claimable' && outcome !== 'stopped') return;
  const written = sandbox.pool.rowsWrittenLast;
  if (written > 0) state.violate('refused_leaves_no_trace', `${outcome}, and ${written} rows were written`);
}

function openBankIn(parts: FunctionParts, sandbox: Sandbox, authority: PayoutAuthority): Bank {
  const { state, sabotage } = parts;
  const bank = createOpenBanking({
    baseUrl: 'https://bank.simulated',
    credentials: () =>
      Promise.resolve({
        clientId: BANK_SECRETS.clientId,
        clientSecret: BANK_SECRETS.clientSecret,
        organisationCode: BANK_SECRETS.organisationCode,
      }),
    passPhrase: authority.passPhrase,
    contractAccountNumber: authority.contractAccountNumber,
    queryId: () => state.random.digits(9),
    clock: sandbox.clock,
    callTimeoutMs: BANK_CALL_TIMEOUT_MS,
    maxConcurrentCalls: 2,
    callHttp: createBankLink(state, sandbox, parts.answer, sabotage?.arrivesWithinMs),
  });
  return sabotage?.bank?.(bank) ?? bank;
}

function logOf(state: WorldState, sandbox: Sandbox): FunctionLog {
  const say = (message: string, detail: Record<string, unknown> = {}): void => {
    // The summary of a cycle is told where it ends.
    const rest = Object.entries(detail).filter(([key]) => key !== 'summary');
    state.record(sandbox, `${message} ${JSON.stringify(Object.fromEntries(rest))}`, true);
  };
  return { info: say, warn: say, error: say, appendKeys: () => undefined };
}
