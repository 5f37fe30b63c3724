import assert from 'node:assert/strict';
import { EVENT_SOURCE, EventBus } from '../../components/event-bus.ts';
import { EVENT_SOURCE as PUBLISHED_AS } from '../../functions/events/event-bus.client.ts';
import { allRegistered, mockPulumi, type MockedProgram } from '../support/pulumi-mocks.ts';
import { brokenRules, statementsOf } from '../support/stack-rules.ts';

describe('the event bus', () => {
  let program: MockedProgram;

  before(async () => {
    program = await mockPulumi();
    new EventBus('events', {
      namePrefix: 'smart-transfer-test',
      keyArn: 'arn:mock:key',
      accountId: '123456789012',
      region: 'ap-northeast-2',
      archiveDays: 30,
      fanOut: {
        functionName: 'webhook-fan-out',
        aliasName: 'live',
        aliasArn: 'arn:aws:lambda:ap-northeast-2:123456789012:function:webhook-fan-out:live',
      },
    });
    await allRegistered();
  });

  it('is listened to under the source that the functions publish under', () => {
    assert.equal(EVENT_SOURCE, PUBLISHED_AS);
    const { inputs } = program.resource('aws:cloudwatch/eventRule:EventRule');
    assert.deepEqual(JSON.parse(String(inputs['eventPattern'])), {
      source: [PUBLISHED_AS],
    });
  });

  it('keeps its events for as long as it is told, encrypted as the bus is', () => {
    const { inputs } = program.resource('aws:cloudwatch/eventArchive:EventArchive');
    assert.equal(inputs['retentionDays'], 30);
    assert.equal(inputs['kmsKeyIdentifier'], 'arn:mock:key');
    assert.equal(inputs['eventSourceArn'], 'arn:mock:aws:cloudwatch/eventBus:EventBus:events');
  });

  it('hands events to the alias of the fan-out, which it may call for this rule alone', () => {
    const { inputs: target } = program.resource('aws:cloudwatch/eventTarget:EventTarget');
    assert.match(String(target['arn']), /:live$/);
    const { inputs: permission } = program.resource('aws:lambda/permission:Permission');
    assert.equal(permission['qualifier'], 'live');
    assert.equal(permission['principal'], 'events.amazonaws.com');
    assert.equal(permission['sourceArn'], 'arn:mock:aws:cloudwatch/eventRule:EventRule:events-fan-out');
  });

  it('has a queue for what it cannot decrypt or hand over, which lets in this bus and this rule', () => {
    const queue = 'arn:mock:aws:sqs/queue:Queue:events-dlq';
    const { inputs: bus } = program.resource('aws:cloudwatch/eventBus:EventBus');
    const { inputs: target } = program.resource('aws:cloudwatch/eventTarget:EventTarget');
    assert.deepEqual([bus['deadLetterConfig'], target['deadLetterConfig']], [{ arn: queue }, { arn: queue }]);
    const { inputs } = program.resource('aws:sqs/queuePolicy:QueuePolicy');
    const allowed = statementsOf(inputs['policy']).filter(({ effect }) => effect === 'Allow');
    assert.deepEqual(
      allowed.map(({ actions, condition }) => [actions, condition['ArnLike']?.['aws:SourceArn']]),
      [
        [
          ['sqs:SendMessage'],
          'arn:aws:events:ap-northeast-2:123456789012:event-bus/smart-transfer-test-events',
        ],
        [
          ['sqs:SendMessage'],
          'arn:aws:events:ap-northeast-2:123456789012:rule/smart-transfer-test-events/smart-transfer-test-fan-out',
        ],
      ],
    );
    for (const { condition } of allowed)
      assert.equal(condition['StringEquals']?.['aws:SourceAccount'], '123456789012');
    assert.equal(
      program.resource('aws:cloudwatch/eventRule:EventRule').inputs['name'],
      'smart-transfer-test-fan-out',
    );
    assert.equal(bus['name'], EventBus.nameOf('smart-transfer-test'));
  });

  it('breaks no rule of the stack', () => {
    assert.deepEqual(
      brokenRules(program.resources, (name) => name === 'events-dlq'),
      [],
    );
  });
});
