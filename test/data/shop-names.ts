import type { Random } from './random.ts';

/** A recipient, and the letters that his or her depositor names begin with. */
export interface Recipient {
  readonly name: string;
  readonly letters: string;
}

const SURNAMES = Array.from('김이박최정강조윤장임한오서권황안송류홍전고문양손배백허남심노하곽성차주우구신');
const SYLLABLES = Array.from(
  '민서지도예하준시은현수영재태승유소나다가라해진성동정상윤아연규별솔찬슬온율린결호',
);
const TWO_SYLLABLE_SURNAMES = ['남궁', '황보', '선우', '제갈', '독고', '사공'];
const LATIN_FIRST_NAMES = [
  'Emily',
  'James',
  'Nguyen',
  'Scarlett',
  'Kbir',
  'Anna',
  'Oliver',
  'Sofia',
  'Minh',
  'Wei',
];
const LATIN_LAST_NAMES = ['Carter', 'Lee', 'Tran', 'Miller', 'Park', 'Novak', "O'Neil"];

/** A recipient of the common shape: three Hangul. */
export function commonRecipient(random: Random): Recipient {
  const name = random.pick(SURNAMES) + random.pick(SYLLABLES) + random.pick(SYLLABLES);
  return { name, letters: name };
}

/** A recipient of any shape: mostly three Hangul, sometimes two or four, sometimes Latin. */
export function anyRecipient(random: Random): Recipient {
  const shape = random.integer(1, 100);
  if (shape <= 5) return shortened(random.pick(SURNAMES) + random.pick(SYLLABLES));
  if (shape <= 8)
    return shortened(random.pick(TWO_SYLLABLE_SURNAMES) + random.pick(SYLLABLES) + random.pick(SYLLABLES));
  if (shape <= 13) return shortened(`${random.pick(LATIN_FIRST_NAMES)} ${random.pick(LATIN_LAST_NAMES)}`);
  return commonRecipient(random);
}

function shortened(name: string): Recipient {
  return { name, letters: name.slice(0, 3).toUpperCase() };
}

/** What people type in place of a name. None is the beginning of a depositor name. */
export const MEMOS = [
  ...[
    '생일선물',
    '택배비',
    '물건값',
    '옷값 입금',
    '3월분',
    '입금합니다',
    '주문건',
    '잘부탁드려요',
    '회비',
    '★선물★',
  ],
  ...['국민은행', '감사합니다!', 'order', 'ㅎㅎ', '（주）늘푸른상사', '-', '쿠폰 적용', 'CD입금', '월세'],
] as const;

/** What the sending bank puts in front of the text. */
const PREFIXES = [
  '국민',
  '기업',
  '농협',
  '신한',
  '우리',
  '하나',
  '카카오뱅크',
  '토스뱅크',
  '케이뱅크',
  '새마을',
  '우체국',
  '신협',
  '수협',
];

/** Half-width to full-width, as some banks turn it. */
function fullWidth(text: string): string {
  return text.replaceAll(/[!-~]/g, (character) => String.fromCharCode(character.charCodeAt(0) + 0xfee0));
}

/** The letters and the digits of a name, with something between or around them. */
function apart(name: string, join: (letters: string, digits: string) => string): string {
  const digits = /\d+$/.exec(name)?.[0] ?? '';
  return join(name.slice(0, name.length - digits.length), digits);
}

function spaced(name: string, random: Random): string {
  const written = [
    (letters: string, digits: string) => `${letters} ${digits}`,
    (letters: string, digits: string) => ` ${letters}${digits}  `,
    (letters: string, digits: string) => `${letters.slice(0, 1)} ${letters.slice(1)} ${digits}`,
    (letters: string, digits: string) => `${letters}\u3000${digits}`,
  ];
  return apart(name, random.pick(written));
}

function punctuated(name: string, random: Random): string {
  const written = [
    (letters: string, digits: string) => `${letters}-${digits}`,
    (letters: string, digits: string) => `(${letters})${digits}`,
    (letters: string, digits: string) => `${letters}_${digits}`,
    (letters: string, digits: string) => `${letters}.${digits}.`,
    (letters: string, digits: string) => `${letters},${digits}`,
    (letters: string, digits: string) => `"${letters}${digits}"`,
  ];
  return apart(name, random.pick(written));
}

/** The text with the sending bank's name in front of all of it. */
export function prefixed(text: string, random: Random): string {
  return random.pick(PREFIXES) + (random.chance(0.2) ? ' ' : '') + text;
}

/** How long a text that a bank carries may be, in CP949 bytes: a Hangul or full-width character takes two. */
const BYTES_MAX = 20;

/** A depositor name as it reaches the statement. Every disguise is one that a matcher has to see through. */
export function disguised(name: string, random: Random): string {
  const text = disguise(name, random);
  const bytes = Array.from(text).reduce((total, character) => total + (character > '~' ? 2 : 1), 0);
  return bytes <= BYTES_MAX ? text : name;
}

function disguise(name: string, random: Random): string {
  const kind = random.integer(1, 100);
  if (kind <= 10) return fullWidth(name);
  if (kind <= 18) return spaced(name, random);
  if (kind <= 23) return punctuated(name, random);
  if (kind <= 35) return prefixed(name, random);
  if (kind <= 38) return prefixed(fullWidth(name), random);
  if (kind <= 60) return name.toLowerCase();
  return name;
}

/** The name of an order with its letters right and its digits wrong. */
export function mistyped(name: string, random: Random): string {
  return apart(name, (letters, digits) => {
    const place = random.integer(0, digits.length - 1);
    const other = String((Number(digits[place]) + random.integer(1, 9)) % 10);
    const wrong = [
      letters + digits.slice(0, place) + other + digits.slice(place + 1),
      letters + digits.slice(0, place) + digits.slice(place + 1),
      letters + digits + other,
      // A bank that shows eight characters and puts its own name first eats the last digit.
      random.pick(['국민', '기업', '농협', '신한']) + letters + digits.slice(0, -1),
    ];
    return random.pick(wrong);
  });
}

/** The name of an order without its digits. */
export function withoutNumber(name: string, random: Random): string {
  const letters = name.replaceAll(/\d/g, '');
  return random.chance(0.3) ? prefixed(letters, random) : letters;
}
