import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Stack } from '../stack.ts';

for (const name of ['dev', 'prod'] as const) {
  describe(`a preview of ${name} from nothing`, () => {
    let stack: Stack;

    before(async () => {
      stack = await Stack.open(name);
    });

    after(async () => {
      await stack.stop();
    });

    it('shows every resource, makes none, and needs no credentials of AWS', async () => {
      const ran = await stack.pulumi(['preview', '--stack', name], {});
      assert.equal(ran.status, 0, ran.said);
      console.log(`      a preview of ${name} took ${ran.ms} ms`);
      const file = join(import.meta.dirname, '..', '..', 'program', `names.${name}.txt`);
      const names = readFileSync(file, 'utf8').trimEnd().split('\n');
      const shown = Number(/\+ (\d+) to create/.exec(ran.said)?.[1]);
      // And the stack itself, and what is inside awsx's VPC.
      const inside = name === 'dev' ? 22 : 25;
      assert.equal(shown, names.length + 1 + inside);
      assert.equal(stack.cloud.resources.length, 0);
      assert.deepEqual(stack.cloud.changesSince(0), []);
    });

    it('refuses a key of the configuration that it does not know, and says how to remove it', async () => {
      stack.configure({ 'smart-transfer:startd': true });
      const ran = await stack.preview();
      stack.configure({ 'smart-transfer:startd': undefined });
      assert.notEqual(ran.status, 0);
      assert.match(
        ran.said,
        /smart-transfer:startd is unknown; remove it: pulumi config rm --path 'smart-transfer:startd'/,
      );
    });
  });
}
