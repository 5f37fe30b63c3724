import { z } from 'zod';
import { BALANCE_MAX, parseWon } from './money.ts';

/** Whole won, more than nothing; absent is no limit. */
const amount = z
  .string()
  .transform((text, context) => {
    const value = parseWon(text, { max: BALANCE_MAX });
    if (value !== undefined && value > 0n) return value;
    context.addIssue('write whole won above 0, such as 30000000');
    return z.NEVER;
  })
  .optional();

const bankCode = z.string().regex(/^\d{3}$/);
const accountNumber = z.string().regex(/^\d{6,16}$/);

const seconds = (fallback: number) => z.coerce.number().int().positive().default(fallback);

/** The longest that a bank takes to execute what reached it, and then to show it on the statement, unless a stack says otherwise, minutes. */
export const BANK_TAKES = { processingMinutes: 10, postingLagMinutes: 5 } as const;

/**
 * Every variable that a function reads, described once: the local system and the Pulumi program both take the names from here, so that
 * none can be missing in one of them. Values are names and numbers; secrets are only ever named (`…_SECRET_ID`), never held.
 */
const identity = {
  /**
   * The cluster's resource id, which no other cluster ever has, also not a restored one that was given its name. Without it the database's own system
   * identifier tells clusters apart. Set for the first time on a database in use, it halts payouts once (docs/restore.md).
   */
  DATABASE_IDENTITY: z.string().min(1).optional(),
};

const database = {
  ...identity,
  DATABASE_HOST: z.string().min(1),
  DATABASE_PORT: z.coerce.number().int().min(1).max(65_535).default(5432),
  DATABASE_NAME: z.string().min(1),
  /** `verify` demands TLS and a certificate of a known authority; `off` is for 127.0.0.1. */
  DATABASE_TLS: z.enum(['verify', 'off']).default('verify'),
  /** A file of certificate authorities to trust for the database, in place of Node's own: Amazon's for RDS are not among those. Lambda's runtime brings it along. */
  DATABASE_CA_FILE: z.string().min(1).optional(),
  /** JSON `{username, password}` of the application's login: written once by the migration function, then by rotations. */
  DATABASE_SECRET_ID: z.string().min(1),
  /** How long a secret's value is kept before it is fetched again, seconds. */
  SECRET_TTL_S: seconds(300),
};

/** What an account number is written and read with. */
const dataKeys = {
  /** JSON `{current, keys: {<id>: base64 of 32 bytes}, fingerprint: base64}`. */
  DATA_KEYS_SECRET_ID: z.string().min(1),
};

/** How long the bank takes, minutes. */
const bankTimes = {
  /** The longest that the bank takes to execute what reached it. */
  BANK_PROCESSING_MINUTES: seconds(BANK_TAKES.processingMinutes),
  /** The longest that the bank takes to show a row on the statement. */
  BANK_POSTING_LAG_MINUTES: seconds(BANK_TAKES.postingLagMinutes),
};

const bank = {
  ...dataKeys,
  BANK_BASE_URL: z.url(),
  /** JSON `{client_id, client_secret, organisation_code}`. */
  BANK_CREDENTIALS_SECRET_ID: z.string().min(1),
  /** KFTC `fintech_use_num` of the account that buyers pay into. */
  COLLECTION_ACCOUNT: z.string().min(1),
  /** KFTC `fintech_use_num` of the account that payouts leave; it may be the same. */
  PAYOUT_ACCOUNT: z.string().min(1),
  /** At most so many calls to the bank at once from one sandbox. */
  BANK_MAX_CALLS: seconds(2),
  BANK_CALL_TIMEOUT_S: seconds(20),
};

/** The EventBridge bus that events are published on. Without it they stay in the database, where the API lists them. */
const events = { EVENT_BUS_NAME: z.string().min(1).optional() };

/** Where webhooks may go: `local` also takes http to 127.0.0.1, and is never deployed. */
const webhookReach = { WEBHOOK_REACH: z.enum(['public', 'local']).default('public') };

const webhookKeys = {
  /** JSON `{current, keys: {<id>: base64 of 32 bytes or more}}`: signing keys are derived from it. */
  WEBHOOK_KEYS_SECRET_ID: z.string().min(1),
};

const webhookLanes = { WEBHOOK_FAST_QUEUE_URL: z.url(), WEBHOOK_SLOW_QUEUE_URL: z.url() };

const matcher = z.object({
  ...database,
  ...bank,
  ...events,
  TRANSFER_QUEUE_URL: z.url(),
  /** The collection account's bank, three digits, and number: by these the bank is asked who sent a deposit that waits for a person. Without both it is not. */
  COLLECTION_BANK_CODE: bankCode.optional(),
  COLLECTION_ACCOUNT_NUMBER: accountNumber.optional(),
  /** Minutes between two scheduled cycles: a transfer that was dispatched longer ago than this and is not claimed is dispatched again. */
  CYCLE_MINUTES: seconds(5),
  ...bankTimes,
  /** Deposits a page. */
  PAGE_SIZE: seconds(1000),
  /** After so many sends without success a transfer is held for a person. */
  MAX_SENDS: seconds(5),
  /** A payout over so many won is held until two people let it go. Without it there is no such limit. */
  TRANSFER_LIMIT_WON: amount,
  /** What all payouts of a day in Korea may add up to without a second person, won. Without it there is no such limit. */
  DAILY_LIMIT_WON: amount,
});

