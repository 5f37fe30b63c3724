import assert from 'node:assert/strict';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleFunction } from '../../components/function-bundle.ts';
import { temporaryFolder } from '../local/temporary-folder.ts';

describe('function bundle', () => {
  const folder = temporaryFolder();

  /** A small project with an ES module, a CommonJS package that requires and reads a built-in module, and a type to strip. */
  function project(name: string): string {
    const root = join(folder(), name);
    mkdirSync(join(root, 'functions', 'greetings'), { recursive: true });
    mkdirSync(join(root, 'node_modules', 'legacy'), { recursive: true });
    writeFileSync(join(root, 'package.json'), '{"type": "module"}');
    writeFileSync(
      join(root, 'node_modules', 'legacy', 'package.json'),
      '{"name": "legacy", "main": "index.js"}',
    );
    writeFileSync(
      join(root, 'node_modules', 'legacy', 'index.js'),
      "exports.separator = require('node:path').posix.sep; exports.folder = typeof __dirname; try { require('pg-native') } catch {}",
    );
    writeFileSync(
      join(root, 'functions', 'greetings', 'greet.handler.ts'),
      `import { text } from './text.ts';
       import legacy from 'legacy';
       interface Event { readonly name: string }
       export async function handler(event: Event): Promise<string> {
         return text(event.name) + legacy.separator + legacy.folder;
       }`,
    );
    writeFileSync(
      join(root, 'functions', 'greetings', 'text.ts'),
      'export const text = (name: string): string => `안녕 ${name}`;',
    );
    return root;
  }

  const entryOf = (root: string): string => join(root, 'functions', 'greetings', 'greet.handler.ts');

  it('gives the same bytes from two copies of the project, run from two folders', async () => {
    const first = project('first');
    const second = join(folder(), 'deeper', 'and', 'deeper', 'second');
    cpSync(first, second, { recursive: true });
    const one = await bundleFunction({ entry: entryOf(first), name: 'greet' });
    const startedIn = process.cwd();
    process.chdir(second);
    try {
      const other = await bundleFunction({ entry: entryOf(second), name: 'greet' });
      assert.deepEqual(other, one);
    } finally {
      process.chdir(startedIn);
    }
    assert.ok(!Buffer.from(one.code).includes(folder()));
    assert.ok(!Buffer.from(one.sourceMap).includes(folder()));
    assert.deepEqual(one.inputs, [
      'functions/greetings/greet.handler.ts',
      'functions/greetings/text.ts',
      'node_modules/legacy/index.js',
    ]);
  });

  it('runs alone, CommonJS packages and all', async () => {
    const { code } = await bundleFunction({ entry: entryOf(project('only')), name: 'greet' });
    const file = join(folder(), 'index.mjs');
    writeFileSync(file, code);
    const { handler } = (await import(pathToFileURL(file).href)) as {
      handler: (event: object) => Promise<string>;
    };
    assert.equal(await handler({ name: '구매자' }), '안녕 구매자/string');
  });

  it('packs the AWS SDK, pg and Kysely into a module that loads with no packages at hand', async () => {
    const root = project('real');
    symlinkSync(
      join(import.meta.dirname, '..', '..', 'node_modules'),
      join(root, 'functions', 'node_modules'),
    );
    writeFileSync(
      entryOf(root),
      `import { SQSClient } from '@aws-sdk/client-sqs';
       import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
       import { Logger } from '@aws-lambda-powertools/logger';
       import { Kysely, PostgresDialect } from 'kysely';
       import pg from 'pg';
       export async function handler() {
         const pool = new pg.Pool({ max: 1 });
         const database = new Kysely({ dialect: new PostgresDialect({ pool }) });
         const clients = [new SQSClient({ region: 'x' }), new SecretsManagerClient({ region: 'x' })];
         await database.destroy();
         return [clients.length, typeof new Logger().info, pg.Client.name].join();
       }`,
    );
    const { code } = await bundleFunction({ entry: entryOf(root), name: 'real' });
    const file = join(folder(), 'index.mjs');
    writeFileSync(file, code);
    const { handler } = (await import(pathToFileURL(file).href)) as { handler: () => Promise<string> };
    assert.equal(await handler(), '2,function,Client');
  });

  it('names the function and the place of a mistake', async () => {
    const root = project('wrong');
    writeFileSync(entryOf(root), "import { missing } from './nowhere.ts';\nexport const handler = missing;");
    await assert.rejects(bundleFunction({ entry: entryOf(root), name: 'greet' }), (error: Error) => {
      assert.match(error.message, /"greet" could not be bundled/);
      assert.match(String(error.cause), /greet\.handler\.ts:1:24/);
      return true;
    });
  });
});
