import { randomUUID } from 'node:crypto';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { z } from '@hono/zod-openapi';
import {
  pathFields,
  OPERATORS_PATH,
  type Command as Asking,
  type Operation,
  type Reading,
} from '../functions/operators/operation.ts';
import { parsePersonId, parseReason, type PersonId, type Reason } from '../functions/people/person.ts';
import { parseShopId } from '../functions/shops/api-key.ts';
import { NoAnswer, type Carried, type Question } from './carrier.ts';
import { askLocally } from './local-carrier.ts';

/** Options of every command that reads. */
export interface ReadOptions {
  readonly folder: string;
  readonly stack?: string;
  readonly url?: string;
  readonly json?: boolean;
}

/** Options of every command that changes something: who, why, and by which key it is done once. */
export interface ActOptions extends ReadOptions {
  readonly as?: PersonId;
  readonly reason: Reason;
  readonly key?: string;
}

/** What a command says: text for people, and the same as one JSON object for programs. */
export interface Answer {
  readonly text: string;
  /** The JSON object as it is printed. */
  readonly json: string;
  /** What was asked for was not done, or something is wrong: the command ends with status 1. */
  readonly failed?: boolean;
}

/** What an answer is for people: its text, and whether something is wrong. */
export type Told = string | { readonly text: string; readonly failed: boolean };

/** Adds the options of a command that only reads. */
export function reads(command: Command): Command {
  return command
    .option('--folder <folder>', 'the local system to work on', '.smart-transfer')
    .option('--stack <stack>', 'work on what is deployed as this stack, signed by your AWS credentials')
    .addOption(
      new Option('--url <url>', "with --stack: its operators' address, instead of asking Pulumi").env(
        'SMART_TRANSFER_OPERATORS_URL',
      ),
    )
    .option('--json', 'print one JSON object as the last line; everything else goes to standard error')
    .hook('preAction', (command) => {
      if (command.getOptionValueSource('url') === 'cli' && command.getOptionValue('stack') === undefined)
        command.error("error: --url is a stack's address: name the stack, too, with --stack");
    });
}

/** Adds the options of a command that changes something. */
export function acts(command: Command): Command {
  return reads(command)
    .option('--as <name>', 'on the local system: who you are, your id in the audit trail', personId)
    .option('--reason <text>', 'why, for whoever reads the audit trail', reason)
    .option('--key <key>', 'the key of a command whose answer was lost: it is done at most once', key)
    .hook('preAction', (command) => {
      const { as, stack, reason } = command.opts<Partial<ActOptions>>();
      const missing = [
        ...(stack === undefined && as === undefined ? ['who you are: --as <name>'] : []),
        ...(reason === undefined ? ['why: --reason <text>'] : []),
      ];
      if (missing.length > 0) command.error(`error: say ${missing.join(', and ')}`);
      if (stack !== undefined && as !== undefined)
        command.error('error: on a stack whoever signs acts, and nobody else: leave --as out');
    });
}

/** What a command has to say of an operation; the reason comes from its options. */
type InputOf<Asked> =
  Asked extends Asking<infer Input>
    ? Omit<z.input<Input>, 'reason'>
    : Asked extends Reading<infer Input>
      ? z.input<Input>
      : never;
type AnswerOf<Asked> = Asked extends Operation<z.ZodObject, infer Said> ? z.output<Said> : never;

/**
 * Asks for something, of the local system in a folder or of a stack, prints what is answered and sets the exit status. It is one question whoever carries it, and
 * the same routes answer it here and there.
 */
export async function ask<Asked extends Operation>(
  options: ReadOptions | ActOptions,
  operation: Asked,
  input: InputOf<Asked>,
  tell: (answer: AnswerOf<Asked>) => Told,
): Promise<void> {
  const said = await answered(options, operation, input, (answer) => tell(answer as AnswerOf<Asked>));
  if (options.json === true) {
    process.stderr.write(`${said.text}\n`);
    process.stdout.write(`${said.json}\n`);
  } else {
    (said.failed === true ? process.stderr : process.stdout).write(`${said.text}\n`);
  }
  if (said.failed === true) process.exitCode = 1;
}

async function answered(
  options: ReadOptions & Partial<ActOptions>,
  operation: Operation,
  input: object,
  tell: (answer: unknown) => Told,
): Promise<Answer> {
  const whole = operation.method === 'post' ? { ...input, reason: options.reason } : input;
  const question = questionOf(operation, whole, options.key);
  let carried: Carried;
  try {
    carried = await carry(options, question);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    const { message } = error;
    const again =
      error.mayBeDone && question.key !== undefined
        ? `. It may be done or not: repeat the command with --key ${question.key}, and it is done at most once`
        : '';
    return refused({ message: `${message}${again}` });
  }
  const json = parsed(carried.text);
  if (carried.status !== 200) return refusedBy(carried.status, json, question);
  const told = tell(operation.answer.parse(json));
  return { ...(typeof told === 'string' ? { text: told } : told), json: carried.text };
}

