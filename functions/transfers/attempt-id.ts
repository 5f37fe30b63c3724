import { bankTranId } from '../bank/bank-tran-id.ts';

const EPOCH_MAX = 36n ** 2n - 1n;
const SEQUENCE_MAX = 36n ** 7n - 1n;

/** What an attempt is called towards the bank. Neither is ever used twice, on any day, nor after a restore. */
export interface AttemptIds {
  /** KFTC `bank_tran_id`, 20 characters: the organisation's ten, `U`, and nine of our own (KFTC Open Banking v2.0). */
  readonly bankTranId: string;
  /** `wd_print_content`, 11 characters: the text of the withdrawal on our own statement. */
  readonly reference: string;
}

/** Numbers of bank ids that one life of the database has for each second: more than it can use, and enough for fifty years. */
const NUMBERS_A_SECOND = 50n;

/** From where seconds are counted for that. */
const COUNTED_FROM_MS = Date.UTC(2026, 0, 1);

/**
 * Where the numbers of bank ids begin after a restore. The epoch alone does not do: when one backup is restored twice, both lives raise the same epoch to the
 * same next one, and go on from the same place of the sequence. The clock tells them apart.
 */
export function firstNumberAfterRestore(noticedAt: Date): bigint {
  const seconds = Math.floor((noticedAt.getTime() - COUNTED_FROM_MS) / 1000);
  return BigInt(Math.max(seconds, 0)) * NUMBERS_A_SECOND;
}

/** What a reference of ours on a statement says of where it comes from; nothing when it cannot be ours. */
export function epochOfReference(reference: string): number | undefined {
  const epoch = /^ST([0-9][0-9A-Z])[0-9A-Z]{7}$/.exec(reference)?.[1];
  return epoch === undefined ? undefined : Number.parseInt(epoch, 36);
}

/**
 * Makes an attempt's ids from a number that a sequence gives out once. Nine characters in base 36 hold two of epoch, which a restore raises, and seven of
 * sequence: 78 billion attempts an epoch.
 *
 * @throws when the number or the epoch does not fit: a longer id would be cut by the bank, and a cut id is not unique.
 */
export function attemptIds(organisationCode: string, epoch: number, sequence: bigint): AttemptIds {
  const serial = base36(BigInt(epoch), 2, EPOCH_MAX) + base36(sequence, 7, SEQUENCE_MAX);
  return { bankTranId: bankTranId(organisationCode, serial), reference: `ST${serial}` };
}

function base36(value: bigint, width: number, max: bigint): string {
  if (value < 0n || value > max)
    throw new Error(`${value.toString()} does not fit into ${width} characters of base 36`);
  return value.toString(36).toUpperCase().padStart(width, '0');
}
