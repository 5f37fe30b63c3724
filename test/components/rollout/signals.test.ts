import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { AwsDouble } from '../../support/aws-double/aws-double.ts';
import { serveAws, type ServedAws } from '../../support/aws-double/http.ts';
import { until } from '../../support/until.ts';

const PROGRAM = fileURLToPath(new URL('fixtures/program.ts', import.meta.url));

/** The engine kills so long after its signal, ms. */
const KILLED_AFTER_MS = 5_000;

describe('a program that gets a signal in the middle of a rollout', function () {
  this.timeout(30_000);
  let aws: AwsDouble;
  let served: ServedAws;
  let child: ChildProcess;
  let said: string;
  beforeEach(async () => {
    aws = new AwsDouble();
    aws.addFunction('settlement', 2);
    aws.alarms.set('errors', 'OK');
    served = await serveAws(aws);
    said = '';
    child = spawn(process.execPath, [PROGRAM, served.endpoint], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
  });
  afterEach(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await served.stop();
  });

  const split = () => Object.keys(aws.alias('settlement').weights).length > 0;

  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    it(`sends all traffic back within 2 s of ${signal}, says so, and ends by itself`, async () => {
      await until('a part of the traffic is on version 2', split);
      const closed = once(child, 'close') as Promise<[number | null, string | null]>;
      const toldAt = Date.now();
      child.kill(signal);
      const [status, killedBy] = await closed;
      const { version, weights, atMs } = aws.alias('settlement');
      assert.deepEqual([version, weights], ['1', {}]);
      assert.ok(atMs - toldAt < 2_000, `traffic was back after ${atMs - toldAt} ms`);
      assert.ok(Date.now() - toldAt < KILLED_AFTER_MS, `it ended after ${Date.now() - toldAt} ms`);
      assert.deepEqual([status, killedBy], [32, null]);
      const last = said.trimEnd().split('\n').at(-1) ?? '';
      assert.match(
        last,
        new RegExp(
          `^\\{"outcome":"sent_back","message":"settlement: all traffic is back on version 1: the program was told to stop \\(${signal}\\)`,
        ),
      );
    });

  it('does so although a check is still on its way and the service throttles', async () => {
    let checking = false;
    aws.functions.get('settlement')!.invoke = () => {
      checking = true;
      return new Promise(() => undefined);
    };
    await until('the check before is on its way', () => checking);
    aws.fail('UpdateAlias', 'throttle', 2);
    const closed = once(child, 'close');
    const toldAt = Date.now();
    child.kill('SIGINT');
    await closed;
    assert.ok(Date.now() - toldAt < KILLED_AFTER_MS);
    assert.match(said, /version 2 got no traffic: the program was told to stop \(SIGINT\)/);
    assert.match(aws.alias('settlement').description, /^rollout 1 to 2 sent back/);
  });

  it('leaves a split alias that serves when it is killed outright', async () => {
    await until('a part of the traffic is on version 2', split);
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
    assert.deepEqual(aws.alias('settlement').weights, { 2: 0.1 });
  });
});
