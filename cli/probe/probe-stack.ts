import { CloudWatchClient, SetAlarmStateCommand } from '@aws-sdk/client-cloudwatch';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { EVENT_SOURCE } from '../../functions/events/event-bus.client.ts';
import { harmlessMessage } from './messages.ts';
import type { ProbedQueue, ProbeTargets } from './targets.ts';

/** As the rule of the probe's component has it (components/probe.ts). */
const DETAIL_TYPE = 'probe';

/** A function that reads it looks whether it could work, and changes nothing. */
const DRY_RUN = { dry_run: true };

const POLL_MS = 1_000;

/** SQS's counts are approximate: a queue is taken for empty after so many looks in a row, ms apart as above. */
const EMPTY_LOOKS = 5;

export interface ProbeParts {
  readonly sqs: SQSClient;
  readonly events: EventBridgeClient;
  readonly cloudwatch: CloudWatchClient;
  readonly lambda: LambdaClient;
  /** This run's own id, a UUID. */
  readonly id: string;
  readonly now: () => Date;
  readonly sleep: (ms: number) => Promise<void>;
  /** How long each path may take, s. */
  readonly secondsMax: number;
}

/** What became of one path. */
export interface ProbedPath {
  readonly path: string;
  readonly ok: boolean;
  /** What was seen, or why it failed and what to look at. */
  readonly saw: string;
  readonly ms: number;
}

/** The parts of a stack's region, with the credentials of whoever types. */
export function openProbe(
  region: string,
  rest: Pick<ProbeParts, 'id' | 'now' | 'sleep' | 'secondsMax'>,
): ProbeParts {
  return {
    sqs: new SQSClient({ region }),
    events: new EventBridgeClient({ region }),
    cloudwatch: new CloudWatchClient({ region }),
    lambda: new LambdaClient({ region }),
    ...rest,
  };
}

/** Sends one message along each path, side by side, and tells what became of each. No path's failure keeps another from being tried. */
export async function probeStack(parts: ProbeParts, targets: ProbeTargets): Promise<ProbedPath[]> {
  const queues = Object.keys(targets.queues) as ProbedQueue[];
  const arriving = arrivals(parts, targets);
  const paths: [string, () => Promise<string>][] = [
    ...queues.map((queue): [string, () => Promise<string>] => [
      `queue ${queue}`,
      () => throughQueue(parts, targets, queue),
    ]),
    ['bus, rule and key', () => throughBus(parts, targets, arriving)],
    ['alarm, topic and key', () => throughTopic(parts, targets, arriving)],
    ...Object.entries(targets.functions).map(([name, arn]): [string, () => Promise<string>] => [
      `function ${name}`,
      () => dryRun(parts, arn),
    ]),
    ['API', () => expectStatus(`${targets.apiUrl}/openapi.json`, 200, parts)],
    [
      "API, operators' routes unsigned",
      () => expectStatus(`${targets.apiUrl}${targets.operatorsPath}`, 403, parts),
    ],
  ];
  return await Promise.all(paths.map(([path, work]) => tried(path, work, parts)));
}

async function tried(path: string, work: () => Promise<string>, { now }: ProbeParts): Promise<ProbedPath> {
  const began = now().getTime();
  const took = () => now().getTime() - began;
  try {
    const saw = await work();
    return { path, ok: true, saw, ms: took() };
  } catch (error) {
    const { name, message } = error as Error;
    return { path, ok: false, saw: `${name === 'Error' ? '' : `${name}: `}${message}`, ms: took() };
  }
}

/** Looks again and again until something is there, for as long as a path may take. */
async function until<T>(
  { now, sleep, secondsMax }: ProbeParts,
  look: () => Promise<T | undefined>,
  otherwise: string,
): Promise<T> {
  const end = now().getTime() + secondsMax * 1000;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (now().getTime() >= end) throw new Error(`${otherwise} (waited ${secondsMax} s)`);
    await sleep(POLL_MS);
  }
}

