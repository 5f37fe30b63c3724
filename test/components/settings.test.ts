import assert from 'node:assert/strict';
import { bankUrl, readSettings, settingsShape } from '../../components/settings.ts';
import { assertDescribed, keysOf } from '../support/config-keys.ts';
import { asTexts, stackConfig } from '../support/deployed-stack.ts';

/** A stack's configuration with one value at a path in place of what it has; `undefined` takes it away. */
function changed(stack: 'dev' | 'prod', path: string, value: unknown): Record<string, string> {
  const config = stackConfig(stack);
  const [first = '', ...rest] = path.split('.');
  const steps = [`smart-transfer:${first}`, ...rest];
  let at = config;
  for (const step of steps.slice(0, -1)) at = at[step] as Record<string, unknown>;
  const last = steps.at(-1)!;
  if (value === undefined) Reflect.deleteProperty(at, last);
  else at[last] = value;
  return asTexts(config);
}

describe("a stack's settings", () => {
  for (const stack of ['dev', 'prod'] as const)
    it(`are read from Pulumi.${stack}.yaml`, () => {
      const settings = readSettings(asTexts(stackConfig(stack)));
      assert.equal(settings.started, false);
      assert.equal(settings.bank.kind, stack === 'dev' ? 'simulator' : 'kftc');
      assert.equal(settings.bank.callTimeoutSeconds, 20);
    });

  it('of prod lack what only a person knows, and the error names each with what to type', () => {
    const config = stackConfig('prod');
    config['smart-transfer:bank'] = { kind: 'kftc' };
    config['smart-transfer:alarms'] = { missedCycles: true };
    assert.throws(
      () => readSettings(asTexts(config)),
      (error: Error) => {
        for (const line of [
          'smart-transfer:bank.collection.holder is missing; for example: pulumi config set --path \'smart-transfer:bank.collection.holder\' "Shop Ltd"',
          "smart-transfer:bank.payoutAccount is missing; for example: pulumi config set --path 'smart-transfer:bank.payoutAccount' \"1202200",
          'smart-transfer:alarms.emails is missing; for example: pulumi config set --path \'smart-transfer:alarms.emails[0]\' "payments@shop.example"',
        ])
          assert.ok(error.message.includes(line), `${line}\n\nis not in\n\n${error.message}`);
        return true;
      },
    );
  });

  const refused: readonly [string, unknown, RegExp][] = [
    [
      'started',
      'yes',
      /smart-transfer:started: .*boolean.*; for example: pulumi config set .*started' false/,
    ],
    ['started', undefined, /smart-transfer:started is missing/],
    ['stared', true, /smart-transfer:stared is unknown; remove it: pulumi config rm --path/],
    ['database.minCapcity', 1, /smart-transfer:database\.minCapcity is unknown/],
    ['database.minCapacity', 0.3, /database\.minCapacity: .*0\.5.*; for example: .*0\.5/],
    ['database.minCapacity', 64, /database\.maxCapacity: is less than minCapacity 64/],
    ['database.minCapacity', 0, /database\.pauseAfterSeconds: is missing, and minCapacity is 0/],
    ['database.pauseAfterSeconds', 300, /database\.pauseAfterSeconds: is of no use/],
    ['database.engineVersion', '16.4', /database\.engineVersion/],
    [
      'network.zones',
      ['ap-northeast-2a'],
      /network\.zones: .*; for example: .*zones\[0\]' "ap-northeast-2a"/,
    ],
    ['network.natStrategy', undefined, /network\.natStrategy: is missing, and egress is `nat`/],
    ['network.interfaceEndpoints', ['sqs'], /network\.interfaceEndpoints/],
    ['schedule.cycle', '5 minutes', /schedule\.cycle: write rate\(…\) or cron/],
    [
      'rollout.settlement',
      'Linear',
      /rollout\.settlement: .*write one of AllAtOnce, Canary10Percent5Minutes/,
    ],
    ['rollout.matcher', undefined, /rollout\.matcher is missing/],
    [
      'concurrency.reserved.settlement',
      5,
      /concurrency\.reserved\.settlement: is 5; with settlementMaximum 4 .* needs 6/,
    ],
    ['concurrency.settlementMaximum', 1, /concurrency\.settlementMaximum/],
    ['retention.logDays', 31, /retention\.logDays/],
    ['alarms.emails', ['nobody'], /alarms\.emails/],
    ['limits.transferWon', '30,000,000', /limits\.transferWon/],
    ['limits.dailyWon', '0', /limits\.dailyWon/],
    ['bank.kind', 'sandbox', /smart-transfer:bank/],
    ['bank.collection.number', '12-34', /bank\.collection\.number/],
    ['bank.callTimeoutSeconds', 60, /bank\.callTimeoutSeconds/],
  ];
  for (const [path, value, message] of refused)
    it(`refuse ${path} = ${value === undefined ? 'nothing' : JSON.stringify(value)} by its name`, () => {
      assert.throws(() => readSettings(changed('prod', path, value)), message);
    });

  it('refuse a real bank where nothing has an address that it could allow-list', () => {
    for (const kind of ['kftc', 'kftc_test'])
      assert.throws(
        () => readSettings(changed('dev', 'bank.kind', kind)),
        /network\.egress: is none, and a bank of kind kftc/,
      );
  });

  it('refuse gateways and endpoints that nobody would use', () => {
    assert.throws(
      () => readSettings(changed('dev', 'network.natStrategy', 'one')),
      /network\.natStrategy: says which gateways to make, and egress `none` has none/,
    );
    assert.throws(
      () => readSettings(changed('dev', 'network.interfaceEndpoints', ['kms'])),
      /network\.interfaceEndpoints: are of no use with egress `none`/,
    );
  });

  it('take amounts as text and as numbers, and have no limit where there is none', () => {
    assert.equal(
      readSettings(changed('prod', 'limits.transferWon', 5_000_000)).limits.transferWon,
      '5000000',
    );
    assert.equal(
      readSettings(changed('prod', 'limits.transferWon', undefined)).limits.transferWon,
      undefined,
    );
  });

  it('are all described, each with an example that it takes itself', () => {
    assert.ok(keysOf(settingsShape).length > 50);
    assertDescribed(settingsShape);
  });

  it("leave to others what is not the project's own", () => {
    assert.doesNotThrow(() => readSettings({ ...asTexts(stackConfig('dev')), 'aws:defaultTags': '{}' }));
  });

  it('know where KFTC answers', () => {
    assert.deepEqual(
      [bankUrl('kftc'), bankUrl('kftc_test')],
      ['https://openapi.openbanking.or.kr', 'https://testapi.openbanking.or.kr'],
    );
  });
});
