import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { sql, type Kysely } from 'kysely';
import { bundleFunction } from '../components/function-bundle.ts';
import type { Database } from '../functions/database.ts';
import type { Clock } from '../functions/shared/clock.ts';
import { createVault, dataKeysShape, type Vault } from '../functions/shared/encryption.ts';
import { loginShape, openDatabaseAs, type PostgresAddress } from '../functions/shared/postgres.ts';
import { LOCAL_REGION } from './aws-json-server.ts';
import { startApiGateway, type LocalApiGateway } from './api-gateway.ts';
import { startBankSimulator, type BankSimulator } from './bank-simulator/bank-simulator.ts';
import type { Faults } from './bank-simulator/faults.ts';
import { startEventBus, type LocalEventBus } from './event-bus.ts';
import { createFunctionHost, type FunctionHost, type LocalFunction } from './function-host/function-host.ts';
import { createEventSourceMapping, type EventSourceMapping } from './function-host/event-source-mapping.ts';
import { localSecretsClient, prepareSecrets, SECRET_IDS } from './local-secrets.ts';
import { startPostgres, type LocalPostgres } from './postgres.ts';
import { startQueue, type LocalQueue } from './queue.ts';
import { startSecretsManager, type LocalSecretsManager } from './secrets-manager.ts';

/** The local system's database. */
export const DATABASE = 'smart_transfer';

/** The simulated accounts' `fintech_use_num`, 24 characters as KFTC's are. */
export const COLLECTION_ACCOUNT = 'LOCAL0000100000000000001';
export const PAYOUT_ACCOUNT = 'LOCAL0000100000000000002';

/** Their account numbers: the bank knows the account that a payout leaves by this. */
export const ACCOUNT_NUMBERS = {
  [COLLECTION_ACCOUNT]: '100000000001',
  [PAYOUT_ACCOUNT]: '100000000002',
} as const;

/** The collection account's bank and holder, as buyers are told them. */
export const COLLECTION_BANK_CODE = '004';
export const COLLECTION_ACCOUNT_HOLDER = 'smart-transfer';

/** The deployed functions' limits (docs/architecture.md): a batch that is killed locks its groups for less than a cycle. */
const MATCHER_TIMEOUT_MS = 120_000;
const SETTLEMENT_TIMEOUT_MS = 45_000;
const API_TIMEOUT_MS = 29_000;

/** Fewer than on AWS: each is a process of this machine. */
const API_CONCURRENCY = 4;

const VISIBILITY_S = 270;
const MAX_RECEIVES = 5;

export interface SystemOptions {
  /** Where everything is kept: the database, the secrets, the bank's journal. */
  readonly folder: string;
  /** What time it is for the bank simulator. */
  readonly clock: Clock;
  /** The same clock for the functions, as a file that holds an instant; the machine's own without it. */
  readonly clockFile?: string;
  /** Whether payouts leave the collection account, as they mostly do, or an account of their own. */
  readonly payoutAccount: typeof COLLECTION_ACCOUNT | typeof PAYOUT_ACCOUNT;
  readonly faults?: Faults;
  readonly faultSeed?: number;
  /** Minutes between cycles, by the clock. */
  readonly cycleMinutes: number;
  readonly settlementConcurrency: number;
  /** Where the API listens; a free port unless given. */
  readonly apiPort?: number;
  /** Requests that one API key may make in a minute; as deployed unless given. */
  readonly apiRequestsPerMinute?: number;
  /** How long a call to the bank may take, seconds; as deployed unless given. */
  readonly bankCallTimeoutS?: number;
  /** How long the queue hides a message that was handed out, seconds; as deployed unless given. */
  readonly visibilityS?: number;
  /** How the settlement's queue is polled: `short` for a caller who steps a clock. */
  readonly polling: 'long' | 'short';
  /**
   * Whether the data is to outlive this run: the bank keeps a journal, and the database waits for the disk. Without it a killed process loses nothing
   * either; only a machine that loses its power does.
   */
  readonly durable: boolean;
  /** What a function wrote, and what happened to the processes. */
  readonly onLog: (line: LogLine) => void;
}

export interface LogLine {
  readonly from: string;
  readonly text: string;
  /** Worth a person's attention: a part crashed, and was started again. */
  readonly notable: boolean;
}

