import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { AwsError, close, listen } from '../../../local/aws-json-server.ts';
import { ACCOUNT, type AwsDouble } from './aws-double.ts';

/** The double where the SDK's own clients find it. */
export interface ServedAws {
  /** For `AWS_ENDPOINT_URL`: all services at one address. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** CloudWatch's name in `X-Amz-Target`. */
const CLOUDWATCH = 'GraniteServiceVersion20100801.';

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/**
 * Serves a double on 127.0.0.1 in the protocols that the SDK speaks: Lambda's REST paths, CloudWatch's AWS JSON 1.0, STS's query with XML. It believes every
 * signature, and takes the account from the access key that STS gave out.
 */
export async function serveAws(double: AwsDouble): Promise<ServedAws> {
  const server = createServer((request, response) => {
    answer(double, request).then(
      (reply) => send(response, reply),
      (error: unknown) => {
        // A broken line: the caller hears nothing.
        if (error instanceof AwsError) send(response, errorReply(request, error));
        else response.destroy();
      },
    );
  });
  const port = await listen(server, 0);
  return { endpoint: `http://127.0.0.1:${port}`, stop: () => close(server) };
}

async function answer(double: AwsDouble, request: IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const target = request.headers['x-amz-target'];
  if (typeof target === 'string' && target.startsWith(CLOUDWATCH)) {
    const input = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
    return jsonReply(await double.handle(target.slice(CLOUDWATCH.length), input));
  }
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (url.pathname === '/')
    return await answerSts(double, request, new URLSearchParams(body.toString('utf8')));
  return await answerLambda(double, request.method ?? '', url, body);
}

async function answerLambda(double: AwsDouble, method: string, url: URL, body: Buffer): Promise<Reply> {
  const [, version, resource, name = '', part = '', alias] = url.pathname.split('/').map(decodeURIComponent);
  const operation =
    version === '2015-03-31' && resource === 'functions' ? lambdaOperation(method, part, alias) : '';
  const qualifier = url.searchParams.get('Qualifier');
  const input = {
    FunctionName: name,
    ...(alias === undefined ? {} : { Name: alias }),
    ...(qualifier === null ? {} : { Qualifier: qualifier }),
    ...(operation === 'UpdateAlias' ? (JSON.parse(body.toString('utf8')) as object) : {}),
    ...(operation === 'Invoke' ? { Payload: body } : {}),
  };
  const output = await double.handle(operation, input);
  if (operation !== 'Invoke') return jsonReply(output);
  const { Payload, FunctionError } = output as { Payload: Uint8Array; FunctionError?: string };
  return {
    status: 200,
    headers: FunctionError === undefined ? {} : { 'x-amz-function-error': FunctionError },
    body: Payload,
  };
}

function lambdaOperation(method: string, part: string, alias: string | undefined): string {
  switch (`${method} ${part}${alias === undefined ? '' : '/'}`) {
    case 'GET aliases/':
      return 'GetAlias';
    case 'PUT aliases/':
      return 'UpdateAlias';
    case 'GET aliases':
      return 'ListAliases';
    case 'GET versions':
      return 'ListVersionsByFunction';
    case 'GET configuration':
      return 'GetFunctionConfiguration';
    case 'POST invocations':
      return 'Invoke';
    case 'DELETE ':
      return 'DeleteFunction';
    default:
      return `${method} ${part}`;
  }
}

async function answerSts(double: AwsDouble, request: IncomingMessage, form: URLSearchParams): Promise<Reply> {
  const action = form.get('Action') ?? '';
  const key = /Credential=([^/]+)\//.exec(request.headers.authorization ?? '')?.[1] ?? '';
  if (action === 'AssumeRole') {
    const role = form.get('RoleArn') ?? '';
    double.calls.push({ operation: action, input: Object.fromEntries(form), atMs: Date.now() });
    const account = role.split(':')[4] ?? '';
    return xmlReply(
      action,
      `<Credentials><AccessKeyId>ASSUMED${account}</AccessKeyId><SecretAccessKey>double</SecretAccessKey><SessionToken>${role}</SessionToken><Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration></Credentials>`,
    );
  }
  const account = /^ASSUMED(\d{12})$/.exec(key)?.[1] ?? ACCOUNT;
  const output = (await double.handle(action, Object.fromEntries(form), account)) as Record<string, string>;
  return xmlReply(
    action,
    Object.entries(output)
      .map(([name, value]) => `<${name}>${value}</${name}>`)
      .join(''),
  );
}

function jsonReply(output: unknown): Reply {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(output) };
}

function xmlReply(action: string, result: string): Reply {
  return {
    status: 200,
    headers: { 'content-type': 'text/xml' },
    body: `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>${result}</${action}Result></${action}Response>`,
  };
}

function errorReply(request: IncomingMessage, error: AwsError): Reply {
  const body = request.headers['x-amz-target']
    ? { __type: error.type, message: error.message }
    : { Type: 'User', message: error.message };
  return {
    status: error.status,
    headers: { 'content-type': 'application/json', 'x-amzn-errortype': error.type },
    body: JSON.stringify(body),
  };
}

function send(response: ServerResponse, { status, headers, body }: Reply): void {
  response.writeHead(status, headers);
  response.end(body);
}
