import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { Api } from './components/api.ts';
import { Database } from './components/database.ts';
import { DeadLetterQueue } from './components/dead-letter-queue.ts';
import { TIMEOUT_SECONDS } from './components/function-limits.ts';
import { HeadBucket } from './components/head-bucket.ts';
import { Keys } from './components/keys.ts';
import { Migration } from './components/migration.ts';
import { namePrefixOf } from './components/name-prefix.ts';
import { Network } from './components/network.ts';
import { Observability } from './components/observability.ts';
import type { Platform } from './components/platform.ts';
import { Probe } from './components/probe.ts';
import type { Queue } from './components/queue.ts';
import { Rotation } from './components/rotation.ts';
import { RuntimeSecrets } from './components/runtime-secrets.ts';
import { ScheduledMatcher } from './components/scheduled-matcher.ts';
import { bankUrl, PROJECT, readSettings } from './components/settings.ts';
import { Settlement } from './components/settlement.ts';
import { SimulatedBank } from './components/simulated-bank.ts';
import { TransferQueue } from './components/transfer-queue.ts';
import { Verification } from './components/verification.ts';
import { Webhooks } from './components/webhooks.ts';

const settings = readSettings(pulumi.runtime.allConfig());
const { protection, retention } = settings;
const region = aws.config.requireRegion();
const accountId = aws.getCallerIdentityOutput().accountId;
const namePrefix = namePrefixOf(PROJECT, pulumi.getStack());

const keys = new Keys('keys', {
  namePrefix,
  accountId,
  region,
  deletionDays: retention.keyDays,
  protect: protection,
});

const network = new Network('network', { settings: settings.network, region, protect: protection });

const database = new Database('database', {
  settings: settings.database,
  namePrefix,
  subnetIds: network.databaseSubnetIds,
  securityGroupId: network.databaseSecurityGroupId,
  storageKey: keys.arn('database'),
  storageKeyId: keys.id('database'),
  secretsKey: keys.arn('secrets'),
  logsKey: keys.arn('logs'),
  logRetentionDays: retention.logDays,
  protect: protection,
});

const secrets = new RuntimeSecrets('secrets', {
  keyArn: keys.arn('secrets'),
  recoveryDays: retention.secretDays,
});

const failures = new DeadLetterQueue('failures', { namePrefix, keyArn: keys.arn('messages'), accountId });

const schedules = new aws.scheduler.ScheduleGroup('schedules', { name: namePrefix });

const platform: Platform = {
  settings,
  namePrefix,
  region,
  accountId,
  keys,
  network,
  database,
  secrets,
  failures,
  schedules,
};

const migration = new Migration('migration', { platform });

const onPlatform = { platform, after: [migration.invocation] };

const rotation = new Rotation('rotation', onPlatform);

const simulatedBank = settings.bank.kind === 'simulator' ? new SimulatedBank('bank', onPlatform) : undefined;

const bankBaseUrl = simulatedBank?.url ?? bankUrl(settings.bank.kind);

const transfers = new TransferQueue('transfers', {
  namePrefix,
  keyArn: keys.arn('messages'),
  accountId,
  settlementTimeoutSeconds: TIMEOUT_SECONDS.settlement,
  cycleMinutes: settings.schedule.cycleMinutes,
});

const matcher = new ScheduledMatcher('matcher', { ...onPlatform, bankBaseUrl, transfers });

const settlement = new Settlement('settlement', { ...onPlatform, bankBaseUrl, transfers });

const heads = new HeadBucket('heads', {
  retention: { mode: retention.headsLocked, days: retention.headDays },
  protection,
});

const verification = new Verification('verification', { ...onPlatform, heads });

const webhooks = new Webhooks('webhooks', onPlatform);

const api = new Api('api', { ...onPlatform, heads });

