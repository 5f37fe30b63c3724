import type { Rule } from '../proofs/without.ts';

/** A condition, a lock or a sign in a file's SQL, and what is left when it is spoilt. */
export interface SqlMutant extends Rule {
  readonly line: number;
  /** Such as `where state = 'queued'  →  (nothing)`. */
  readonly change: string;
}

/** What each comparison becomes: the next one beside it, or its opposite. */
const COMPARISONS: readonly (readonly [string, string])[] = [
  ['<=', '<'],
  ['>=', '>'],
  ['<>', '='],
  ['<', '<='],
  ['>', '>='],
  ['=', '<>'],
];

/** Words of SQL whose loss or change nothing else may make up for. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/ for (no key )?update( of \w+)?( skip locked)?/, ''],
  [/ for share/, ''],
  [/ skip locked/, ''],
  [/\bdesc\b/, ''],
  [/\bgreatest\(/, 'least('],
  [/\bmax\(/, 'min('],
  [/\bmin\(/, 'max('],
  [/ limit \$\{[^}]+\}/, ''],
];

/**
 * Every way to spoil one thing in a file's SQL: a condition that is left out or compared the wrong way round, a lock that is not taken, a row's order
 * turned. One change a mutant, and each change is in one line.
 */
export function sqlMutantsOf(file: string, source: string): SqlMutant[] {
  const lines = source.split('\n');
  const mutants: SqlMutant[] = [];
  const add = (index: number, line: string, mutated: string) => {
    if (mutated === line) return;
    const before = lines.slice(0, index).join('\n');
    const after = lines.slice(index + 1).join('\n');
    mutants.push({
      file,
      line: index + 1,
      change: `${line.trim()}  →  ${mutated.trim() === '' ? '(nothing)' : mutated.trim()}`,
      text: source,
      leaves: `${before}\n${mutated}\n${after}`,
    });
  };
  let inSql = false;
  // The SQL text up to the line in question: an assignment is told from a comparison by what stands before it.
  let text = '';
  for (const [index, line] of lines.entries()) {
    const opening = /sql(<[^`]*>)?`/.exec(line);
    if (!inSql && opening === null) {
      if (!/^\s*(\*|\/\/|\/\*)/.test(line))
        for (const mutated of spoiltBuilder(line)) add(index, line, mutated);
      continue;
    }
    // What of the line is SQL: from the opening backtick, if it is here, to the last one that closes.
    const start = inSql ? 0 : (opening?.index ?? 0) + (opening?.[0].length ?? 0);
    const closing = line.lastIndexOf('`');
    const end = closing >= start ? closing : line.length;
    if (!inSql) text = '';
    const part = line.slice(start, end);
    for (const mutated of spoiltSql(text, part, inSql && end === line.length))
      add(index, line, line.slice(0, start) + mutated + line.slice(end));
    text += `${part}\n`;
    const ticks = line.split('`').length - 1;
    if (ticks % 2 === 1) inSql = !inSql;
  }
  return mutants;
}

/** A line of SQL text, and what stands before it. */
function spoiltSql(before: string, line: string, whole: boolean): string[] {
  const spoilt: string[] = [];
  const condition = /^(\s*)(and|or) .*$/.exec(line);
  if (whole && condition && isBalanced(line)) spoilt.push('');
  const first = /^(.*\bwhere )(.+?)((?: and .*|)$)/.exec(line);
  if (first?.[2] !== undefined && isBalanced(first[2])) spoilt.push(`${first[1] ?? ''}true${first[3] ?? ''}`);
  for (const [from, to] of COMPARISONS) {
    for (const place of placesOf(line, ` ${from} `)) {
      if (from === '=' && isAssignment(before + line.slice(0, place))) continue;
      spoilt.push(replaceAt(line, place, ` ${from} `, ` ${to} `));
    }
  }
  for (const [word, to] of WORDS) {
    if (word.test(line) && !/^\s*for /.test(line)) spoilt.push(line.replace(word, to));
    else if (word.test(` ${line.trim()}`) && /^\s*for /.test(line))
      spoilt.push(` ${line.trim()}`.replace(word, to));
  }
  return spoilt;
}

/** Whether `=` after this text gives a column its value: another sign there would only break the statement. */
function isAssignment(text: string): boolean {
  const clauses = [''];
  for (const [word] of text.matchAll(/[()]|\b(?:case|end|set|where|from|on|having|select)\b/g)) {
    if (word === '(' || word === 'case') clauses.push(word);
    else if (word === ')' || word === 'end') clauses.pop();
    else clauses[clauses.length - 1] = word;
  }
  return clauses.at(-1) === 'set';
}

/** A line of a query builder's calls. */
function spoiltBuilder(line: string): string[] {
  const spoilt: string[] = [];
  if (/^\s*\.(where|whereRef)\(.*\)$/.test(line) && isBalanced(line)) spoilt.push('');
  if (/^\s*\.(where|whereRef)\(/.test(line)) {
    for (const [from, to] of COMPARISONS) {
      for (const place of placesOf(line, `'${from}'`))
        spoilt.push(replaceAt(line, place, `'${from}'`, `'${to}'`));
    }
  }
  const lock = /\.(forUpdate|forShare|forNoKeyUpdate|skipLocked)\([^)]*\)/;
  if (lock.test(line)) spoilt.push(line.replace(lock, ''));
  if (line.includes("'+'")) spoilt.push(line.replace("'+'", "'-'"));
  if (line.includes("'-'")) spoilt.push(line.replace("'-'", "'+'"));
  if (line.includes("'desc'")) spoilt.push(line.replace("'desc'", "'asc'"));
  const states = /(?<='state', 'in', \[)[^\]]*(?=\])/.exec(line)?.[0];
  for (const name of states?.split(', ') ?? []) {
    const others = states?.split(', ').filter((other) => other !== name) ?? [];
    if (others.length > 0) spoilt.push(line.replace(states ?? '', others.join(', ')));
  }
  return spoilt;
}

function placesOf(line: string, text: string): number[] {
  const places: number[] = [];
  for (let place = line.indexOf(text); place >= 0; place = line.indexOf(text, place + 1)) places.push(place);
  return places;
}

function replaceAt(line: string, place: number, text: string, by: string): string {
  return line.slice(0, place) + by + line.slice(place + text.length);
}

function isBalanced(text: string): boolean {
  let open = 0;
  for (const character of text) {
    if (character === '(') open += 1;
    if (character === ')') open -= 1;
    if (open < 0) return false;
  }
  return open === 0;
}
