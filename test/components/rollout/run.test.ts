import assert from 'node:assert/strict';
import { plan } from '../../../components/rollout/plan.ts';
import { createWatchPort } from '../../../components/rollout/cloudwatch.client.ts';
import { createLambdaPort } from '../../../components/rollout/lambda.client.ts';
import { RolloutRun } from '../../../components/rollout/run.ts';
import { shift, type Shifted } from '../../../components/rollout/shift.ts';
import { SAM_TYPES, type SamType } from '../../../components/rollout/strategy.ts';
import { rolloutScene } from './rollout-scene.ts';

const NAMES = ['api', 'matcher', 'settlement'] as const;

/** One run of a program with three functions, each with an alarm of its own. */
function threeFunctions() {
  const scene = rolloutScene();
  const heard: { told?: (signal: string) => void; ended: boolean } = { ended: false };
  const run = new RolloutRun({
    listen(told) {
      heard.told = told;
      return () => delete heard.told;
    },
    endSoon: () => (heard.ended = true),
  });
  for (const name of NAMES) {
    if (name !== 'settlement') scene.aws.addFunction(name, 2);
    scene.aws.alarms.set(`${name}-errors`, 'OK');
  }
  const carry = (name: string, type: SamType): Promise<Shifted> => {
    const client = scene.aws.client();
    const address = { functionName: name, aliasName: 'live' };
    return run.carry(name, '2', (stop) =>
      shift(
        { ...scene.rollout(type), name, alarms: [`${name}-errors`], plan: plan(SAM_TYPES[type]) },
        {
          lambda: createLambdaPort(client, client, address),
          watch: createWatchPort(client, address),
          clock: scene.clock,
          say: () => undefined,
        },
        stop,
      ),
    );
  };
  const served = () =>
    Object.fromEntries(
      NAMES.map((name) => {
        const { version, weights } = scene.aws.alias(name);
        return [name, Object.keys(weights).length === 0 ? version : 'split'];
      }),
    );
  return { ...scene, heard, carry, served };
}

function messageOf(shifted: Shifted | undefined): string {
  return shifted !== undefined && 'message' in shifted ? shifted.message : '';
}

describe('several functions in one run', () => {
  it('go side by side, and all get through', async () => {
    const { carry, served, heard } = threeFunctions();
    const all = await Promise.all(NAMES.map((name) => carry(name, 'Linear10PercentEvery1Minute')));
    assert.ok(all.every(({ outcome }) => outcome === 'shifted'));
    assert.deepEqual(served(), { api: '2', matcher: '2', settlement: '2' });
    assert.equal(heard.told, undefined);
    assert.equal(heard.ended, false);
  });

  it('stop with the one that fails; those already through stay and are named; those not begun do not begin', async () => {
    const { carry, served, clock, aws, beganMs } = threeFunctions();
    clock.after(400_000, () => aws.alarms.set('settlement-errors', 'ALARM'));
    const [api, matcher, settlement] = await Promise.all([
      carry('api', 'AllAtOnce'),
      carry('matcher', 'Linear10PercentEvery2Minutes'),
      carry('settlement', 'Linear10PercentEvery1Minute'),
    ]);
    assert.equal(api.outcome, 'shifted');
    assert.equal(settlement.outcome, 'sent_back');
    assert.match(
      messageOf(settlement),
      /the alarm settlement-errors is in ALARM.*left there: api \(version 2\)$/,
    );
    assert.equal(matcher.outcome, 'sent_back');
    assert.match(
      messageOf(matcher),
      /the rollout of settlement failed in this run.*left there: api \(version 2\)$/,
    );
    assert.deepEqual(served(), { api: '2', matcher: '1', settlement: '1' });
    for (const name of ['matcher', 'settlement'])
      assert.ok((aws.alias(name).atMs - beganMs) / 1000 - 400 <= 15, name);

    const late = await carry('matcher', 'AllAtOnce');
    assert.equal(late.outcome, 'refused');
    assert.match(
      messageOf(late),
      /matcher: version 2 got no traffic: it was not begun, since the rollout of settlement failed in this run/,
    );
    assert.equal(served()['matcher'], '1');
  });

  it('all go back when the program is told to stop, and then it ends', async () => {
    const { carry, served, clock, aws, heard, beganMs } = threeFunctions();
    clock.after(100_000, () => heard.told?.('SIGINT'));
    const all = await Promise.all(NAMES.map((name) => carry(name, 'Linear10PercentEvery1Minute')));
    for (const one of all) {
      assert.equal(one.outcome, 'sent_back');
      assert.match(messageOf(one), /the program was told to stop \(SIGINT\)/);
    }
    assert.deepEqual(served(), { api: '1', matcher: '1', settlement: '1' });
    for (const name of NAMES) assert.equal((aws.alias(name).atMs - beganMs) / 1000, 100);
    assert.equal(heard.ended, true);
    assert.match(messageOf(await carry('api', 'AllAtOnce')), /not begun, since the program was told to stop/);
  });
});
