import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { cachedCli, PULUMI_VERSION } from '../find-engine.ts';

/**
 * Builds Pulumi's CLI from Go modules into the place where npm's `pulumi` package looks for it, where it cannot be downloaded. It takes six minutes on two cores,
 * and twelve seconds once Go's cache has it. Nothing happens when the CLI is there.
 */

const PACKAGE = 'github.com/pulumi/pulumi/pkg/v3/cmd/pulumi';
const VERSION_VARIABLE = 'github.com/pulumi/pulumi/sdk/v3/go/common/version.Version';

/** Where Go's own archive unpacks to, which is not on everybody's PATH. */
const PATH = [process.env['PATH'], '/usr/local/go/bin'].join(delimiter);

const cli = cachedCli();
if (existsSync(cli)) {
  console.log(`Pulumi ${PULUMI_VERSION} is there: ${cli}`);
} else {
  mkdirSync(dirname(cli), { recursive: true });
  // Beside its place, so that half a build is never taken for the whole.
  const folder = mkdtempSync(join(dirname(cli), 'build-'));
  try {
    build(join(folder, 'pulumi'));
    renameSync(join(folder, 'pulumi'), cli);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`Pulumi ${PULUMI_VERSION} is built: ${cli}`);
}

function build(output: string): void {
  console.log(`building Pulumi ${PULUMI_VERSION} from Go modules; this takes some minutes`);
  const flags = `-s -w -X ${VERSION_VARIABLE}=v${PULUMI_VERSION}`;
  const { status, error } = spawnSync(
    'go',
    ['build', '-trimpath', '-mod=readonly', '-ldflags', flags, '-o', output, PACKAGE],
    { cwd: import.meta.dirname, stdio: 'inherit', env: { ...process.env, PATH } },
  );
  if (error !== undefined)
    throw new Error('Go is needed to build Pulumi: put `go` on PATH', { cause: error });
  if (status !== 0)
    throw new Error(`go build ended with status ${status ?? 'unknown'}: its message is above`);
}