/** The whole of smart-transfer on one machine. */
export interface LocalSystem {
  readonly matcher: LocalFunction;
  readonly settlement: LocalFunction;
  readonly api: LocalFunction;
  /** The API for shops, over HTTP. */
  readonly gateway: LocalApiGateway;
  readonly bank: BankSimulator;
  readonly queue: LocalQueue;
  readonly events: LocalEventBus;
  readonly postgres: LocalPostgres;
  readonly host: FunctionHost;
  readonly mapping: EventSourceMapping;
  /** The database with the application's rights, for what has no function yet: placing the demo's orders, and reports. */
  readonly db: Kysely<Database>;
  readonly vault: Vault;
  /** Ends every process, the youngest first. */
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL, the queue, Secrets Manager, the event bus and the bank simulator, brings the schema up to date by the migration function, and
 * hosts the very bundles that are deployed. Everything listens on 127.0.0.1.
 */
export async function startSystem(options: SystemOptions): Promise<LocalSystem> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).reverse())
      await end().catch((error: unknown) => note(options, 'system', `while stopping: ${String(error)}`));
  };
  try {
    return await assemble(options, stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function assemble(
  options: SystemOptions,
  stops: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<LocalSystem> {
  const [postgres, queue, secretsManager, events] = await startServices(options, stops);
  const secrets = localSecretsClient(secretsManager.endpoint);
  stops.push(() => ended(() => secrets.destroy()));
  const superuser = { username: postgres.superuser, password: postgres.password };
  await createDatabase(postgres, superuser);
  const bankSecrets = await prepareSecrets(secrets, superuser, ACCOUNT_NUMBERS[options.payoutAccount]);
  const bank = await startBankSimulator({
    clock: options.clock,
    organisationCode: bankSecrets.organisationCode,
    clientId: bankSecrets.clientId,
    clientSecret: bankSecrets.clientSecret,
    passPhrase: bankSecrets.passPhrase,
    ...(options.faults === undefined ? {} : { faults: options.faults }),
    ...(options.faultSeed === undefined ? {} : { seed: options.faultSeed }),
    slowMs: 500,
    ...(options.durable ? { journalFile: join(options.folder, 'bank.ndjson') } : {}),
  });
  stops.push(() => bank.stop());
  const transfers = await queue.createFifoQueueWithDlq('transfers', {
    visibilityTimeoutS: options.visibilityS ?? VISIBILITY_S,
    maxReceiveCount: MAX_RECEIVES,
  });

  const environment = functionEnvironment(options, {
    postgres,
    queue,
    secretsManager,
    events,
    bank,
    queueUrl: transfers.queueUrl,
  });
  const host = createFunctionHost({
    log: (line) => options.onLog({ from: line.functionName, text: line.text, notable: false }),
    onSandboxExit: (exit) => {
      if (exit.cause !== 'stopped')
        note(
          options,
          exit.functionName,
          `the function's process ${exit.pid} ended (${exit.cause}); the next event starts another`,
        );
    },
  });
  stops.push(() => host.stop());
  const functions = await defineFunctions(host, options, environment);
  await runMigrations(functions.migration);

  const gateway = await startApiGateway({
    target: functions.api,
    ...(options.apiPort === undefined ? {} : { port: options.apiPort }),
  });
  stops.push(() => gateway.stop());

  const queueClient = queue.client();
  stops.push(() => ended(() => queueClient.destroy()));
  const mapping = createEventSourceMapping({
    client: queueClient,
    queueUrl: transfers.queueUrl,
    queueArn: transfers.queueArn,
    target: functions.settlement,
    batchSize: 10,
    maximumConcurrency: options.settlementConcurrency,
    polling: options.polling,
    log: (text) => note(options, 'queue', text),
  });
  stops.push(() => mapping.stop());

  const read = async (id: string): Promise<unknown> =>
    JSON.parse((await secrets.send(new GetSecretValueCommand({ SecretId: id }))).SecretString ?? 'null');
  const db = openDatabaseAs<Database>(
    addressOf(postgres, DATABASE),
    loginShape.parse(await read(SECRET_IDS.application)),
    4,
  );
  stops.push(() => db.destroy());
  const vault = createVault(dataKeysShape.parse(await read(SECRET_IDS.dataKeys)));
  return { ...functions, gateway, bank, queue, events, postgres, host, mapping, db, vault, stop };
}

async function startServices(
  options: SystemOptions,
  stops: (() => Promise<unknown>)[],
): Promise<[LocalPostgres, LocalQueue, LocalSecretsManager, LocalEventBus]> {
  const starts = [
    startPostgres({
      folder: join(options.folder, 'postgres'),
      ...(options.durable ? {} : { settings: { fsync: 'off' } }),
      onRestart: (restart) =>
        note(
          options,
          'postgres',
          `the database ended (${restart.signal ?? String(restart.exitCode)}) and answers again after ${restart.downMs} ms`,
        ),
    }),
    startQueue(),
    startSecretsManager({ file: join(options.folder, 'secrets.json') }),
    startEventBus(),
  ] as const;
  for (const starting of starts) {
    // Whatever has started is ended, also when another part fails to start.
    void starting.then((part) => stops.push(() => part.stop())).catch(() => undefined);
  }
  const results = await Promise.allSettled(starts);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return await Promise.all(starts);
}

/** Ends what ends at once, for a list of what is waited for. */
function ended(end: () => void): Promise<void> {
  end();
  return Promise.resolve();
}

function note(options: SystemOptions, from: string, text: string): void {
  options.onLog({ from, text, notable: true });
}

async function createDatabase(
  postgres: LocalPostgres,
  superuser: { username: string; password: string },
): Promise<void> {
  const maintenance = openDatabaseAs<unknown>(addressOf(postgres, 'postgres'), superuser, 1);
  try {
    const { rows } = await sql`select from pg_database where datname = ${DATABASE}`.execute(maintenance);
    if (rows.length === 0) await sql`create database ${sql.id(DATABASE)}`.execute(maintenance);
  } finally {
    await maintenance.destroy();
  }
}

function addressOf(postgres: LocalPostgres, database: string): PostgresAddress {
  return { host: postgres.host, port: postgres.port, database, tls: 'off' };
}

interface Endpoints {
  readonly postgres: LocalPostgres;
  readonly queue: LocalQueue;
  readonly secretsManager: LocalSecretsManager;
  readonly events: LocalEventBus;
  readonly bank: BankSimulator;
  readonly queueUrl: string;
}

/** What the Pulumi program sets on AWS, with this machine's addresses; the SDK's clients find the doubles by `AWS_ENDPOINT_URL_…`. */
function functionEnvironment(options: SystemOptions, at: Endpoints): Record<string, string> {
  return {
    AWS_REGION: LOCAL_REGION,
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_ENDPOINT_URL_SQS: at.queue.endpoint,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: at.secretsManager.endpoint,
    AWS_ENDPOINT_URL_EVENTBRIDGE: at.events.endpoint,
    DATABASE_HOST: at.postgres.host,
    DATABASE_PORT: at.postgres.port.toString(),
    DATABASE_NAME: DATABASE,
    DATABASE_TLS: 'off',
    DATABASE_SECRET_ID: SECRET_IDS.application,
    DATA_KEYS_SECRET_ID: SECRET_IDS.dataKeys,
    BANK_BASE_URL: at.bank.url,
    BANK_CREDENTIALS_SECRET_ID: SECRET_IDS.credentials,
    COLLECTION_ACCOUNT,
    PAYOUT_ACCOUNT: options.payoutAccount,
    TRANSFER_QUEUE_URL: at.queueUrl,
    CYCLE_MINUTES: options.cycleMinutes.toString(),
    POWERTOOLS_LOG_LEVEL: 'INFO',
    ...(options.bankCallTimeoutS === undefined
      ? {}
      : { BANK_CALL_TIMEOUT_S: options.bankCallTimeoutS.toString() }),
    ...(options.clockFile === undefined ? {} : { CLOCK_FILE: options.clockFile }),
  };
}

async function defineFunctions(
  host: FunctionHost,
  options: SystemOptions,
  environment: Record<string, string>,
) {
  const workFolder = join(options.folder, 'functions');
  const definitions = [
    {
      name: 'matcher',
      entry: 'cycle/match.handler.ts',
      timeoutMs: MATCHER_TIMEOUT_MS,
      maximumConcurrency: 2,
      extra: {},
    },
    {
      name: 'settlement',
      entry: 'transfers/settle.handler.ts',
      timeoutMs: SETTLEMENT_TIMEOUT_MS,
      maximumConcurrency: options.settlementConcurrency + 2,
      extra: { BANK_PAYOUT_SECRET_ID: SECRET_IDS.payout },
    },
    {
      name: 'api',
      entry: 'api/api.handler.ts',
      timeoutMs: API_TIMEOUT_MS,
      maximumConcurrency: API_CONCURRENCY,
      extra: {
        COLLECTION_BANK_CODE,
        COLLECTION_ACCOUNT_NUMBER: ACCOUNT_NUMBERS[COLLECTION_ACCOUNT],
        COLLECTION_ACCOUNT_HOLDER,
        ...(options.apiRequestsPerMinute === undefined
          ? {}
          : { API_REQUESTS_PER_MINUTE: options.apiRequestsPerMinute.toString() }),
      },
    },
    {
      name: 'migration',
      entry: 'migrations/migrate.handler.ts',
      timeoutMs: 240_000,
      maximumConcurrency: 1,
      extra: { DATABASE_MASTER_SECRET_ID: SECRET_IDS.master },
    },
  ] as const;
  const [matcher, settlement, api, migration] = await Promise.all(
    definitions.map(async ({ name, entry, timeoutMs, maximumConcurrency, extra }) => {
      const path = fileURLToPath(new URL(`../functions/${entry}`, import.meta.url));
      const bundle = await bundleFunction({ name, entry: path });
      return host.define({
        name,
        bundle,
        environment: { ...environment, ...extra },
        timeoutMs,
        maximumConcurrency,
        workFolder,
      });
    }),
  );
  if (matcher === undefined || settlement === undefined || api === undefined || migration === undefined)
    throw new Error('a function was not defined');
  return { matcher, settlement, api, migration };
}

async function runMigrations(migration: LocalFunction): Promise<void> {
  const result = await migration.invoke({});
  if (result.outcome === 'returned') return;
  throw new Error(`the database could not be brought up to date: ${JSON.stringify(result)}`);
}
