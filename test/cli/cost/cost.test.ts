import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { databaseAwakeShare, LINES, monthlyLines, total, type Line } from '../../../cli/cost/model.ts';
import { costReport, costTables, GOALS, ORDERS_A_DAY } from '../../../cli/cost/report.ts';
import { stackShape } from '../../../cli/cost/stack-shape.ts';
import { PRICES, PRICES_AS_OF } from '../../../cli/cost/prices.ts';

const stacks = { dev: stackShape('dev'), prod: stackShape('prod') };
const report = costReport(stacks);

/** To the cent. */
const near = (usd: number, expected: number, what: string) =>
  assert.ok(Math.abs(usd - expected) < 0.005, `${what}: ${usd}, not ${expected}`);

describe('the cost of a stack', () => {
  it('keeps its goal at a thousand orders a day', () => {
    assert.deepEqual(
      Object.entries(report.goals).map(([stack, { usd_max, met }]) => [stack, usd_max, met]),
      Object.entries(GOALS).map(([stack, most]) => [stack, most, true]),
      JSON.stringify(report.goals),
    );
  });

  it('is told for each number of orders, by lines that add up to it', () => {
    for (const costs of Object.values(report.stacks)) {
      assert.deepEqual(Object.keys(costs), ORDERS_A_DAY.map(String));
      for (const { usd, lines } of Object.values(costs)) {
        assert.deepEqual(Object.keys(lines), Object.keys(LINES));
        assert.ok(Math.abs(usd - total(lines)) < 0.01 * Object.keys(lines).length);
      }
    }
  });

  it('grows with orders in every line, and no line is less than nothing', () => {
    for (const stack of Object.values(stacks))
      for (const line of Object.keys(LINES) as Line[]) {
        const usd = ORDERS_A_DAY.map((orders) => monthlyLines(stack, orders)[line]);
        assert.deepEqual(
          usd,
          [...usd].sort((a, b) => a - b),
          line,
        );
        assert.ok((usd[0] ?? -1) >= 0, line);
      }
  });

  it('is what its settings say: half an ACU day and night, and one gateway with its address', () => {
    const { database, egress } = monthlyLines(stacks.prod, 0);
    near(database, 0.5 * 730 * 0.2, 'database');
    assert.ok(egress >= 730 * (0.059 + 0.005) && egress < 730 * (0.059 + 0.005) + 1, `egress ${egress}`);
    const twoGateways = monthlyLines({ ...stacks.prod, natGateways: 2 }, 0).egress;
    near(twoGateways - egress, 730 * (0.059 + 0.005), 'a second gateway');
  });

  it('doubles its database with a standby reader, which the report names the price of', () => {
    const { database } = monthlyLines({ ...stacks.prod, readers: 1 }, 1000);
    near(database, 2 * monthlyLines(stacks.prod, 1000).database, 'with a reader');
    near(report.standby_reader['prod']?.['1000'] ?? 0, monthlyLines(stacks.prod, 1000).database, 'reader');
  });

  it('shows what keeps a database awake that may pause', () => {
    const awake = (change: Partial<typeof stacks.dev>, orders = 0) =>
      databaseAwakeShare({ ...stacks.dev, ...change }, orders);
    const { schedule } = stacks.dev;
    assert.ok(awake({}) < 0.2, `at rest for most of the week: ${awake({})}`);
    assert.equal(awake({ schedule: { ...schedule, cycle: 'rate(5 minutes)' } }), 1);
    assert.equal(awake({ schedule: { ...schedule, webhookSweep: 'rate(1 minute)' } }), 1);
    assert.ok(awake({}, 100) > awake({}));
    assert.ok(
      awake({}, 1_000_000) <= stacks.dev.orderHours / 24 + 1e-9,
      'orders keep it awake while they come',
    );
    assert.equal(awake({ minCapacity: 0.5 }), 1);
    for (const usd of Object.values(report.what_if['dev'] ?? {}).slice(1))
      assert.ok(usd > (report.what_if['dev']?.['as configured'] ?? Infinity) + 30);
  });

  it('is less than that of machines that always run, at a thousand orders a day', () => {
    for (const stack of ['dev', 'prod'] as const)
      for (const peer of Object.values(report.peers))
        assert.ok(
          (peer[stack]?.['1000']?.usd ?? 0) > (report.stacks[stack]?.['1000']?.usd ?? Infinity),
          stack,
        );
  });

  it('is reckoned by prices that say where they stand and which are bounds', () => {
    assert.match(PRICES_AS_OF.date, /^\d{4}-\d{2}$/);
    assert.match(PRICES_AS_OF.caution, /re-checked/);
    for (const [name, { usd, per }] of Object.entries(PRICES)) {
      assert.ok(usd > 0 && per !== '', name);
    }
    assert.ok(report.prices.upper_bounds.includes('customMetric'));
    assert.ok(!report.prices.upper_bounds.includes('auroraAcuHour'));
  });

  it('stands in docs/cost.md as the command prints it', () => {
    const doc = readFileSync(new URL('../../../docs/cost.md', import.meta.url), 'utf8');
    const [, shown] = /<!-- npx smart-transfer cost -->\n\n([\s\S]*?)\n\n<!-- end -->/.exec(doc) ?? [];
    assert.equal(
      shown,
      costTables(report),
      'put the output of npx smart-transfer cost between the two marks',
    );
  });
});
