import type { MetricName, MetricsService } from '../functions/shared/metrics.ts';

/** A metric of ours, or one of AWS's. Names of what is deployed are `Text`: an output of Pulumi, or plain in tests. */
export type AlarmMetric<Text> =
  | { readonly of: 'smart-transfer'; readonly name: MetricName; readonly service: MetricsService }
  | {
      readonly of: 'AWS/ApiGateway' | 'AWS/Lambda' | 'AWS/RDS' | 'AWS/SQS' | 'AWS/Scheduler';
      readonly name: string;
      readonly dimensions: Readonly<Record<string, Text>>;
    };

/** One alarm: what it looks at, and what it tells a person. */
export interface AlarmSpec<Text> {
  /** In kebab case; the end of the alarm's name. */
  readonly id: string;
  /** The section of docs/runbook.md that says what to do. Alarms that are handled alike share one. */
  readonly section: RunbookSection;
  /** What is wrong, as a sentence. */
  readonly says: string;
  readonly metric: AlarmMetric<Text>;
  readonly statistic: 'Maximum' | 'Minimum' | 'Sum';
  readonly when: 'above' | 'at_least' | 'below';
  readonly threshold: number;
  readonly periodSeconds: number;
  /** It goes off when so many of the last `ofPeriods` periods are over the threshold. */
  readonly periods: number;
  readonly ofPeriods: number;
  /**
   * What silence means. `breaching`: the worst. `notBreaching`: nothing happened. `ignore`: nobody looked, so that what was wrong still is.
   */
  readonly missing: 'breaching' | 'notBreaching' | 'ignore';
}

/** The sections of docs/runbook.md, each with the line that the operator reads first. */
export const RUNBOOK_SECTIONS = {
  'missed-cycles': '매칭 주기가 완료되지 않고 있습니다. 입금 확인과 지급이 지연됩니다.',
  'payouts-halted': '지급이 중단되었습니다. 사람이 원인을 확인하고 재개해야 합니다.',
  'payouts-paused': '지급이 30분 넘게 일시 정지되어 있습니다.',
  drift: '은행 거래내역과 장부가 일치하지 않습니다.',
  'book-differences': '주문·입금·이체 내역과 원장이 일치하지 않습니다.',
  'ledger-verification': '원장 검증이 실패했거나 실행되지 않았습니다.',
  'unknown-outcomes': '결과를 알 수 없는 이체가 오래 남아 있습니다. 다시 보내지 마십시오.',
  'oldest-unpaid-transfer': '지급되지 않은 이체가 오래 대기하고 있습니다.',
  'held-transfers': '사람의 승인을 기다리는 이체가 있습니다.',
  'deposit-to-payout': '입금부터 지급까지 걸리는 시간이 길어졌습니다.',
  'review-queue-age': '검토를 기다리는 입금이 오래되었습니다.',
  'dead-letters': '처리하지 못한 메시지가 실패 대기열(DLQ)에 있습니다.',
  'function-errors': '함수에서 오류가 발생하고 있습니다.',
  'function-throttles': '함수 동시 실행 한도에 걸려 호출이 거절되고 있습니다.',
  'scheduler-drops': '예약 실행이 전달되지 못했습니다.',
  'database-capacity': '데이터베이스가 최대 용량으로 동작하고 있습니다.',
  'api-errors': 'API가 오류(5xx)로 응답하고 있습니다.',
  'webhooks-parked': '가맹점에 전달하지 못한 웹훅이 있습니다.',
} as const;

export type RunbookSection = keyof typeof RUNBOOK_SECTIONS;

/** How much is too much. */
export interface AlarmThresholds {
  readonly unpaidMinutes: number;
  readonly unknownMinutes: number;
  readonly pausedMinutes: number;
  readonly heldMinutes: number;
  readonly depositToPayoutMinutes: number;
  readonly reviewHours: number;
}

