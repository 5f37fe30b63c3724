import { randomInt } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/**
 * KFTC's `bank_tran_id`, AN20: the organisation's code, `U` for an id that the organisation makes itself, and nine characters that
 * are unique within a day (KFTC Open Banking v2.0, developers.kftc.or.kr).
 *
 * @throws if a part has another shape, since the bank would refuse the message or, worse, know it under another id.
 */
export function bankTranId(organisationCode: string, nine: string): string {
  if (!/^[0-9A-Z]{10}$/.test(organisationCode)) {
    throw new Error(
      `The organisation code "${organisationCode}" is not ten characters 0-9, A-Z; copy it from KFTC's contract`,
    );
  }
  if (!/^[0-9A-Z]{9}$/.test(nine)) {
    throw new Error(`"${nine}" is not nine characters 0-9, A-Z; bank_tran_id has room for nothing else`);
  }
  return `${organisationCode}U${nine}`;
}

/**
 * Nine random characters for the id of a question (a statement page), which nobody looks up again. A transfer's nine characters
 * come from the database's sequence, never from here: chance may repeat within a day.
 */
export function randomQueryId(): string {
  return Array.from({ length: 9 }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
}
