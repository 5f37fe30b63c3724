/** Prefixes that sending banks put before the payer's text, as seen in real feeds (third-party: shops' published exports). */
const BANK_PREFIXES = ['국민', '기업', '농협', '신한', '우리'] as const;

/** Real feeds cut texts at 8 characters. */
const CUT_CHARACTERS = 8;

/** Spoils a payer's text in one of the ways seen in real feeds; `choice`, from 0 to 1, says in which. */
export function mangleText(text: string, choice: number): string {
  const ways = [toFullWidth, cut, (plain: string) => cut(withBankPrefix(plain, choice))];
  const way = ways[Math.floor(choice * ways.length)] ?? cut;
  return way(text);
}

/** Turns ASCII into its full-width form, which CP949 can write: `rnd1` becomes `ｒｎｄ１`. */
function toFullWidth(text: string): string {
  return text
    .replace(/[!-~]/g, (character) => String.fromCharCode(character.charCodeAt(0) + 0xfee0))
    .replaceAll(' ', '\u3000');
}

function cut(text: string): string {
  return Array.from(text).slice(0, CUT_CHARACTERS).join('');
}

function withBankPrefix(text: string, choice: number): string {
  const index = Math.floor(choice * 1000) % BANK_PREFIXES.length;
  return `${BANK_PREFIXES[index] ?? BANK_PREFIXES[0]}${text}`;
}
