import assert from 'node:assert/strict';
import { createFaultDice, FAULT_NAMES, parseFaults } from '../../../local/bank-simulator/faults.ts';

describe('faults', () => {
  it('are read as a person types them', () => {
    assert.deepEqual(parseFaults('execute_then_timeout=0.05, say_failed_after_executing=1'), {
      execute_then_timeout: 0.05,
      say_failed_after_executing: 1,
    });
    assert.deepEqual(parseFaults(''), {});
  });

  it('are refused with what was expected when they cannot be read', () => {
    assert.throws(() => parseFaults('explode=0.5'), /names no fault; the faults are execute_then_timeout/);
    for (const text of ['slow', 'slow=', 'slow=2', 'slow=-1', 'slow=often', 'slow=0.1=0.2']) {
      assert.throws(() => parseFaults(text), /no probability from 0 to 1/);
    }
  });

  it('never fire unless asked for', () => {
    const dice = createFaultDice({}, 1);
    assert.equal(
      FAULT_NAMES.some((fault) => dice.fires(fault, 'x')),
      false,
    );
    assert.equal(dice.isLoaded, false);
  });

  it('fire about as often as asked for, and are counted', () => {
    const dice = createFaultDice({ slow: 0.25 }, 1);
    const fired = Array.from({ length: 4000 }, (_, index) => dice.fires('slow', `${index}`)).filter(
      Boolean,
    ).length;
    assert.equal(fired > 850 && fired < 1150, true);
    assert.equal(dice.counts().slow, fired);
    assert.equal(dice.counts().http_5xx, 0);
  });

  it('hang on what they are about, not on the order of questions', () => {
    const about = Array.from({ length: 50 }, (_, index) => `${index}`);
    const forwards = createFaultDice({ slow: 0.5 }, 3);
    const backwards = createFaultDice({ slow: 0.5 }, 3);
    const first = about.map((what) => forwards.fires('slow', what));
    const second = about.toReversed().map((what) => backwards.fires('slow', what));
    assert.deepEqual(first, second.toReversed());
  });
});
