import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { z } from 'zod';
import { settingsShape } from '../../components/settings.ts';
import { settingsShape as deploymentsShape } from '../../deployments/settings.ts';
import { hasKey } from '../support/config-keys.ts';
import { assertOurs, commandsOf, isOurs, optionsOf, wordsOf } from '../support/documented-commands.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const PAGES = ['docs/deploying.md', 'docs/from-sam.md'];

/** Commands of others, with the options that the pages use: each was looked up in its program's own reference. */
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  'aws cloudformation delete-stack': ['--stack-name'],
  'aws kms create-alias': ['--alias-name', '--target-key-id'],
  'aws kms create-key': ['--description', '--query', '--output'],
  'aws kms schedule-key-deletion': ['--key-id', '--pending-window-in-days'],
  'aws lambda get-account-settings': ['--query'],
  'aws lambda invoke': ['--function-name', '--qualifier', '--cli-binary-format', '--payload'],
  'aws logs tail': ['--since'],
  'aws rds create-db-cluster-snapshot': ['--db-cluster-identifier', '--db-cluster-snapshot-identifier'],
  'aws rds describe-db-engine-versions': ['--engine', '--query'],
  'aws s3api create-bucket': ['--bucket', '--create-bucket-configuration'],
  'aws s3api delete-bucket': ['--bucket'],
  'aws s3api put-bucket-versioning': ['--bucket', '--versioning-configuration'],
  'aws s3api put-public-access-block': ['--bucket', '--public-access-block-configuration'],
  'aws secretsmanager put-secret-value': ['--secret-id', '--secret-string'],
  'aws service-quotas request-service-quota-increase': ['--service-code', '--quota-code', '--desired-value'],
  'aws ssm delete-parameter': ['--name'],
  'aws sts get-caller-identity': [],
  curl: [],
  'export API': [],
  'gh api': ['--jq'],
  'gh variable set': ['--body'],
  'git checkout': [],
  'git commit': [],
  'git push': [],
  'git revert': ['--no-commit'],
  'npm ci': [],
  'npm start': [],
  'npx pulumi cancel': ['--stack'],
  'npx pulumi config set': ['--path', '--stack', '--cwd'],
  'npx pulumi destroy': ['--stack', '--cwd'],
  'npx pulumi login': [],
  'npx pulumi preview': ['--stack'],
  'npx pulumi refresh': ['--stack'],
  'npx pulumi stack history': ['--stack'],
  'npx pulumi stack init': ['--secrets-provider', '--cwd'],
  'npx pulumi stack output': ['--stack', '--cwd'],
  'npx pulumi stack rm': [],
  'npx pulumi up': ['--stack', '--cwd'],
  'openssl rand': [],
};

/** A line's commands: itself, and what stands in `$(…)` within it. */
function commandsIn(line: string): string[] {
  const inner = [...line.matchAll(/\$\(([^)]*)\)/g)].map(([, command]) => String(command));
  return [line.replaceAll(/\$\([^)]*\)/g, 'VALUE'), ...inner].map((command) =>
    command.replace(/^(?:[A-Z_]+=\S+ )+/, ''),
  );
}

function assertOther(line: string): void {
  const known = Object.entries(OTHERS).find(([name]) => `${line.replace('=', ' ')} `.startsWith(`${name} `));
  assert.ok(known !== undefined, `${line}: nobody has looked this command up`);
  const [name, options] = known;
  // What stands behind a lone `--` is for the program behind it.
  const own = wordsOf(line.split(' -- ')[0] ?? line);
  for (const option of optionsOf(own))
    assert.ok(options.includes(option), `${line}: ${name} has no ${option} here`);
}

/** Whether a program's configuration has a key, such as `smart-transfer:bank.kind` or `aws:allowedAccountIds[0]`. */
function isKey(name: string): boolean {
  const [namespace = '', path = ''] = name.split(':');
  const shapes: Readonly<Record<string, z.ZodType>> = {
    'smart-transfer': settingsShape,
    'smart-transfer-deployments': deploymentsShape,
  };
  const shape = shapes[namespace];
  if (shape === undefined) return name === 'aws:allowedAccountIds[0]';
  return hasKey(shape, path.replaceAll(/\[\d+\]/g, ''));
}

for (const page of PAGES)
  describe(page, () => {
    const text = read(page);
    const lines = commandsOf(text).flatMap(commandsIn);

    it('names commands and options that there are', () => {
      assert.ok(lines.length > 20, `${lines.length} commands`);
      for (const line of lines)
        if (isOurs(line)) assertOurs(line);
        else assertOther(line);
    });

    it('sets keys that there are', () => {
      for (const line of lines) {
        const [, name] = /pulumi config set (?:--path )?'?([\w:.[\]-]+)'?/.exec(line) ?? [];
        if (name !== undefined) assert.ok(isKey(name), `${line}: there is no key ${name}`);
      }
      for (const [, name] of text.matchAll(
        /`((?:network|database|bank|rollout|concurrency|api|alarms|retention)\.[\w.]+)`/g,
      ))
        assert.ok(isKey(`smart-transfer:${name}`), `there is no key ${name}`);
    });

    it('reads outputs that there are', () => {
      for (const line of lines) {
        const [, name] = /pulumi stack output (\w+)/.exec(line) ?? [];
        if (name === undefined) continue;
        const program = line.includes('--cwd deployments') ? 'deployments/index.ts' : 'index.ts';
        assert.match(read(program), new RegExp(`^export const ${name}\\b`, 'm'), line);
      }
    });

    it('links to files and sections that there are', () => {
      for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        const [file = '', section] = target.split('#');
        const path = file === '' ? page : join(dirname(page), file);
        assert.ok(existsSync(join(root, path)), `${target} is no file`);
        if (section !== undefined)
          assert.ok(sectionsOf(read(path)).includes(section), `${target} is no section`);
      }
    });
  });

/** A page's headings, as links name them. */
function sectionsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

describe('the page on deploying', () => {
  const text = read('docs/deploying.md');

  it('names every secret that a person fills', async () => {
    const { SECRETS } = await import('../../components/runtime-secrets.ts');
    for (const [name, { filledBy }] of Object.entries(SECRETS))
      if (filledBy === 'a person') assert.ok(text.includes(`| \`${name}\` |`), name);
  });

  it("names every variable that the workflow reads, and the workflow's switch", () => {
    const workflow = read('.github/workflows/deploy.yml');
    for (const [, name] of workflow.matchAll(/vars\.([A-Z_]+)/g))
      assert.ok(text.includes(String(name)), name);
  });
});
