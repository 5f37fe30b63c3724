import { randomUUID } from 'node:crypto';
import {
  AwsError,
  LOCAL_ACCOUNT,
  LOCAL_REGION,
  startAwsJsonServer,
  type AwsOperation,
} from './aws-json-server.ts';

/** At most so many entries in one call (EventBridge API reference, PutEvents). */
const ENTRIES_MAX = 10;

/** All entries of a call together (EventBridge user guide, "Calculating PutEvents event entry size"). */
const ENTRIES_BYTES_MAX = 256 * 1024;

/** What a given `Time` counts, whatever its text (same page). */
const TIME_BYTES = 14;

/** An event as EventBridge hands it to a rule's target. */
export interface BusEvent {
  readonly version: '0';
  readonly id: string;
  readonly 'detail-type': string;
  readonly source: string;
  readonly account: string;
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

/** An event and the bus that it was put on. */
export interface PublishedEvent {
  readonly busName: string;
  readonly event: BusEvent;
}

export interface EventBusOptions {
  /** A free port unless given. */
  readonly port?: number;
  /** So many of the last events are kept; 1,000 unless given. */
  readonly keep?: number;
  /** Called once for each accepted event, before PutEvents answers. An error that it throws fails the call, as if the bus were down. */
  readonly onEvent?: (published: PublishedEvent) => void;
}

export interface LocalEventBus {
  /** For `AWS_ENDPOINT_URL_EVENTBRIDGE`. */
  readonly endpoint: string;
  /** The last accepted events, oldest first. */
  events(): readonly PublishedEvent[];
  stop(): Promise<void>;
}

/** Runs EventBridge's PutEvents on 127.0.0.1. It knows no rules: `onEvent` is the only target. */
export async function startEventBus(options: EventBusOptions = {}): Promise<LocalEventBus> {
  const kept: PublishedEvent[] = [];
  const accept = (published: PublishedEvent): void => {
    options.onEvent?.(published);
    kept.push(published);
    if (kept.length > (options.keep ?? 1_000)) kept.shift();
  };
  const server = await startAwsJsonServer({
    targetPrefix: 'AWSEvents',
    port: options.port,
    operations: { PutEvents: putEvents(accept) },
  });
  return { endpoint: server.endpoint, events: () => [...kept], stop: () => server.stop() };
}

function putEvents(accept: (published: PublishedEvent) => void): AwsOperation {
  return (input) => {
    const entries = entriesOf(input);
    const results = entries.map((entry) => {
      const judged = judge(entry);
      if (judged.outcome === 'refused') return { ErrorCode: judged.code, ErrorMessage: judged.message };
      accept(judged.published);
      return { EventId: judged.published.event.id };
    });
    return { FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length, Entries: results };
  };
}

type Entry = Readonly<Record<string, unknown>>;

/** The entries of a call. What is wrong with the whole call refuses all of them. */
function entriesOf(input: Entry): readonly Entry[] {
  const entries = input['Entries'];
  if (!Array.isArray(entries) || entries.length < 1 || entries.length > ENTRIES_MAX) {
    throw new AwsError('ValidationException', `Entries must hold 1 to ${ENTRIES_MAX} entries`);
  }
  const typed = entries as Entry[];
  const bytes = typed.reduce((total, entry) => total + bytesOf(entry), 0);
  if (bytes > ENTRIES_BYTES_MAX) {
    throw new AwsError('ValidationException', 'Total size of the entries in the request is over the limit.');
  }
  return typed;
}

/** The size of an entry in bytes, by EventBridge's own rule. */
function bytesOf(entry: Entry): number {
  const texts = [entry['Source'], entry['DetailType'], entry['Detail'], ...resourcesOf(entry)];
  const bytes = texts.reduce<number>((total, text) => total + Buffer.byteLength(textOf(text)), 0);
  return bytes + (entry['Time'] === undefined ? 0 : TIME_BYTES);
}

type Judgement =
  | { readonly outcome: 'accepted'; readonly published: PublishedEvent }
  | { readonly outcome: 'refused'; readonly code: string; readonly message: string };

function judge(entry: Entry): Judgement {
  for (const name of ['Source', 'DetailType', 'Detail']) {
    if (textOf(entry[name]) !== '') continue;
    return refused(
      'InvalidArgument',
      `Parameter ${name} is not valid. Reason: ${name} is a required argument.`,
    );
  }
  const source = textOf(entry['Source']);
  if (source.startsWith('aws.')) {
    return refused('NotAuthorizedForSource', `Not authorized for the source: ${source} belongs to AWS.`);
  }
  const detail = objectOf(textOf(entry['Detail']));
  if (detail === undefined) return refused('MalformedDetail', 'Detail is malformed.');
  const event: BusEvent = {
    version: '0',
    id: randomUUID(),
    'detail-type': textOf(entry['DetailType']),
    source,
    account: LOCAL_ACCOUNT,
    time: timeOf(entry['Time']),
    region: LOCAL_REGION,
    resources: resourcesOf(entry),
    detail,
  };
  return { outcome: 'accepted', published: { busName: textOf(entry['EventBusName']) || 'default', event } };
}

function refused(code: string, message: string): Judgement {
  return { outcome: 'refused', code, message };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function resourcesOf(entry: Entry): string[] {
  const resources = entry['Resources'];
  return Array.isArray(resources) ? resources.map(textOf) : [];
}

/** `Detail` must be the text of a JSON object. */
function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** AWS JSON writes an instant as seconds since 1970; an event holds it in ISO 8601, to the second. */
function timeOf(value: unknown): string {
  const time = typeof value === 'number' ? new Date(value * 1000) : new Date();
  return time.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
