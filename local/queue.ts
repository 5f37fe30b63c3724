import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { buildApp } from 'fauxqs';
import { LOCAL_ACCOUNT, LOCAL_REGION } from './aws-json-server.ts';

/** How long a message stays in a dead-letter queue: fourteen days, the longest that SQS offers. */
const DLQ_RETENTION_S = 14 * 24 * 60 * 60;

export interface FifoQueueSettings {
  /** How long a received message is hidden, in whole seconds. */
  readonly visibilityTimeoutS: number;
  /** After so many receives without a delete a message goes to the dead-letter queue. */
  readonly maxReceiveCount: number;
}

export interface FifoQueueWithDlq {
  readonly queueUrl: string;
  readonly queueArn: string;
  readonly dlqUrl: string;
  readonly dlqArn: string;
}

/** What a poller of a queue needs. */
export interface StandardQueue {
  readonly queueUrl: string;
  readonly queueArn: string;
}

export interface LocalQueue {
  /** For `AWS_ENDPOINT_URL_SQS`. */
  readonly endpoint: string;
  readonly port: number;
  /** Makes a FIFO queue and its dead-letter queue. `name` has no `.fifo`. */
  createFifoQueueWithDlq(name: string, settings: FifoQueueSettings): Promise<FifoQueueWithDlq>;
  /** Makes a standard queue. */
  createStandardQueue(name: string, visibilityTimeoutS: number): Promise<StandardQueue>;
  /** A client of its own for the caller, who destroys it. */
  client(): SQSClient;
  /**
   * What a crash of the service would do: every message and every receipt is lost, open calls break, and the queues are there
   * again, empty, under the same addresses.
   */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Runs an SQS emulator (npm package `fauxqs`) on 127.0.0.1 in this process. It keeps messages in memory only: with its data
 * folder a message whose visibility is set to 0 would be lost, and the database sends again whatever a lost queue held.
 */
export async function startQueue(options: { port?: number } = {}): Promise<LocalQueue> {
  let emulator = await startEmulator(options.port ?? 0);
  const { port } = emulator;
  const endpoint = `http://127.0.0.1:${port}`;
  const made = new Map<string, FifoQueueSettings>();
  const madeStandard = new Map<string, number>();

  const createStandard = async (name: string, visibilityTimeoutS: number): Promise<StandardQueue> => {
    const client = clientOf(endpoint);
    try {
      const Attributes = { VisibilityTimeout: String(visibilityTimeoutS) };
      await client.send(new CreateQueueCommand({ QueueName: name, Attributes }));
      return { queueUrl: urlOf(endpoint, name), queueArn: arnOf(name) };
    } finally {
      client.destroy();
    }
  };

  const create = async (name: string, settings: FifoQueueSettings): Promise<FifoQueueWithDlq> => {
    const client = clientOf(endpoint);
    try {
      return await createPair(client, endpoint, name, settings);
    } finally {
      client.destroy();
    }
  };

  return {
    endpoint,
    port,
    client: () => clientOf(endpoint),
    async createFifoQueueWithDlq(name, settings) {
      made.set(name, settings);
      return await create(name, settings);
    },
    async createStandardQueue(name, visibilityTimeoutS) {
      madeStandard.set(name, visibilityTimeoutS);
      return await createStandard(name, visibilityTimeoutS);
    },
    async restart() {
      await emulator.close();
      emulator = await startEmulator(port);
      for (const [name, settings] of made) await create(name, settings);
      for (const [name, visibilityS] of madeStandard) await createStandard(name, visibilityS);
    },
    stop: () => emulator.close(),
  };
}

interface Emulator {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts the emulator's application by hand: its own start function listens on every address of the machine. */
async function startEmulator(port: number): Promise<Emulator> {
  const app = buildApp({ logger: false, defaultRegion: LOCAL_REGION });
  const address = await app.listen({ port, host: '127.0.0.1' });
  return {
    port: Number(new URL(address).port),
    close: async () => {
      await app.close();
    },
  };
}

function clientOf(endpoint: string): SQSClient {
  return new SQSClient({
    endpoint,
    region: LOCAL_REGION,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
}

async function createPair(
  client: SQSClient,
  endpoint: string,
  name: string,
  settings: FifoQueueSettings,
): Promise<FifoQueueWithDlq> {
  const dlqArn = arnOf(`${name}-dlq.fifo`);
  await createFifo(client, `${name}-dlq.fifo`, { MessageRetentionPeriod: String(DLQ_RETENTION_S) });
  await createFifo(client, `${name}.fifo`, {
    VisibilityTimeout: String(settings.visibilityTimeoutS),
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dlqArn, maxReceiveCount: settings.maxReceiveCount }),
  });
  return {
    queueUrl: urlOf(endpoint, `${name}.fifo`),
    queueArn: arnOf(`${name}.fifo`),
    dlqUrl: urlOf(endpoint, `${name}-dlq.fifo`),
    dlqArn,
  };
}

async function createFifo(
  client: SQSClient,
  name: string,
  attributes: Record<string, string>,
): Promise<void> {
  await client.send(
    new CreateQueueCommand({ QueueName: name, Attributes: { FifoQueue: 'true', ...attributes } }),
  );
}

/** The emulator's own addresses have the host `sqs.<region>.localhost`, which does not resolve everywhere; it finds a queue by its name. */
function urlOf(endpoint: string, name: string): string {
  return `${endpoint}/${LOCAL_ACCOUNT}/${name}`;
}

function arnOf(name: string): string {
  return `arn:aws:sqs:${LOCAL_REGION}:${LOCAL_ACCOUNT}:${name}`;
}