/** A payout takes two cycles and a bank's processing time; whatever is in doubt is proven within half an hour. */
export const DEFAULT_THRESHOLDS: AlarmThresholds = {
  unpaidMinutes: 30,
  unknownMinutes: 30,
  pausedMinutes: 30,
  heldMinutes: 30,
  depositToPayoutMinutes: 20,
  reviewHours: 4,
};

/** A function, as its alarms see it. */
export interface WatchedFunction<Text> {
  readonly functionName: Text;
  /** `each`: one error is a day without the check, or a deployment that stands. `repeated`: what failed is tried again by itself, so that one is no news. */
  readonly errors: 'each' | 'repeated';
}

export interface WatchedStack<Text> {
  readonly functions: Readonly<Record<string, WatchedFunction<Text>>>;
  /** The names of the dead letter queues, by what they stand behind. */
  readonly deadLetterQueues: Readonly<Record<string, Text>>;
  readonly scheduleGroup: Text;
  readonly apiId: Text;
  readonly clusterIdentifier: Text;
  readonly databaseMaxAcu: number;
  readonly cycleMinutes: number;
  /** False while nothing is to run yet: then nobody is told of silence. */
  readonly started: boolean;
  /** False where cycles rest at night, and silence is no news. */
  readonly cyclesAroundTheClock: boolean;
  readonly thresholds: AlarmThresholds;
}

/** Every alarm of a stack. The dashboard and the runbook's test are made of the same list. */
export function alarmsOf<Text>(stack: WatchedStack<Text>): AlarmSpec<Text>[] {
  return [...cycleAlarms(stack), ...moneyAlarms(stack), ...ledgerAlarms(stack), ...machineAlarms(stack)];
}

const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;

/** So many cycles in a row are no accident, and half of those after which the system itself pauses payouts. */
const MISSED_CYCLES = 3;

/** A daily check is missed when it is two hours late. */
const VERIFICATION_HOURS = 26;

function ofMatcher(name: MetricName): AlarmMetric<never> {
  return { of: 'smart-transfer', name, service: 'matcher' };
}

function cycleAlarms<Text>(stack: WatchedStack<Text>): AlarmSpec<Text>[] {
  return [
    {
      id: 'missed-cycles',
      section: 'missed-cycles',
      says: `No cycle was complete in ${MISSED_CYCLES * stack.cycleMinutes} minutes. Deposits are not confirmed and nothing is paid; nothing is lost.`,
      metric: ofMatcher('CycleComplete'),
      statistic: 'Sum',
      when: 'below',
      threshold: 1,
      periodSeconds: stack.cycleMinutes * MINUTE_S,
      periods: MISSED_CYCLES,
      ofPeriods: MISSED_CYCLES,
      missing: stack.started && stack.cyclesAroundTheClock ? 'breaching' : 'notBreaching',
    },
  ];
}

/** What the cycle says of the state that it leaves: the state stays what it was while nobody looks. */
function stateAlarm<Text>(
  stack: WatchedStack<Text>,
  minutes: number,
  alarm: Pick<AlarmSpec<Text>, 'id' | 'section' | 'says' | 'metric' | 'threshold'>,
): AlarmSpec<Text> {
  const periods = Math.max(1, Math.ceil(minutes / stack.cycleMinutes));
  return {
    ...alarm,
    statistic: 'Maximum',
    when: 'above',
    periodSeconds: stack.cycleMinutes * MINUTE_S,
    periods,
    ofPeriods: periods,
    missing: 'ignore',
  };
}

