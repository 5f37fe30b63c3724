import assert from 'node:assert/strict';
import { succeededMessages } from '../../../local/function-host/batch-response.ts';
import type { InvocationResult } from '../../../local/function-host/invocation.ts';

describe('response to a batch', () => {
  const ids = ['a', 'b', 'c'];
  const of = (payload: unknown) => succeededMessages({ outcome: 'returned', payload }, ids);
  const listing = (...failures: unknown[]) => of({ batchItemFailures: failures });

  it('deletes every message for an answer that names no failure', () => {
    for (const payload of [null, {}, { batchItemFailures: null }, { batchItemFailures: [] }, { other: 1 }]) {
      assert.deepEqual(of(payload), ids, JSON.stringify(payload));
    }
  });

  it('deletes exactly the messages that are not named', () => {
    assert.deepEqual(listing({ itemIdentifier: 'b' }), ['a', 'c']);
    assert.deepEqual(listing({ itemIdentifier: 'b' }, { itemIdentifier: 'c' }), ['a']);
    assert.deepEqual(listing({ itemIdentifier: 'b' }, { itemIdentifier: 'b' }), ['a', 'c']);
    assert.deepEqual(listing(...ids.map((itemIdentifier) => ({ itemIdentifier }))), []);
  });

  it('deletes none for a list that names anything but messages of the batch', () => {
    for (const failure of [
      { itemIdentifier: '' },
      { itemIdentifier: null },
      { id: 'a' },
      { itemIdentifier: 'z' },
      null,
      'a',
      1,
    ]) {
      assert.deepEqual(listing(failure), [], JSON.stringify(failure));
      assert.deepEqual(listing({ itemIdentifier: 'a' }, failure), [], JSON.stringify(failure));
    }
  });

  it('deletes none for an answer of another shape', () => {
    for (const payload of ['done', 3, true, { batchItemFailures: 'a' }, { batchItemFailures: {} }]) {
      assert.deepEqual(of(payload), [], JSON.stringify(payload));
    }
  });

  it('deletes none when the invocation did not return', () => {
    const results: InvocationResult[] = [
      { outcome: 'failed', errorType: 'Error', errorMessage: '' },
      { outcome: 'timed_out' },
      { outcome: 'crashed', exitCode: 1, signal: null },
      { outcome: 'throttled' },
    ];
    for (const result of results) assert.deepEqual(succeededMessages(result, ids), [], result.outcome);
  });
});
