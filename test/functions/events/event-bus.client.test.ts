import assert from 'node:assert/strict';
import { openEventBus } from '../../../functions/events/event-bus.client.ts';
import { LOCAL_REGION } from '../../../local/aws-json-server.ts';
import { startEventBus, type LocalEventBus } from '../../../local/event-bus.ts';
import { setEnvironment } from '../../support/function-environment.ts';

describe('the event bus of a function', () => {
  let local: LocalEventBus;
  let putBack: () => void;

  before(async () => {
    local = await startEventBus();
    // As a stack has it whose functions leave by IPv6 alone (components/lambda-function.ts).
    putBack = setEnvironment({
      AWS_REGION: LOCAL_REGION,
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_USE_DUALSTACK_ENDPOINT: 'true',
      AWS_ENDPOINT_URL_EVENTBRIDGE: local.endpoint,
    });
  });

  after(async () => {
    putBack();
    await local.stop();
  });

  it('is reached at the address that the deployment gives it, although the other services are dual-stack', async () => {
    const event = {
      id: 'evt_1',
      type: 'order.paid',
      occurred_at: '2026-11-25T00:00:00.000Z',
    } as Parameters<NonNullable<ReturnType<typeof openEventBus>>['put']>[0][number];
    const taken = await openEventBus('smart-transfer')?.put([event]);
    assert.deepEqual([...(taken ?? [])], ['evt_1']);
    assert.equal(local.events()[0]?.busName, 'smart-transfer');
  });
});
