import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve, sep } from 'node:path';
import { startShopSystem } from '../local/shop-system.ts';

/**
 * Lets Schemathesis (pypi.org/project/schemathesis) loose on the local system's API, over HTTP, with what its OpenAPI document describes. It is no npm package, so that it is installed beforehand:
 * `pip install schemathesis`, or `SCHEMATHESIS` names the program. More arguments are passed on, such as `--max-examples 200`.
 */
const named = process.env['SCHEMATHESIS'] ?? 'schemathesis';
const PROGRAM = named.includes(sep) ? resolve(named) : named;

/** Schemathesis leaves what it has found in the folder that it runs in. */
const folder = await mkdtemp(join(tmpdir(), 'smart-transfer-contract-'));

/**
 * `positive_data_acceptance`: a request may fit the document and be refused all the same, for what only the database knows. `unsupported_method`: TRACE is refused before the
 * API hears of it, with a 400; for the others a test of our own looks at the 405.
 */
const NOT_PROMISED = 'positive_data_acceptance,unsupported_method';

async function runs(args: readonly string[]): Promise<number | undefined> {
  const child = spawn(PROGRAM, args, { stdio: 'inherit', cwd: folder });
  const missing = once(child, 'error').then(() => undefined);
  const ended = once(child, 'exit').then(([code]) => (code as number | null) ?? 1);
  return await Promise.race([missing, ended]);
}

if ((await runs(['--version'])) !== 0) {
  process.stderr.write(
    `"${PROGRAM}" does not run. The contract is tried by Schemathesis 4: install it (python3 -m venv .venv && .venv/bin/pip install schemathesis), and run SCHEMATHESIS=.venv/bin/schemathesis npm run contract.\n`,
  );
  await rm(folder, { recursive: true, force: true });
  process.exit(1);
}
const world = await startShopSystem(join(folder, 'system'), {
  webhooks: true,
  apiRequestsPerMinute: 10_000_000,
});
try {
  const shop = await world.addShop('flowers');
  await shop.ask('PUT', '/v1/sellers/haneul-flowers', { name: '하늘꽃집' });
  const code = await runs([
    'run',
    `${shop.url}/openapi.json`,
    '--header',
    `Authorization: Bearer ${shop.key}`,
    '--exclude-checks',
    NOT_PROMISED,
    ...process.argv.slice(2),
  ]);
  const errors = world.lines.filter(({ from, text }) => from === 'api' && text.includes('"level":"ERROR"'));
  for (const { text } of errors) process.stdout.write(`${text}\n`);
  process.exitCode = code === 0 && errors.length === 0 ? 0 : 1;
} finally {
  await world.system.stop();
  await rm(folder, { recursive: true, force: true });
}
