import { z } from 'zod';
import { alarmsOf, DEFAULT_THRESHOLDS } from '../../components/alarms.ts';
import { IDLE_SESSION_MS } from '../../components/database.ts';
import { MEMORY_MB } from '../../components/function-limits.ts';
import { KEY_USES } from '../../components/keys.ts';
import { SECRETS } from '../../components/runtime-secrets.ts';
import { PROJECT, settingsShape } from '../../components/settings.ts';
import { readStackFile } from '../../components/stack-file.ts';
import { METRICS } from '../../functions/shared/metrics.ts';
import type { StackShape } from './model.ts';

/** The groups of a stack's settings that cost money. What only its owner knows (accounts, addresses) need not be there yet. */
const pricedSettings = z.object({
  network: settingsShape.shape.network,
  database: settingsShape.shape.database,
  schedule: settingsShape.shape.schedule,
  retention: settingsShape.shape.retention,
  bank: z.object({ kind: z.string() }),
});

/** Functions and dead letter queues, each of which has alarms of its own. A simulated bank is a function more. */
const FUNCTIONS = 11;
const DEAD_LETTER_QUEUES = 6;

/** The migration alone has no alias; each alias has an alarm that its rollouts watch. */
const WITHOUT_ALIAS = 1;

/** Metrics that the daily check alone writes; those of webhooks that are parked are written when one is. */
const CHECK_METRICS = 5;

/** The database's master login is a secret that RDS keeps. */
const MASTER_SECRET = 1;

/** Orders of a stack that rests at night come while people work; those of one that does not, at any time. */
const WORKING_HOURS = 9;

/** Reads what of a stack costs money: its own settings, and what the program makes whatever they say. */
export function stackShape(stack: string): StackShape {
  const config = readStackFile(stack);
  const of = (group: string) => config[`${PROJECT}:${group}`];
  const { network, database, schedule, retention, bank } = pricedSettings.parse({
    network: of('network'),
    database: of('database'),
    schedule: of('schedule'),
    retention: of('retention'),
    bank: of('bank'),
  });
  const natGateways =
    network.egress === 'none' ? 0 : network.natStrategy === 'one_a_zone' ? network.zones.length : 1;
  const functions = FUNCTIONS + (bank.kind === 'simulator' ? 1 : 0);
  return {
    minCapacity: database.minCapacity,
    pauseAfterSeconds: database.pauseAfterSeconds,
    idleSessionMinutes: IDLE_SESSION_MS / 60_000,
    readers: database.readers,
    schedule,
    natGateways,
    endpointZones: network.interfaceEndpoints.length * network.zones.length,
    logDays: retention.logDays,
    secrets: Object.keys(SECRETS).length + MASTER_SECRET,
    keys: Object.keys(KEY_USES).length,
    alarms: countAlarms(functions) + functions - WITHOUT_ALIAS,
    metrics: { cycle: Object.keys(METRICS).length - CHECK_METRICS, check: CHECK_METRICS },
    memoryMb: MEMORY_MB,
    orderHours: database.minCapacity === 0 ? WORKING_HOURS : 24,
  };
}

function countAlarms(functions: number): number {
  const names = (count: number) => Array.from({ length: count }, (_, n) => n.toString());
  const alarms = alarmsOf({
    functions: Object.fromEntries(
      names(functions).map((name) => [name, { functionName: name, errors: 'repeated' as const }]),
    ),
    deadLetterQueues: Object.fromEntries(names(DEAD_LETTER_QUEUES).map((name) => [name, name])),
    scheduleGroup: '',
    apiId: '',
    clusterIdentifier: '',
    databaseMaxAcu: 1,
    cycleMinutes: 5,
    started: true,
    cyclesAroundTheClock: true,
    thresholds: DEFAULT_THRESHOLDS,
  });
  const PROBE = 1;
  return alarms.length + PROBE;
}
