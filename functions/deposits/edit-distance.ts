/** Longer texts are compared by their beginning: no bank is known to show more than 22 characters of a name. */
const MOST_CHARACTERS = 40;

/** The cost of what lies outside the table. */
const UNREACHABLE = 255;

/**
 * How many slips turn one text into the other: a wrong, a missing or an additional character, or two neighbours swapped, with no
 * character touched twice (optimal string alignment). Characters are UTF-16 units: nothing is decided by the distance, and it is
 * counted often, which is why three rows of the table are used again and again.
 */
export function editDistance(from: string, to: string): number {
  if (from === to) return 0;
  const a = from.slice(0, MOST_CHARACTERS);
  const b = to.slice(0, MOST_CHARACTERS);
  let twoRowsUp = new Uint8Array(b.length + 1);
  let rowUp = Uint8Array.from({ length: b.length + 1 }, (_, column) => column);
  let current = new Uint8Array(b.length + 1);
  for (let row = 1; row <= a.length; row++) {
    current[0] = row;
    for (let column = 1; column <= b.length; column++) {
      const changed = cost(rowUp, column - 1) + (isSame(a, row, b, column) ? 0 : 1);
      let least = Math.min(changed, cost(rowUp, column) + 1, cost(current, column - 1) + 1);
      if (row > 1 && column > 1 && isSame(a, row, b, column - 1) && isSame(a, row - 1, b, column)) {
        least = Math.min(least, cost(twoRowsUp, column - 2) + 1);
      }
      current[column] = least;
    }
    [twoRowsUp, rowUp, current] = [rowUp, current, twoRowsUp];
  }
  return cost(rowUp, b.length);
}

/**
 * The same between the parts that Hangul syllables are typed in (jamo), and between letters and their accents: `길동` and `길돈`
 * are one slip apart, not a whole syllable.
 */
export function typingDistance(from: string, to: string): number {
  return editDistance(from.normalize('NFD'), to.normalize('NFD'));
}

/** Whether two characters, counted from 1, are the same. */
function isSame(a: string, atInA: number, b: string, atInB: number): boolean {
  return a.charCodeAt(atInA - 1) === b.charCodeAt(atInB - 1);
}

function cost(row: Uint8Array, column: number): number {
  return row[column] ?? UNREACHABLE;
}
