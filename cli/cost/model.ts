import { cost } from './prices.ts';
import { awakeShare, runsOfWeek, WEEK_MINUTES } from './schedule.ts';
import { USAGE } from './usage.ts';

export const HOURS = 730;
export const DAYS = HOURS / 24;
const MONTH_S = HOURS * 3600;
const GB_KB = 1024 * 1024;

/** How long secrets and SQS's data keys are kept, s. */
const KEPT_S = 300;

/** What of a stack costs money, as its own settings say. */
export interface StackShape {
  readonly minCapacity: number;
  readonly pauseAfterSeconds: number | undefined;
  /** How long a session that does nothing stands, and keeps the database from counting to its pause. */
  readonly idleSessionMinutes: number;
  readonly readers: number;
  readonly schedule: { readonly cycle: string; readonly webhookSweep: string; readonly verification: string };
  readonly natGateways: number;
  /** Interface endpoints, times the zones that they are in. */
  readonly endpointZones: number;
  readonly logDays: number;
  readonly secrets: number;
  readonly keys: number;
  readonly alarms: number;
  /** Metrics that each cycle writes, and that the daily check writes. */
  readonly metrics: { readonly cycle: number; readonly check: number };
  readonly memoryMb: Readonly<Record<PricedFunction, number>>;
  /** Hours of a day in which its orders come. */
  readonly orderHours: number;
}

export type PricedFunction = 'matcher' | 'settlement' | 'verification' | 'api' | 'webhooks';

/** What a month costs, USD, by line. */
export const LINES = {
  database: "Aurora's capacity",
  database_storage: 'Aurora: storage, I/O, backups',
  egress: 'NAT, addresses, endpoints, traffic out',
  functions: 'Lambda',
  api: 'API Gateway',
  queues_and_events: 'SQS, EventBridge, Scheduler',
  secrets_and_keys: 'Secrets Manager, KMS',
  logs: 'CloudWatch Logs',
  metrics_and_alarms: 'metrics, alarms, traces',
  archive: "S3, the ledger's heads",
} as const;

export type Line = keyof typeof LINES;
export type Lines = Readonly<Record<Line, number>>;

/** What a stack costs a month at so many orders a day, by line, USD. */
export function monthlyLines(stack: StackShape, ordersADay: number): Lines {
  return {
    database: databaseCost(stack, ordersADay),
    database_storage: storageCost(stack, ordersADay),
    egress: egressCost(stack, ordersADay),
    functions: functionsCost(stack, ordersADay),
    api: cost('httpApiMillion', millions(monthly(ordersADay) * USAGE.apiRequests)),
    queues_and_events: queuesCost(stack, ordersADay),
    secrets_and_keys: secretsCost(stack, ordersADay),
    logs: logsCost(stack, ordersADay),
    metrics_and_alarms: watchingCost(stack, ordersADay),
    archive: cost('s3Gb', 0.01),
  };
}

export function total(lines: Readonly<Record<string, number>>): number {
  return Object.values(lines).reduce((sum, usd) => sum + usd, 0);
}

function monthly(ordersADay: number): number {
  return ordersADay * DAYS;
}

function millions(count: number): number {
  return count / 1_000_000;
}

/** How often a schedule runs in a month. */
function runs(expression: string): number {
  return (runsOfWeek(expression).length * HOURS * 60) / WEEK_MINUTES;
}

/**
 * The part of the month for which the database is awake: always, unless it may pause. Then each cycle, sweep and check wakes it, and each order while orders come; and it stays awake until
 * the session has ended and nobody has been connected for long enough.
 */
export function databaseAwakeShare(stack: StackShape, ordersADay: number): number {
  if (stack.minCapacity > 0 || stack.pauseAfterSeconds === undefined) return 1;
  const awakeMinutes = USAGE.busyMinutes + stack.idleSessionMinutes + stack.pauseAfterSeconds / 60;
  const { cycle, webhookSweep, verification } = stack.schedule;
  const bySchedule = awakeShare([cycle, webhookSweep, verification].flatMap(runsOfWeek), awakeMinutes);
  // Orders that come by chance leave a gap that is long enough with this probability.
  const perMinute = (ordersADay * USAGE.wakesOfAnOrder) / (stack.orderHours * 60);
  const byOrders = 1 - Math.exp(-perMinute * awakeMinutes);
  // Both are awake in the same hours: people work, and the schedule runs for them.
  const hours = Math.max(stack.orderHours / 24, bySchedule);
  return bySchedule + (hours - bySchedule) * byOrders;
}

/** What one instance has while it is awake, ACU-hours, with the work of the orders on top. */
function acuHours(stack: StackShape, ordersADay: number): number {
  const idle = Math.max(stack.minCapacity, USAGE.leastAcu) * HOURS * databaseAwakeShare(stack, ordersADay);
  return idle + (monthly(ordersADay) * USAGE.acuSeconds) / 3600;
}

function databaseCost(stack: StackShape, ordersADay: number): number {
  return cost('auroraAcuHour', acuHours(stack, ordersADay) * (1 + stack.readers));
}

/** What one reader more costs: as a standby it follows the writer's capacity. */
export function standbyReader(stack: StackShape, ordersADay: number): number {
  return cost('auroraAcuHour', acuHours(stack, ordersADay));
}

function storageCost(stack: StackShape, ordersADay: number): number {
  const gb = USAGE.emptyDatabaseGb + (ordersADay * USAGE.keptDays * USAGE.storedKb) / GB_KB;
  const io = monthly(ordersADay) * USAGE.ioOfAnOrder + runs(stack.schedule.cycle) * USAGE.ioOfACycle;
  return cost('auroraStorage', gb) + cost('auroraIo', millions(io)) + cost('auroraBackup', gb);
}

