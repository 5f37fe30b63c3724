import assert from 'node:assert/strict';
import fc from 'fast-check';
import { versionsToDelete } from '../../../components/rollout/old-versions.ts';

describe('old versions', () => {
  it('go by number, the newest stay, and one that an alias names never goes', () => {
    assert.deepEqual(versionsToDelete(['9', '10', '1', '2', '3'], new Set(['2']), 2), ['3', '1']);
    const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 500 }).map(String));
    fc.assert(
      fc.property(numbers, fc.nat(20), fc.func(fc.boolean()), (versions, keep, isUsed) => {
        const inUse = new Set(versions.filter((one) => isUsed(one)));
        const gone = versionsToDelete(versions, inUse, keep);
        assert.ok(gone.every((one) => versions.includes(one) && !inUse.has(one)));
        const kept = versions.filter((one) => !gone.includes(one));
        assert.ok(kept.length >= Math.min(keep, versions.length));
        const newest = versions.toSorted((a, b) => Number(b) - Number(a)).slice(0, keep);
        assert.ok(newest.every((one) => kept.includes(one)));
        assert.ok(kept.every((one) => newest.includes(one) || inUse.has(one)));
      }),
    );
  });
});
