import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockFolder } from '../../local/folder-lock.ts';

describe("a data folder's lock", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smart-transfer-lock-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('is given to one, and to the next after it was released', () => {
    const first = lockFolder(folder);
    assert.ok(first.outcome === 'locked');
    assert.deepEqual(lockFolder(folder), { outcome: 'taken', pid: process.pid });
    first.lock.release();
    assert.equal(lockFolder(folder).outcome, 'locked');
  });

  it('is taken over from a process that is gone', async () => {
    const child = spawn(process.execPath, ['-e', '0']);
    await once(child, 'exit');
    await writeFile(join(folder, 'lock'), `${String(child.pid)} 1\n`);
    assert.equal(lockFolder(folder).outcome, 'locked');
  });

  it('is taken over when another program has the pid by now', async function () {
    if (process.platform !== 'linux') this.skip();
    await writeFile(join(folder, 'lock'), `${String(process.ppid)} 1\n`);
    assert.equal(lockFolder(folder).outcome, 'locked');
  });

  it('is taken over when its file is torn', async () => {
    await writeFile(join(folder, 'lock'), '');
    assert.equal(lockFolder(folder).outcome, 'locked');
  });
});
