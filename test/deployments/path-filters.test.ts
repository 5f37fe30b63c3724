import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, matchesGlob, relative } from 'node:path';
import { build } from 'esbuild';
import { pathFilters } from '../../deployments/path-filters.ts';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '..', '..');

/** Every file of the repository that something is made of: what its imports lead to, installed packages aside. */
async function sourcesOf(...entries: string[]): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: entries,
    bundle: true,
    write: false,
    outdir: 'out',
    metafile: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
  });
  return Object.keys(metafile.inputs);
}

/** The functions' entries, as the components name them. */
function functionEntries(): string[] {
  return globSync('components/**/*.ts', { cwd: root }).flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/entry: '([^']+)'/g)].map(([, entry]) =>
      String(entry),
    ),
  );
}

/** What the program reads without importing it: by its own file functions, or as Pulumi, Node and esbuild do. */
const READ_BESIDES = ['package.json', 'package-lock.json', 'tsconfig.json', '.node-version', 'Pulumi.yaml'];

function covers(filters: readonly string[], path: string): boolean {
  return filters.some((filter) => matchesGlob(path, filter));
}

describe('the path filters', () => {
  for (const stack of ['dev', 'prod'])
    it(`of ${stack} let no file through unseen that the program or its functions are made of`, async () => {
      const entries = functionEntries();
      assert.ok(entries.length >= 11, `${entries.length} entries`);
      const sources = await sourcesOf('index.ts', ...entries);
      assert.ok(sources.includes('functions/shared/money.ts') && sources.includes('components/settings.ts'));
      const { runtime } = parse(readFileSync(join(root, 'Pulumi.yaml'), 'utf8')) as {
        runtime: { options: { nodeargs: string } };
      };
      const preloaded = relative('.', runtime.options.nodeargs.replace('--require ', ''));
      const read = [...sources, ...READ_BESIDES, preloaded, `Pulumi.${stack}.yaml`];
      const filters = pathFilters(stack);
      assert.deepEqual(
        read.filter((path) => !covers(filters, path)),
        [],
      );
      for (const path of read) assert.ok(existsSync(join(root, path)), `${path} is no file`);
    });

  it('deploy nothing for what is only read by people or by tests', () => {
    for (const path of [
      'README.md',
      'docs/deploying.md',
      'test/program/program.test.ts',
      'cli/cost.ts',
      'bench/book.bench.ts',
    ])
      assert.ok(!covers(pathFilters('prod'), path), path);
  });

  it('deploy a stack for its own file, and for no other', () => {
    assert.ok(
      covers(pathFilters('prod'), 'Pulumi.prod.yaml') && !covers(pathFilters('prod'), 'Pulumi.dev.yaml'),
    );
  });

  it('name what there is', () => {
    for (const filter of pathFilters('prod'))
      assert.ok(globSync(filter, { cwd: root }).length > 0, `${filter} matches nothing`);
  });
});
