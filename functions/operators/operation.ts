import { createHash } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import type { HeadArchive } from '../ledger/head-archive.ts';
import type { Acting } from '../people/person.ts';
import type { Refused } from '../people/refusal.ts';
import type { Clock } from '../shared/clock.ts';
import type { Vault } from '../shared/encryption.ts';
import { jsonOf } from '../shared/json.ts';

/** What operators' work needs. */
export interface OperatorsParts {
  readonly db: Kysely<Database>;
  readonly clock: Clock;
  /** Opened when an account number is at hand, and not for what must work without it, such as a halt. */
  readonly openVault: () => Promise<Vault>;
  /** Where the ledger's heads are kept outside the database. */
  readonly archive: HeadArchive | undefined;
  /** The bank's longest processing time and posting lag together, ms. */
  readonly absenceWaitMs: number;
  /** How long the journal is replayed for one request, ms. */
  readonly replayMsMax: number;
}

/** One thing that an operator can ask for, described once: for the function that answers it, the document, and the command that asks. */
interface Described<Input extends z.ZodObject, Answer extends z.ZodType> {
  /** As the command line calls it, such as `review assign`. */
  readonly name: string;
  /** Below `/operators/v1`; ids in braces. Whatever else `input` has is the query of what reads, the body of what acts. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly input: Input;
  /** Reads the answer's JSON back into what was answered. */
  readonly answer: Answer;
}

/** Reads, and changes nothing. */
export interface Reading<
  Input extends z.ZodObject = z.ZodObject,
  Answer extends z.ZodType = z.ZodType,
> extends Described<Input, Answer> {
  readonly method: 'get';
  read(parts: OperatorsParts, input: z.output<Input>): Promise<z.output<Answer> | Refused>;
}

/** Changes something, for a reason, as one person. */
export interface Command<
  Input extends z.ZodObject = z.ZodObject,
  Answer extends z.ZodType = z.ZodType,
> extends Described<Input, Answer> {
  readonly method: 'post';
  /** A field that nobody may find out from a stored fingerprint, since it has few possible values: an account number. */
  readonly secret?: keyof z.output<Input> & string;
  act(
    parts: OperatorsParts,
    acting: Acting,
    input: z.output<Input>,
  ): Promise<z.output<Answer> | { readonly outcome: 'done'; readonly result: z.output<Answer> } | Refused>;
}

export type Operation<Input extends z.ZodObject = z.ZodObject, Answer extends z.ZodType = z.ZodType> =
  Reading<Input, Answer> | Command<Input, Answer>;

export function reading<Input extends z.ZodObject, Answer extends z.ZodType>(
  described: Omit<Reading<Input, Answer>, 'method'>,
): Reading<Input, Answer> {
  return { ...described, method: 'get' };
}

export function command<Input extends z.ZodObject, Answer extends z.ZodType>(
  described: Omit<Command<Input, Answer>, 'method'>,
): Command<Input, Answer> {
  return { ...described, method: 'post' };
}

/** Where operators' routes begin: nothing of the shops' does. */
export const OPERATORS_PATH = '/operators/v1';

/** A route as API Gateway calls it, `POST /operators/v1/payouts/halt`. */
export function routeKeyOf({ method, path }: Pick<Operation, 'method' | 'path'>): string {
  return `${method.toUpperCase()} ${OPERATORS_PATH}${path}`;
}

/** The fields of an operation's input that stand in its path. */
export function pathFields(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
}

/**
 * What recognises a command that is sent again. A secret field goes in by the vault's keyed hash, since a plain one of an account number could be tried out.
 */
export async function fingerprintOf(
  { name, secret }: Pick<Command, 'name' | 'secret'>,
  input: Readonly<Record<string, unknown>>,
  openVault: () => Promise<Vault>,
): Promise<string> {
  const hidden =
    secret === undefined ? {} : { [secret]: (await openVault()).fingerprint(String(input[secret])) };
  const asked = Object.entries({ ...input, ...hidden }).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(jsonOf([name, asked]))
    .digest('hex');
}
