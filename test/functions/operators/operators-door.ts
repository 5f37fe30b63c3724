import assert from 'node:assert/strict';
import type { z } from '@hono/zod-openapi';
import { Sha256 } from '@smithy/core/checksum';
import { SignatureV4 } from '@smithy/signature-v4';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { handle } from 'hono/aws-lambda';
import {
  OPERATORS_PATH,
  pathFields,
  type Operation,
  type OperatorsParts,
} from '../../../functions/operators/operation.ts';
import { createOperatorsApi, OPERATORS_ROUTE_KEYS } from '../../../functions/operators/operators-api.ts';
import { whoSigned } from '../../../functions/operators/who-signed.ts';
import type { Vault } from '../../../functions/shared/encryption.ts';
import { startApiGateway, type LocalApiGateway } from '../../../local/api-gateway.ts';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../../local/aws-json-server.ts';
import type { LocalSigner } from '../../../local/iam-authorizer.ts';

const session = (role: string, name: string) => `arn:aws:sts::${LOCAL_ACCOUNT}:assumed-role/${role}/${name}`;
const signerOf = (accessKeyId: string, userArn: string): LocalSigner => ({
  accessKeyId,
  secretAccessKey: `${accessKeyId} signs`,
  sessionToken: `${accessKeyId} is signed in`,
  userArn,
});
const OPERATORS_ROLE = 'AWSReservedSSO_Operators_0123456789abcdef';

/** Two people; one of them by another permission set, too; and a machine that calls its session like one of them. */
export const KIM = signerOf('ASIAKIM', session(OPERATORS_ROLE, 'kim@example.com'));
export const LEE = signerOf('ASIALEE', session(OPERATORS_ROLE, 'lee@example.com'));
export const KIM_TOO = signerOf(
  'ASIAKIM2',
  session('AWSReservedSSO_Admin_fedcba9876543210', 'Kim@Example.com'),
);
export const MACHINE = signerOf('ASIAMACHINE', session('smart-transfer-settlement', 'kim@example.com'));

