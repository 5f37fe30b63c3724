import {
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  type CloudWatchClient,
} from '@aws-sdk/client-cloudwatch';
import { callAws } from './aws-calls.ts';
import type { AliasAddress } from './lambda.client.ts';
import type { AlarmState, WatchPort } from './ports.ts';

/** Reading takes longer than moving an alias, and hurries less: a look is repeated within a poll interval, ms. */
const READ_MS = 3_000;

const STATES: readonly string[] = ['OK', 'ALARM', 'INSUFFICIENT_DATA'] satisfies AlarmState[];

/** Reads alarms, and what Lambda counts of one alias, by the CloudWatch API. */
export function createWatchPort(
  cloudwatch: Pick<CloudWatchClient, 'send'>,
  { functionName, aliasName }: AliasAddress,
): WatchPort {
  return {
    async alarmStates(names, signal) {
      const command = new DescribeAlarmsCommand({
        AlarmNames: [...names],
        // Left out, it would mean metric alarms only.
        AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
      });
      const answer = await callAws(
        'DescribeAlarms',
        (options) => cloudwatch.send(command, options),
        signal,
        READ_MS,
      );
      const states = new Map<string, AlarmState>();
      for (const { AlarmName: name, StateValue: state } of [
        ...(answer.MetricAlarms ?? []),
        ...(answer.CompositeAlarms ?? []),
      ])
        if (name !== undefined && isState(state)) states.set(name, state);
      return states;
    },
    async count(what, { version, from, to }, signal) {
      const command = new GetMetricDataCommand({
        StartTime: from,
        EndTime: to,
        MetricDataQueries: [
          {
            Id: 'calls',
            MetricStat: {
              Metric: {
                Namespace: 'AWS/Lambda',
                MetricName: what,
                Dimensions: [
                  { Name: 'FunctionName', Value: functionName },
                  { Name: 'Resource', Value: `${functionName}:${aliasName}` },
                  ...(version === undefined ? [] : [{ Name: 'ExecutedVersion', Value: version }]),
                ],
              },
              Period: 60,
              Stat: 'Sum',
            },
          },
        ],
      });
      const answer = await callAws(
        'GetMetricData',
        (options) => cloudwatch.send(command, options),
        signal,
        READ_MS,
      );
      const values = answer.MetricDataResults?.flatMap(({ Values }) => Values ?? []) ?? [];
      return values.reduce((total, value) => total + value, 0);
    },
  };
}

function isState(state: string | undefined): state is AlarmState {
  return state !== undefined && STATES.includes(state);
}