async function throughQueue(
  parts: ProbeParts,
  { queues }: ProbeTargets,
  queue: ProbedQueue,
): Promise<string> {
  const { url, deadLettersUrl } = queues[queue];
  const before = await depth(parts, deadLettersUrl);
  const { body, fifo } = harmlessMessage(queue, parts.id, parts.now());
  await parts.sqs.send(
    new SendMessageCommand({
      QueueUrl: url,
      MessageBody: body,
      ...(fifo === undefined
        ? {}
        : { MessageGroupId: fifo.groupId, MessageDeduplicationId: fifo.deduplicationId }),
    }),
  );
  let empty = 0;
  await until(
    parts,
    async () => {
      empty = (await depth(parts, url)) === 0 ? empty + 1 : 0;
      return empty >= EMPTY_LOOKS ? true : undefined;
    },
    'the message was sent, and the queue is not seen empty: is its mapping enabled (started), does its function fail, or is the queue busy?',
  );
  const after = await depth(parts, deadLettersUrl);
  if (after > before) throw new Error(`its dead letter queue grew from ${before} to ${after} messages`);
  return 'taken, and the dead letter queue is as it was';
}

/** Messages that are in a queue, those that somebody works on included. */
async function depth({ sqs }: ProbeParts, queueUrl: string): Promise<number> {
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: queueUrl,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    }),
  );
  return (
    Number(Attributes?.ApproximateNumberOfMessages ?? NaN) +
    Number(Attributes?.ApproximateNumberOfMessagesNotVisible ?? NaN)
  );
}

/** Answers whether a message that holds a text has arrived in the probe's queue. */
type HasArrived = (text: string) => Promise<boolean>;

/** Two paths end in one queue: what either receives is kept for both. */
function arrivals({ sqs, id }: ProbeParts, { probeQueueUrl }: ProbeTargets): HasArrived {
  const arrived: string[] = [];
  return async (text) => {
    if (arrived.some((body) => body.includes(text))) return true;
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: probeQueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
    );
    for (const { Body = '', ReceiptHandle } of Messages) {
      if (!Body.includes(id)) continue;
      arrived.push(Body);
      await sqs.send(new DeleteMessageCommand({ QueueUrl: probeQueueUrl, ReceiptHandle }));
    }
    return arrived.some((body) => body.includes(text));
  };
}

async function throughBus(
  parts: ProbeParts,
  { busName }: ProbeTargets,
  hasArrived: HasArrived,
): Promise<string> {
  const { Entries } = await parts.events.send(
    new PutEventsCommand({
      Entries: [
        {
          EventBusName: busName,
          Source: EVENT_SOURCE,
          DetailType: DETAIL_TYPE,
          Detail: JSON.stringify({ id: parts.id }),
        },
      ],
    }),
  );
  const [entry] = Entries ?? [];
  if (entry?.EventId === undefined)
    throw new Error(`the bus did not take it: ${entry?.ErrorCode ?? ''} ${entry?.ErrorMessage ?? ''}`);
  const { EventId } = entry;
  await until(
    parts,
    async () => ((await hasArrived(EventId)) ? true : undefined),
    "the bus took it, and it did not arrive: does the key's policy know events.amazonaws.com for the bus and the rule?",
  );
  return 'it arrived';
}

async function throughTopic(
  parts: ProbeParts,
  { alarmName }: ProbeTargets,
  hasArrived: HasArrived,
): Promise<string> {
  await parts.cloudwatch.send(
    new SetAlarmStateCommand({
      AlarmName: alarmName,
      StateValue: 'ALARM',
      StateReason: `probe ${parts.id}: nothing is wrong`,
    }),
  );
  await until(
    parts,
    async () => ((await hasArrived(`probe ${parts.id}`)) ? true : undefined),
    "the alarm went off, and nothing arrived: does the key's policy know cloudwatch.amazonaws.com and sns.amazonaws.com?",
  );
  return 'it arrived; whoever is subscribed has a message, too';
}

async function dryRun({ lambda }: ProbeParts, arn: string): Promise<string> {
  const { FunctionError, Payload } = await lambda.send(
    new InvokeCommand({ FunctionName: arn, Payload: JSON.stringify(DRY_RUN) }),
  );
  if (FunctionError !== undefined)
    throw new Error(
      Buffer.from(Payload ?? [])
        .toString('utf8')
        .slice(0, 500),
    );
  return 'a dry run returned';
}

async function expectStatus(url: string, expected: number, { secondsMax }: ProbeParts): Promise<string> {
  const { status } = await fetch(url, {
    redirect: 'manual',
    signal: AbortSignal.timeout(secondsMax * 1000),
  });
  if (status !== expected) throw new Error(`GET ${url} answered ${status}, not ${expected}`);
  return `${status}, as it should be`;
}
