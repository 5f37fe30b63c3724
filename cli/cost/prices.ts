/** One list price. */
interface Price {
  readonly usd: number;
  /** What it is for. */
  readonly per: string;
  /** `list`: as published for the region. `bound`: not looked up for the region; taken high, so that a bill is lower. */
  readonly is: 'list' | 'bound';
}

/** Where the prices stand. They are second-hand, without tax, and change: look them up again before you decide by them. */
export const PRICES_AS_OF = {
  region: 'ap-northeast-2',
  date: '2025-11',
  source: "AWS's public price lists, noted down second-hand in late 2025",
  caution: 'to be re-checked before anything is decided by them: https://calculator.aws',
} as const;

const list = (usd: number, per: string): Price => ({ usd, per, is: 'list' });
const bound = (usd: number, per: string): Price => ({ usd, per, is: 'bound' });

/**
 * List prices in Seoul, USD. What AWS gives an account for nothing is not taken off, but for the dashboard: three of up to fifty metrics each cost nothing.
 */
export const PRICES = {
  auroraAcuHour: list(0.2, 'ACU-hour, Aurora Serverless v2, standard storage'),
  auroraStorage: list(0.12, 'GB-month'),
  auroraIo: list(0.24, 'million I/O'),
  auroraBackup: bound(0.023, 'GB-month beyond what the cluster itself holds'),
  natHour: list(0.059, 'hour of a NAT gateway'),
  natGb: list(0.059, 'GB through it'),
  publicIpv4Hour: list(0.005, 'hour of an address'),
  interfaceEndpointHour: list(0.013, 'hour and zone'),
  transferOutGb: bound(0.126, 'GB to the internet'),
  lambdaGbSecond: list(0.0000133334, 'GB-second, arm64'),
  lambdaMillion: list(0.2, 'million requests'),
  httpApiMillion: bound(1.25, 'million requests of an HTTP API'),
  sqsMillion: bound(0.5, 'million requests, FIFO; other queues are cheaper'),
  eventsMillion: bound(1.15, 'million events, and as many again into the archive'),
  schedulerMillion: bound(1.25, 'million invocations'),
  secretMonth: list(0.4, 'secret-month'),
  secretCalls: list(5, 'million calls'),
  keyMonth: list(1, 'key-month'),
  keyCalls: bound(3, 'million calls'),
  logsGb: list(0.76, 'GB taken in'),
  logsStoredGb: bound(0.0314, 'GB-month kept'),
  customMetric: bound(0.3, 'metric-month'),
  alarm: list(0.1, 'alarm-month'),
  tracesMillion: bound(5, 'million traces recorded'),
  s3Gb: bound(0.025, 'GB-month'),
  fargateVcpuHour: bound(0.04656, 'vCPU-hour, at the x86 price'),
  fargateGbHour: bound(0.00511, 'GB-hour, at the x86 price'),
  loadBalancerHour: bound(0.0225, 'hour of an application load balancer'),
  loadBalancerUnitHour: bound(0.008, 'LCU-hour'),
  t4gSmallHour: bound(0.0208, 'hour of a t4g.small'),
  ebsGb: bound(0.0912, 'GB-month, gp3'),
} as const satisfies Readonly<Record<string, Price>>;

export type PriceName = keyof typeof PRICES;

/** What an amount of something costs, USD. */
export function cost(name: PriceName, amount: number): number {
  return PRICES[name].usd * amount;
}
