import iconv from 'iconv-lite';

import { beginsWithBankPrefix, normaliseDepositorText, splitName } from '../deposits/depositor-text.ts';
import type { Brand } from '../shared/brand.ts';
import { checkDigitOf, hasRightCheckDigit } from './check-digit.ts';

/**
 * A one-time depositor name: 1 to 3 letters of the recipient's name, then 6 to 4 digits of which the last is a check digit. It
 * has exactly 7 characters, so that no name is the beginning of another, and at most 14 CP949 bytes, which is what the narrowest
 * bank app lets a payer type.
 */
export type DepositorName = Brand<string, 'DepositorName'>;

/** `exhausted`: every name that the recipient's name can give is taken. */
export type NameOutcome =
  { readonly outcome: 'issued'; readonly name: DepositorName } | { readonly outcome: 'exhausted' };

const NAME_LENGTH = 7;
const MOST_LETTERS = 3;

/** The stem for a recipient whose name leaves no letter: `입금`, deposit. */
const STEM_WITHOUT_LETTERS = '입금';

/** Random numbers tried on a stem before its numbers are gone through in turn: eight misses mean that it is mostly taken. */
const RANDOM_TRIES = 8;

const ISSUED_FORM = /^\p{L}{1,3}[0-9]{4,6}$/u;

/**
 * The beginnings of the names that a recipient can be given, longest first: the more letters, the easier for a person to
 * recognise; the fewer, the more numbers. A stem that begins with a bank's name is left out, because a bank puts its own name
 * before what the payer typed, and taking it off again would read such a name as another one. One letter always remains.
 */
export function stemsOf(recipientName: string): readonly string[] {
  const letters = typeableLetters(recipientName);
  const stems: string[] = [];
  for (let count = Math.min(letters.length, MOST_LETTERS); count > 0; count--) {
    const stem = letters.slice(0, count).join('');
    if (!beginsWithBankPrefix(nameOf(stem, 0))) stems.push(stem);
  }
  return stems;
}

/** How many names a stem has: 1,000 with three letters, 10,000 with two, 100,000 with one. */
export function numbersOf(stem: string): number {
  return 10 ** freeDigitsOf(stem);
}

/**
 * The name that a stem and a number, 0 to `numbersOf(stem) - 1`, make. In a later life of the database, after a restore, the same digits get another check
 * digit: so no name is given out twice though nobody knows any more which ones the minutes had given out that are lost. Ten lives differ, and the eleventh
 * is as the first.
 *
 * @throws if the number is outside that range.
 */
export function nameOf(stem: string, number: number, life = 0): DepositorName {
  if (!Number.isInteger(number) || number < 0 || number >= numbersOf(stem)) {
    throw new RangeError(`The stem ${stem} has no name with the number ${number}`);
  }
  const digits = String(number).padStart(freeDigitsOf(stem), '0');
  return `${stem}${digits}${shifted(checkDigitOf(digits), life)}` as DepositorName;
}

function shifted(digit: string, by: number): string {
  return ((((Number(digit) + by) % 10) + 10) % 10).toString();
}

/**
 * Whether this system could have issued a text as a depositor name in a life of its database. A text that fails it is surely mistyped, or a name that was
 * issued elsewhere.
 */
export function isIssuableForm(text: string, life = 0): boolean {
  if (!ISSUED_FORM.test(text) || charactersOf(text).length !== NAME_LENGTH) return false;
  const { letters, digits } = splitName(text);
  const unshifted = digits.slice(0, -1) + shifted(digits.slice(-1), -life);
  return (
    hasRightCheckDigit(unshifted) && charactersOf(letters).every(isTypeable) && !beginsWithBankPrefix(text)
  );
}

/**
 * Picks a name that is not in `taken`: random numbers of the longest stem, then all of its numbers from a random one on, then the
 * same with the next shorter stem. `taken` is what the caller knows of (names of living and quarantined orders, names that had
 * the same amount within a year); against an order placed at the same moment the database's unique constraint is the guard.
 *
 * @param chance answers a number from 0 up to 1, like `Math.random`.
 * @param life how often the database was restored.
 */
export function issueName(
  recipientName: string,
  taken: ReadonlySet<string>,
  chance: () => number,
  life = 0,
): NameOutcome {
  return pickName(recipientName, taken, chance, life, new Set());
}

/**
 * Picks names for many recipients at once, one outcome for each in their order, no two alike. For a caller that inserts a page of
 * orders with one statement: read the taken names under all `stemsOf` the recipients, call this, insert, and call it again for
 * the rows that the unique constraint refused. Each issued name is added to `taken`.
 */
export function issueNames(
  recipientNames: readonly string[],
  taken: Set<string>,
  chance: () => number,
  life = 0,
): readonly NameOutcome[] {
  const fullStems = new Set<string>();
  return recipientNames.map((recipientName) => {
    const picked = pickName(recipientName, taken, chance, life, fullStems);
    if (picked.outcome === 'issued') taken.add(picked.name);
    return picked;
  });
}

/** Notes in `fullStems` every stem found to have no free name, so that a page of like names goes through its numbers only once. */
function pickName(
  recipientName: string,
  taken: ReadonlySet<string>,
  chance: () => number,
  life: number,
  fullStems: Set<string>,
): NameOutcome {
  for (const stem of stemsOf(recipientName)) {
    if (fullStems.has(stem)) continue;
    const name = freeNameOf(stem, taken, chance, life);
    if (name !== undefined) return { outcome: 'issued', name };
    fullStems.add(stem);
  }
  return { outcome: 'exhausted' };
}

function freeNameOf(
  stem: string,
  taken: ReadonlySet<string>,
  chance: () => number,
  life: number,
): DepositorName | undefined {
  const size = numbersOf(stem);
  for (let tries = 0; tries < RANDOM_TRIES; tries++) {
    const name = nameOf(stem, below(size, chance), life);
    if (!taken.has(name)) return name;
  }
  const start = below(size, chance);
  for (let step = 0; step < size; step++) {
    const name = nameOf(stem, (start + step) % size, life);
    if (!taken.has(name)) return name;
  }
  return undefined;
}

function below(size: number, chance: () => number): number {
  return Math.min(Math.floor(chance() * size), size - 1);
}

function freeDigitsOf(stem: string): number {
  return NAME_LENGTH - charactersOf(stem).length - 1;
}

/** The letters of a name that a payer can type in any bank's app, or those of `입금` if there are none. */
function typeableLetters(recipientName: string): readonly string[] {
  const letters = charactersOf(normaliseDepositorText(recipientName)).flatMap(typeableFormsOf);
  return letters.length > 0 ? letters : charactersOf(STEM_WITHOUT_LETTERS);
}

/** A letter as it is where CP949 has it, otherwise its base letter (`Ễ` gives `E`), otherwise nothing. */
function typeableFormsOf(letter: string): readonly string[] {
  if (isTypeable(letter)) return [letter];
  return charactersOf(letter.normalize('NFKD')).filter(isTypeable).slice(0, 1);
}

/** Whether one character is a letter, survives normalising unchanged and exists in CP949. */
function isTypeable(character: string): boolean {
  return (
    /^\p{L}$/u.test(character) &&
    normaliseDepositorText(character) === character &&
    iconv.decode(iconv.encode(character, 'cp949'), 'cp949') === character
  );
}

/** The code points of a text, which is what a name's length counts. */
function charactersOf(text: string): readonly string[] {
  return Array.from(text);
}
