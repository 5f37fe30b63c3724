import { z } from 'zod';
import { key, readConfig } from './config-reader.ts';
import { parseStrategy, type RolloutStrategy } from './rollout/strategy.ts';

/** The namespace of the stack's own keys: the project's name in `Pulumi.yaml`. */
export const PROJECT = 'smart-transfer';

const wholeNumber = (min: number, max: number) => z.number().int().min(min).max(max);

const won = z
  .union([z.string().regex(/^[1-9]\d*$/), wholeNumber(1, Number.MAX_SAFE_INTEGER)])
  .transform(String);

const scheduleExpression = z
  .string()
  .regex(/^(rate|cron)\(.+\)$/, 'write rate(…) or cron(…) of six fields, as EventBridge Scheduler has it');

const kftcAccount = z.string().regex(/^[0-9A-Z]{24}$/, 'a fintech_use_num has 24 digits and capitals');

const network = z
  .strictObject({
    cidr: key(
      z.string().regex(/^\d+\.\d+\.\d+\.\d+\/(1[6-9]|2[0-2])$/),
      '10.20.0.0/16',
      "The VPC's IPv4 range, /16 to /22.",
    ),
    zones: key(
      z.array(z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d[a-z]$/)).min(2),
      ['ap-northeast-2a', 'ap-northeast-2c'],
      'Two availability zones or more; a preview then asks AWS for none.',
    ),
    egress: key(
      z.enum(['nat', 'none']),
      'nat',
      'How functions in the VPC reach what is outside: `nat` by a fixed IPv4 address, which banks allow-list; `none` by IPv6 alone, which costs nothing and reaches AWS and no bank.',
    ),
    natStrategy: key(
      z.enum(['one', 'one_a_zone']).optional(),
      'one',
      'With egress `nat`: one gateway for all zones, or one in each, with an address each.',
    ),
    interfaceEndpoints: key(
      z.array(z.enum(['secretsmanager', 'events', 'kms', 'lambda'])).default([]),
      ['secretsmanager'],
      "AWS services that are reached inside the VPC, each at an hourly price a zone. SQS is not among them: its endpoint would take over the queue's name for the whole VPC.",
    ),
  })
  .superRefine(({ egress, natStrategy, interfaceEndpoints }, context) => {
    if (egress === 'none' && interfaceEndpoints.length > 0)
      context.addIssue({
        code: 'custom',
        path: ['interfaceEndpoints'],
        message:
          'are of no use with egress `none`: AWS is then called at its dual-stack names, which they do not serve',
      });
    if (egress === 'nat' && natStrategy === undefined)
      context.addIssue({
        code: 'custom',
        path: ['natStrategy'],
        message: 'is missing, and egress is `nat`',
      });
    if (egress === 'none' && natStrategy !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['natStrategy'],
        message: 'says which gateways to make, and egress `none` has none: remove one of the two',
      });
  });

const capacity = z.number().min(0).max(256).multipleOf(0.5);

const database = z
  .strictObject({
    engineVersion: key(
      z.string().regex(/^17\.\d+$/),
      '17.5',
      "Aurora PostgreSQL's version. Minor upgrades are a change of this key, never a surprise of a night.",
    ),
    minCapacity: key(
      capacity,
      0.5,
      'The least that each instance has, ACU. 0 lets the cluster pause; waking takes 15 s and more.',
    ),
    maxCapacity: key(capacity.min(1), 4, 'The most that each instance grows to, ACU.'),
    pauseAfterSeconds: key(
      wholeNumber(300, 86_400).optional(),
      300,
      'With a least capacity of 0: how long nothing may be connected before the cluster pauses.',
    ),
    readers: key(wholeNumber(0, 15), 0, 'Instances beside the writer, to take over in a minute if it fails.'),
    backupDays: key(wholeNumber(1, 35), 35, 'How many days back the cluster can be restored to any second.'),
    insightsDays: key(
      z.union([z.literal(7), z.literal(465)]),
      7,
      'How long Performance Insights are kept, days; 7 costs nothing.',
    ),
  })
  .superRefine(({ minCapacity, maxCapacity, pauseAfterSeconds }, context) => {
    const issue = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (minCapacity > maxCapacity) issue('maxCapacity', `is less than minCapacity ${minCapacity}`);
    if (minCapacity === 0 && pauseAfterSeconds === undefined)
      issue('pauseAfterSeconds', 'is missing, and minCapacity is 0');
    if (minCapacity > 0 && pauseAfterSeconds !== undefined)
      issue('pauseAfterSeconds', `is of no use: a cluster of at least ${minCapacity} ACU never pauses`);
  });

const schedule = z.strictObject({
  cycle: key(
    scheduleExpression,
    'rate(5 minutes)',
    'When the matcher runs, in Korean time. Each cycle wakes the database.',
  ),
  cycleMinutes: key(
    wholeNumber(5, 60),
    5,
    'Minutes between two cycles: a transfer that was dispatched longer ago and that nobody claimed is dispatched again.',
  ),
  webhookSweep: key(
    scheduleExpression,
    'rate(1 minute)',
    'When webhooks that are due or were lost are queued. Each sweep wakes the database.',
  ),
  verification: key(
    scheduleExpression,
    'cron(30 0 * * ? *)',
    'When the whole ledger is verified and days are closed.',
  ),
});

