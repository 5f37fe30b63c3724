import { createHash } from 'node:crypto';
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import pg from 'pg';
import { poolOptions, type Login, type PostgresAddress } from '../../functions/shared/postgres.ts';
import type { LockMonitor } from './lock-monitor.ts';
import type { Sandbox } from './sandbox.ts';
import type { WorldState } from './world-state.ts';

/** The limits of the application's logins (`migrate.ts`), by the simulated clock, ms. */
const LOCK_TIMEOUT_MS = 10_000;
const IDLE_IN_TRANSACTION_MS = 30_000;

/** A statement that has not answered for so long, in real time, may be waiting for a lock, ms. */
const ANSWER_MS = 3;

/** The connection has ended, as far as whoever asked can tell. */
class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** SQLSTATE of a statement that has waited for a lock for too long. */
const LOCK_NOT_AVAILABLE = '55P03';

/** Whether an error says no more than that the database could not be asked, or not in time. */
export function isConnectionTrouble(error: unknown): boolean {
  return (
    error instanceof ConnectionLost || (error as { code?: unknown } | undefined)?.code === LOCK_NOT_AVAILABLE
  );
}

/** A statement that was sent, and what came of it. */
class Sent {
  readonly settled: Promise<void>;
  result: pg.QueryResult | undefined;
  error: unknown;
  done = false;

  /** As `done`, for a reader that has waited in between. */
  isAnswered(): boolean {
    return this.done;
  }

  constructor(answer: Promise<pg.QueryResult>) {
    this.settled = answer.then(
      (result) => {
        this.result = result;
        this.done = true;
      },
      (error: unknown) => {
        this.error = error;
        this.done = true;
      },
    );
  }
}

/** What a transaction has written that the invariants are about. */
export interface Written {
  money: boolean;
  stops: boolean;
  claims: number;
}

interface Waiting {
  readonly connection: Connection;
  readonly sent: Sent;
  readonly finish: () => Promise<void>;
}

/** The database of one world: statements are events, and those that wait for a lock let others go on. */
export class WorldDatabase {
  readonly state: WorldState;
  readonly address: PostgresAddress;
  readonly login: Login;
  readonly #monitor: LockMonitor;
  readonly #waiting = new Set<Waiting>();
  readonly #open = new Set<Connection>();
  /** Called after a commit that has written something of interest: what a transaction did, or a statement outside of one. */
  onCommit: (written: Written) => Promise<void> = () => Promise.resolve();
  /** What is sent in place of a statement: a test breaks a rule here. */
  rewrite: (text: string, who: string) => string = (text) => text;
  statements = 0;

  constructor(state: WorldState, address: PostgresAddress, login: Login, monitor: LockMonitor) {
    this.state = state;
    this.address = address;
    this.login = login;
    this.#monitor = monitor;
  }

  /** Connections of somebody who may die, one at a time as a function has. */
  poolFor(sandbox: Sandbox): SimulatedPool {
    return new SimulatedPool(this, sandbox);
  }

  async open(sandbox: Sandbox): Promise<Connection> {
    const client = new pg.Client(poolOptions(this.address, this.login, 1));
    client.on('error', () => undefined);
    await client.connect();
    const connection = new Connection(this, sandbox, client);
    this.#open.add(connection);
    return connection;
  }

