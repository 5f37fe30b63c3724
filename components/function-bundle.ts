import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build, type BuildOptions, type OutputFile } from 'esbuild';

export interface FunctionBundleArgs {
  /** The absolute path of the function's entry file, such as `…/functions/transfers/settle.handler.ts`. It exports `handler`. */
  readonly entry: string;
  /** The function's name, for errors. */
  readonly name: string;
}

/** One function as it is deployed, and as the local system runs it. */
export interface FunctionBundle {
  /** The bytes of `index.mjs`. The handler of the function is `index.handler`. */
  readonly code: Uint8Array;
  /** The bytes of `index.mjs.map`. Its sources are paths below the project, and it holds no source text. */
  readonly sourceMap: Uint8Array;
  /** SHA-256 of `code`, in hexadecimal. */
  readonly sha256: string;
  /** The files that went into the bundle, below the project and sorted. */
  readonly inputs: readonly string[];
}

/**
 * Packs a function and all it imports into one module. The same sources give the same bytes wherever the checkout lies and from
 * wherever the program runs, so that a deployment with no change to a function shows no difference.
 *
 * @throws if esbuild finds a mistake: its message names file and line.
 */
export async function bundleFunction(args: FunctionBundleArgs): Promise<FunctionBundle> {
  const root = projectRoot(args.entry);
  const result = await build(bundleOptions(args.entry, root)).catch((cause: unknown) => {
    throw new Error(`The function "${args.name}" could not be bundled from ${args.entry}`, { cause });
  });
  const code = output(result.outputFiles, 'index.mjs');
  return {
    code: code.contents,
    sourceMap: output(result.outputFiles, 'index.mjs.map').contents,
    sha256: createHash('sha256').update(code.contents).digest('hex'),
    inputs: Object.keys(result.metafile.inputs).sort(),
  };
}

/** CommonJS packages (`pg` is one) call `require` and read `__dirname`; an ES module has neither, so the bundle brings its own. */
const commonJsBanner = [
  "import { createRequire as __bundleCreateRequire } from 'node:module';",
  'const require = __bundleCreateRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;',
].join('');

function bundleOptions(entry: string, root: string) {
  return {
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: join(root, 'index.mjs'),
    write: false,
    metafile: true,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // What a package's ES module exports and nobody imports is left out; of its CommonJS twin all is kept.
    mainFields: ['module', 'main'],
    // `pg` looks for this compiled driver only when it is asked to.
    external: ['pg-native'],
    banner: { js: commonJsBanner },
    charset: 'utf8',
    // Names stay whole, for stack traces and for errors that are told apart by name; comments go.
    keepNames: true,
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    sourcemap: 'linked',
    sourcesContent: false,
    // No tsconfig.json decides about the bytes.
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    logLevel: 'silent',
  } satisfies BuildOptions;
}

/** The nearest folder above the entry that holds a package.json: every path in the output is told from there. */
function projectRoot(entry: string): string {
  for (let folder = dirname(entry); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) throw new Error(`No folder above ${entry} holds a package.json`);
  }
}

function output(files: readonly OutputFile[], name: string): OutputFile {
  const file = files.find(({ path }) => path.endsWith(`/${name}`) || path.endsWith(`\\${name}`));
  if (file === undefined) throw new Error(`esbuild made no ${name}`);
  return file;
}
