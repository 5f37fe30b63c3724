import assert from 'node:assert/strict';
import fc from 'fast-check';
import { AT_REST, formatNote, parseNote, type AliasNote } from '../../../components/rollout/alias-note.ts';

const version = fc.integer({ min: 1, max: 99_999 }).map(String);
const at = fc.date({ min: new Date('2026-01-01'), max: new Date('2036-01-01'), noInvalidDate: true });
const reason = fc.string({ unit: 'binary', maxLength: 400 });

describe("a rollout's note on its alias", () => {
  it('is read back as it was written', () => {
    const note: fc.Arbitrary<AliasNote> = fc.oneof(
      fc.record({
        kind: fc.constant('shifting' as const),
        from: version,
        to: version,
        percent: fc.integer({ min: 0, max: 100 }),
        run: fc.stringMatching(/^[a-z0-9]{1,12}$/),
        at,
      }),
      fc.record({
        kind: fc.constant('aborted' as const),
        by: fc.stringMatching(/^[\w.@-]{1,40}$/),
        reason: fc.string({ maxLength: 80 }),
        at,
      }),
      fc.record({
        kind: fc.constant('sent_back' as const),
        from: version,
        to: version,
        reason: fc.string({ maxLength: 80 }),
        at,
      }),
    );
    fc.assert(fc.property(note, (one) => assert.deepEqual(parseNote(formatNote(one)), { ...one })));
  });

  it('keeps its kind, and fits into a description, however long its reason is', () => {
    fc.assert(
      fc.property(reason, at, (text, time) => {
        const description = formatNote({ kind: 'aborted', by: 'kim', reason: text, at: time });
        assert.ok(description.length <= 256);
        assert.equal(parseNote(description)?.kind, 'aborted');
        assert.ok(description.isWellFormed() || !text.isWellFormed());
      }),
    );
  });

  it('is not found in any other text', () => {
    for (const text of ['', AT_REST, 'rollout', 'rollout aborted', 'rollout 1 to 2: 10%, run a, yesterday'])
      assert.equal(parseNote(text), undefined);
  });
});
