import assert from 'node:assert/strict';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { startEventBus, type LocalEventBus, type PublishedEvent } from '../../local/event-bus.ts';

interface Answer {
  readonly FailedEntryCount: number;
  readonly Entries: readonly { readonly EventId?: string; readonly ErrorCode?: string }[];
  readonly __type?: string;
}

describe('local event bus', () => {
  const seen: PublishedEvent[] = [];
  let bus: LocalEventBus;

  beforeEach(async () => {
    seen.length = 0;
    bus = await startEventBus({ keep: 2, onEvent: (published) => seen.push(published) });
  });
  afterEach(() => bus.stop());

  async function call(
    body: string,
    target = 'AWSEvents.PutEvents',
  ): Promise<{ status: number; answer: Answer }> {
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target };
    const response = await fetch(bus.endpoint, { method: 'POST', headers, body });
    return { status: response.status, answer: (await response.json()) as Answer };
  }

  const put = (...entries: object[]) => call(JSON.stringify({ Entries: entries }));
  const entry = { Source: 'smart-transfer', DetailType: 'order.paid', Detail: '{"order":"1"}' };

  it("takes an event from the SDK's own client, found by its endpoint variable", async () => {
    const names = [
      'AWS_ENDPOINT_URL_EVENTBRIDGE',
      'AWS_REGION',
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
    ] as const;
    const before = names.map((name) => process.env[name]);
    const values = [bus.endpoint, 'ap-northeast-2', 'local', 'local'];
    names.forEach((name, index) => (process.env[name] = values[index] ?? ''));
    const client = new EventBridgeClient({});
    try {
      const answer = await client.send(new PutEventsCommand({ Entries: [entry] }));
      assert.equal(answer.FailedEntryCount, 0);
      assert.equal(answer.Entries?.[0]?.EventId, seen[0]?.event.id);
    } finally {
      client.destroy();
      names.forEach((name, index) => {
        const value = before[index];
        if (value === undefined) Reflect.deleteProperty(process.env, name);
        else process.env[name] = value;
      });
    }
  });

  it('accepts an event and hands it on as a rule would', async () => {
    const { status, answer } = await put({
      ...entry,
      EventBusName: 'domain',
      Time: 1_767_225_600,
      Resources: ['arn:x'],
    });
    assert.equal(status, 200);
    assert.equal(answer.FailedEntryCount, 0);
    assert.deepEqual(seen, [
      {
        busName: 'domain',
        event: {
          version: '0',
          id: answer.Entries[0]!.EventId,
          'detail-type': 'order.paid',
          source: 'smart-transfer',
          account: '000000000000',
          time: '2026-01-01T00:00:00Z',
          region: 'ap-northeast-2',
          resources: ['arn:x'],
          detail: { order: '1' },
        },
      },
    ]);
  });

  it('answers entry by entry, in the order of the call', async () => {
    const { answer } = await put(
      entry,
      { ...entry, Source: undefined },
      { ...entry, DetailType: '' },
      { ...entry, Detail: 'no JSON' },
      { ...entry, Detail: '[1]' },
      { ...entry, Source: 'aws.sqs' },
      entry,
    );
    assert.equal(answer.FailedEntryCount, 5);
    assert.deepEqual(
      answer.Entries.map(({ EventId, ErrorCode }) => (EventId === undefined ? ErrorCode : 'accepted')),
      [
        'accepted',
        'InvalidArgument',
        'InvalidArgument',
        'MalformedDetail',
        'MalformedDetail',
        'NotAuthorizedForSource',
        'accepted',
      ],
    );
    assert.equal(seen.length, 2);
  });

  it('keeps the last events', async () => {
    for (const order of [1, 2, 3]) await put({ ...entry, Detail: JSON.stringify({ order }) });
    assert.deepEqual(
      bus.events().map(({ event }) => event.detail),
      [{ order: 2 }, { order: 3 }],
    );
  });

  it('refuses a call of none or of more than ten entries', async () => {
    for (const entries of [[], Array.from({ length: 11 }, () => entry)]) {
      const { status, answer } = await put(...entries);
      assert.equal(status, 400);
      assert.equal(answer.__type, 'ValidationException');
    }
    assert.equal(seen.length, 0);
  });

  it('refuses a call whose entries are larger than 256 KB together', async () => {
    const half = (bytes: number) => ({ ...entry, Detail: JSON.stringify({ text: 'x'.repeat(bytes) }) });
    assert.equal((await put(half(130_000), half(131_900))).status, 200);
    const { answer } = await put(half(132_000), half(132_000));
    assert.equal(answer.__type, 'ValidationException');
    assert.equal(seen.length, 2);
  });

  it('refuses what it does not understand', async () => {
    assert.equal((await call('{}', 'AWSEvents.PutRule')).answer.__type, 'UnknownOperationException');
    assert.equal((await call('{')).answer.__type, 'SerializationException');
    assert.equal((await call('{}')).answer.__type, 'ValidationException');
  });
});
