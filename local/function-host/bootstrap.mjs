/**
 * The program inside a sandbox: loads a function's bundle and asks the Runtime API for one event after another, as Lambda's own
 * Node.js runtime does (Lambda developer guide, "Using the Lambda runtime API"). Plain JavaScript, so that a sandbox starts
 * without anything to compile; it imports nothing of this project.
 */
import { Buffer } from 'node:buffer';
import http from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const API = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;

/** One connection is kept: a new one for each call would cost more than a warm invocation itself. */
const agent = new http.Agent({ keepAlive: true });

/** The request that is being worked on, so that an error outside the handler's promise can be told for it. */
let currentRequestId;

function call(method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(`${API}${path}`, { method, agent, headers }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ headers: response.headers, body: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

function describe(error) {
  if (error instanceof Error) {
    return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

async function tellError(path, error) {
  const description = describe(error);
  console.error(JSON.stringify({ level: 'ERROR', requestId: currentRequestId, ...description }));
  await call('POST', path, JSON.stringify(description), {
    'lambda-runtime-function-error-type': description.errorType,
  });
}

/** What nobody caught ends the sandbox, with the exit codes of Lambda's runtime: 128 for a rejection, 129 for an exception. */
function dieOf(name, exitCode) {
  return (reason) => {
    const error = new Error(describe(reason).errorMessage);
    error.name = name ?? describe(reason).errorType;
    error.stack = reason instanceof Error ? reason.stack : undefined;
    const path = currentRequestId === undefined ? '/init/error' : `/invocation/${currentRequestId}/error`;
    tellError(path, error).finally(() => process.exit(exitCode));
  };
}

/** Imports `index.mjs` of the task root and finds the export that `_HANDLER` names. */
async function loadHandler() {
  const [file, name] = (process.env._HANDLER ?? '').split('.');
  const module = await import(pathToFileURL(join(process.env.LAMBDA_TASK_ROOT ?? '', `${file}.mjs`)).href);
  const handler = module[name];
  if (typeof handler !== 'function') {
    throw named('Runtime.HandlerNotFound', `${process.env._HANDLER} is undefined or not exported`);
  }
  if (handler.length > 2) {
    throw named(
      'Runtime.CallbackHandlerDeprecated',
      'Node.js 24 on Lambda calls no handler that takes a callback',
    );
  }
  return handler;
}

function named(name, message) {
  const error = new Error(message);
  error.name = name;
  return error;
}

function contextOf(headers) {
  const deadlineMs = Number(headers['lambda-runtime-deadline-ms']);
  return {
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    getRemainingTimeInMillis: () => deadlineMs - Date.now(),
  };
}

async function serve(handler) {
  for (;;) {
    const next = await call('GET', '/invocation/next');
    currentRequestId = next.headers['lambda-runtime-aws-request-id'];
    try {
      const result = await handler(JSON.parse(next.body), contextOf(next.headers));
      const body = JSON.stringify(result === undefined ? null : result);
      await call('POST', `/invocation/${currentRequestId}/response`, body);
    } catch (error) {
      await tellError(`/invocation/${currentRequestId}/error`, error);
    }
  }
}

process.on('uncaughtException', dieOf(undefined, 129));
process.on('unhandledRejection', dieOf('Runtime.UnhandledPromiseRejection', 128));

try {
  const handler = await loadHandler();
  await serve(handler);
} catch (error) {
  await tellError('/init/error', error);
  process.exit(1);
}