function moneyAlarms<Text>(stack: WatchedStack<Text>): AlarmSpec<Text>[] {
  const { thresholds, cycleMinutes } = stack;
  const twoCycles = 2 * cycleMinutes;
  return [
    stateAlarm(stack, 0, {
      id: 'payouts-halted',
      section: 'payouts-halted',
      says: 'Payouts are halted until a person resumes them.',
      metric: ofMatcher('PayoutsHalted'),
      threshold: 0,
    }),
    stateAlarm(stack, thresholds.pausedMinutes, {
      id: 'payouts-paused',
      section: 'payouts-paused',
      says: `The system itself has paused payouts for ${thresholds.pausedMinutes} minutes.`,
      metric: ofMatcher('PayoutsPaused'),
      threshold: 0,
    }),
    // Once is a row that the bank has not shown yet.
    stateAlarm(stack, twoCycles, {
      id: 'drift',
      section: 'drift',
      says: "The bank's balance and the books differ in two reads.",
      metric: ofMatcher('DriftWon'),
      threshold: 0,
    }),
    stateAlarm(stack, 0, {
      id: 'unexplained-rows',
      section: 'drift',
      says: 'Money left the account, and neither a transfer nor a rule explains it.',
      metric: ofMatcher('UnexplainedRows'),
      threshold: 0,
    }),
    stateAlarm(stack, twoCycles, {
      id: 'missing-withdrawals',
      section: 'drift',
      says: 'Transfers are paid by the books, and the statement does not show them.',
      metric: ofMatcher('MissingWithdrawals'),
      threshold: 0,
    }),
    stateAlarm(stack, thresholds.unknownMinutes, {
      id: 'unknown-outcomes',
      section: 'unknown-outcomes',
      says: `For ${thresholds.unknownMinutes} minutes there have been transfers of which nobody knows whether they were paid.`,
      metric: ofMatcher('UnknownTransfers'),
      threshold: 0,
    }),
    stateAlarm(stack, 0, {
      id: 'oldest-unpaid-transfer',
      section: 'oldest-unpaid-transfer',
      says: `A transfer has been waiting to be paid for more than ${thresholds.unpaidMinutes} minutes.`,
      metric: ofMatcher('OldestUnpaidTransfer'),
      threshold: thresholds.unpaidMinutes * MINUTE_S,
    }),
    stateAlarm(stack, thresholds.heldMinutes, {
      id: 'held-transfers',
      section: 'held-transfers',
      says: `For ${thresholds.heldMinutes} minutes transfers have been waiting for a person, an account or a debt.`,
      metric: ofMatcher('HeldTransfers'),
      threshold: 0,
    }),
    {
      ...stateAlarm(stack, twoCycles, {
        id: 'deposit-to-payout-p99',
        section: 'deposit-to-payout',
        says: `One payout in a hundred takes more than ${thresholds.depositToPayoutMinutes} minutes from its deposit.`,
        metric: ofMatcher('DepositToPayoutP99'),
        threshold: thresholds.depositToPayoutMinutes * MINUTE_S * 1000,
      }),
      // The metric is left out where nothing was paid.
      missing: 'notBreaching',
    },
    stateAlarm(stack, 0, {
      id: 'review-queue-age',
      section: 'review-queue-age',
      says: `A deposit has been in review for more than ${thresholds.reviewHours} hours.`,
      metric: ofMatcher('OldestOpenReview'),
      threshold: thresholds.reviewHours * HOUR_S,
    }),
  ];
}

function ledgerAlarms<Text>(stack: WatchedStack<Text>): AlarmSpec<Text>[] {
  const daily = { statistic: 'Maximum', periodSeconds: HOUR_S, periods: 1, ofPeriods: 1 } as const;
  return [
    stateAlarm(stack, 0, {
      id: 'book-differences',
      section: 'book-differences',
      says: 'Orders, deposits or transfers that were touched lately differ from the ledger.',
      metric: ofMatcher('BookDifferences'),
      threshold: 0,
    }),
    {
      ...daily,
      id: 'book-differences-in-all',
      section: 'book-differences',
      says: 'The daily check found orders, deposits or transfers that differ from the ledger.',
      metric: { of: 'smart-transfer', name: 'BookDifferences', service: 'verification' },
      when: 'above',
      threshold: 0,
      missing: 'ignore',
    },
    {
      ...daily,
      id: 'ledger-verification-failed',
      section: 'ledger-verification',
      says: 'The daily check found the ledger broken, or did not come to its end.',
      metric: { of: 'smart-transfer', name: 'LedgerSound', service: 'verification' },
      statistic: 'Minimum',
      when: 'below',
      threshold: 1,
      missing: 'ignore',
    },
    {
      ...daily,
      id: 'ledger-verification-missed',
      section: 'ledger-verification',
      says: `The ledger was not found sound for ${VERIFICATION_HOURS} hours.`,
      metric: { of: 'smart-transfer', name: 'LedgerSound', service: 'verification' },
      when: 'below',
      threshold: 1,
      periods: VERIFICATION_HOURS,
      ofPeriods: VERIFICATION_HOURS,
      missing: stack.started ? 'breaching' : 'notBreaching',
    },
  ];
}

