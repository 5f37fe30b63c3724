import assert from 'node:assert/strict';
import { parsePersonId, parseReason } from '../../../functions/people/person.ts';

describe("a person's id", () => {
  it('has one spelling, so that one person cannot be two', () => {
    assert.equal(parsePersonId(' Kim.Minsu '), 'kim.minsu');
    assert.equal(parsePersonId('ＫＩＭ'), 'kim');
    assert.equal(parsePersonId('김민수'), '김민수');
    assert.equal(parsePersonId('kim@example.com'), 'kim@example.com');
  });

  it('is neither empty, nor a sentence, nor a name that the system signs with', () => {
    for (const text of [
      '',
      '  ',
      'kim minsu',
      '-kim',
      'kim\n',
      'system',
      'SYSTEM',
      'migration',
      'k'.repeat(65),
    ])
      assert.equal(parsePersonId(text), text === 'kim\n' ? 'kim' : undefined, JSON.stringify(text));
  });
});

describe('a reason', () => {
  it('is what stands between the spaces around it', () => {
    assert.equal(parseReason('  the buyer called  '), 'the buyer called');
  });

  it('is long enough to say something and short enough to be read', () => {
    assert.equal(parseReason('  x  '), undefined);
    assert.equal(parseReason('x'.repeat(501)), undefined);
    assert.equal(parseReason('x'.repeat(500)), 'x'.repeat(500));
  });
});