function egressCost(stack: StackShape, ordersADay: number): number {
  const kb =
    monthly(ordersADay) * USAGE.trafficKbOfAnOrder + runs(stack.schedule.cycle) * USAGE.trafficKbOfACycle;
  const gb = kb / GB_KB;
  const nat = stack.natGateways > 0 ? cost('natGb', gb) : 0;
  return (
    cost('natHour', stack.natGateways * HOURS) +
    cost('publicIpv4Hour', stack.natGateways * HOURS) +
    cost('interfaceEndpointHour', stack.endpointZones * HOURS) +
    nat +
    cost('transferOutGb', gb)
  );
}

interface Invocations {
  readonly count: number;
  readonly seconds: number;
  readonly memoryMb: number;
}

/** The invocations of a month: how many, and how long all of a kind take together. */
function invocations(stack: StackShape, ordersADay: number): Invocations[] {
  const orders = monthly(ordersADay);
  const cycles = runs(stack.schedule.cycle);
  const sweeps = runs(stack.schedule.webhookSweep);
  const checks = runs(stack.schedule.verification);
  const { memoryMb } = stack;
  const of = (count: number, secondsEach: number, name: PricedFunction): Invocations => ({
    count,
    seconds: count * secondsEach,
    memoryMb: memoryMb[name],
  });
  const matching = {
    count: cycles,
    seconds: cycles * USAGE.cycleSeconds + orders * USAGE.matchSeconds,
    memoryMb: memoryMb.matcher,
  };
  const entries = ordersADay * USAGE.keptDays * USAGE.ledgerEntries;
  const checkSeconds = Math.min(USAGE.checkSecondsMax, 10 + entries / USAGE.entriesASecond);
  return [
    matching,
    of(orders * USAGE.transfers, USAGE.settleSeconds, 'settlement'),
    of(orders * USAGE.apiRequests, USAGE.apiSeconds, 'api'),
    of(orders * USAGE.events * 3, USAGE.webhookSeconds, 'webhooks'),
    of(sweeps, USAGE.sweepSeconds, 'webhooks'),
    of(checks, checkSeconds, 'verification'),
  ];
}

function functionsCost(stack: StackShape, ordersADay: number): number {
  const all = invocations(stack, ordersADay);
  const gbSeconds = all.reduce((sum, { seconds, memoryMb }) => sum + (seconds * memoryMb) / 1024, 0);
  const count = all.reduce((sum, one) => sum + one.count, 0);
  return cost('lambdaGbSecond', gbSeconds) + cost('lambdaMillion', millions(count));
}

function queuesCost(stack: StackShape, ordersADay: number): number {
  const orders = monthly(ordersADay);
  const polls = USAGE.polledQueues * USAGE.pollsAMinute * HOURS * 60;
  const messages = orders * (USAGE.transfers + 2 * USAGE.events) * 3;
  const scheduled = [stack.schedule.cycle, stack.schedule.webhookSweep, stack.schedule.verification];
  return (
    cost('sqsMillion', millions(polls + messages)) +
    cost('eventsMillion', millions(2 * orders * USAGE.events)) +
    cost('schedulerMillion', millions(scheduled.reduce((sum, one) => sum + runs(one), 0)))
  );
}

function secretsCost(stack: StackShape, ordersADay: number): number {
  const calls = readingsOfSecrets(stack, ordersADay) * USAGE.secretsRead;
  return (
    cost('secretMonth', stack.secrets) +
    cost('keyMonth', stack.keys) +
    cost('secretCalls', millions(calls)) +
    cost('keyCalls', millions(calls + (MONTH_S / KEPT_S) * USAGE.dataKeys))
  );
}

/** A sandbox reads its secrets again once they are five minutes old, when it is called; there are twice as many sandboxes as work at a time, and one of each kind at least. */
function readingsOfSecrets(stack: StackShape, ordersADay: number): number {
  const all = invocations(stack, ordersADay);
  return all.reduce((sum, { count, seconds }) => {
    const sandboxes = Math.max(1, (2 * seconds) / MONTH_S);
    return sum + Math.min(count, (MONTH_S / KEPT_S) * sandboxes);
  }, 0);
}

function logsCost(stack: StackShape, ordersADay: number): number {
  const kb =
    monthly(ordersADay) * USAGE.logKbOfAnOrder +
    runs(stack.schedule.cycle) * USAGE.logKbOfACycle +
    runs(stack.schedule.webhookSweep) * USAGE.logKbOfASweep;
  const gb = kb / GB_KB;
  const kept = gb * Math.min(stack.logDays, USAGE.keptDays) * (1 / DAYS);
  return cost('logsGb', gb) + cost('logsStoredGb', kept);
}

/** A metric costs for the hours in which it is written. */
function metricMonths({ metrics, schedule }: StackShape): number {
  return metrics.cycle * hoursShare(schedule.cycle) + metrics.check * hoursShare(schedule.verification);
}

/** The part of a week's hours in which a schedule runs. */
function hoursShare(expression: string): number {
  return new Set(runsOfWeek(expression).map((run) => Math.floor(run / 60))).size / (WEEK_MINUTES / 60);
}

function watchingCost(stack: StackShape, ordersADay: number): number {
  const count = invocations(stack, ordersADay).reduce((sum, one) => sum + one.count, 0);
  // X-Ray records the first request of each second, and a twentieth of the rest.
  const traces = count <= MONTH_S ? count : MONTH_S + (count - MONTH_S) / 20;
  return (
    cost('customMetric', metricMonths(stack)) +
    cost('alarm', stack.alarms) +
    cost('tracesMillion', millions(traces))
  );
}
