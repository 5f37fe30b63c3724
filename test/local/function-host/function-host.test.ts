import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { LocalFunction } from '../../../local/function-host/function-host.ts';
import type { InvocationResult } from '../../../local/function-host/invocation.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { createHostForTest, type HostForTest } from './host-for-test.ts';

interface ProbeAnswer {
  readonly pid: number;
  readonly invocations: number;
  readonly event: unknown;
  readonly environment: Record<string, string>;
  readonly requestId: string;
  readonly functionName: string;
  readonly arn: string;
  readonly remainingMs: number;
}

describe('function host', () => {
  const folder = temporaryFolder();
  let host: HostForTest;

  beforeEach(() => {
    host = createHostForTest(folder());
  });
  afterEach(() => host.stop());

  it('hands the event in and the answer out', async () => {
    const probe = await host.define('probe', { timeoutMs: 7_000 });
    const answer = await ask(probe, { ms: 1, file: '한글' });
    assert.deepEqual(answer.event, { ms: 1, file: '한글' });
    assert.equal(answer.functionName, 'probe');
    assert.equal(answer.arn, probe.arn);
    assert.match(answer.requestId, /^[0-9a-f-]{36}$/);
    assert.ok(answer.remainingMs > 0 && answer.remainingMs <= 7_000, `${answer.remainingMs} ms`);
  });

  it('shows the function what Lambda shows it, what it is given, and nothing of this process', async () => {
    process.env['ONLY_OF_THE_PARENT'] = 'secret';
    const probe = await host.define('probe', { environment: { GIVEN: 'yes' } });
    const { environment } = await ask(probe, {});
    delete process.env['ONLY_OF_THE_PARENT'];
    assert.equal(environment['ONLY_OF_THE_PARENT'], undefined);
    assert.equal(environment['GIVEN'], 'yes');
    assert.equal(environment['AWS_REGION'], 'ap-northeast-2');
    assert.equal(environment['AWS_LAMBDA_FUNCTION_NAME'], 'probe');
    assert.equal(environment['TZ'], 'UTC');
    assert.notEqual(environment['HOME'], process.env['HOME']);
  });

  it('gives two events at the same moment a process each, though one is warm', async () => {
    const probe = await host.define('probe', { maximumConcurrency: 2 });
    const { pid } = await ask(probe, {});
    const both = await Promise.all([ask(probe, {}), ask(probe, {})]);
    assert.equal(both.filter((one) => one.pid === pid).length, 1);
    assert.equal(new Set(both.map((one) => one.pid)).size, 2);
  });

  it('keeps a warm process for the next invocation', async () => {
    const probe = await host.define('probe');
    const first = await ask(probe, {});
    const second = await ask(probe, {});
    assert.equal(second.pid, first.pid);
    assert.equal(second.invocations, 2);
    assert.deepEqual(probe.sandboxes(), [{ pid: first.pid, state: 'idle' }]);
  });

  for (const way of ['spin', 'hang']) {
    it(`kills a function that would ${way} beyond its time, and the next invocation succeeds`, async () => {
      const probe = await host.define('probe', { timeoutMs: 300 });
      const { pid } = await ask(probe, {});
      assert.deepEqual(await probe.invoke({ do: way }), { outcome: 'timed_out' });
      assert.ok(!isAlive(pid));
      assert.equal(host.exits[0]?.cause, 'timed_out');
      assert.notEqual((await ask(probe, {})).pid, pid);
    });
  }

  it('reports a process that exits, and the next invocation succeeds', async () => {
    const probe = await host.define('probe');
    assert.deepEqual(await probe.invoke({ do: 'exit' }), { outcome: 'crashed', exitCode: 3, signal: null });
    assert.equal(host.exits[0]?.cause, 'crashed');
    assert.equal((await ask(probe, {})).invocations, 1);
  });

  it('reports a process that is killed in its work', async () => {
    const probe = await host.define('probe');
    await ask(probe, {});
    const result = probe.invoke({ do: 'hang' });
    await until('it works', () => probe.sandboxes()[0]?.state === 'busy');
    process.kill(probe.sandboxes()[0]!.pid, 'SIGKILL');
    assert.deepEqual(await result, { outcome: 'crashed', exitCode: null, signal: 'SIGKILL' });
  });

  it('replaces a process that is killed while frozen', async () => {
    const probe = await host.define('probe');
    const { pid } = await ask(probe, {});
    process.kill(pid, 'SIGKILL');
    await until('its end is reported', () => host.exits.length === 1);
    assert.deepEqual(host.exits, [
      { functionName: 'probe', pid, exitCode: null, signal: 'SIGKILL', cause: 'crashed' },
    ]);
    assert.notEqual((await ask(probe, {})).pid, pid);
  });

  it('tells the error that a handler throws, and keeps the process', async () => {
    const probe = await host.define('probe');
    const { pid } = await ask(probe, {});
    const result = await probe.invoke({ do: 'throw' });
    assert.ok(result.outcome === 'failed');
    assert.equal(result.errorType, 'TypeError');
    assert.equal(result.errorMessage, 'thrown by the handler');
    assert.match(result.stack ?? '', /index\.mjs/);
    assert.equal((await ask(probe, {})).pid, pid);
  });

  it('tells a rejection that nobody handles, and replaces the process', async () => {
    const probe = await host.define('probe');
    const result = await probe.invoke({ do: 'reject' });
    assert.ok(result.outcome === 'failed');
    assert.equal(result.errorType, 'Runtime.UnhandledPromiseRejection');
    assert.equal(result.errorMessage, 'nobody awaits this');
    assert.equal(host.exits[0]?.exitCode, 128);
    assert.equal((await ask(probe, {})).invocations, 1);
  });

  it('refuses an answer of more than 6 MB', async () => {
    const probe = await host.define('probe');
    const result = await probe.invoke({ do: 'large' });
    assert.ok(result.outcome === 'failed');
    assert.equal(result.errorType, 'Function.ResponseSizeTooLarge');
  });

  it('tells why a function cannot be loaded', async () => {
    const broken = await host.define('broken');
    const result = await broken.invoke({});
    assert.ok(result.outcome === 'failed');
    assert.equal(result.errorType, 'RangeError');
    assert.equal(result.errorMessage, 'this module never loads');
    assert.equal(host.exits[0]?.cause, 'init_failed');
    assert.deepEqual(broken.sandboxes(), []);
  });

  it('refuses a handler that takes a callback', async () => {
    const result = await (await host.define('legacy')).invoke({});
    assert.ok(result.outcome === 'failed');
    assert.equal(result.errorType, 'Runtime.CallbackHandlerDeprecated');
  });

  it('lets no timer run between invocations', async () => {
    const file = join(folder(), 'ticks');
    const probe = await host.define('probe');
    await probe.invoke({ do: 'tick', file });
    const { pid } = probe.sandboxes()[0]!;
    await until('it is stopped', () => processState(pid) === 'T');
    const ticks = existsSync(file) ? statSync(file).size : 0;
    // Another process has run a hundred times as long as a tick by the end of this.
    await ask(await host.define('probe', { name: 'other' }), { do: 'wait', ms: 200 });
    assert.equal(existsSync(file) ? statSync(file).size : 0, ticks);
    await ask(probe, { do: 'wait', ms: 50 });
    assert.ok(statSync(file).size > ticks);
  });

  it('lets timers run between invocations where freezing is off', async () => {
    const file = join(folder(), 'ticks');
    const thawed = createHostForTest(join(folder(), 'thawed'), { freeze: false });
    await (await thawed.define('probe')).invoke({ do: 'tick', file });
    await until('it ticks', () => existsSync(file) && statSync(file).size > 5);
    await thawed.stop();
  });

  it('throttles an invocation beyond the concurrency', async () => {
    const probe = await host.define('probe', { maximumConcurrency: 2 });
    const working = [probe.invoke({ do: 'wait', ms: 300 }), probe.invoke({ do: 'wait', ms: 300 })];
    assert.deepEqual(await probe.invoke({}), { outcome: 'throttled' });
    const outcomes = (await Promise.all(working)).map(({ outcome }) => outcome);
    assert.deepEqual(outcomes, ['returned', 'returned']);
    assert.equal(probe.sandboxes().length, 2);
  });

  it('queues an invocation beyond the concurrency for as long as it is asked to', async () => {
    const probe = await host.define('probe');
    const first = probe.invoke({ do: 'wait', ms: 200 });
    const [impatient, patient] = await Promise.all([
      probe.invoke({}, { queueMsMax: 1 }),
      probe.invoke({}, { queueMsMax: 10_000 }),
    ]);
    assert.equal(impatient.outcome, 'throttled');
    assert.equal(answerOf(patient).invocations, 2);
    assert.equal(answerOf(await first).invocations, 1);
  });

  it('runs on when a caller hangs up', async () => {
    const probe = await host.define('probe');
    await ask(probe, {});
    const caller = new AbortController();
    const left = probe.invoke({ do: 'wait', ms: 100 }, { signal: caller.signal });
    caller.abort(new Error('the caller left'));
    await assert.rejects(left, /the caller left/);
    assert.equal(answerOf(await probe.invoke({}, { queueMsMax: 10_000 })).invocations, 3);
  });

  it('passes on what a function writes, a line at a time', async () => {
    const probe = await host.define('probe');
    const result = await probe.invoke({ do: 'log' });
    await until('three lines are read', () => host.lines.length === 3);
    const texts = (stream: string) =>
      host.lines.filter((line) => line.stream === stream).map(({ text }) => text);
    assert.deepEqual(texts('stdout'), ['one line', 'another line']);
    assert.deepEqual(texts('stderr'), ['an error line']);
    assert.ok(
      host.lines.every(({ functionName, pid }) => functionName === 'probe' && pid === answerOf(result).pid),
    );
  });

  it('leaves no process behind when it stops', async () => {
    const probe = await host.define('probe', { maximumConcurrency: 2 });
    const working = [probe.invoke({ do: 'spin' }), probe.invoke({})];
    await working[1];
    const pids = probe.sandboxes().map(({ pid }) => pid);
    await host.stop();
    assert.equal(pids.length, 2);
    assert.ok(!pids.some(isAlive));
    assert.equal((await working[0]!).outcome, 'crashed');
    await assert.rejects(probe.invoke({}), /is stopped/);
  });

  it('leaves no process behind when its own process is killed', async () => {
    const script = join(import.meta.dirname, '..', 'fixtures', 'start-sandbox.ts');
    const owner = spawn(process.execPath, [script, join(folder(), 'owned')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [line] = (await once(owner.stdout, 'data')) as [Buffer];
      const frozen = Number(line.toString());
      await until('it is stopped', () => processState(frozen) === 'T');
      owner.kill('SIGKILL');
      await until('the frozen process is gone', () => !isAlive(frozen));
    } finally {
      owner.kill('SIGKILL');
    }
  });
});

async function ask(probe: LocalFunction, event: unknown): Promise<ProbeAnswer> {
  return answerOf(await probe.invoke(event));
}

function answerOf(result: InvocationResult): ProbeAnswer {
  assert.ok(result.outcome === 'returned', JSON.stringify(result));
  return result.payload as ProbeAnswer;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return processState(pid) !== 'Z';
  } catch {
    return false;
  }
}

/** The process's state as Linux writes it: T is stopped, Z has ended and nobody asked for its exit code yet. */
function processState(pid: number): string | undefined {
  const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return status.slice(status.lastIndexOf(')') + 2).split(' ')[0];
}
