import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };

/** The CLI that package.json's `pulumi` stands for, as it says its own version. */
export const PULUMI_VERSION = packageJson.devDependencies.pulumi;

export interface FoundEngine {
  /** The CLI's path. */
  readonly cli: string;
  /** A folder for PATH: a host for Node programs, where the CLI has none beside it. */
  readonly hostFolder: string | undefined;
}

const HOST = 'pulumi-language-nodejs';

/** Where npm's `pulumi` package keeps the CLI, and finds one that is already there. */
export function cachedCli(): string {
  const home = process.env['PULUMI_HOME'] ?? join(homedir(), '.pulumi');
  return join(home, 'versions', PULUMI_VERSION, 'bin', 'pulumi');
}

/**
 * Finds a Pulumi to run: what npm's `pulumi` package has cached, or one that is installed.
 *
 * @throws an error that says how to get one.
 */
export function findEngine(): FoundEngine {
  const cli = [cachedCli(), ...installed()].find(isExecutable);
  if (cli === undefined)
    throw new Error(
      `there is no Pulumi ${PULUMI_VERSION}. Get it by "npx pulumi version", which downloads it once, or, where nothing can be downloaded but Go modules, by "node test/engine/tools/build-cli.ts"`,
    );
  const hasHost = isExecutable(join(dirname(cli), HOST));
  return { cli, hostFolder: hasHost ? undefined : join(import.meta.dirname, 'language-host') };
}

/** npm's own script in `node_modules` is not one: it would download. */
function installed(): string[] {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '' && !folder.includes('node_modules'))
    .map((folder) => join(folder, 'pulumi'));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