const concurrency = z
  .strictObject({
    settlementMaximum: key(wholeNumber(2, 100), 4, 'Batches of transfers that are paid at the same time.'),
    deliveryMaximum: key(wholeNumber(2, 100), 2, 'Batches of webhooks that a lane sends at the same time.'),
    batchSize: key(wholeNumber(1, 10), 2, 'Transfers a batch. Each may take a call to the bank of 20 s.'),
    reserved: key(
      z
        .strictObject({
          settlement: key(wholeNumber(4, 1000), 6, 'At least settlementMaximum and two more.'),
          matcher: key(wholeNumber(2, 10), 2, 'One cycle, and the one that finds it running.'),
          verification: key(wholeNumber(1, 2), 1, 'One daily check.'),
          rotation: key(wholeNumber(1, 2), 1, 'One step of a rotation.'),
          api: key(wholeNumber(2, 1000), 20, 'Requests at the same time: also so many connections.'),
          operators: key(wholeNumber(2, 1000), 5, "Operators' requests at the same time."),
        })
        .optional(),
      undefined,
      "Concurrency that is kept for these functions. Leave it out while the account's quota is a new account's (10 to 50): AWS keeps part of it unreserved (docs/deploying.md).",
    ),
  })
  .superRefine(({ reserved, settlementMaximum }, context) => {
    if (reserved !== undefined && reserved.settlement < settlementMaximum + 2)
      context.addIssue({
        code: 'custom',
        path: ['reserved', 'settlement'],
        message: `is ${reserved.settlement}; with settlementMaximum ${settlementMaximum} the check of a new version needs ${settlementMaximum + 2}`,
      });
  });

const strategy = z.unknown().transform((value, context): RolloutStrategy => {
  const parsed = parseStrategy(value);
  if (parsed.outcome === 'parsed') return value as RolloutStrategy;
  context.addIssue(
    value === undefined ? { code: 'invalid_type', expected: 'string', input: value } : parsed.message,
  );
  return z.NEVER;
});

/** The functions whose traffic is moved by an alias. */
export const ROLLED_OUT = [
  'matcher',
  'settlement',
  'verification',
  'rotation',
  'api',
  'operators',
  'webhookFanOut',
  'webhookDelivery',
  'webhookRecord',
] as const;

export type RolledOut = (typeof ROLLED_OUT)[number];

const rollout = z.strictObject({
  ...(Object.fromEntries(
    ROLLED_OUT.map((name) => [
      name,
      key(strategy, 'Linear10PercentEvery1Minute', 'How a new version of this function takes over.'),
    ]),
  ) as Record<RolledOut, typeof strategy>),
  bakeMinutes: key(
    wholeNumber(0, 60),
    3,
    'How long alarms are watched once all traffic is at the new version.',
  ),
  watchOneCycle: key(
    z.boolean(),
    true,
    'Whether a new version of the matcher must run one real cycle before it stays. Not where the schedule has hours off.',
  ),
  ignoreAlarms: key(
    z.boolean().default(false),
    true,
    'Rolls out although an alarm is firing: for the version that ends the alarm. Set it back afterwards.',
  ),
});

const retention = z.strictObject({
  logDays: key(
    z.union([7, 14, 30, 60, 90, 180, 365, 400, 731, 1827, 3653].map((days) => z.literal(days))),
    365,
    "How long logs are kept: one of CloudWatch's periods.",
  ),
  eventDays: key(wholeNumber(1, 3650), 30, "How long the bus's archive keeps events, to be replayed."),
  headsLocked: key(
    z.enum(['COMPLIANCE', 'GOVERNANCE']),
    'COMPLIANCE',
    "Whether nobody can delete a day's head of the ledger before its time, the account's owner included, or who has a right of its own can (for a stack that is taken down again).",
  ),
  headDays: key(
    wholeNumber(1, 3650),
    1827,
    'How long heads are locked. It cannot be shortened for those that are written.',
  ),
  secretDays: key(
    z.union([z.literal(0), wholeNumber(7, 30)]),
    30,
    'How long a deleted secret can be brought back.',
  ),
  keyDays: key(wholeNumber(7, 30), 30, 'How long a deleted encryption key can be brought back.'),
});

const alarms = z.strictObject({
  emails: key(
    z.array(z.email()),
    ['payments@shop.example'],
    'Who is told when an alarm fires. Each address must confirm once.',
  ),
  missedCycles: key(
    z.boolean(),
    true,
    'Whether a cycle that does not come is an alarm. Not where the schedule has hours off.',
  ),
});

const limits = z.strictObject({
  transferWon: key(
    won.optional(),
    '30000000',
    'A payout over so many won is held until two people let it go.',
  ),
  dailyWon: key(
    won.optional(),
    '300000000',
    'What the payouts of a day in Korea add up to without a second person, won.',
  ),
});

