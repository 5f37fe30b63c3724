import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { Kysely, PostgresDialect, sql, type PostgresPool, type RawBuilder, type Transaction } from 'kysely';
import pg from 'pg';
import { z } from 'zod';
import type { DatabaseEnvironment } from './environment.ts';
import { jsonOf } from './json.ts';
import type { Secrets } from './secrets.ts';

export const loginShape = z.object({ username: z.string().min(1), password: z.string().min(1) });
export type Login = z.infer<typeof loginShape>;

export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly tls: 'verify' | 'off';
}

/** PostgreSQL's ids of the types `int8[]` and `text[]`; the driver names single types only. */
const INT8_ARRAY = 1016;
const TEXT_ARRAY = 1009;

const oidOf = (type: number): number => type;

/** Reads a list of whole numbers by way of a list of texts. */
function bigints(text: string): bigint[] {
  const parse = pg.types.getTypeParser(TEXT_ARRAY as never) as (value: string) => string[];
  return parse(text).map(BigInt);
}

/** Money never passes through `number`, and a date is a date in Korea, not an instant in the machine's zone. */
const types: pg.CustomTypesConfig = {
  getTypeParser(type, format) {
    if (format !== 'binary') {
      if (type === pg.types.builtins.INT8) return (text: string) => BigInt(text);
      if (oidOf(type) === INT8_ARRAY) return bigints;
      if (type === pg.types.builtins.DATE) return (text: string) => text;
    }
    return pg.types.getTypeParser(type, format) as unknown;
  },
};

/**
 * How long the database may say nothing before the connection is taken for dead, ms: a little longer than a statement may take there (30 s). After a
 * failover nobody may be left to end a connection, and without an end of its own a function would wait on it to its limit.
 */
const SILENT_MS_MAX = 35_000;

/** SQLSTATE of a refused password: the secret was rotated since it was read. */
const INVALID_PASSWORD = '28P01';

export function poolOptions(address: PostgresAddress, login: Login, max: number): pg.PoolConfig {
  return {
    host: address.host,
    port: address.port,
    database: address.database,
    user: login.username,
    password: login.password,
    ssl: address.tls === 'verify' ? { rejectUnauthorized: true, ...certificateAuthority() } : false,
    max,
    connectionTimeoutMillis: 25_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    types,
    application_name: process.env['AWS_LAMBDA_FUNCTION_NAME'] ?? 'smart-transfer',
  };
}

/** Amazon's root certificates are not among Node's own; the function's package carries them and names the file here. */
function certificateAuthority(): { ca?: string } {
  const file = process.env['DATABASE_CA_FILE'];
  return file === undefined || file === '' ? {} : { ca: readFileSync(file, 'utf8') };
}

/** The connections of one login. */
interface Generation {
  readonly login: Login;
  readonly pool: pg.Pool;
  /** So many ask it for a connection at this moment: it must not end before they have one. */
  asking: number;
  /** Set once another login has taken its place: called when nobody asks any more. */
  unasked?: () => void;
}

/** A connection whose socket is at hand: the driver's own time limit fails a query and leaves the dead connection in the pool. */
class WatchedClient extends pg.Client {
  readonly #socket: Socket;

  constructor(config?: pg.ClientConfig) {
    const socket = new Socket();
    // The pool hides the password from a copy of its options.
    super({ ...config, password: config?.password, stream: () => socket });
    this.#socket = socket;
  }

  /** Ends the connection when nothing has come or gone for so long: what is under way fails, and the pool forgets it. */
  endWhenSilent(ms: number): void {
    this.#socket.setTimeout(ms, () =>
      this.#socket.destroy(new Error(`connection lost: the database said nothing for ${ms} ms`)),
    );
  }
}

/**
 * Connections whose login comes from Secrets Manager. When the secret's value has changed, new connections use the new login and the
 * old ones end as they are returned; when a password is refused, the secret is fetched again, once. So a rotation fails nobody.
 */
export class RotatingPool implements PostgresPool {
  /** Kysely looks here for the options of a connection that it opens by itself, to cancel queries; it is never asked to. */
  readonly options = {};
  readonly #address: PostgresAddress;
  readonly #readLogin: (fresh: boolean) => Promise<Login>;
  readonly #max: number;
  readonly #silentMsMax: number;
  #current: Generation | undefined;
  readonly #ending = new Set<Promise<void>>();

