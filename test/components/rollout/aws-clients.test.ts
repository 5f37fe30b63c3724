import assert from 'node:assert/strict';
import { openAws, openClients, secondsOf, type AwsSettings } from '../../../components/rollout/open-aws.ts';
import { plan } from '../../../components/rollout/plan.ts';
import { TryAgain } from '../../../components/rollout/ports.ts';
import { shift, type Rollout } from '../../../components/rollout/shift.ts';
import { ACCOUNT, AwsDouble, FunctionFailure, REGION } from '../../support/aws-double/aws-double.ts';
import { serveAws, type ServedAws } from '../../support/aws-double/http.ts';
import { rolloutScene } from './rollout-scene.ts';

const ADDRESS = { functionName: 'settlement', aliasName: 'live' };

describe("the SDK's own clients over HTTP", function () {
  this.timeout(30_000);
  let served: ServedAws;
  let aws: AwsDouble;
  const start = async (double: AwsDouble): Promise<AwsSettings> => {
    aws = double;
    served = await serveAws(double);
    const { endpoint } = served;
    return {
      accessKey: 'local',
      secretKey: 'local',
      endpoints: [{ lambda: endpoint, cloudwatch: endpoint, sts: endpoint }],
    };
  };
  const fresh = async () => {
    const double = new AwsDouble();
    double.addFunction('settlement', 3);
    return openAws(await start(double), REGION, ADDRESS);
  };
  afterEach(() => served.stop());

  it('carry a whole rollout, as it goes in memory', async () => {
    const scene = rolloutScene();
    scene.aws.publish('settlement', '5');
    const services = openAws(await start(scene.aws), REGION, ADDRESS);
    const rollout: Rollout = scene.rollout('Linear10PercentEvery1Minute', {
      keepVersions: 2,
      bakeErrorsMin: 1,
    });
    // Nothing waits for the clock while a call is on its way: the rollout makes one after the other.
    const shifted = await shift(
      rollout,
      { ...services, clock: scene.clock, say: (line) => void scene.said.push(line) },
      new AbortController().signal,
    );
    assert.deepEqual(shifted, { outcome: 'shifted', from: '1' });
    const { steps } = plan({ kind: 'linear', percent: 10, intervalMinutes: 1 });
    assert.deepEqual(
      scene.moves().slice(1, -1),
      steps.map(({ atMs, percent }) => [atMs / 1000, percent === 100 ? '2' : '1', percent % 100]),
    );
    // 5 and 4 are the newest; 1 served before, and 2 serves.
    assert.deepEqual([...aws.functions.get('settlement')!.versions.keys()], ['1', '2', '4', '5']);
  });

  it('read an alias as it was written, weights in percent, and clear them', async () => {
    const { lambda } = await fresh();
    const first = await lambda.readAlias();
    assert.deepEqual(
      [first.version, first.shifted, first.arn],
      ['1', undefined, `arn:aws:lambda:${REGION}:${ACCOUNT}:function:settlement:live`],
    );
    for (const percent of [7, 30, 57]) {
      const change = { version: '1', shifted: { version: '2', percent }, description: `${percent} %` };
      const written = await lambda.writeAlias(change, (await lambda.readAlias()).revision);
      assert.ok(written.outcome === 'written');
      assert.deepEqual(await lambda.readAlias(), { ...written.alias, ...change });
    }
    const { revision } = await lambda.readAlias();
    await lambda.writeAlias({ version: '2', shifted: undefined, description: '' }, revision);
    const last = await lambda.readAlias();
    assert.deepEqual([last.version, last.shifted], ['2', undefined]);
    assert.deepEqual(
      await lambda.writeAlias({ version: '3', shifted: undefined, description: '' }, revision),
      { outcome: 'conflict' },
    );
  });

  it("tell a function's answer, its failure, and what is not there apart", async () => {
    const { lambda } = await fresh();
    const { signal } = new AbortController();
    const settlement = aws.functions.get('settlement')!;
    settlement.invoke = (version, event) => ({ ok: true, version, event });
    assert.deepEqual(await lambda.invoke('2', { dry_run: true }, signal), {
      outcome: 'returned',
      payload: { ok: true, version: '2', event: { dry_run: true } },
    });
    settlement.invoke = () => {
      throw new FunctionFailure('no secret');
    };
    assert.deepEqual(await lambda.invoke('2', {}, signal), { outcome: 'failed', message: 'no secret' });
    settlement.invoke = () => new Promise(() => undefined);
    assert.deepEqual(await lambda.invoke('2', {}, AbortSignal.timeout(50)), {
      outcome: 'failed',
      message: 'it did not answer in the time that it has',
    });
    await assert.rejects(lambda.invoke('99', {}, signal), { name: 'ResourceNotFoundException' });
    await assert.rejects(lambda.readVersion('99'), { name: 'ResourceNotFoundException' });
  });

  it('ask to try again where it may help, and not where it does not', async () => {
    const { lambda, watch } = await fresh();
    const change = { version: '1', shifted: undefined, description: '' };
    for (const kind of ['throttle', 'lose', 'break'] as const) {
      aws.fail('UpdateAlias', kind, 1);
      const { revision } = await lambda.readAlias();
      await assert.rejects(lambda.writeAlias(change, revision), TryAgain, kind);
    }
    aws.fail('DescribeAlarms', 'throttle', 1);
    await assert.rejects(watch.alarmStates(['errors']), TryAgain);
    const weighted = { ...change, shifted: { version: '99', percent: 10 } };
    await assert.rejects(lambda.writeAlias(weighted, (await lambda.readAlias()).revision), {
      name: 'ResourceNotFoundException',
    });
    assert.equal(aws.calls.filter(({ operation }) => operation === 'DescribeAlarms').length, 1);
  });

  it('end at once when they are stopped', async () => {
    const { lambda } = await fresh();
    aws.functions.get('settlement')!.invoke = () => new Promise(() => undefined);
    const stop = new AbortController();
    const invoked = lambda.invoke('2', {}, stop.signal);
    stop.abort(new Error('stopped'));
    await assert.rejects(invoked, (error) => !(error instanceof TryAgain));
  });

  it('read alarms and count what a version did', async () => {
    const { watch } = await fresh();
    aws.alarms.set('errors', 'OK').set('slow', 'ALARM');
    assert.deepEqual(
      await watch.alarmStates(['errors', 'slow', 'gone']),
      new Map([
        ['errors', 'OK'],
        ['slow', 'ALARM'],
      ]),
    );
    const at = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 300_000);
    for (const version of ['1', '2', '2'])
      aws.counted.push({ what: 'Errors', functionName: 'settlement', alias: 'live', version, at });
    const range = { from: at, to: new Date() };
    assert.equal(await watch.count('Errors', range), 3);
    assert.equal(await watch.count('Errors', { ...range, version: '2' }), 2);
    assert.equal(await watch.count('Invocations', range), 0);
    assert.equal(await watch.count('Errors', { ...range, from: new Date(at.getTime() + 1) }), 0);
  });

  it("assume the provider's roles one after the other, and so act in the last one's account", async () => {
    const settings = await start(new AwsDouble());
    const roles = {
      ...settings,
      assumeRoles: [
        { roleArn: 'arn:aws:iam::111111111111:role/hub', sessionName: 'deploy' },
        { roleArn: 'arn:aws:iam::222222222222:role/spoke', externalId: 'x', duration: '30m' },
      ],
    };
    assert.equal(await openAws(settings, REGION, ADDRESS).lambda.callerAccount(), ACCOUNT);
    assert.equal(await openAws(roles, REGION, ADDRESS).lambda.callerAccount(), '222222222222');
    const assumed = aws.calls.filter(({ operation }) => operation === 'AssumeRole').map(({ input }) => input);
    assert.deepEqual(
      assumed.map((input) => [
        input['RoleArn'],
        input['RoleSessionName'],
        input['ExternalId'],
        input['DurationSeconds'],
      ]),
      [
        ['arn:aws:iam::111111111111:role/hub', 'deploy', undefined, undefined],
        ['arn:aws:iam::222222222222:role/spoke', 'gradual-rollout', 'x', '1800'],
      ],
    );
  });

  it("take the provider's region, profile, endpoints and addresses", async () => {
    const settings = await start(new AwsDouble());
    const { lambda, cloudwatch, sts } = openClients({ ...settings, stsRegion: 'us-east-1' }, REGION);
    assert.deepEqual(await Promise.all([lambda, cloudwatch, sts].map((client) => client.config.region())), [
      REGION,
      REGION,
      'us-east-1',
    ]);
    assert.equal(await lambda.config.maxAttempts(), 1);
    assert.equal((await lambda.config.credentials()).accessKeyId, 'local');
    const dual = openClients(
      { ...settings, useDualstackEndpoint: true, useFipsEndpoint: true },
      REGION,
    ).lambda;
    assert.deepEqual(
      [await dual.config.useDualstackEndpoint(), await dual.config.useFipsEndpoint()],
      [true, true],
    );
  });
});

describe("a role session's duration", () => {
  it('is read as the provider writes it', () => {
    for (const [text, seconds] of [
      ['1h', 3600],
      ['1h30m', 5400],
      ['900s', 900],
      ['2h0m5s', 7205],
    ] as const)
      assert.equal(secondsOf(text), seconds);
    for (const text of ['', '3600', '1d', 'h', '-1h', '1m1h'])
      assert.throws(() => secondsOf(text), /is no duration of a role's session/);
  });
});
