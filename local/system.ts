import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sql, type Kysely } from 'kysely';
import { bundleFunction } from '../components/function-bundle.ts';
import type { Database } from '../functions/database.ts';
import type { Clock } from '../functions/shared/clock.ts';
import { openVault, type Vault } from '../functions/shared/encryption.ts';
import {
  readEnvironment,
  variablesFor,
  type AllVariables,
  type FunctionKind,
} from '../functions/shared/environment.ts';
import { won } from '../functions/shared/money.ts';
import { openDatabase, openDatabaseAs, type PostgresAddress } from '../functions/shared/postgres.ts';
import { createSecrets } from '../functions/shared/secrets.ts';
import { LOCAL_REGION } from './aws-json-server.ts';
import { OPERATORS_ROUTE_KEYS } from '../functions/operators/operators-api.ts';
import { startApiGateway, type LocalApiGateway } from './api-gateway.ts';
import { startBankSimulator, type BankSimulator } from './bank-simulator/bank-simulator.ts';
import type { Faults } from './bank-simulator/faults.ts';
import { startEventBus, type LocalEventBus } from './event-bus.ts';
import {
  createFunctionHost,
  type FunctionDefinition,
  type FunctionHost,
  type LocalFunction,
} from './function-host/function-host.ts';
import type { SandboxExit } from './function-host/sandbox.ts';
import type { LocalSigner } from './iam-authorizer.ts';
import { createEventSourceMapping, type EventSourceMapping } from './function-host/event-source-mapping.ts';
import { enableRotation, localSecretsClient, prepareSecrets, SECRET_IDS } from './local-secrets.ts';
import { startPostgres, type LocalPostgres } from './postgres.ts';
import { startQueue, type LocalQueue } from './queue.ts';
import { connectWebhooks, type LocalWebhooks, type WebhookQueues } from './webhook-lanes.ts';
import { startSecretsManager, type LocalSecretsManager } from './secrets-manager.ts';

/** The local system's database. */
export const DATABASE = 'smart_transfer';

/** Where the daily check of a local system archives the ledger's heads. */
export function headsFolder(folder: string): string {
  return resolve(folder, 'ledger-heads');
}

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

const ROTATION_TIMEOUT_MS = 90_000;
const VERIFICATION_TIMEOUT_MS = 900_000;
const MIGRATION_TIMEOUT_MS = 240_000;
const WEBHOOK_TIMEOUT_MS = 30_000;
const WEBHOOK_VISIBILITY_S = 60;
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
  /** Who can sign requests to the operators' routes; nobody unless given: people of one machine use the command line. */
  readonly signers?: readonly LocalSigner[];
  /** Requests that one API key may make in a minute; as deployed unless given. */
  readonly apiRequestsPerMinute?: number;
  /** How long a call to the bank may take, seconds; as deployed unless given. */
  readonly bankCallTimeoutS?: number;
  /** How long a token of the bank lives, seconds; a day unless given. */
  readonly bankTokenLifeS?: number;
  /** How long a function keeps a secret's value, seconds; as deployed unless given. */
  readonly secretTtlS?: number;
  /** How long the queue hides a message that was handed out, seconds; as deployed unless given. */
  readonly visibilityS?: number;
  /** Settings of the database server by name, such as `max_connections`. */
  readonly databaseSettings?: Readonly<Record<string, string | number>>;
  /** Answers the port under which the functions reach a service: that of something in between, for who wants to break the line. The service's own without it. */
  readonly between?: (service: Service, port: number) => Promise<number>;
  /** How the settlement's queue is polled: `short` for a caller who steps a clock. */
  readonly polling: 'long' | 'short';
  /**
   * Whether the data is to outlive this run: the bank keeps a journal, and the database waits for the disk. Without it a killed process loses nothing
   * either; only a machine that loses its power does.
   */
  readonly durable: boolean;
  /** Whether events are published and webhooks sent, http to 127.0.0.1 among them. Not unless given: it takes four more functions. */
  readonly webhooks?: boolean;
  /** Has the last word on what a function runs and with which variables; what this checkout says unless given. */
  readonly redefine?: (definition: FunctionDefinition) => FunctionDefinition;
  /** What a function wrote, and what happened to the processes. */
  readonly onLog: (line: LogLine) => void;
  /** Called at the end of every process of a function. */
  readonly onSandboxExit?: (exit: SandboxExit) => void;
}

/** What the collection account holds before the first deposit. */
const OPENING_BALANCE = won(1_000_000n);