  /** @param silentMsMax a connection that stands and on which nothing is heard for so long is ended, ms. */
  constructor(
    address: PostgresAddress,
    readLogin: (fresh: boolean) => Promise<Login>,
    max: number,
    silentMsMax = SILENT_MS_MAX,
  ) {
    this.#address = address;
    this.#readLogin = readLogin;
    this.#max = max;
    this.#silentMsMax = silentMsMax;
  }

  async connect(): Promise<pg.PoolClient> {
    const cached = await this.#readLogin(false);
    try {
      return await this.#connectAs(cached);
    } catch (error) {
      if ((error as { code?: string }).code !== INVALID_PASSWORD) throw error;
      return await this.#connectAs(await this.#readLogin(true));
    }
  }

  async end(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await Promise.all([current?.pool.end(), ...this.#ending]);
  }

  async #connectAs(login: Login): Promise<pg.PoolClient> {
    const generation = this.#generationOf(login);
    generation.asking += 1;
    try {
      return await generation.pool.connect();
    } finally {
      generation.asking -= 1;
      if (generation.asking === 0) generation.unasked?.();
    }
  }

  #generationOf(login: Login): Generation {
    const current = this.#current;
    if (current?.login.username === login.username && current.login.password === login.password)
      return current;
    if (current) {
      const ending = endWhenUnasked(current).finally(() => this.#ending.delete(ending));
      this.#ending.add(ending);
    }
    const pool = new pg.Pool({ ...poolOptions(this.#address, login, this.#max), Client: WatchedClient });
    surviveBrokenConnections(pool);
    // Not before: a database that wakes up from a pause is silent for longer.
    pool.on('connect', (client) => {
      if (client instanceof WatchedClient) client.endWhenSilent(this.#silentMsMax);
    });
    return (this.#current = { login, pool, asking: 0 });
  }
}

/** Who waits for a connection of a pool that ends would wait until the time for connecting is over, in vain. */
async function endWhenUnasked(generation: Generation): Promise<void> {
  if (generation.asking > 0) await new Promise<void>((resolve) => (generation.unasked = resolve));
  await generation.pool.end();
}

/**
 * A connection that breaks fails the query that is under way on it, or is replaced at its next use. It also emits an error, idle or not, which would
 * end the process if nobody listened.
 */
function surviveBrokenConnections(pool: pg.Pool): void {
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
}

export function addressOf(env: Omit<DatabaseEnvironment, 'DATABASE_SECRET_ID'>): PostgresAddress {
  return {
    host: env.DATABASE_HOST,
    port: env.DATABASE_PORT,
    database: env.DATABASE_NAME,
    tls: env.DATABASE_TLS,
  };
}

/** Opens the database by the login in the secret that the environment names: the application's. `silentMsMax` is `RotatingPool`'s. */
export function openDatabase<Tables>(
  env: DatabaseEnvironment,
  secrets: Secrets,
  max = 2,
  silentMsMax = SILENT_MS_MAX,
): Kysely<Tables> {
  const readLogin = (fresh: boolean) =>
    fresh
      ? secrets.readFresh(env.DATABASE_SECRET_ID, loginShape)
      : secrets.read(env.DATABASE_SECRET_ID, loginShape);
  return new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: new RotatingPool(addressOf(env), readLogin, max, silentMsMax) }),
  });
}

/** Opens a database with a login that is at hand: for migrations, for tests and for the local system's own work. */
export function openDatabaseAs<Tables>(address: PostgresAddress, login: Login, max = 2): Kysely<Tables> {
  const pool = new pg.Pool(poolOptions(address, login, max));
  surviveBrokenConnections(pool);
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
}

/**
 * A page of rows as one parameter, to be selected from like a table: set-based statements stay one statement however many rows there
 * are. `columns` is the column definition list, such as `row_id bigint, at timestamptz`; it is code, never input.
 */
export function recordset(alias: string, columns: string, rows: readonly object[]): RawBuilder<unknown> {
  return sql`jsonb_to_recordset(${jsonOf(rows)}::jsonb) as ${sql.raw(alias)}(${sql.raw(columns)})`;
}

/** One row or many of a query that must not lose any: `expected` rows, or it throws and so rolls back. */
export function assertRows(what: string, found: number, expected: number): void {
  if (found !== expected)
    throw new Error(`${what}: ${found} rows instead of ${expected}; nothing of this transaction is kept`);
}

export type Trx<Tables> = Transaction<Tables>;
