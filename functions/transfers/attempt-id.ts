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
