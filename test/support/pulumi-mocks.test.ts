import assert from 'node:assert/strict';
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { mockPulumi, valueOf } from './pulumi-mocks.ts';

describe("Pulumi's engine, mocked", () => {
  it('records a resource with its hooks, and runs a hook with what the engine would pass', async () => {
    const program = await mockPulumi();
    const hook = new pulumi.ResourceHook('guard', ({ newInputs, oldOutputs }) => {
      if (newInputs?.['functionVersion'] !== oldOutputs?.['functionVersion'])
        throw new Error(`no version ${String(newInputs?.['functionVersion'])}`);
    });
    const alias = new aws.lambda.Alias(
      'live',
      { functionName: 'matcher', functionVersion: '1' },
      { hooks: { beforeUpdate: [hook] } },
    );
    assert.equal(await valueOf(alias.functionVersion), '1');

    const recorded = program.resource('aws:lambda/alias:Alias');
    assert.deepEqual(recorded.hooks, { beforeCreate: [], beforeUpdate: ['guard'] });
    assert.deepEqual(recorded.inputs, { functionName: 'matcher', functionVersion: '1' });
    const run = (functionVersion: string) =>
      program.runHook('guard', {
        newInputs: { functionVersion },
        oldOutputs: { functionVersion: '1' },
      });
    assert.deepEqual(await run('2'), { error: 'no version 2' });
    assert.deepEqual(await run('1'), { error: undefined });
  });

  it('fails a call that the test has no answer for, and says which', async () => {
    await mockPulumi();
    await assert.rejects(aws.getCallerIdentity(), /aws:index\/getCallerIdentity:getCallerIdentity/);
  });

  it('lay secrets open, and tell where they were marked', async () => {
    const mocked = await mockPulumi();
    const value = pulumi.secret('hunter2');
    const parameter = new aws.ssm.Parameter('parameter', { type: 'String', value, tags: { of: value } });
    await valueOf(parameter.urn);
    const { inputs, secretInputs } = mocked.resource('aws:ssm/parameter:Parameter');
    assert.deepEqual([inputs['value'], inputs['tags']], ['hunter2', { of: 'hunter2' }]);
    // Pulumi marks a whole input for what is inside it.
    assert.deepEqual([...secretInputs].sort(), ['tags', 'value']);
  });
});