const api = z.strictObject({
  domain: key(
    z
      .strictObject({
        name: key(z.hostname(), 'pay.shop.example', "The API's host name."),
        certificateArn: key(
          z.string().startsWith('arn:aws:acm:'),
          'arn:aws:acm:ap-northeast-2:123456789012:certificate/…',
          'A certificate for it, in the same region.',
        ),
      })
      .optional(),
    undefined,
    "A name of your own. API Gateway's own address is off where there is one.",
  ),
  operatorsSignIn: key(
    z.enum(['identity_center', 'iam_user']),
    'identity_center',
    'How operators sign in: one way, since whoever had two would be two people.',
  ),
  requestsPerMinute: key(wholeNumber(1, 100_000), 600, 'Requests that one API key may make in a minute.'),
  rateLimit: key(
    wholeNumber(1, 10_000),
    50,
    'Requests a second that API Gateway lets through, all shops together.',
  ),
  burstLimit: key(wholeNumber(1, 5_000), 100, 'How many may come at once.'),
});

const bankCalls = {
  maximumCalls: key(
    wholeNumber(1, 50).default(2),
    2,
    'Calls that one function at a time has open at the bank.',
  ),
  callTimeoutSeconds: key(wholeNumber(5, 20).default(20), 20, 'How long a call may take.'),
  processingMinutes: key(
    wholeNumber(1, 120).default(10),
    10,
    'The longest that the bank takes to execute what reached it.',
  ),
  postingLagMinutes: key(
    wholeNumber(1, 120).default(5),
    5,
    'The longest that the bank takes to show a row on the statement.',
  ),
  collection: z.strictObject({
    account: key(
      kftcAccount,
      '120220000000000000000001',
      "KFTC's fintech_use_num of the account that buyers pay into.",
    ),
    bankCode: key(z.string().regex(/^\d{3}$/), '004', 'Its bank, as buyers are told it.'),
    number: key(
      z
        .union([z.string(), z.int().nonnegative().transform(String)])
        .pipe(z.string().regex(/^\d{6,16}$/, 'write 6 to 16 digits, in quotes')),
      '12345678901234',
      'Its number, as buyers are told it.',
    ),
    holder: key(z.string().min(1), 'Shop Ltd', 'Its holder, as buyers are told it.'),
  }),
  payoutAccount: key(
    kftcAccount,
    '120220000000000000000001',
    'KFTC fintech_use_num of the account that payouts leave; it may be the same.',
  ),
};

const bank = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('simulator'), ...bankCalls }),
  z.strictObject({ kind: z.literal('kftc_test'), ...bankCalls }),
  z.strictObject({ kind: z.literal('kftc'), ...bankCalls }),
]);

/**
 * What a stack is: `Pulumi.<stack>.yaml` holds one value for each key, beside `aws:region`. Every difference between two stacks is one of these; no code asks
 * for a stack's name.
 */
export const settingsShape = z
  .strictObject({
    started: key(
      z.boolean(),
      false,
      'Whether the schedule and the queue run. Leave it false until the output `secretsToFill` is empty.',
    ),
    protection: key(
      z.boolean(),
      true,
      'Whether the database, keys, addresses and the archive of heads refuse to be deleted.',
    ),
    network,
    database,
    schedule,
    concurrency,
    rollout,
    retention,
    alarms,
    limits,
    api,
    bank,
  })
  .superRefine((all, context) => {
    if (all.bank.kind === 'simulator' && all.bank.payoutAccount !== all.bank.collection.account)
      context.addIssue({
        code: 'custom',
        path: ['bank', 'payoutAccount'],
        message: 'is not the collection account, and the simulated bank has that one account',
      });
    if (all.network.egress === 'none' && all.bank.kind !== 'simulator')
      context.addIssue({
        code: 'custom',
        path: ['network', 'egress'],
        message: `is none, and a bank of kind ${all.bank.kind} is reached from an address that it allow-lists: set nat`,
      });
  });

export type Settings = z.infer<typeof settingsShape>;
export type NetworkSettings = Settings['network'];
export type DatabaseSettings = Settings['database'];
export type BankSettings = Settings['bank'];

/** Where a bank answers that is not ours to run. */
export function bankUrl(kind: BankSettings['kind']): string {
  switch (kind) {
    case 'kftc':
      return 'https://openapi.openbanking.or.kr';
    case 'kftc_test':
      return 'https://testapi.openbanking.or.kr';
    case 'simulator':
      throw new Error('the simulated bank is a function of the stack, which has the address');
    default:
      return kind satisfies never;
  }
}

/**
 * Reads a stack's settings.
 *
 * @param config all that `Pulumi.<stack>.yaml` holds, by key: `smart-transfer:started` is `true`, a group is its JSON.
 * @throws an error that names each key that is unknown, missing or makes no sense, with an example.
 */
export function readSettings(config: Readonly<Record<string, string>>): Settings {
  return readConfig(
    {
      project: PROJECT,
      shape: settingsShape,
      describedIn: 'components/settings.ts',
      wholeExample: 'Pulumi.prod.yaml',
    },
    config,
  );
}
