import assert from 'node:assert/strict';
import { Stack } from '../stack.ts';

const EIP = 'aws:ec2/eip:Eip';

describe('prod under the engine', function () {
  this.timeout(900_000);
  let stack: Stack;

  before(async () => {
    stack = await Stack.open('prod');
  });

  after(async () => {
    await stack.stop();
  });

  it('is made by one `pulumi up`, shows no difference after it, and refuses to be destroyed', async () => {
    const made = await stack.up();
    assert.equal(made.status, 0, made.said);
    assert.equal(stack.cloud.count('create', 'aws:ec2/natGateway:NatGateway'), 1);
    const [address] = stack.cloud.all(EIP);
    assert.match(
      made.said,
      new RegExp(`egressAddresses\\s*: \\[\\s*\\[0\\]: "${String(address?.outputs['publicIp'])}"`),
    );

    const moment = stack.cloud.calls.length;
    const again = await stack.up({}, '--expect-no-changes');
    assert.equal(again.status, 0, again.said);
    const destroyed = await stack.pulumi(['destroy', '--yes', '--stack', 'prod']);
    assert.notEqual(destroyed.status, 0);
    assert.match(destroyed.said, /cannot be deleted/);
    assert.deepEqual(stack.cloud.changesSince(moment), []);
  });
});
