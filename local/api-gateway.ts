import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { LOCAL_ACCOUNT } from './aws-json-server.ts';
import type { LocalFunction } from './function-host/function-host.ts';

export interface ApiGatewayOptions {
  /** A free one unless given. */
  readonly port?: number;
  readonly target: LocalFunction;
}

export interface LocalApiGateway {
  /** Without a slash at its end. */
  readonly url: string;
  stop(): Promise<void>;
}

/** API Gateway takes no more than this (its quotas, payload size), and waits this long for a function at the most. */
const REQUEST_BYTES_MAX = 10 * 1024 * 1024;

/** How long a request waits for a free sandbox: on AWS there are more of them than a machine has. */
const QUEUE_MS_MAX = 10_000;

/**
 * An HTTP API in front of one function, on 127.0.0.1: requests become events of payload format 2.0, and its answers become responses, as API Gateway does (its
 * developer guide, "Lambda proxy integrations for HTTP APIs"). A function that fails is a 500, one that has no place free or no time left a 503.
 */
export async function startApiGateway(options: ApiGatewayOptions): Promise<LocalApiGateway> {
  const server = createServer((incoming, outgoing) => {
    serve(options.target, incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(
  target: LocalFunction,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const body = await readBody(incoming);
  if (body === undefined) {
    fail(outgoing, 413, 'Request Too Long');
    return;
  }
  const result = await target.invoke(eventOf(incoming, body), { queueMsMax: QUEUE_MS_MAX });
  switch (result.outcome) {
    case 'returned':
      answer(outgoing, result.payload as APIGatewayProxyStructuredResultV2);
      return;
    case 'failed':
    case 'crashed':
      fail(outgoing, 500, 'Internal Server Error');
      return;
    case 'timed_out':
    case 'throttled':
      fail(outgoing, 503, 'Service Unavailable');
      return;
    default:
      result satisfies never;
  }
}

async function readBody(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > REQUEST_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function eventOf(incoming: IncomingMessage, body: Buffer): APIGatewayProxyEventV2 {
  const url = new URL(incoming.url ?? '/', 'http://127.0.0.1');
  const method = incoming.method ?? 'GET';
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(',') : (value ?? ''),
    ]),
  );
  const now = new Date();
  return {
    version: '2.0',
    routeKey: `${method} ${url.pathname}`,
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    headers,
    requestContext: {
      accountId: LOCAL_ACCOUNT,
      apiId: 'local',
      domainName: headers['host'] ?? '127.0.0.1',
      domainPrefix: 'local',
      http: {
        method,
        path: url.pathname,
        protocol: 'HTTP/1.1',
        sourceIp: incoming.socket.remoteAddress ?? '127.0.0.1',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey: `${method} ${url.pathname}`,
      stage: '$default',
      time: now.toISOString(),
      timeEpoch: now.getTime(),
    },
    isBase64Encoded: body.length > 0,
    ...(body.length > 0 ? { body: body.toString('base64') } : {}),
  };
}

function answer(outgoing: ServerResponse, result: APIGatewayProxyStructuredResultV2): void {
  const headers = Object.fromEntries(
    Object.entries(result.headers ?? {}).map(([name, value]) => [name, String(value)]),
  );
  outgoing.writeHead(result.statusCode ?? 200, headers);
  outgoing.end(Buffer.from(result.body ?? '', result.isBase64Encoded === true ? 'base64' : 'utf8'));
}

function fail(outgoing: ServerResponse, status: number, message: string): void {
  outgoing.writeHead(status, { 'content-type': 'application/json' });
  outgoing.end(JSON.stringify({ message }));
}
