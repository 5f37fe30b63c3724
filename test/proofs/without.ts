import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

/** A rule as it stands in the source, and what stands there when it is taken out. */
export interface Rule {
  /** The file, from the project's root, such as `functions/transfers/claim.repository.ts`. */
  readonly file: string;
  /** The text of the rule. It stands in the file exactly once. */
  readonly text: string;
  /** What is left in its place; nothing, unless given. */
  readonly leaves?: string;
  /** For a rule of the database: the statement that takes it out. The text is only looked for. */
  readonly sql?: string;
}

const ROOT = new URL('../../', import.meta.url);
const PARAMETER = 'without';

/** What a copy is made of: the system, and what tests drive it with. The database's cluster is one for all copies. */
const COPIED = /^(functions|local\/bank-simulator|test\/support|test\/proofs|test\/functions)\//;
const SHARED: readonly string[] = ['test/support/database.ts', 'functions/database.ts'];

const copies = new Map<string, { readonly rules: readonly Rule[]; readonly applied: Set<Rule> }>();
let hooked = false;

/**
 * Loads a module, and all of the project's own that it imports, anew, with these rules taken out. Modules that were loaded before are left as they are,
 * and npm's packages are the same ones.
 *
 * @param path from the project's root.
 * @throws if a rule's text is not in its file exactly once, or its file is not part of what was loaded: such a copy would prove nothing.
 */
export async function loadWithout<Module>(path: string, rules: readonly Rule[]): Promise<Module> {
  if (!hooked) registerHooks({ resolve, load });
  hooked = true;
  const name = (copies.size + 1).toString();
  const copy = { rules, applied: new Set<Rule>() };
  copies.set(name, copy);
  const loaded = (await import(`${new URL(path, ROOT).href}?${PARAMETER}=${name}`)) as Module;
  for (const rule of rules) {
    if (rule.sql !== undefined) takeOut(sourceOf(rule.file), rule);
    else if (!copy.applied.has(rule))
      throw new Error(`${rule.file} is no part of ${path}, so nothing was taken out`);
  }
  return loaded;
}

/** What a copy imports of the project is of the same copy. */
const resolve: Parameters<typeof registerHooks>[0]['resolve'] = (specifier, context, nextResolve) => {
  const resolved = nextResolve(specifier, context);
  const copy = context.parentURL === undefined ? null : copyOf(context.parentURL);
  if (copy === null || !resolved.url.startsWith(ROOT.href)) return resolved;
  const path = resolved.url.slice(ROOT.href.length);
  if (!COPIED.test(path) || SHARED.includes(path)) return resolved;
  return { ...resolved, url: `${resolved.url}?${PARAMETER}=${copy}` };
};

const load: Parameters<typeof registerHooks>[0]['load'] = (url, context, nextLoad) => {
  const copy = copies.get(copyOf(url) ?? '');
  const loaded = nextLoad(url, context);
  if (copy === undefined) return loaded;
  const path = url.slice(ROOT.href.length).split('?')[0];
  const rules = copy.rules.filter((rule) => rule.file === path && rule.sql === undefined);
  if (rules.length === 0) return loaded;
  let source = sourceOf(path ?? '');
  for (const rule of rules) {
    source = takeOut(source, rule);
    copy.applied.add(rule);
  }
  return { ...loaded, source };
};

function sourceOf(path: string): string {
  return readFileSync(fileURLToPath(new URL(path, ROOT)), 'utf8');
}

function copyOf(url: string): string | null {
  return url.startsWith('file:') ? new URL(url).searchParams.get(PARAMETER) : null;
}

function takeOut(source: string, { file, text, leaves }: Rule): string {
  const [before, after, ...more] = source.split(text);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(
      `the text ${JSON.stringify(text)} is in ${file} ${more.length === 0 ? 'nowhere' : `${more.length + 1} times`}, not once; look what the rule says now`,
    );
  }
  return `${before}${leaves ?? ''}${after}`;
}
