import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { AT_REST, formatNote, parseNote } from '../../components/rollout/alias-note.ts';
import { AwsDouble } from '../support/aws-double/aws-double.ts';
import { serveAws, type ServedAws } from '../support/aws-double/http.ts';

const CLI = fileURLToPath(new URL('../../cli/smart-transfer.ts', import.meta.url));
const arnOf = (name: string) => `arn:aws:lambda:ap-northeast-2:000000000000:function:${name}:live`;
const AT = new Date('2026-03-02T01:00:00Z');

describe('smart-transfer rollout', function () {
  this.timeout(60_000);
  let aws: AwsDouble;
  let served: ServedAws;
  let folder: string;
  beforeEach(async () => {
    aws = new AwsDouble();
    for (const name of ['matcher-fn', 'settlement-fn']) aws.addFunction(name, 3);
    served = await serveAws(aws);
    folder = await mkdtemp(join(tmpdir(), 'smart-transfer-rollout-'));
    // Pulumi, as far as it is asked: what the stack says of its rollouts.
    const outputs = JSON.stringify({
      rollouts: { matcher: { alias: arnOf('matcher-fn') }, settlement: { alias: arnOf('settlement-fn') } },
    });
    await writeFile(
      join(folder, 'pulumi'),
      `#!/bin/sh\n[ "$5" = prod ] || { echo "no stack named '$5'" >&2; exit 255; }\necho '${outputs}'\n`,
    );
    await chmod(join(folder, 'pulumi'), 0o755);
  });
  afterEach(async () => {
    await served.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function say(...args: string[]) {
    const child = spawn(process.execPath, [CLI, 'rollout', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        PATH: `${folder}${delimiter}${process.env['PATH'] ?? ''}`,
        AWS_ENDPOINT_URL: served.endpoint,
        AWS_ACCESS_KEY_ID: 'local',
        AWS_SECRET_ACCESS_KEY: 'local',
      },
    });
    const closed = once(child, 'close') as Promise<[number]>;
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [status] = await closed;
    return { status, out, err };
  }
  const shifting = (percent: number) =>
    formatNote({ kind: 'shifting', from: '1', to: '2', percent, run: 'run', at: AT });

  it("shows each function's versions, shares and what happens", async () => {
    aws.change('settlement-fn', { version: '1', weights: { 2: 0.3 }, description: shifting(30) });
    const { status, out } = await say('status', '--stack', 'prod');
    assert.equal(status, 0);
    const [matcher, settlement] = out.split('\n').map((line) => line.split(/ {2,}/));
    assert.deepEqual(matcher, ['matcher', 'version 1: 100 %', 'at rest']);
    assert.deepEqual(settlement, [
      'settlement',
      'version 1: 70 %, version 2: 30 %',
      'SHIFTING from version 1 to 2, at 30 % since 2026-03-02 10:00:00',
    ]);
    const { out: json } = await say('status', '--stack', 'prod', '--json');
    const { functions } = JSON.parse(json) as {
      functions: Record<string, { state: string; traffic: object }>;
    };
    assert.deepEqual(functions['settlement']?.traffic, { 1: 70, 2: 30 });
    assert.equal(functions['matcher']?.state, 'at_rest');
  });

  it('aborts what is being shifted: traffic back and a mark in one write; resume takes the mark away', async () => {
    aws.change('settlement-fn', { version: '1', weights: { 2: 0.3 }, description: shifting(30) });
    const aborted = await say('abort', '--stack', 'prod', '--reason', 'payouts look odd');
    assert.equal(aborted.status, 0, aborted.err);
    assert.match(aborted.out, /settlement +all traffic is on version 1; nothing shifts until resume/);
    assert.match(aborted.out, /matcher +nothing to do: at rest/);
    const left = aws.alias('settlement-fn');
    assert.deepEqual([left.version, left.weights, aws.history('settlement-fn').length], ['1', {}, 3]);
    const note = parseNote(left.description);
    assert.ok(note?.kind === 'aborted');
    assert.deepEqual([note.by, note.reason], ['kim', 'payouts look odd']);
    assert.match((await say('status', '--stack', 'prod')).out, /ABORTED by kim at .*: payouts look odd/);

    const resumed = await say('resume', '--stack', 'prod', '--function', 'settlement');
    assert.equal(resumed.status, 0, resumed.err);
    assert.deepEqual(aws.alias('settlement-fn').version, '1');
    assert.equal(aws.alias('settlement-fn').description, AT_REST);
    const again = await say('resume', '--stack', 'prod', '--function', 'settlement');
    assert.equal(again.status, 1);
    assert.match(again.err, /nothing to do: at rest/);
  });

  it('sends back, too, what had moved altogether and is only watched', async () => {
    aws.change('settlement-fn', { version: '2', description: shifting(100) });
    assert.equal((await say('abort', '--alias', arnOf('settlement-fn'), '--reason', 'x')).status, 0);
    assert.equal(aws.alias('settlement-fn').version, '1');
  });

  it('says what is missing: a stack, a function, an alias, rights', async () => {
    const refusals: [string[], RegExp][] = [
      [['status'], /which functions\? Name the stack with --stack, or their aliases with --alias <arn>/],
      [
        ['status', '--stack', 'staging'],
        /pulumi stack output --json --stack staging failed: no stack named 'staging'/,
      ],
      [['status', '--stack', 'prod', '--function', 'api'], /there is no function "api": matcher, settlement/],
      [['status', '--alias', 'matcher'], /"matcher" is no alias: write arn:aws:lambda:/],
      [['abort', '--stack', 'prod'], /required option '--reason <text>'/],
      [['abort', '--stack', 'prod', '--reason', 'x'], /matcher +nothing to do/],
    ];
    for (const [args, says] of refusals) {
      const said = await say(...args);
      assert.equal(said.status, 1, args.join(' '));
      assert.match(said.err, says);
    }
  });
});
