import type { Won } from '../../functions/shared/money.ts';
import { won } from '../../functions/shared/money.ts';

/** What a demo buyer is asked to pay. */
export interface Bill {
  readonly depositorName: string;
  readonly recipientName: string;
  readonly amount: Won;
}

export interface Payment {
  readonly text: string;
  readonly amount: Won;
}

interface Habit {
  /** How many of a hundred buyers pay like this. */
  readonly weight: number;
  pay(bill: Bill, chance: () => number): Payment[];
}

/**
 * How people pay, by what shops' own notices complain about: most type the name as told, banks add their own name or widen the letters, and some
 * forget the number, mistype it, pay too little, too much, twice or in parts, or write a memo.
 */
const HABITS: readonly Habit[] = [
  { weight: 70, pay: ({ depositorName, amount }) => [{ text: depositorName, amount }] },
  { weight: 6, pay: ({ depositorName, amount }) => [{ text: `국민${depositorName}`, amount }] },
  { weight: 6, pay: ({ depositorName, amount }) => [{ text: widen(depositorName), amount }] },
  { weight: 3, pay: ({ recipientName, amount }) => [{ text: recipientName, amount }] },
  {
    weight: 3,
    pay: ({ depositorName, amount }, chance) => [{ text: mistype(depositorName, chance), amount }],
  },
  {
    weight: 3,
    pay: ({ depositorName, amount }) => [
      { text: depositorName, amount: won(amount - 1000n > 0n ? amount - 1000n : 1n) },
    ],
  },
  { weight: 2, pay: ({ depositorName, amount }) => [{ text: depositorName, amount: won(amount + 500n) }] },
  {
    weight: 2,
    pay: ({ depositorName, amount }) => [
      { text: depositorName, amount },
      { text: depositorName, amount },
    ],
  },
  {
    weight: 2,
    pay: ({ depositorName, amount }) => [
      { text: depositorName, amount: won(amount / 2n) },
      { text: depositorName, amount: won(amount - amount / 2n) },
    ],
  },
  { weight: 2, pay: ({ amount }) => [{ text: '주문한거요', amount }] },
  { weight: 1, pay: () => [] },
];

const TOTAL = HABITS.reduce((sum, habit) => sum + habit.weight, 0);

/** What one buyer sends for a bill: mostly one payment that fits, sometimes none, or the wrong ones. */
export function payBill(bill: Bill, chance: () => number): Payment[] {
  let pick = chance() * TOTAL;
  const habit = HABITS.find((candidate) => (pick -= candidate.weight) < 0) ?? HABITS[0];
  return habit?.pay(bill, chance) ?? [];
}

/** ASCII as full-width characters, as some banks print it. */
function widen(text: string): string {
  return text.replaceAll(/[!-~]/g, (character) =>
    String.fromCodePoint((character.codePointAt(0) ?? 0) + 0xfee0),
  );
}

function mistype(name: string, chance: () => number): string {
  const last = Number(name.slice(-1));
  return `${name.slice(0, -1)}${((last + 1 + Math.floor(chance() * 9)) % 10).toString()}`;
}
