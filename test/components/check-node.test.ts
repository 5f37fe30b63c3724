import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';

const FILE = join(import.meta.dirname, '..', '..', 'components', 'check-node.cjs');

/** What the check says and ends with under a Node of a version. */
function under(version: string): { said: string[]; status: number | undefined } {
  const said: string[] = [];
  let status: number | undefined;
  runInNewContext(readFileSync(FILE, 'utf8'), {
    process: { versions: { node: version }, exit: (code: number) => (status = code) },
    console: { error: (text: string) => said.push(text) },
  });
  return { said, status };
}

describe("the check of Pulumi's Node", () => {
  for (const version of ['16.20.2', '20.19.0', '22.12.0'])
    it(`tells who has Node ${version} what to type`, () => {
      const { said, status } = under(version);
      assert.equal(status, 1);
      assert.match(said.join(), new RegExp(`needs Node 24 .*is ${version.replaceAll('.', '\\.')} here`));
      assert.match(said.join(), /npx pulumi up --stack dev/);
    });

  it('says nothing under the Node that runs this', () => {
    const { status, stderr } = spawnSync(process.execPath, ['--require', FILE, '-e', '0'], {
      encoding: 'utf8',
    });
    assert.deepEqual([status, stderr], [0, '']);
  });

  it('is what Pulumi.yaml has loaded first', () => {
    const project = readFileSync(join(FILE, '..', '..', 'Pulumi.yaml'), 'utf8');
    assert.match(project, /nodeargs: --require \.\/components\/check-node\.cjs/);
    assert.match(project, /typescript: false/);
  });
});