export interface Answered {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

type AnswerOf<Asked> = Asked extends Operation<z.ZodObject, infer Said> ? z.output<Said> : never;

/** The operators' routes on a world of a test's own. */
export interface OperatorsDoor {
  readonly errors: string[];
  /** As it is deployed: each route behind its authorizer, everything else to the shops' function. */
  readonly gateway: LocalApiGateway;
  /** By somebody's mistake: a gateway that hands everything to the function, and asks nobody who they are. */
  readonly open: LocalApiGateway;
  /** The function, with an event. */
  invoke(event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2>;
  /** Signs a request and sends it over HTTP. */
  send(signer: LocalSigner, request: Sent): Promise<Answered>;
  /** Asks for an operation over HTTP, signed; with a reason, and a key of its own unless given. */
  ask(signer: LocalSigner, operation: Operation, input?: object, key?: string): Promise<Answered>;
  /** The same; it must be answered. Answers what the operation's own schema reads of it. */
  done<Asked extends Operation>(
    signer: LocalSigner,
    operation: Asked,
    input?: object,
  ): Promise<AnswerOf<Asked>>;
  /** The same; it must be refused. Answers its code. */
  refused(signer: LocalSigner, operation: Operation, input?: object): Promise<unknown>;
  close(): Promise<void>;
}

export async function openOperatorsDoor(
  world: Pick<OperatorsParts, 'db' | 'clock'> & { readonly vault: Vault },
): Promise<OperatorsDoor> {
  const errors: string[] = [];
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const handler = handle(
    createOperatorsApi({
      db: world.db,
      clock: world.clock,
      openVault: () => Promise.resolve(world.vault),
      archive: undefined,
      absenceWaitMs: 15 * 60_000,
      replayMsMax: 60_000,
      whoAsks: (invocation) => whoSigned(invocation, 'identity_center'),
      log: { error: (message, detail) => void errors.push(`${message}: ${JSON.stringify(detail)}`) },
    }),
  );
  const invoke = async (event: APIGatewayProxyEventV2) =>
    (await handler(event as never)) as APIGatewayProxyStructuredResultV2;
  const operators = {
    invoke: async (event: unknown) =>
      ({ outcome: 'returned', payload: await invoke(event as APIGatewayProxyEventV2) }) as never,
  };
  const shops = {
    invoke: () => Promise.resolve({ outcome: 'returned', payload: { statusCode: 404, body: '{}' } } as never),
  };
  const gateway = await startApiGateway({
    target: shops,
    signedRoutes: OPERATORS_ROUTE_KEYS.map((routeKey) => ({ routeKey, target: operators })),
    signers: [KIM, KIM_TOO, LEE, MACHINE],
  });
  const open = await startApiGateway({ target: operators });
  const send = async (signer: LocalSigner, request: Sent) =>
    await read(await fetch(...(await signed(gateway.url, signer, request))));
  const ask = async (signer: LocalSigner, operation: Operation, input: object = {}, key?: string) =>
    await send(signer, requestFor(operation, input, key));
  return {
    errors,
    gateway,
    open,
    invoke,
    send,
    ask,
    async done(signer, operation, input) {
      const answer = await ask(signer, operation, input);
      assert.equal(answer.status, 200, `${operation.name}: ${JSON.stringify(answer.body)} ${errors.join()}`);
      return operation.answer.parse(answer.body) as never;
    },
    async refused(signer, operation, input) {
      const answer = await ask(signer, operation, input);
      assert.ok([400, 403, 404, 409].includes(answer.status), `${operation.name}: ${answer.status}`);
      return answer.body['code'];
    },
    async close() {
      await Promise.all([gateway.stop(), open.stop()]);
    },
  };
}

let keys = 0;

/** A request for an operation as its route has it; ids that are not given are 1. */
export function requestFor(operation: Operation, input: object, key?: string): Sent {
  const given = Object.fromEntries(
    Object.entries(input).map(([name, value]) => [
      name,
      typeof value === 'bigint' ? value.toString() : (value as unknown),
    ]),
  );
  const inPath = pathFields(operation.path);
  const path = inPath.reduce(
    (text, name) => text.replace(`{${name}}`, `${(given[name] as string | undefined) ?? 1}`),
    `${OPERATORS_PATH}${operation.path}`,
  );
  const rest = Object.entries(given).filter(([name]) => !inPath.includes(name));
  if (operation.method === 'get') {
    const query = new URLSearchParams(rest as [string, string][]).toString();
    return { method: 'GET', path: query === '' ? path : `${path}?${query}` };
  }
  keys += 1;
  return {
    method: 'POST',
    path,
    body: { reason: 'a test', ...Object.fromEntries(rest) },
    headers: { 'idempotency-key': key ?? `key-of-test-${keys}` },
  };
}

/** What to give to fetch: the request, signed. */
export async function signed(
  base: string,
  signer: LocalSigner,
  { method, path, body, headers = {} }: Sent,
): Promise<[string, RequestInit]> {
  const { host, hostname, protocol } = new URL(base);
  const text = body === undefined ? undefined : JSON.stringify(body);
  const [bare = '', query = ''] = path.split('?');
  const signature = new SignatureV4({
    service: 'execute-api',
    region: LOCAL_REGION,
    credentials: signer,
    sha256: Sha256,
  });
  const request = await signature.sign({
    method,
    protocol,
    hostname,
    path: bare,
    query: Object.fromEntries(new URLSearchParams(query)),
    headers: { host, ...(text === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    body: text,
  });
  const sent = Object.fromEntries(Object.entries(request.headers).filter(([name]) => name !== 'host'));
  return [`${base}${path}`, { method, headers: sent, ...(text === undefined ? {} : { body: text }) }];
}

export async function read(response: Response): Promise<Answered> {
  const text = await response.text();
  return {
    status: response.status,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}
