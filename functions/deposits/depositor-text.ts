/**
 * What banks put before the name that a payer typed: the sending bank's short name, as seen in real feeds (`국민김안규`, `기업윤민진`,
 * `농협임미자`). Each also occurs with `은행` behind it. Written as `normaliseDepositorText` leaves them.
 */
const BANK_SHORT_NAMES = [
  ...['국민', 'KB', 'KB국민'],
  ...['기업', 'IBK', 'IBK기업'],
  ...['농협', 'NH', 'NH농협', '지역농협', '단위농협', '축협'],
  ...['신한', '우리', '하나', 'KEB하나', '외환'],
  ...['카카오', '카카오뱅크', '카뱅', '토스', '토스뱅크', '케이뱅크', '케뱅', 'K뱅크'],
  ...['SC', 'SC제일', '제일', '씨티', '한국씨티', 'HSBC'],
  ...['수협', 'SH수협', '신협', '우체국', '새마을', '새마을금고', 'MG새마을', 'MG새마을금고', '산림조합'],
  ...['부산', 'BNK부산', '경남', 'BNK경남', '대구', 'IM뱅크', '아이엠뱅크', '광주', '전북', '제주'],
  ...['산업', 'KDB', 'KDB산업', '수출입', '저축', 'SB저축'],
] as const;

/** Every prefix, longest first, so that the reading with the most of the bank's name removed comes first. */
const BANK_PREFIXES: readonly string[] = BANK_SHORT_NAMES.flatMap((name) => [name, `${name}은행`]).sort(
  (a, b) => b.length - a.length,
);

/** Text of which nothing would change: most names, and every issued one in Hangul. */
const ALREADY_NORMAL = /^[0-9A-Z가-힣]*$/;

/**
 * Spaces, punctuation, free-standing accents, and what cannot be seen: controls, zero-width characters, fillers. They go before
 * NFKC, which would turn a free-standing accent (`´`, `￣`) into a mark on the letter before it.
 */
const NOISE = /[\p{Z}\p{P}\p{Sk}\p{Me}\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Default_Ignorable_Code_Point}]/gu;

/** Noise and every other symbol. Symbols go after NFKC, which finds the letters in some: `㈜` is `(주)`. */
const NOISE_AND_SYMBOLS = /[\p{Z}\p{P}\p{S}\p{Me}\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Default_Ignorable_Code_Point}]/gu;

/** One way to read the text of a deposit. */
export interface Reading {
  /** Normalised, and without `prefix`. */
  readonly text: string;
  /** The sending bank's name that this reading takes away; empty for the text as it stands. */
  readonly prefix: string;
  readonly letters: string;
  readonly digits: string;
}

/**
 * The one form in which names are compared. Banks turn half-width characters into full-width ones, and payers add spaces,
 * punctuation and lower case; none of it tells two orders apart.
 */
export function normaliseDepositorText(raw: string): string {
  if (ALREADY_NORMAL.test(raw)) return raw;
  return raw
    .replace(NOISE, '')
    .normalize('NFKC')
    .replace(NOISE_AND_SYMBOLS, '')
    .toUpperCase()
    .normalize('NFKC');
}

/**
 * The readings of a normalised text with a sending bank's name taken away, longest name first. A text that is nothing but a bank's
 * name has none, since it would leave an empty text.
 */
export function stripBankPrefix(normalised: string): readonly string[] {
  return bankPrefixesOf(normalised).map((prefix) => normalised.slice(prefix.length));
}

/** Whether a bank's name stands before something in a normalised text. */
export function beginsWithBankPrefix(normalised: string): boolean {
  return bankPrefixesOf(normalised).length > 0;
}

/** Splits a normalised text into its digits (0 to 9 only) and everything else, wherever they stand. */
export function splitName(text: string): { readonly letters: string; readonly digits: string } {
  return { letters: text.replace(/[0-9]/g, ''), digits: text.replace(/[^0-9]/g, '') };
}

/**
 * Every way to read the raw text of a deposit: as it stands first, then without each bank's name that it may begin with. A text of
 * which normalising leaves nothing has no reading.
 */
export function readings(raw: string): readonly Reading[] {
  const text = normaliseDepositorText(raw);
  if (text === '') return [];
  return ['', ...bankPrefixesOf(text)].map((prefix) => reading(text, prefix));
}

function bankPrefixesOf(normalised: string): readonly string[] {
  return BANK_PREFIXES.filter((prefix) => normalised.length > prefix.length && normalised.startsWith(prefix));
}

function reading(normalised: string, prefix: string): Reading {
  const text = normalised.slice(prefix.length);
  return { text, prefix, ...splitName(text) };
}
