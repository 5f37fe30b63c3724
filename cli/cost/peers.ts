import { HOURS, monthlyLines, type Line, type StackShape } from './model.ts';
import { cost } from './prices.ts';

/**
 * The same work by what always runs. Database, queues, secrets, logs and alarms stay what they are; functions and the API's gateway give way to machines and a load balancer. A process that runs day and night
 * is taken to leave the database alone as the functions do, so that it may pause: a pool that stays open would keep it awake.
 */
export const PEERS = {
  fargate: 'ECS Fargate',
  ec2: 'EC2',
} as const;

export type Peer = keyof typeof PEERS;

const REPLACED: readonly Line[] = ['functions', 'api'];

/** Orders a day beyond which one more of each machine is taken. */
const ORDERS_OF_A_MACHINE = 50_000;

/** A load balancer in two zones has an address in each. */
const BALANCER_ADDRESSES = 2;

/** How many machines do the same: one where a stack may stand still for minutes, two where it may not, as Lambda does not. */
function machines(stack: StackShape, ordersADay: number): number {
  const mayStandStill = stack.minCapacity === 0;
  return (mayStandStill ? 1 : 2) + Math.floor(ordersADay / ORDERS_OF_A_MACHINE);
}

function balancer(): number {
  return (
    cost('loadBalancerHour', HOURS) +
    cost('loadBalancerUnitHour', HOURS) +
    cost('publicIpv4Hour', BALANCER_ADDRESSES * HOURS)
  );
}

/** What the machines cost: an API of 0.25 vCPU and 0.5 GB and a worker of 0.5 vCPU and 1 GB; or one t4g.small with 20 GB for both. */
function compute(peer: Peer, stack: StackShape, ordersADay: number): number {
  const count = machines(stack, ordersADay);
  switch (peer) {
    case 'fargate':
      return count * HOURS * (cost('fargateVcpuHour', 0.75) + cost('fargateGbHour', 1.5));
    case 'ec2':
      return count * (cost('t4gSmallHour', HOURS) + cost('ebsGb', 20));
    default:
      return peer satisfies never;
  }
}

/** What a stack would cost a month on Fargate or EC2, by line, USD. */
export function peerLines(peer: Peer, stack: StackShape, ordersADay: number): Record<string, number> {
  const kept = Object.entries(monthlyLines(stack, ordersADay)).filter(
    ([line]) => !REPLACED.includes(line as Line),
  );
  return {
    ...Object.fromEntries(kept),
    machines: compute(peer, stack, ordersADay),
    load_balancer: balancer(),
  };
}