const observability = new Observability('alarms', {
  namePrefix,
  metricsNamespace: namePrefix,
  keyArn: keys.arn('messages'),
  accountId,
  region,
  started: settings.started,
  cycleMinutes: settings.schedule.cycleMinutes,
  cyclesAroundTheClock: settings.alarms.missedCycles,
  subscriptions: settings.alarms.emails.map((endpoint) => ({ protocol: 'email', endpoint })),
  clusterIdentifier: database.cluster.clusterIdentifier,
  databaseMaxAcu: settings.database.maxCapacity,
  scheduleGroup: schedules.name,
  apiId: api.gateway.api.id,
  functions: {
    migration: { functionName: migration.function.name, errors: 'each' },
    rotation: { functionName: rotation.function.name, errors: 'each' },
    verification: { functionName: verification.function.name, errors: 'each' },
    matcher: { functionName: matcher.function.name, errors: 'repeated' },
    settlement: { functionName: settlement.function.name, errors: 'repeated' },
    api: { functionName: api.shops.name, errors: 'repeated' },
    operators: { functionName: api.operators.name, errors: 'repeated' },
    ...(simulatedBank === undefined
      ? {}
      : { bank: { functionName: simulatedBank.function.name, errors: 'repeated' } }),
    'webhook-fan-out': { functionName: webhooks.fanOut.name, errors: 'repeated' },
    'webhook-delivery-fast': { functionName: webhooks.deliverFast.name, errors: 'repeated' },
    'webhook-delivery-slow': { functionName: webhooks.deliverSlow.name, errors: 'repeated' },
    'webhook-record': { functionName: webhooks.record.name, errors: 'repeated' },
  },
  deadLetterQueues: {
    failures: failures.queueName,
    transfers: transfers.deadLetters.queueName,
    events: webhooks.bus.deadLetters.queueName,
    'webhooks-fast': webhooks.queues.fast.deadLetters.queueName,
    'webhooks-slow': webhooks.queues.slow.deadLetters.queueName,
    'webhook-results': webhooks.queues.results.deadLetters.queueName,
  },
});

const prober = new Probe('probe', {
  namePrefix,
  keyArn: keys.arn('messages'),
  accountId,
  region,
  busName: webhooks.bus.bus.name,
  topicArn: observability.topic.arn,
  metricsNamespace: namePrefix,
});

export { region };

/** Where shops reach the API. */
export const apiUrl = api.gateway.url;

/** The addresses that the bank is to allow-list; none where egress is `none`. */
export const egressAddresses = network.egressAddresses;

/** Secrets that a person has yet to fill, with the command that does it. Set `started` when there are none. */
export const secretsToFill = secrets.toFill();

/** Where operators' commands find their routes: those of the same API that want a person's signature. */
export const operatorsUrl = api.gateway.url;

/** What a name of your own must lead to, where `api.domain` gives one. */
export const domainTarget = api.gateway.domainTarget;

/** The function that plays the bank, where there is no other: invoke it to pay as a buyer does (docs/deploying.md). */
export const simulatedBankFunction = simulatedBank?.function.name;

const rolledOut = {
  matcher: matcher.function,
  settlement: settlement.function,
  verification: verification.function,
  rotation: rotation.function,
  api: api.shops,
  operators: api.operators,
  'webhooks-fan-out': webhooks.fanOut,
  'webhooks-delivery-fast': webhooks.deliverFast,
  'webhooks-delivery-slow': webhooks.deliverSlow,
  'webhooks-record': webhooks.record,
};

migration.recordServing(Object.values(rolledOut));

/** Each function's version and strategy: what `npx smart-transfer rollout` shows, stops and lets go on. */
export const rollouts = {
  ...mapped(rolledOut, ({ rolloutSummary }) => rolloutSummary),
  ...(simulatedBank === undefined ? {} : { bank: simulatedBank.function.rolloutSummary }),
};

/** What `npx smart-transfer probe` sends along. */
export const probe = {
  region,
  queues: {
    transfers: { url: transfers.url, deadLettersUrl: transfers.deadLetters.queue.url },
    'webhooks-fast': probed(webhooks.queues.fast),
    'webhooks-slow': probed(webhooks.queues.slow),
    'webhook-results': probed(webhooks.queues.results),
  },
  busName: webhooks.bus.bus.name,
  alarmName: prober.alarm.name,
  probeQueueUrl: prober.queue.url,
  functions: mapped(rolledOut, ({ liveArn }) => liveArn),
  apiUrl: api.gateway.url,
  operatorsPath: '/operators/v1/openapi.json',
};

function mapped<From, To>(all: Record<string, From>, to: (one: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(all).map(([name, one]) => [name, to(one)]));
}

function probed({ url, deadLetters }: Queue) {
  return { url, deadLettersUrl: deadLetters.queue.url };
}
