import assert from 'node:assert/strict';
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { GradualRollout, type GradualRolloutArgs } from '../../components/gradual-rollout.ts';
import { AT_REST } from '../../components/rollout/alias-note.ts';
import { processSignals } from '../../components/rollout/process-signals.ts';
import { RolloutRun } from '../../components/rollout/run.ts';
import { ACCOUNT, AwsDouble, FunctionFailure, REGION } from '../support/aws-double/aws-double.ts';
import { serveAws, type ServedAws } from '../support/aws-double/http.ts';
import { mockPulumi, valueOf, type MockedProgram } from '../support/pulumi-mocks.ts';

const ALIAS = 'aws:lambda/alias:Alias';
const ALARM = 'aws:cloudwatch/metricAlarm:MetricAlarm';
const ARN = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:settlement:live`;

/** The alias as the engine names it to the hook. */
const UPDATED = 'urn:pulumi:prod::shop::aws:lambda/alias:Alias::settlement';

const ARGS: GradualRolloutArgs = {
  functionName: 'settlement',
  functionVersion: '2',
  strategy: 'AllAtOnce',
  gates: { errors: 1, durationMsP99: 30_000 },
  alarms: ['queue-age'],
  check: { event: { dry_run: true } },
};

async function program(args: Partial<GradualRolloutArgs> = {}, endpoint = 'http://127.0.0.1:9') {
  const mocked = await mockPulumi({
    outputs: { [ALIAS]: () => ({ arn: ARN }) },
    config: {
      'aws:region': REGION,
      'aws:accessKey': 'local',
      'aws:secretKey': 'local',
      'aws:endpoints': JSON.stringify([{ lambda: endpoint, cloudwatch: endpoint, sts: endpoint }]),
    },
  });
  // A run of its own: a failure in one test stops nothing in the next.
  const run = new RolloutRun(processSignals);
  const rollout = new GradualRollout('settlement', { ...ARGS, run, ...args });
  await valueOf(rollout.summary);
  return { mocked, rollout };
}

const update = (mocked: MockedProgram, functionVersion: string, arn = ARN) =>
  mocked.runHook('rollout-settlement', {
    newInputs: { functionName: 'settlement', functionVersion },
    oldOutputs: { arn, functionVersion: '1' },
    urn: UPDATED,
  });

describe('the rollout component', function () {
  this.timeout(20_000);

  it('makes a protected alias with a hook before its updates, behind its gates', async () => {
    const { mocked, rollout } = await program();
    const alias = mocked.resource(ALIAS);
    assert.deepEqual(alias.inputs, {
      name: 'live',
      functionName: 'settlement',
      functionVersion: '2',
      description: AT_REST,
    });
    assert.deepEqual(alias.hooks, { beforeCreate: [], beforeUpdate: ['rollout-settlement'] });
    assert.equal(alias.protect, true);
    const gates = mocked.resources.filter(({ type }) => type === ALARM).map(({ urn }) => urn);
    assert.equal(gates.length, 2);
    assert.ok(gates.every((urn) => alias.dependsOn.includes(urn)));
    assert.match(alias.urn, /smart-transfer:components:GradualRollout\$aws:lambda\/alias:Alias::settlement$/);
    assert.deepEqual(await valueOf(rollout.summary), {
      function: 'settlement',
      version: '2',
      strategy: 'AllAtOnce',
      alias: ARN,
    });
  });

  it('gates by alarms on the new version alone, whose names are of that version and that call nobody', async () => {
    const { mocked } = await program();
    const { inputs } = mocked.resource(ALARM, 'settlement-rollout-errors');
    assert.deepEqual(inputs, {
      name: 'settlement-rollout-errors-v2',
      alarmDescription: inputs['alarmDescription'],
      namespace: 'AWS/Lambda',
      metricName: 'Errors',
      dimensions: { FunctionName: 'settlement', Resource: 'settlement:live', ExecutedVersion: '2' },
      statistic: 'Sum',
      period: 60,
      evaluationPeriods: 1,
      threshold: 1,
      comparisonOperator: 'GreaterThanOrEqualToThreshold',
      treatMissingData: 'notBreaching',
    });
    const slow = mocked.resource(ALARM, 'settlement-rollout-duration').inputs;
    assert.deepEqual(
      [slow['metricName'], slow['extendedStatistic'], slow['threshold']],
      ['Duration', 'p99', 30_000],
    );
  });

  it('names the alias as it is told, and waits for what must be done before', async () => {
    const mocked = await mockPulumi();
    const migration = new aws.lambda.Invocation('migration', { functionName: 'migration', input: '{}' });
    const rollout = new GradualRollout('api', {
      functionName: 'api',
      functionVersion: '1',
      aliasName: 'stable',
      strategy: { kind: 'canary', percent: 25, intervalMinutes: 4 },
      after: [migration],
      protect: false,
    });
    assert.equal(
      (await valueOf(rollout.summary)).strategy,
      '{"kind":"canary","percent":25,"intervalMinutes":4}',
    );
    const alias = mocked.resource(ALIAS);
    assert.equal(alias.inputs['name'], 'stable');
    assert.equal(alias.protect, false);
    assert.deepEqual(alias.dependsOn, [mocked.resource('aws:lambda/invocation:Invocation').urn]);
  });

  const nonsense: [string, Partial<GradualRolloutArgs>, RegExp][] = [
    [
      'a strategy that is none',
      { strategy: 'Canary' as 'AllAtOnce' },
      /rollout of settlement: "Canary" is no rollout/,
    ],
    ['too many alarms', { alarms: Array.from({ length: 9 }, String) }, /watches 11 alarms.*composite/],
    ['a bake that is no time', { bakeMinutes: -1 }, /bakeMinutes is -1; write a number of 0 or more/],
    [
      'keeping no version to go back to',
      { keepVersions: 1 },
      /keepVersions is 1; write a number of 2 or more/,
    ],
    ['a gate that always fires', { gates: { errors: 0 } }, /gates\.errors is 0; write a number of 1 or more/],
  ];
  for (const [what, args, says] of nonsense)
    it(`refuses ${what}`, async () => {
      await mockPulumi();
      assert.throws(() => new GradualRollout('settlement', { ...ARGS, ...args }), says);
    });

  describe("the hook, by the provider's own settings", () => {
    let served: ServedAws;
    let double: AwsDouble;
    beforeEach(async () => {
      double = new AwsDouble();
      double.addFunction('settlement', 3);
      double.alarms.set('queue-age', 'OK');
      for (const what of ['errors', 'duration'])
        double.alarms.set(`settlement-rollout-${what}-v2`, 'INSUFFICIENT_DATA');
      served = await serveAws(double);
    });
    afterEach(async () => {
      delete process.env['ROLLOUT_IGNORE_ALARMS'];
      delete process.env['ROLLOUT_STRATEGY'];
      await served.stop();
    });

    it('shifts the traffic before the engine writes', async () => {
      const { mocked } = await program({}, served.endpoint);
      assert.deepEqual(await update(mocked, '2'), { error: undefined });
      assert.equal(double.alias('settlement').version, '2');
      const invoked = double.calls
        .filter(({ operation }) => operation === 'Invoke')
        .map(({ input }) => input['Qualifier']);
      assert.deepEqual(invoked, ['2', '2']);
    });

    it('tells each step at once, on the alias that the engine names: its own is not known before the hook has ended', async () => {
      const said: [string, string][] = [];
      const { info } = pulumi.log;
      pulumi.log.info = async (line, resource) => {
        said.push([line, await valueOf(resource!.urn)]);
      };
      try {
        const { mocked } = await program({}, served.endpoint);
        await update(mocked, '2');
      } finally {
        pulumi.log.info = info;
      }
      assert.equal(said.length, 6);
      assert.match(said[2]?.[0] ?? '', /2\/3 traffic shifting .* version 1 → 2: 100 %/);
      for (const [line, urn] of said) assert.equal(urn, UPDATED, line);
    });

    it('fails in another account, before anything moves', async () => {
      const { mocked } = await program({}, served.endpoint);
      const { error } = await update(mocked, '2', ARN.replace(ACCOUNT, '999999999999'));
      assert.match(
        error ?? '',
        /its alias is in the account 999999999999, and the credentials at hand are of 0/,
      );
      assert.ok(double.calls.every(({ operation }) => operation === 'GetCallerIdentity'));
    });

    it('fails with a sentence, and the traffic where it was, when the check fails', async () => {
      double.functions.get('settlement')!.invoke = () => {
        throw new FunctionFailure('the schema lacks 0033-operators');
      };
      const { mocked } = await program({}, served.endpoint);
      const { error } = await update(mocked, '2');
      assert.match(
        error ?? '',
        /got no traffic: .*check before failed on version 2: the schema lacks 0033-operators/,
      );
      assert.equal(double.alias('settlement').version, '1');
    });

    it('begins in spite of an alarm, and by another strategy, for one run', async () => {
      double.alarms.set('queue-age', 'ALARM');
      process.env['ROLLOUT_STRATEGY'] = 'AllAtOnce';
      process.env['ROLLOUT_IGNORE_ALARMS'] = 'true';
      const { mocked, rollout } = await program(
        { strategy: 'Linear10PercentEvery10Minutes' },
        served.endpoint,
      );
      assert.equal((await valueOf(rollout.summary)).strategy, 'AllAtOnce');
      assert.deepEqual(await update(mocked, '2'), { error: undefined });
      assert.equal(double.alias('settlement').version, '2');
    });
  });
});
