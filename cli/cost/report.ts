import { LINES, monthlyLines, standbyReader, total, type Line, type StackShape } from './model.ts';
import { PEERS, peerLines, type Peer } from './peers.ts';
import { PRICES, PRICES_AS_OF } from './prices.ts';

/** The orders a day that the report tells of. */
export const ORDERS_A_DAY = [0, 100, 1_000, 10_000, 100_000] as const;

/** What a month is to cost at a thousand orders a day at the most, USD: prod with one writer and no standby. */
export const GOALS: Readonly<Record<string, number>> = { dev: 60, prod: 150 };
export const GOAL_ORDERS = 1_000;

interface Cost {
  readonly usd: number;
  readonly lines: Readonly<Record<string, number>>;
}

/** By stack, then by orders a day. */
type Costs = Readonly<Record<string, Readonly<Record<string, Cost>>>>;

export interface CostReport {
  readonly prices: typeof PRICES_AS_OF & { readonly upper_bounds: readonly string[] };
  readonly stacks: Costs;
  readonly peers: Readonly<Record<Peer, Costs>>;
  /** What a stack that may pause would cost at a thousand orders a day if something kept its database awake, and with an address for a bank. */
  readonly what_if: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** One reader more, in another zone, a month. */
  readonly standby_reader: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly goals: Readonly<
    Record<string, { readonly usd_max: number; readonly usd: number; readonly met: boolean }>
  >;
}

/** What stacks cost a month, beside what the same would cost on machines that always run. */
export function costReport(stacks: Readonly<Record<string, StackShape>>): CostReport {
  const each = <T>(work: (stack: StackShape, orders: number) => T) =>
    mapValues(stacks, (stack) =>
      Object.fromEntries(ORDERS_A_DAY.map((orders) => [orders.toString(), work(stack, orders)])),
    );
  const costs = each((stack, orders) => costOf(monthlyLines(stack, orders)));
  const bounds = Object.entries(PRICES).filter(([, { is }]) => is === 'bound');
  return {
    prices: { ...PRICES_AS_OF, upper_bounds: bounds.map(([name]) => name) },
    stacks: costs,
    peers: mapValues(PEERS, (_, peer) => each((stack, orders) => costOf(peerLines(peer, stack, orders)))),
    what_if: mapValues(pausing(stacks), (stack) =>
      mapValues(WHAT_IF, (change) => cents(total(monthlyLines({ ...stack, ...change(stack) }, GOAL_ORDERS)))),
    ),
    standby_reader: each((stack, orders) => cents(standbyReader(stack, orders))),
    goals: mapValues(stacks, (_, name) => {
      const usd = costs[name]?.[GOAL_ORDERS.toString()]?.usd ?? Infinity;
      const most = GOALS[name] ?? Infinity;
      return { usd_max: most, usd, met: usd <= most };
    }),
  };
}

/** What could be otherwise about a stack that may pause. */
const WHAT_IF: Readonly<Record<string, (stack: StackShape) => Partial<StackShape>>> = {
  'as configured': () => ({}),
  'its orders come day and night': () => ({ orderHours: 24 }),
  'a cycle every five minutes, day and night': ({ schedule }) => ({
    schedule: { ...schedule, cycle: 'rate(5 minutes)' },
  }),
  'webhooks swept every minute': ({ schedule }) => ({
    schedule: { ...schedule, webhookSweep: 'rate(1 minute)' },
  }),
  "a bank's test bed, reached by NAT": () => ({ natGateways: 1 }),
};

function pausing(stacks: Readonly<Record<string, StackShape>>): Record<string, StackShape> {
  return Object.fromEntries(Object.entries(stacks).filter(([, { minCapacity }]) => minCapacity === 0));
}

function costOf(lines: Readonly<Record<string, number>>): Cost {
  return { usd: cents(total(lines)), lines: mapValues(lines, cents) };
}

function cents(usd: number): number {
  return Math.round(usd * 100) / 100;
}

function mapValues<Key extends string, From, To>(
  values: Readonly<Record<Key, From>>,
  map: (value: From, key: Key) => To,
): Record<Key, To> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, map(value as From, key as Key)]),
  ) as Record<Key, To>;
}

/** The report as tables, for docs/cost.md and for who types the command. */
export function costTables(report: CostReport): string {
  const parts = Object.entries(report.stacks).map(([name, costs]) => {
    const head = `| ${name}: USD a month, at … orders a day | ${ORDERS_A_DAY.map(withCommas).join(' | ')} |`;
    const rule = `|---|${ORDERS_A_DAY.map(() => '---:').join('|')}|`;
    const row = (title: string, usdOf: (orders: string) => number | undefined) =>
      `| ${title} | ${ORDERS_A_DAY.map((orders) => inTable(usdOf(orders.toString()))).join(' | ')} |`;
    return [
      head,
      rule,
      ...(Object.keys(LINES) as Line[]).map((line) =>
        row(LINES[line], (orders) => costs[orders]?.lines[line]),
      ),
      row('**together**', (orders) => costs[orders]?.usd),
      ...(Object.keys(PEERS) as Peer[]).map((peer) =>
        row(`the same on ${PEERS[peer]}`, (orders) => report.peers[peer][name]?.[orders]?.usd),
      ),
      row('a standby reader would add', (orders) => report.standby_reader[name]?.[orders]),
    ].join('\n');
  });
  const whatIf = Object.entries(report.what_if).map(([name, usd]) =>
    [
      `| ${name} at ${withCommas(GOAL_ORDERS)} orders a day | USD a month |`,
      '|---|---:|',
      ...Object.entries(usd).map(([what, one]) => `| ${what} | ${inTable(one)} |`),
    ].join('\n'),
  );
  return [...parts, ...whatIf].join('\n\n');
}

function withCommas(count: number): string {
  return count.toLocaleString('en-US');
}

function inTable(usd: number | undefined): string {
  return (usd ?? NaN).toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}
