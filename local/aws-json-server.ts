import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The region and the account of everything local. */
export const LOCAL_REGION = 'ap-northeast-2';
export const LOCAL_ACCOUNT = '000000000000';

/** Requests larger than any that the services take: Secrets Manager 64 KiB, EventBridge 256 KiB, both plus JSON's own characters. */
const REQUEST_BYTES_MAX = 4 * 1024 * 1024;

/** An error that a service tells its caller: the SDK throws one whose `name` is `type`. */
export class AwsError extends Error {
  readonly type: string;
  readonly status: number;

  constructor(type: string, message: string, status = 400) {
    super(message);
    this.name = type;
    this.type = type;
    this.status = status;
  }
}

/** One operation: its input as it was sent, of any shape, to its output. It throws {@link AwsError} to refuse. */
export type AwsOperation = (input: Readonly<Record<string, unknown>>) => unknown;

export interface AwsJsonServerArgs {
  /** The part of `X-Amz-Target` before the dot, such as `secretsmanager`. */
  readonly targetPrefix: string;
  readonly operations: Readonly<Record<string, AwsOperation>>;
  /** A free port unless given. */
  readonly port?: number | undefined;
}

export interface AwsJsonServer {
  /** For `AWS_ENDPOINT_URL_<SERVICE>`. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/**
 * Serves one AWS service's operations on 127.0.0.1 over AWS JSON 1.1, the protocol that the SDK speaks to it (Smithy,
 * "AWS JSON 1.1 protocol": POST /, the operation in `X-Amz-Target`, errors as `__type`). It checks no signature.
 */
export async function startAwsJsonServer(args: AwsJsonServerArgs): Promise<AwsJsonServer> {
  const server = createServer((request, response) => {
    answer(args, request).then(
      (output) => send(response, 200, output),
      (error: unknown) => sendError(response, error),
    );
  });
  const port = await listen(server, args.port ?? 0);
  return {
    endpoint: `http://127.0.0.1:${port}`,
    stop: () => close(server),
  };
}

/** Listens on 127.0.0.1 and answers the port. */
export async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

/** Closes a server and its open connections, so that a client which keeps one alive delays nobody. */
export async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function answer(args: AwsJsonServerArgs, request: IncomingMessage): Promise<unknown> {
  const [prefix, name = ''] = String(request.headers['x-amz-target']).split('.');
  const operation = Object.hasOwn(args.operations, name) ? args.operations[name] : undefined;
  if (request.method !== 'POST' || prefix !== args.targetPrefix || operation === undefined) {
    throw new AwsError('UnknownOperationException', `${args.targetPrefix} has no operation "${name}" here`);
  }
  return await operation(parseInput(await readBody(request)));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > REQUEST_BYTES_MAX)
      throw new AwsError('RequestEntityTooLargeException', 'The request is too large', 413);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseInput(body: string): Readonly<Record<string, unknown>> {
  const refusal = new AwsError('SerializationException', 'The request is not a JSON object');
  let input: unknown;
  try {
    input = JSON.parse(body);
  } catch {
    throw refusal;
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input)) throw refusal;
  return input as Record<string, unknown>;
}

function sendError(response: ServerResponse, error: unknown): void {
  if (error instanceof AwsError) send(response, error.status, { __type: error.type, message: error.message });
  else send(response, 500, { __type: 'InternalServiceError', message: String(error) });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.1',
    'x-amzn-requestid': randomUUID(),
  });
  response.end(JSON.stringify(body ?? {}));
}