async function carry(options: ReadOptions & Partial<ActOptions>, question: Question): Promise<Carried> {
  if (options.stack === undefined) return await askLocally(options, question);
  // The AWS clients are loaded only where somebody signs.
  const { askStack } = await import('./stack.client.ts');
  return await askStack({ stack: options.stack, url: options.url }, question);
}

/** Puts an operation's input where its route has it: into the path, and the rest into the query or the body. */
function questionOf(operation: Operation, input: object, givenKey: string | undefined): Question {
  const { path, method } = operation;
  const inPath = pathFields(path);
  const given = Object.entries(input).filter(([, value]) => value !== undefined);
  const filled = inPath.reduce(
    (text, name) => text.replace(`{${name}}`, encodeURIComponent(String(Object.fromEntries(given)[name]))),
    `${OPERATORS_PATH}${path}`,
  );
  const rest = given.filter(([name]) => !inPath.includes(name));
  return method === 'get'
    ? {
        method: 'GET',
        path: filled,
        query: Object.fromEntries(rest.map(([name, value]) => [name, String(value)])),
      }
    : {
        method: 'POST',
        path: filled,
        query: {},
        body: JSON.stringify(Object.fromEntries(rest)),
        key: givenKey ?? randomUUID(),
      };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return {};
  }
}

interface ProblemLike {
  readonly code?: string;
  readonly detail?: string;
  readonly message?: string;
  readonly errors?: readonly { readonly field: string; readonly value?: string; readonly remedy: string }[];
}

/** What a problem (RFC 9457) says, or API Gateway's own refusal. */
function refusedBy(status: number, json: unknown, { method, path }: Question): Answer {
  const problem = json as ProblemLike;
  const { code, detail, message, errors } = problem;
  if (code === undefined || detail === undefined) {
    const hint =
      status === 403
        ? ': sign in (aws sso login, and AWS_PROFILE), and see that your permission set allows execute-api:Invoke on it'
        : '';
    return refused({ message: `${method} ${path} was answered with ${status} ${message ?? ''}${hint}` });
  }
  const fields = (errors ?? []).map(
    ({ field, value, remedy }) => `${field}${value === undefined ? '' : ` "${value}"`}: ${remedy}`,
  );
  // Who repeats a command and hears that it is done already has what they wanted.
  return refused(
    { ...problem, message: [detail, ...fields].join('\n') },
    { failed: code !== 'done_already' },
  );
}

function refused(
  what: { readonly message: string; readonly [name: string]: unknown },
  { failed } = { failed: true },
): Answer {
  return { text: what.message, json: JSON.stringify({ ...what, outcome: 'refused' }), failed };
}

function personId(text: string): PersonId {
  const id = parsePersonId(text);
  if (id === undefined)
    throw new InvalidArgumentError(
      `"${text}" is no person's id; write letters and digits, such as kim.minsu.`,
    );
  return id;
}

function reason(text: string): Reason {
  const read = parseReason(text);
  if (read === undefined)
    throw new InvalidArgumentError(`"${text}" is no reason; write 3 to 500 characters that tell why.`);
  return read;
}

function key(text: string): string {
  if (!/^[\w-]{8,64}$/.test(text))
    throw new InvalidArgumentError(`"${text}" is no key; give the one that the command before has named.`);
  return text;
}

/** Reads an id of digits, such as a deposit's or a transfer's. */
export function rowNumber(text: string): string {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError(`"${text}" is no id; ids are whole numbers.`);
  return text;
}

/** Reads one more id of a list. */
export function rowNumbers(text: string, before: readonly string[] = []): string[] {
  return [...before, rowNumber(text)];
}

/** Reads how many, 1 to 1,000. */
export function atMost(text: string): string {
  if (!/^([1-9]\d{0,2}|1000)$/.test(text))
    throw new InvalidArgumentError(`"${text}" is no number from 1 to 1000.`);
  return text;
}

/** Reads a shop's id. */
export function shopId(text: string): string {
  const id = parseShopId(text);
  if (id === undefined)
    throw new InvalidArgumentError(
      `"${text}" is no shop's id; write lower case letters, digits and hyphens.`,
    );
  return id;
}