const settlement = z.object({
  ...database,
  ...bank,
  ...events,
  /** JSON `{wd_pass_phrase}`; the settlement function alone may read it. */
  BANK_PAYOUT_SECRET_ID: z.string().min(1),
  BANK_PROCESSING_MINUTES: seconds(BANK_TAKES.processingMinutes),
});

/** What acts as the login that owns the schema: the migration function, and the rotation of the application's login. */
const owner = z.object({
  ...identity,
  ...database,
  /** JSON `{username, password}` of that login. */
  DATABASE_MASTER_SECRET_ID: z.string().min(1),
});

const api = z.object({
  ...database,
  ...dataKeys,
  ...webhookReach,
  /** As `webhookKeys`; without it the API knows no webhooks. */
  WEBHOOK_KEYS_SECRET_ID: z.string().min(1).optional(),
  /** What buyers are told to pay into: a bank's code of three digits, the account's number and its holder. */
  COLLECTION_BANK_CODE: bankCode,
  COLLECTION_ACCOUNT_NUMBER: accountNumber,
  COLLECTION_ACCOUNT_HOLDER: z.string().min(1),
  /** Requests that one API key may make in a minute. */
  API_REQUESTS_PER_MINUTE: seconds(600),
});

const heads = {
  /** The bucket, with object lock, in which each day's head of the ledger is kept where the database's owner cannot rewrite it. */
  HEAD_BUCKET: z.string().min(1).optional(),
  /** A folder that stands in for the bucket on one machine. With neither, heads are kept in the database only. */
  HEAD_FOLDER: z.string().min(1).optional(),
};

const verification = z.object({ ...database, ...heads });

const operators = z.object({
  ...database,
  ...dataKeys,
  ...heads,
  ...bankTimes,
  /** How the people of this stack sign in: one way, since whoever had two would be two people. */
  OPERATORS_SIGN_IN: z.enum(['identity_center', 'iam_user']).default('identity_center'),
});

/** In the VPC: what reads and writes deliveries, and queues attempts. */
const webhookQueueing = z.object({ ...database, ...webhookLanes });

/** Outside the VPC, without a database. */
const webhookDelivery = z.object({
  ...webhookReach,
  ...webhookKeys,
  WEBHOOK_RESULTS_QUEUE_URL: z.url(),
  SECRET_TTL_S: seconds(300),
});

/** A simulated bank in the cloud, for a stack that has no real one. */
const simulatedBank = z.object({
  /** As `bank`: the client that it knows. */
  BANK_CREDENTIALS_SECRET_ID: z.string().min(1),
  SECRET_TTL_S: seconds(300),
  /** The bucket that its journal is kept in. */
  JOURNAL_BUCKET: z.string().min(1),
  COLLECTION_ACCOUNT: z.string().min(1),
  COLLECTION_BANK_CODE: z.string().regex(/^\d{3}$/),
  COLLECTION_ACCOUNT_NUMBER: z.string().regex(/^\d{6,16}$/),
  COLLECTION_ACCOUNT_HOLDER: z.string().min(1),
});

export const environments = {
  matcher,
  settlement,
  verification,
  api,
  operators,
  webhookQueueing,
  webhookDelivery,
  simulatedBank,
  migration: owner,
  rotation: owner,
} as const;

export type FunctionKind = keyof typeof environments;

/**
 * Every variable of a kind of function, each with a value or left out on purpose (`undefined`). Whoever adds a variable above is asked for it by the
 * compiler, in the Pulumi program as in the local system.
 */
export type Variables<Kind extends FunctionKind, Value = string> = {
  readonly [Name in keyof (typeof environments)[Kind]['shape']]: Value | undefined;
};

/** Every variable of every kind of function: what one system sets, or leaves out on purpose. */
export type AllVariables<Value = string> = {
  readonly [Name in { [Kind in FunctionKind]: keyof (typeof environments)[Kind]['shape'] }[FunctionKind]]:
    Value | undefined;
};

/**
 * Of all values that a system has, those that this function reads, and no others: what a function does not need it does not know, such as the
 * database's address where a function works outside the VPC.
 */
export function variablesFor(name: FunctionKind, values: Partial<AllVariables>): Record<string, string> {
  const { shape } = environments[name];
  return Object.fromEntries(
    Object.entries(values).filter(
      (entry): entry is [string, string] => entry[0] in shape && entry[1] !== undefined,
    ),
  );
}

export type MatcherEnvironment = z.infer<typeof matcher>;
export type SettlementEnvironment = z.infer<typeof settlement>;
export type ApiEnvironment = z.infer<typeof api>;
export type OwnerEnvironment = z.infer<typeof owner>;
export type BankEnvironment = Pick<SettlementEnvironment, keyof typeof bank>;
export type DatabaseEnvironment = Pick<SettlementEnvironment, keyof typeof database>;

/**
 * Reads a function's environment.
 *
 * @throws an error that names each variable that is missing or makes no sense, and its value.
 */
export function readEnvironment<Name extends FunctionKind>(
  name: Name,
  env: Readonly<Record<string, string | undefined>>,
): z.infer<(typeof environments)[Name]> {
  const parsed = environments[name].safeParse(env);
  if (parsed.success) return parsed.data as z.infer<(typeof environments)[Name]>;
  const problems = parsed.error.issues.map((issue) => {
    const variable = issue.path.join('.');
    return `${variable}=${env[variable] ?? '(not set)'}: ${issue.message}`;
  });
  throw new Error(
    `the ${name} function cannot start: ${problems.join('; ')}. Set these variables on the function.`,
  );
}