  /** Sends a statement and sees it through until it has answered or waits for a lock. */
  async perform(
    connection: Connection,
    answer: Promise<pg.QueryResult>,
    finish: (sent: Sent) => Promise<void>,
  ) {
    this.statements += 1;
    const sent = new Sent(answer);
    if (await this.#hasAnswered(connection, sent)) {
      await finish(sent);
      return;
    }
    this.state.record(connection.sandbox, 'waits for a lock', true);
    const waiting: Waiting = { connection, sent, finish: () => finish(sent) };
    this.#waiting.add(waiting);
    this.state.timeline.after(LOCK_TIMEOUT_MS, () => this.#giveUp(waiting), connection.sandbox);
  }

  /** After a step that may have freed locks: those who waited for them go on, each as an event of its own. */
  async wakeWaiting(): Promise<void> {
    for (const waiting of [...this.#waiting]) {
      if (!this.#waiting.has(waiting)) continue;
      if (!(await this.#hasAnswered(waiting.connection, waiting.sent))) continue;
      this.#waiting.delete(waiting);
      this.state.timeline.after(0, waiting.finish, waiting.connection.sandbox);
    }
  }

  /** The end of a connection, whatever it was doing; its locks are free when this is over. */
  async destroy(connection: Connection): Promise<void> {
    if (connection.isBroken) return;
    connection.isBroken = true;
    this.#open.delete(connection);
    for (const waiting of this.#waiting) if (waiting.connection === connection) this.#waiting.delete(waiting);
    await this.#monitor.terminate(connection.pid);
    connection.end();
    await this.wakeWaiting();
  }

  async close(): Promise<void> {
    for (const connection of [...this.#open]) {
      this.#open.delete(connection);
      connection.isBroken = true;
      connection.end();
    }
    this.#waiting.clear();
    await Promise.resolve();
  }

  /** Whether a statement has answered. While it has not, it is looked whether it waits for a lock: then nothing will change by itself. */
  async #hasAnswered(connection: Connection, sent: Sent): Promise<boolean> {
    await within(ANSWER_MS, sent.settled);
    while (!sent.done) {
      const isBlocked = await this.#monitor.isBlocked(connection.pid);
      if (isBlocked && !sent.isAnswered()) return false;
      await within(1, sent.settled);
    }
    return true;
  }

  async #giveUp(waiting: Waiting): Promise<void> {
    if (!this.#waiting.delete(waiting)) return;
    await this.#monitor.cancel(waiting.connection.pid);
    await waiting.sent.settled;
    this.state.record(waiting.connection.sandbox, 'has waited for a lock for too long', true);
    if (waiting.sent.error !== undefined) {
      waiting.sent.error = Object.assign(new Error('canceling statement due to lock timeout'), {
        code: LOCK_NOT_AVAILABLE,
      });
    }
    await waiting.finish();
  }
}

/** Waits for a promise, at most so long in real time. */
async function within(ms: number, promise: Promise<void>): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), ms);
  await Promise.race([promise, over]);
  clearTimeout(timer);
}

const WRITES = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);

/** One connection to the database, of one sandbox. */
export class Connection {
  readonly sandbox: Sandbox;
  readonly pid: number;
  isBroken = false;
  inTransaction = false;
  /** Rows that the transaction under way, or the last one, has inserted, updated or deleted; none, where it was rolled back. */
  rowsWritten = 0;
  #written: Written = nothingWritten();
  readonly #database: WorldDatabase;
  readonly #client: pg.Client;

  constructor(database: WorldDatabase, sandbox: Sandbox, client: pg.Client) {
    this.#database = database;
    this.sandbox = sandbox;
    this.#client = client;
    this.pid = (client as unknown as { processID: number }).processID;
  }

  end(): void {
    (this.#client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }

  /** A statement: it takes its time, and the world may end its connection or its function before it, or between it and its answer. */
  query(text: string, values: readonly unknown[]): Promise<pg.QueryResult> {
    const { state } = this.#database;
    const sent = this.#database.rewrite(text, this.sandbox.name);
    const { promise, resolve, reject } = Promise.withResolvers<pg.QueryResult>();
    const delayMs = this.sandbox.stepMs();
    if (this.inTransaction && delayMs > IDLE_IN_TRANSACTION_MS) {
      state.timeline.after(IDLE_IN_TRANSACTION_MS, async () => {
        state.record(this.sandbox, 'was idle in its transaction for too long', true);
        await this.#database.destroy(this);
      });
    }
    state.timeline.after(
      delayMs,
      async () => {
        if (this.isBroken) {
          reject(new ConnectionLost('Client has encountered a connection error and is not queryable'));
          return;
        }
        if (this.sandbox.diesHere(`before ${brief(text)}`)) return;
        if (this.sandbox.loses('connection_lost', `before ${brief(text)}`)) {
          await this.#database.destroy(this);
          reject(new ConnectionLost('Connection terminated unexpectedly'));
          return;
        }
        await this.#database.perform(
          this,
          this.#client.query({ name: nameOf(sent), text: sent, values: [...values] }),
          async (sent) => await this.#answer(text, sent, resolve, reject),
        );
      },
      this.sandbox,
    );
    return promise;
  }

  async #answer(
    text: string,
    { result, error }: Sent,
    resolve: (result: pg.QueryResult) => void,
    reject: (error: unknown) => void,
  ): Promise<void> {
    const database = this.#database;
    const { state } = database;
    if (this.isBroken) return;
    const command = result?.command ?? '';
    const wasAlone = !this.inTransaction;
    if (command === 'BEGIN' || command === 'START TRANSACTION' || command === 'START') {
      this.inTransaction = true;
      this.rowsWritten = 0;
      this.#written = nothingWritten();
    } else if (command === 'COMMIT' || command === 'ROLLBACK') {
      this.inTransaction = false;
      if (command === 'ROLLBACK') this.rowsWritten = 0;
    } else if (WRITES.has(command)) {
      if (wasAlone) {
        this.rowsWritten = 0;
        this.#written = nothingWritten();
      }
      const rows = result?.rowCount ?? 0;
      this.rowsWritten += rows;
      if (rows > 0) note(this.#written, text);
    }
    state.record(
      this.sandbox,
      error === undefined
        ? `${brief(text)} → ${result?.rowCount ?? 0}`
        : `${brief(text)} ✗ ${messageOf(error)}`,
      error !== undefined,
    );
    if (!this.inTransaction || error !== undefined) await database.wakeWaiting();
    if (!this.inTransaction && error === undefined && command !== 'ROLLBACK') {
      const written = this.#written;
      this.#written = nothingWritten();
      if (written.money || written.stops) await database.onCommit(written);
    }
    if (this.sandbox.diesHere(`after ${brief(text)}`)) return;
    if (this.sandbox.loses('connection_lost', `after ${brief(text)}`)) {
      await database.destroy(this);
      reject(new ConnectionLost('Connection terminated unexpectedly'));
      return;
    }
    if (error === undefined && result !== undefined) resolve(result);
    else reject(error);
  }
}

/** As many connections as a function has: one. What Kysely asks of a pool. */
export class SimulatedPool implements PostgresPool {
  readonly options = {};
  readonly #database: WorldDatabase;
  readonly #sandbox: Sandbox;
  #connection: Connection | undefined;
  #client: PostgresPoolClient | undefined;
  #taken = false;
  readonly #waiting: (() => void)[] = [];

  constructor(database: WorldDatabase, sandbox: Sandbox) {
    this.#database = database;
    this.#sandbox = sandbox;
  }

  /** Rows that the last transaction has written: none, when what was asked for was refused. */
  get rowsWrittenLast(): number {
    return this.#connection?.rowsWritten ?? 0;
  }

  /** What is written from now on is counted from none, also where nothing comes to be asked of the database. */
  countAnew(): void {
    if (this.#connection !== undefined) this.#connection.rowsWritten = 0;
  }

  async connect(): Promise<PostgresPoolClient> {
    if (this.#taken) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#taken = true;
    if (this.#connection === undefined || this.#connection.isBroken) await this.#open();
    if (this.#client === undefined) throw new Error('a connection was opened and is not there');
    return this.#client;
  }

  end(): Promise<void> {
    return Promise.resolve();
  }

  /** Ends the connection, as the end of its process does. */
  async destroy(): Promise<void> {
    if (this.#connection !== undefined) await this.#database.destroy(this.#connection);
  }

  async #open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#database.state.timeline.after(
        this.#sandbox.stepMs(),
        async () => {
          try {
            this.#connection = await this.#database.open(this.#sandbox);
            resolve();
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        },
        this.#sandbox,
      );
    });
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#client = {
      processID: connection.pid,
      query: (text: string, values: readonly unknown[] = []) => connection.query(text, values),
      connect: () => Promise.reject(new Error('a pooled client is connected')),
      end: () => undefined,
      release: (broken?: boolean | Error) => this.#release(connection, broken),
    } as unknown as PostgresPoolClient;
  }

  #release(connection: Connection, broken: boolean | Error | undefined): void {
    // Kysely gives a connection back for the bin when it could not roll back: whatever it held ends with it.
    if (broken !== undefined && broken !== false && !connection.isBroken)
      this.#database.state.timeline.after(0, () => this.#database.destroy(connection));
    this.#taken = false;
    this.#waiting.shift()?.();
  }
}

function nothingWritten(): Written {
  return { money: false, stops: false, claims: 0 };
}

const MONEY =
  /\b(posting|posting_seal|account_balance|transfer|transfer_item|transfer_attempt|allocation|deposit|shop_order)\b/;
const STOPS = /^update "payout_stop"/;
/** `takeQueued` of `claim.repository.ts`: the one statement that raises a transfer's token. */
const CLAIM = /\bupdate transfer set state = 'sending', token = token \+ 1\b/;

function note(written: Written, text: string): void {
  if (MONEY.test(text)) written.money = true;
  if (STOPS.test(text)) written.stops = true;
  if (CLAIM.test(text)) written.claims += 1;
}

const names = new Map<string, string>();

/** A statement's name, so that the server plans it once a connection: what is sent is the same. */
function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = createHash('sha256').update(text).digest('base64url').slice(0, 20);
    names.set(text, name);
  }
  return name;
}

const briefs = new Map<string, string>();

/** The beginning of a statement, for the history. */
function brief(text: string): string {
  let short = briefs.get(text);
  if (short === undefined) {
    short = text.replaceAll(/\s+/g, ' ').trim().slice(0, 70);
    briefs.set(text, short);
  }
  return short;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
