import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRequestedAccounts } from '../../../functions/orders/payout-account.repository.ts';
import { approveAccount } from '../../../functions/orders/payout-account.step.ts';
import { systemClock } from '../../../functions/shared/clock.ts';
import { won } from '../../../functions/shared/money.ts';
import { COLLECTION_ACCOUNT } from '../../../local/system.ts';
import { FEE_BP, startShopSystem } from '../../local/shop-system.ts';
import { actingAs } from '../../support/acting.ts';
import { FunctionFailure } from '../../support/aws-double/aws-double.ts';
import { until } from '../../support/until.ts';
import { WORKING } from '../cloud/cloud.ts';
import { Stack, type ExportedState, type Ran, type Running } from '../stack.ts';
import { uploaded } from '../uploaded.ts';

const FUNCTION = 'aws:lambda/function:Function';
const ALIAS = 'aws:lambda/alias:Alias';
const GATE = 'aws:cloudwatch/metricAlarm:MetricAlarm';
const SETTLEMENT = 'functions/transfers/settle.handler.ts';

/** What a stopped program has to bring traffic back, and the engine to end, ms (docs/rollout.md). */
const BACK_MS_MAX = 5_000;
const END_MS_MAX = 30_000;

/** A step of the tests' rollouts lasts a whole minute: the least that a strategy takes. */
const SHIFTED_MS_MAX = 240_000;

