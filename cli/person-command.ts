import { InvalidArgumentError, type Command } from 'commander';
import {
  parsePersonId,
  parseReason,
  type Acting,
  type PersonId,
  type Reason,
} from '../functions/people/person.ts';
import { systemClock } from '../functions/shared/clock.ts';
import { jsonOf } from '../functions/shared/json.ts';
import { withLocalDatabase, NoLocalSystem, type LocalDatabase } from './local-database.ts';

/** Options of every command that reads the local system. */
export interface ReadOptions {
  readonly folder: string;
  readonly json?: boolean;
}

/** Options of every command that changes something: who, and why. */
export interface ActOptions extends ReadOptions {
  readonly as: PersonId;
  readonly reason: Reason;
}

/** What a command says: text for people, and the same as one JSON object for programs. */
export interface Answer {
  readonly text: string;
  readonly json: object;
  /** What was asked for was not done, or something is wrong: the command ends with status 1. */
  readonly failed?: boolean;
}

/** Adds the options of a command that only reads. */
export function reads(command: Command): Command {
  return command
    .option('--folder <folder>', 'the local system to work on', '.smart-transfer')
    .option('--json', 'print one JSON object as the last line; everything else goes to standard error');
}

/** Adds the options of a command that changes something. */
export function acts(command: Command): Command {
  return reads(command)
    .requiredOption('--as <name>', 'who you are: your id in the audit trail', personId)
    .requiredOption('--reason <text>', 'why, for whoever reads the audit trail', reason);
}

export function actingNow(options: ActOptions): Acting {
  return { by: options.as, reason: options.reason, at: systemClock.now() };
}

/** Runs a command on the local system's database, prints its answer and sets the exit status. */
export async function answer(
  options: ReadOptions,
  work: (local: LocalDatabase) => Promise<Answer>,
): Promise<void> {
  let said: Answer;
  try {
    said = await withLocalDatabase(options.folder, work);
  } catch (error) {
    if (!(error instanceof NoLocalSystem)) throw error;
    said = { text: error.message, json: { outcome: 'refused', message: error.message }, failed: true };
  }
  if (options.json === true) {
    process.stderr.write(`${said.text}\n`);
    process.stdout.write(`${jsonOf(said.json)}\n`);
  } else {
    (said.failed === true ? process.stderr : process.stdout).write(`${said.text}\n`);
  }
  if (said.failed === true) process.exitCode = 1;
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

/** Reads an id of digits, such as a deposit's or a transfer's. */
export function rowNumber(text: string): bigint {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError(`"${text}" is no id; ids are whole numbers.`);
  return BigInt(text);
}