/** Opens the collection account at the system's bank; where there is one, as after a restart or a run on own files, nothing changes. */
export function openCollectionAccount(bank: BankSimulator): void {
  if (bank.hasAccount(COLLECTION_ACCOUNT)) return;
  bank.openAccount({
    fintechUseNum: COLLECTION_ACCOUNT,
    bankCode: COLLECTION_BANK_CODE,
    accountNumber: ACCOUNT_NUMBERS[COLLECTION_ACCOUNT],
    holder: COLLECTION_ACCOUNT_HOLDER,
    openingBalance: OPENING_BALANCE,
  });
}

/** What the functions talk to. */
export type Service = 'database' | 'queue' | 'secrets' | 'events' | 'bank';

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
  readonly operators: LocalFunction;
  /** The API for shops, and the operators' routes behind their authorizer, over HTTP. */
  readonly gateway: LocalApiGateway;
  /** Rotates the database secret, when Secrets Manager calls it. */
  readonly rotation: LocalFunction;
  readonly secretsManager: LocalSecretsManager;
  /** The daily check of the books. */
  readonly verification: LocalFunction;
  readonly bank: BankSimulator;
  readonly queue: LocalQueue;
  readonly events: LocalEventBus;
  readonly postgres: LocalPostgres;
  readonly host: FunctionHost;
  readonly mapping: EventSourceMapping;
  readonly transfersUrl: string;
  /** Every function that is hosted, those of webhooks among them where there are any. */
  readonly functions: readonly LocalFunction[];
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
  const hosted: LocalFunction[] = [];
  const connected: { webhooks?: LocalWebhooks } = {};
  const [postgres, queue, secretsManager, events] = await startServices(options, stops, hosted, connected);
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
    ...(options.bankTokenLifeS === undefined ? {} : { tokenLifeSeconds: options.bankTokenLifeS }),
    ...(options.durable ? { journalFile: join(options.folder, 'bank.ndjson') } : {}),
  });
  stops.push(() => bank.stop());
  const transfers = await queue.createFifoQueueWithDlq('transfers', {
    visibilityTimeoutS: options.visibilityS ?? VISIBILITY_S,
    maxReceiveCount: MAX_RECEIVES,
  });

  const webhookQueues = options.webhooks === true ? await createWebhookQueues(queue) : undefined;

  const reach = (service: Service, url: string): Promise<string> => withPort(url, service, options);
  const queueEndpoint = await reach('queue', queue.endpoint);
  const at: Endpoints = {
    database: new URL(await reach('database', `postgresql://${postgres.host}:${postgres.port}`)),
    queue: queueEndpoint,
    secrets: await reach('secrets', secretsManager.endpoint),
    events: await reach('events', events.endpoint),
    bank: await reach('bank', bank.url),
    queueUrl: transfers.queueUrl.replace(queue.endpoint, queueEndpoint),
  };
  const variables = functionVariables(options, at, webhookQueues);
  const host = createFunctionHost({
    log: (line) => options.onLog({ from: line.functionName, text: line.text, notable: false }),
    onSandboxExit: (exit) => {
      options.onSandboxExit?.(exit);
      if (exit.cause !== 'stopped')
        note(
          options,
          exit.functionName,
          `the function's process ${exit.pid} ended (${exit.cause}); the next event starts another`,
        );
    },
  });
  stops.push(() => host.stop());
  const define = definer(host, options, runtimeVariables(options, at), variables);
  const functions = await defineFunctions(define, options);
  const webhookFunctions = webhookQueues === undefined ? undefined : await defineWebhookFunctions(define);
  hosted.push(functions.rotation);
  await runMigrations(functions.migration);
  await enableRotation(secrets, functions.rotation.arn);

  const gateway = await startApiGateway({
    target: functions.api,
    signedRoutes: OPERATORS_ROUTE_KEYS.map((routeKey) => ({ routeKey, target: functions.operators })),
    ...(options.signers === undefined ? {} : { signers: options.signers }),
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

  if (webhookQueues !== undefined && webhookFunctions !== undefined) {
    const webhooks = connectWebhooks({
      client: queueClient,
      queues: webhookQueues,
      functions: webhookFunctions,
      log: (text) => note(options, 'webhooks', text),
    });
    connected.webhooks = webhooks;
    stops.push(() => webhooks.stop());
  }

  const env = readEnvironment('matcher', variables);
  const cached = createSecrets(env.SECRET_TTL_S, secrets);
  // Its own line to the database, whatever stands between the functions and theirs.
  const own = { ...env, DATABASE_HOST: postgres.host, DATABASE_PORT: postgres.port };
  const db = openDatabase<Database>(own, cached, 4);
  stops.push(() => db.destroy());
  const vault = await openVault(cached, env.DATA_KEYS_SECRET_ID);
  return {
    ...functions,
    functions: [...Object.values(functions), ...Object.values(webhookFunctions ?? {})],
    gateway,
    secretsManager,
    bank,
    queue,
    events,
    postgres,
    host,
    mapping,
    transfersUrl: transfers.queueUrl,
    db,
    vault,
    stop,
  };
}

async function startServices(
  options: SystemOptions,
  stops: (() => Promise<unknown>)[],
  hosted: readonly LocalFunction[],
  connected: { readonly webhooks?: LocalWebhooks },
): Promise<[LocalPostgres, LocalQueue, LocalSecretsManager, LocalEventBus]> {
  const starts = [
    startPostgres({
      folder: join(options.folder, 'postgres'),
      settings: { ...(options.durable ? {} : { fsync: 'off' }), ...options.databaseSettings },
      onRestart: (restart) =>
        note(
          options,
          'postgres',
          `the database ended (${restart.signal ?? String(restart.exitCode)}) and answers again after ${restart.downMs} ms`,
        ),
    }),
    startQueue(),
    startSecretsManager({
      file: join(options.folder, 'secrets.json'),
      async invoke(functionArn, event) {
        const called = hosted.find(({ arn }) => arn === functionArn);
        if (called === undefined) throw new Error(`there is no function ${functionArn} to call yet`);
        return await called.invoke(event, { queueMsMax: ROTATION_TIMEOUT_MS });
      },
      log: (text) => note(options, 'secrets', text),
    }),
    startEventBus({ onEvent: (published) => connected.webhooks?.onEvent(published) }),
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

/** A service's address as the functions are to know it. */
async function withPort(url: string, service: Service, { between }: SystemOptions): Promise<string> {
  if (between === undefined) return url;
  const { port } = new URL(url);
  return url.replace(`:${port}`, `:${await between(service, Number(port))}`);
}

interface Endpoints extends Readonly<Record<Exclude<Service, 'database'>, string>> {
  readonly database: URL;
  readonly queueUrl: string;
}

/** What Lambda's own runtime and the SDK read; the SDK's clients find the doubles by `AWS_ENDPOINT_URL_…`. */
function runtimeVariables(options: SystemOptions, at: Endpoints): Record<string, string> {
  return {
    AWS_REGION: LOCAL_REGION,
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_ENDPOINT_URL_SQS: at.queue,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: at.secrets,
    AWS_ENDPOINT_URL_EVENTBRIDGE: at.events,
    POWERTOOLS_LOG_LEVEL: 'INFO',
    ...(options.clockFile === undefined ? {} : { CLOCK_FILE: options.clockFile }),
  };
}

/** What the Pulumi program sets on AWS, with this machine's addresses. Each function gets of these what it reads. */
function functionVariables(
  options: SystemOptions,
  at: Endpoints,
  webhooks: WebhookQueues | undefined,
): AllVariables {
  return {
    // The database's own system identifier tells it apart here.
    DATABASE_IDENTITY: undefined,
    DATABASE_HOST: at.database.hostname,
    DATABASE_PORT: at.database.port,
    DATABASE_NAME: DATABASE,
    DATABASE_TLS: 'off',
    DATABASE_CA_FILE: undefined,
    DATABASE_SECRET_ID: SECRET_IDS.application,
    DATABASE_MASTER_SECRET_ID: SECRET_IDS.master,
    SECRET_TTL_S: options.secretTtlS?.toString(),
    DATA_KEYS_SECRET_ID: SECRET_IDS.dataKeys,
    BANK_BASE_URL: at.bank,
    BANK_CREDENTIALS_SECRET_ID: SECRET_IDS.credentials,
    BANK_PAYOUT_SECRET_ID: SECRET_IDS.payout,
    BANK_MAX_CALLS: undefined,
    BANK_CALL_TIMEOUT_S: options.bankCallTimeoutS?.toString(),
    BANK_PROCESSING_MINUTES: undefined,
    BANK_POSTING_LAG_MINUTES: undefined,
    COLLECTION_ACCOUNT,
    COLLECTION_BANK_CODE,
    COLLECTION_ACCOUNT_NUMBER: ACCOUNT_NUMBERS[COLLECTION_ACCOUNT],
    COLLECTION_ACCOUNT_HOLDER,
    PAYOUT_ACCOUNT: options.payoutAccount,
    TRANSFER_QUEUE_URL: at.queueUrl,
    CYCLE_MINUTES: options.cycleMinutes.toString(),
    PAGE_SIZE: undefined,
    MAX_SENDS: undefined,
    TRANSFER_LIMIT_WON: undefined,
    DAILY_LIMIT_WON: undefined,
    HEAD_BUCKET: undefined,
    HEAD_FOLDER: headsFolder(options.folder),
    API_REQUESTS_PER_MINUTE: options.apiRequestsPerMinute?.toString(),
    OPERATORS_SIGN_IN: undefined,
    EVENT_BUS_NAME: webhooks === undefined ? undefined : 'smart-transfer',
    WEBHOOK_REACH: webhooks === undefined ? undefined : 'local',
    WEBHOOK_KEYS_SECRET_ID: webhooks === undefined ? undefined : SECRET_IDS.webhookKeys,
    WEBHOOK_FAST_QUEUE_URL: webhooks?.fast.queueUrl,
    WEBHOOK_SLOW_QUEUE_URL: webhooks?.slow.queueUrl,
    WEBHOOK_RESULTS_QUEUE_URL: webhooks?.results.queueUrl,
    // The bank is a process of its own here, with a file.
    JOURNAL_BUCKET: undefined,
  };
}

type Define = (
  name: string,
  entry: string,
  reads: FunctionKind,
  limits: FunctionLimits,
) => Promise<LocalFunction>;

interface FunctionLimits {
  readonly timeoutMs: number;
  readonly maximumConcurrency: number;
}

function definer(
  host: FunctionHost,
  { folder, redefine = (definition) => definition }: SystemOptions,
  runtime: Record<string, string>,
  variables: AllVariables,
): Define {
  const workFolder = join(folder, 'functions');
  return async (name, entry, reads, limits) => {
    const path = fileURLToPath(new URL(`../functions/${entry}`, import.meta.url));
    return host.define(
      redefine({
        name,
        bundle: await bundleFunction({ name, entry: path }),
        environment: { ...runtime, ...variablesFor(reads, variables) },
        workFolder,
        ...limits,
      }),
    );
  };
}

async function createWebhookQueues(queue: LocalQueue): Promise<WebhookQueues> {
  const [fast, slow, results] = await Promise.all(
    ['webhooks-fast', 'webhooks-slow', 'webhook-results'].map((name) =>
      queue.createStandardQueue(name, WEBHOOK_VISIBILITY_S),
    ),
  );
  if (fast === undefined || slow === undefined || results === undefined)
    throw new Error('three queues were asked for');
  return { fast, slow, results };
}

/** The functions of webhooks. */
async function defineWebhookFunctions(define: Define) {
  const limits = { timeoutMs: WEBHOOK_TIMEOUT_MS, maximumConcurrency: 2 };
  const [fanOut, deliverFast, deliverSlow, record] = await Promise.all([
    define('webhook-fan-out', 'webhooks/fan-out.handler.ts', 'webhookQueueing', limits),
    define('webhook-delivery-fast', 'webhooks/deliver.handler.ts', 'webhookDelivery', limits),
    define('webhook-delivery-slow', 'webhooks/deliver.handler.ts', 'webhookDelivery', limits),
    define('webhook-record', 'webhooks/record.handler.ts', 'webhookQueueing', limits),
  ]);
  return { fanOut, deliverFast, deliverSlow, record };
}

async function defineFunctions(define: Define, options: SystemOptions) {
  const [matcher, settlement, verification, api, operators, migration, rotation] = await Promise.all([
    define('matcher', 'cycle/match.handler.ts', 'matcher', {
      timeoutMs: MATCHER_TIMEOUT_MS,
      maximumConcurrency: 2,
    }),
    define('settlement', 'transfers/settle.handler.ts', 'settlement', {
      timeoutMs: SETTLEMENT_TIMEOUT_MS,
      maximumConcurrency: options.settlementConcurrency + 2,
    }),
    define('verification', 'ledger/verify.handler.ts', 'verification', {
      timeoutMs: VERIFICATION_TIMEOUT_MS,
      maximumConcurrency: 1,
    }),
    define('api', 'api/api.handler.ts', 'api', {
      timeoutMs: API_TIMEOUT_MS,
      maximumConcurrency: API_CONCURRENCY,
    }),
    define('operators', 'operators/operators.handler.ts', 'operators', {
      timeoutMs: API_TIMEOUT_MS,
      maximumConcurrency: 2,
    }),
    define('migration', 'migrations/migrate.handler.ts', 'migration', {
      timeoutMs: MIGRATION_TIMEOUT_MS,
      maximumConcurrency: 1,
    }),
    define('rotation', 'logins/rotate.handler.ts', 'rotation', {
      timeoutMs: ROTATION_TIMEOUT_MS,
      maximumConcurrency: 1,
    }),
  ]);
  return { matcher, settlement, verification, api, operators, migration, rotation };
}

async function runMigrations(migration: LocalFunction): Promise<void> {
  const result = await migration.invoke({ nobody_serves: true });
  if (result.outcome === 'returned') return;
  throw new Error(`the database could not be brought up to date: ${JSON.stringify(result)}`);
}