/** Five minutes are what AWS's own metrics are looked at over: a minute here or there wakes nobody. */
const MACHINE_PERIOD_S = 5 * MINUTE_S;

function machineAlarms<Text>(stack: WatchedStack<Text>): AlarmSpec<Text>[] {
  const counted = {
    statistic: 'Sum',
    when: 'above',
    threshold: 0,
    periodSeconds: MACHINE_PERIOD_S,
    missing: 'notBreaching',
  } as const;
  const atOnce = { periods: 1, ofPeriods: 1 };
  const repeated = { periods: 2, ofPeriods: 3 };
  const functions = Object.entries(stack.functions);
  return [
    ...Object.entries(stack.deadLetterQueues).map(([name, QueueName]): AlarmSpec<Text> => ({
      ...counted,
      ...atOnce,
      id: `dead-letters-${name}`,
      section: 'dead-letters',
      says: `Messages lie in the dead letter queue of ${name}.`,
      metric: { of: 'AWS/SQS', name: 'ApproximateNumberOfMessagesVisible', dimensions: { QueueName } },
      statistic: 'Maximum',
    })),
    ...functions.map(([name, { functionName: FunctionName, errors }]): AlarmSpec<Text> => ({
      ...counted,
      ...(errors === 'each' ? atOnce : repeated),
      id: `errors-${name}`,
      section: 'function-errors',
      says:
        errors === 'each' ? `The function ${name} failed.` : `The function ${name} fails again and again.`,
      metric: { of: 'AWS/Lambda', name: 'Errors', dimensions: { FunctionName } },
    })),
    ...functions.map(([name, { functionName: FunctionName }]): AlarmSpec<Text> => ({
      ...counted,
      ...repeated,
      id: `throttles-${name}`,
      section: 'function-throttles',
      says: `Calls of the function ${name} are refused for want of concurrency.`,
      metric: { of: 'AWS/Lambda', name: 'Throttles', dimensions: { FunctionName } },
    })),
    {
      ...counted,
      ...atOnce,
      id: 'scheduler-drops',
      section: 'scheduler-drops',
      says: 'A schedule gave up on an invocation.',
      metric: {
        of: 'AWS/Scheduler',
        name: 'InvocationDroppedCount',
        dimensions: { ScheduleGroup: stack.scheduleGroup },
      },
    },
    {
      id: 'database-at-max-capacity',
      section: 'database-capacity',
      says: `The database has been at its maximum of ${stack.databaseMaxAcu} ACU for fifteen minutes.`,
      metric: {
        of: 'AWS/RDS',
        name: 'ServerlessDatabaseCapacity',
        dimensions: { DBClusterIdentifier: stack.clusterIdentifier },
      },
      statistic: 'Maximum',
      when: 'at_least',
      threshold: stack.databaseMaxAcu,
      periodSeconds: MACHINE_PERIOD_S,
      periods: 3,
      ofPeriods: 3,
      // A paused database says nothing.
      missing: 'notBreaching',
    },
    {
      ...counted,
      ...repeated,
      id: 'api-errors',
      section: 'api-errors',
      says: 'The API answers with errors of its own (5xx).',
      metric: { of: 'AWS/ApiGateway', name: '5xx', dimensions: { ApiId: stack.apiId } },
    },
    {
      ...counted,
      ...atOnce,
      id: 'webhooks-parked',
      section: 'webhooks-parked',
      says: 'A webhook was given up after its last attempt.',
      metric: { of: 'smart-transfer', name: 'WebhooksParked', service: 'webhook-record' },
    },
  ];
}
