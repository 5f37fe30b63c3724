import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { LOCAL_ACCOUNT } from './aws-json-server.ts';
import type { LocalFunction } from './function-host/function-host.ts';
import { authorizeByIam, type LocalSigner } from './iam-authorizer.ts';

/** What a request can be handed to. */
export type GatewayTarget = Pick<LocalFunction, 'invoke'>;

/** A route of its own, which an IAM authorizer stands before. */
export interface SignedRoute {
  /** Such as `POST /operators/v1/transfers/{transfer_id}/approve`. */
  readonly routeKey: string;
  readonly target: GatewayTarget;
}

export interface ApiGatewayOptions {
  /** A free one unless given. */
  readonly port?: number;
  /** Gets what no signed route takes. */
  readonly target: GatewayTarget;
  readonly signedRoutes?: readonly SignedRoute[];
  /** Who can sign; nobody unless given. */
  readonly signers?: readonly LocalSigner[];
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
 * An HTTP API in front of functions, on 127.0.0.1: requests become events of payload format 2.0, and its answers become responses, as API Gateway does (its
 * developer guide, "Lambda proxy integrations for HTTP APIs"). A function that fails is a 500, one that has no place free or no time left a 503. A
 * signed route's function is asked only for whom the authorizer knows; all others get a 403.
 */
export async function startApiGateway(options: ApiGatewayOptions): Promise<LocalApiGateway> {
  const server = createServer((incoming, outgoing) => {
    serve(options, incoming, outgoing).catch(() => outgoing.destroy());
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
  { target, signedRoutes = [], signers = [] }: ApiGatewayOptions,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const body = await readBody(incoming);
  if (body === undefined) {
    fail(outgoing, 413, 'Request Too Long');
    return;
  }
  const event = eventOf(incoming, body);
  const route = signedRoutes.find(({ routeKey }) => fits(routeKey, event));
  const signed = route === undefined ? event : await signedEvent(event, route, signers, body);
  if (signed === undefined) {
    fail(outgoing, 403, 'Forbidden');
    return;
  }
  const result = await (route?.target ?? target).invoke(signed, { queueMsMax: QUEUE_MS_MAX });
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

/** Whether a route is meant: the method, and the path part by part, each as it was written. A part in braces is any but none. */
function fits(routeKey: string, { rawPath, requestContext }: APIGatewayProxyEventV2): boolean {
  const [method, path = ''] = routeKey.split(' ');
  const parts = path.split('/');
  const asked = rawPath.split('/');
  return (
    method === requestContext.http.method &&
    parts.length === asked.length &&
    parts.every((part, n) => (/^\{\w+\}$/.test(part) ? asked[n] !== '' : part === asked[n]))
  );
}

async function signedEvent(
  event: APIGatewayProxyEventV2,
  { routeKey }: SignedRoute,
  signers: readonly LocalSigner[],
  body: Buffer,
): Promise<APIGatewayProxyEventV2 | undefined> {
  const request = {
    method: event.requestContext.http.method,
    path: event.rawPath,
    query: new URLSearchParams(event.rawQueryString),
    headers: event.headers as Record<string, string>,
    body,
  };
  const authorizer = await authorizeByIam(signers, request, new Date());
  if (authorizer === undefined) return undefined;
  const requestContext = { ...event.requestContext, routeKey, authorizer };
  return { ...event, routeKey, requestContext };
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
  // Not as a URL, which would put `..` and the like straight: the path goes on as it was written.
  const [rawPath = '/', ...query] = (incoming.url ?? '/').split('?');
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
    routeKey: `${method} ${rawPath}`,
    rawPath,
    rawQueryString: query.join('?'),
    headers,
    requestContext: {
      accountId: LOCAL_ACCOUNT,
      apiId: 'local',
      domainName: headers['host'] ?? '127.0.0.1',
      domainPrefix: 'local',
      http: {
        method,
        path: rawPath,
        protocol: 'HTTP/1.1',
        sourceIp: incoming.socket.remoteAddress ?? '127.0.0.1',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey: `${method} ${rawPath}`,
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
