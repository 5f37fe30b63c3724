import { z } from 'zod';

const queue = z.object({ url: z.url(), deadLettersUrl: z.url() });

/** What the probe sends along: the stack's output `probe`. */
export const probeTargetsShape = z.object({
  region: z.string().min(1),
  queues: z.object({
    transfers: queue,
    'webhooks-fast': queue,
    'webhooks-slow': queue,
    'webhook-results': queue,
  }),
  busName: z.string().min(1),
  alarmName: z.string().min(1),
  /** Where the bus's and the topic's messages arrive. */
  probeQueueUrl: z.url(),
  /** The ARNs of the aliases that are asked for a dry run, by the functions' names. */
  functions: z.record(z.string(), z.string().min(1)),
  /** Without a slash at its end. */
  apiUrl: z.url(),
  /** A route that only a signed request passes. */
  operatorsPath: z.string().startsWith('/'),
});

export type ProbeTargets = z.infer<typeof probeTargetsShape>;

export type ProbedQueue = keyof ProbeTargets['queues'];
