import { DEFAULT_THRESHOLDS, type WatchedStack } from '../../components/alarms.ts';

/** A stack as its alarms see it, with a name for all that is deployed. */
export function watchedStack(overrides: Partial<WatchedStack<string>> = {}): WatchedStack<string> {
  return {
    functions: {
      matcher: { functionName: 'matcher-1', errors: 'repeated' },
      verification: { functionName: 'verification-1', errors: 'each' },
    },
    deadLetterQueues: { transfers: 'transfers-dlq.fifo', 'webhooks-fast': 'webhooks-fast-dlq' },
    scheduleGroup: 'smart-transfer-test',
    apiId: 'abcdefghij',
    clusterIdentifier: 'smart-transfer-test',
    databaseMaxAcu: 4,
    cycleMinutes: 5,
    started: true,
    cyclesAroundTheClock: true,
    thresholds: DEFAULT_THRESHOLDS,
    ...overrides,
  };
}
