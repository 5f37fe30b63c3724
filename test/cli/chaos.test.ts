import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../cli/smart-transfer.ts', import.meta.url));

describe('smart-transfer chaos', function () {
  this.timeout(60_000);

  it('refuses a fault that it does not know, with the names of those it knows', () => {
    const { status, stderr } = spawnSync(process.execPath, [CLI, 'chaos', '--only', 'nonsense'], {
      encoding: 'utf8',
    });
    assert.equal(status, 1);
    assert.match(stderr, /no fault nonsense; there are kill_settlement_in_flight,.*bank_down/s);
  });
});