/** One stack, from its first deployment on. Each case begins with a stack that is as its program says, and leaves it so. */
describe('dev under the engine', function () {
  this.timeout(900_000);
  let stack: Stack;
  let first: Ran;

  before(async () => {
    stack = await Stack.open('dev');
    first = await stack.up();
    stack.cloud.fillSecrets();
  });

  after(async () => {
    await stack.stop();
  });

  const settlement = (): string => stack.cloud.functionName('settlement');
  const traffic = (): Readonly<Record<string, unknown>> => {
    const { version, weights } = stack.cloud.live.alias(settlement());
    return { version, ...weights };
  };
  const live = (): string => stack.cloud.live.alias(settlement()).version;
  const changeSettlement = (): void => {
    releases += 1;
    stack.edit(SETTLEMENT, (text) => `${text}\nexport const release${releases} = ${releases};\n`);
  };
  let releases = 0;

  const succeeds = async (running: Promise<Ran>): Promise<Ran> => {
    const ran = await running;
    assert.equal(ran.status, 0, ran.said);
    return ran;
  };
  const changesOf = async (work: () => Promise<unknown>): Promise<string[]> => {
    const moment = stack.cloud.calls.length;
    await work();
    return stack.cloud.changesSince(moment);
  };

  it('is made by one `pulumi up`, with every resource of its inventory', async () => {
    assert.equal(first.status, 0, first.said);
    const file = join(import.meta.dirname, '..', '..', 'program', 'names.dev.txt');
    const wanted = readFileSync(file, 'utf8').trimEnd().split('\n');
    const made = (await stack.state()).deployment.resources
      .map(({ urn }) => urn.split('::').slice(2))
      // A URN tells all parents' types, the inventory the last one's.
      .map(([types = '', name]) => `${types.split('$').slice(-2).join('$')} ${name ?? ''}`)
      .filter((name) => !/^pulumi:|^(aws:ec2|awsx:ec2:Vpc\$)/.test(name));
    assert.deepEqual(made.sort(), wanted.sort());
    assert.equal(stack.cloud.count('update'), 0);
    assert.equal(stack.cloud.count('create', FUNCTION), 12);
  });

  it('shows no difference when it is deployed again, and changes nothing', async () => {
    const changes = await changesOf(() => succeeds(stack.up({}, '--expect-no-changes')));
    assert.deepEqual(changes, []);
  });

  it('changes one version and one alias when the source of one function changes', async () => {
    const before = live();
    changeSettlement();
    const changes = await changesOf(() => succeeds(stack.up()));
    assert.deepEqual(changes, [`update ${ALIAS} settlement`, `update ${FUNCTION} settlement`]);
    assert.deepEqual(traffic(), { version: String(Number(before) + 1) });
  });

  it('changes the logs alone when the configuration says how long they are kept', async () => {
    stack.configure({
      'smart-transfer:retention': { ...stack.configured('smart-transfer:retention'), logDays: 60 },
    });
    const changes = await changesOf(() => succeeds(stack.up()));
    assert.equal(changes.length, 14);
    for (const change of changes) assert.match(change, /^update aws:cloudwatch\/logGroup:LogGroup /);
  });

  it('finds what it knows when it is refreshed, and puts back what somebody changed by hand', async () => {
    const refresh = ['refresh', '--yes', '--skip-preview', '--stack', 'dev'];
    await succeeds(stack.pulumi([...refresh, '--expect-no-changes']));
    const topic = stack.cloud.named(GATE, 'api-errors');
    const [inputs, outputs] = [topic.inputs, topic.outputs];
    topic.inputs = { ...inputs, threshold: 1_000_000 };
    topic.outputs = { ...outputs, threshold: 1_000_000 };
    const refreshed = await succeeds(stack.pulumi(refresh));
    assert.match(refreshed.said, /~ 1 updated/);
    const changes = await changesOf(() => succeeds(stack.up()));
    assert.deepEqual(changes, [`update ${GATE} api-errors`]);
    assert.equal(stack.cloud.named(GATE, 'api-errors').outputs['threshold'], inputs['threshold']);
  });

  it('moves no alias when the migration fails, and goes on with the next `pulumi up`', async () => {
    const before = traffic();
    changeSettlement();
    stack.edit(
      'functions/migrations/0007-roles.ts',
      (text) => `${text}\n// Another text is another migration.\n`,
    );
    stack.cloud.answer = (name, version, event) => {
      if (name === 'migration') throw new FunctionFailure('migration 0007-roles failed: lock timeout');
      return WORKING(name, version, event);
    };
    let failed: Ran | undefined;
    const changes = await changesOf(async () => (failed = await stack.up()));
    assert.notEqual(failed?.status, 0);
    assert.match(failed?.said ?? '', /migration 0007-roles failed: lock timeout/);
    assert.ok(!changes.some((change) => change.includes(ALIAS)), changes.join('\n'));
    assert.deepEqual(traffic(), before);

    stack.cloud.answer = WORKING;
    const after = await changesOf(() => succeeds(stack.up()));
    assert.ok(after.includes(`update ${ALIAS} settlement`), after.join('\n'));
    assert.deepEqual(traffic(), { version: String(Number(before['version']) + 1) });
  });

  describe('once it is started, with traffic that is shifted step by step', () => {
    before(async () => {
      stack.configure({
        'smart-transfer:started': true,
        'smart-transfer:rollout': {
          ...stack.configured('smart-transfer:rollout'),
          settlement: { kind: 'linear', percent: 50, intervalMinutes: 1 },
        },
      });
      await succeeds(stack.up());
    });

    /** Begins an update, and waits until the new version has its share. */
    const shifting = async (): Promise<Running> => {
      const running = stack.startUp();
      const to = () => String(stack.cloud.named(FUNCTION, 'settlement').outputs['version']);
      await until(
        'half of the traffic has moved',
        () => stack.cloud.live.alias(settlement()).weights[to()] === 0.5,
        SHIFTED_MS_MAX,
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}: ${running.said()}`);
      });
      await running.sees('50 %');
      assert.deepEqual(Object.values(traffic()).slice(0, 1), [0.5], 'the line is said while it is so');
      return running;
    };
    const alarm = (): string => `${settlement()}-rollout-errors-v${versionInState()}`;
    const versionInState = (): string => String(stack.cloud.named(FUNCTION, 'settlement').outputs['version']);
    const versions = (state: ExportedState) => {
      const outputOf = (type: string, output: string) =>
        state.deployment.resources.find(
          ({ type: of, urn }) =>
            of === type && urn.endsWith('::settlement') && !urn.includes('pulumi:providers'),
        )?.outputs?.[output];
      return { function: outputOf(FUNCTION, 'version'), alias: outputOf(ALIAS, 'functionVersion') };
    };

    it('turns back at an alarm, keeps the old version in its state, and shifts at the next `pulumi up`', async () => {
      const before = live();
      changeSettlement();
      const running = await shifting();
      const after = versionInState();
      stack.cloud.live.alarms.set(alarm(), 'ALARM');
      const failed = await running.ended;
      assert.notEqual(failed.status, 0);
      assert.match(
        failed.said,
        new RegExp(`settlement: all traffic is back on version ${before}: the alarm \\S+ is in ALARM`),
      );
      assert.deepEqual(traffic(), { version: before });
      const kept = await stack.state();
      assert.deepEqual(versions(kept), { function: after, alias: before });
      assert.deepEqual(kept.deployment.pending_operations ?? [], []);

      stack.cloud.live.alarms.set(alarm(), 'OK');
      const moment = stack.cloud.live.history(settlement()).length;
      let shifted: Ran | undefined;
      // With what AWS has by now: the alias tells of the rollout that was turned back.
      const changes = await changesOf(async () => (shifted = await succeeds(stack.up({}, '--refresh'))));
      assert.match(shifted?.said ?? '', /50 %/);
      assert.deepEqual(changes, [`delete ${GATE} settlement-rollout-errors`, `update ${ALIAS} settlement`]);
      assert.deepEqual(traffic(), { version: after });
      const steps = stack.cloud.live.history(settlement()).slice(moment);
      assert.ok(steps.some(({ weights }) => weights[after] === 0.5));
      assert.deepEqual(versions(await stack.state()), { function: after, alias: after });
    });

    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      it(`brings traffic back when the run gets ${signal}, says so, and frees the stack`, async () => {
        const before = live();
        if (versionInState() === before) changeSettlement();
        const running = await shifting();
        running.kill(signal);
        const told = performance.now();
        await until('traffic is back', () => Object.keys(traffic()).length === 1, BACK_MS_MAX);
        console.log(`      traffic was back ${Math.round(performance.now() - told)} ms after ${signal}`);
        const ended = await running.ended;
        assert.ok(performance.now() - told < END_MS_MAX);
        assert.notEqual(ended.status, 0);
        assert.match(
          ended.said,
          /all traffic is back on version \d+: the program was told to stop \(SIGINT\)/,
        );
        assert.deepEqual(traffic(), { version: before });
        const state = await stack.state();
        assert.equal(versions(state).alias, before);
      });
    }

    it('brings traffic back when the CLI is killed, and heals at the next run, once the lock is off', async () => {
      const before = live();
      if (versionInState() === before) changeSettlement();
      const running = await shifting();
      running.kill('SIGKILL');
      const told = performance.now();
      await until('traffic is back', () => Object.keys(traffic()).length === 1, BACK_MS_MAX);
      console.log(
        `      traffic was back ${Math.round(performance.now() - told)} ms after SIGKILL of the CLI`,
      );
      await running.ended;
      assert.deepEqual(traffic(), { version: before });

      const locked = await stack.up();
      assert.notEqual(locked.status, 0);
      assert.match(locked.said, /the stack is currently locked/);
      await succeeds(stack.pulumi(['cancel', '--yes', '--stack', 'dev']));
      const healed = await succeeds(stack.up({ ROLLOUT_STRATEGY: 'AllAtOnce' }));
      assert.match(healed.said, /pending/i);
      assert.deepEqual(traffic(), { version: versionInState() });
      assert.deepEqual((await stack.state()).deployment.pending_operations ?? [], []);
    });
  });

  describe('in the end', () => {
    it('keeps no secret in its state: no value of Secrets Manager, no password, no key', async () => {
      stack.cloud.fillSecrets();
      await succeeds(stack.up());
      const state = JSON.stringify(await stack.state());
      assert.ok(state.includes(settlement()), 'the search finds what is there');
      assert.ok(stack.cloud.secretValues.size >= 5);
      for (const [arn, value] of stack.cloud.secretValues) {
        assert.ok(state.includes(arn), 'the state is of this account');
        assert.ok(!state.includes(value), `the state holds the value of ${arn}`);
      }
      for (const [name, value] of Object.entries(stack.secrets()))
        assert.ok(!state.includes(value), `the state holds ${name}`);
    });

    it('has uploaded functions that confirm an order and pay its seller on the local system', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'smart-transfer-uploaded-'));
      const redefined: string[] = [];
      const world = await startShopSystem(folder, {
        redefine: (definition) => {
          redefined.push(definition.name);
          return uploaded(stack.cloud, definition);
        },
      });
      try {
        const { bank } = world.system;
        const shop = await world.addShop('flowers');
        await shop.ask('PUT', '/v1/sellers/haneul', { name: '하늘꽃집' });
        await shop.request('PUT', '/v1/sellers/haneul/payout-account', {
          bank_code: '088',
          account_number: '110200300401',
          account_holder: '하늘꽃집',
        });
        const [waiting] = await readRequestedAccounts(world.system.db);
        const lee = actingAs('lee', systemClock.now());
        await approveAccount(world.system.db, lee, waiting?.payout_account_id ?? 0n);
        const { depositorName } = await shop.place({
          shop_order_id: 'A-1',
          seller_id: 'haneul',
          recipient_name: '김민수',
          amount: 32_000,
        });
        bank.deposit({ account: COLLECTION_ACCOUNT, text: depositorName, amount: won(32_000n) });
        await until(
          'the seller is paid',
          async () => {
            await world.cycle();
            return bank.transfers().length > 0;
          },
          120_000,
        );
        const fee = (32_000 * FEE_BP) / 10_000;
        assert.deepEqual(
          bank.transfers().map((sent) => [sent.toAccountNumber, sent.amount]),
          [['110200300401', won(BigInt(32_000 - fee))]],
        );
        const names = ['api', 'matcher', 'migration', 'operators', 'rotation', 'settlement', 'verification'];
        assert.deepEqual(redefined.sort(), names);
      } finally {
        await world.system.stop();
        rmSync(folder, { recursive: true, force: true });
      }
    });

    it('refuses to be destroyed while it is protected, goes without protection, and can be made again', async () => {
      // With its preview, which is where Pulumi looks for what is protected before it deletes anything.
      const destroy = ['destroy', '--yes', '--stack', 'dev'];
      stack.configure({ 'smart-transfer:protection': true });
      await succeeds(stack.up());
      let refused: Ran | undefined;
      const changes = await changesOf(async () => (refused = await stack.pulumi(destroy)));
      assert.notEqual(refused?.status, 0);
      assert.match(refused?.said ?? '', /protect/);
      assert.deepEqual(changes, []);

      stack.configure({ 'smart-transfer:protection': false });
      await succeeds(stack.up());
      await succeeds(stack.pulumi(destroy));
      assert.deepEqual(stack.cloud.resources, []);
      assert.deepEqual((await stack.state()).deployment.resources, []);

      await succeeds(stack.up());
      await succeeds(stack.up({}, '--expect-no-changes'));
    });
  });
});
