import assert from 'node:assert/strict';
import { createCallLimiter } from '../../../functions/bank/call-limiter.ts';
import { systemClock } from '../../../functions/shared/clock.ts';

describe('the call limiter', () => {
  it('lets no more in than there are places, and the next one in when one leaves', async () => {
    const limiter = createCallLimiter(2, systemClock);
    const first = await limiter.enter(1000);
    await limiter.enter(1000);
    let entered = false;
    const third = limiter.enter(1000).then((leave) => {
      entered = true;
      return leave;
    });
    await new Promise(setImmediate);
    assert.equal(entered, false);
    first!();
    assert.notEqual(await third, undefined);
  });

  it('gives up waiting after the time given', async () => {
    const limiter = createCallLimiter(1, systemClock);
    await limiter.enter(0);
    assert.equal(await limiter.enter(1), undefined);
  });

  it('forgets who gave up, so that a place is not lost', async () => {
    const limiter = createCallLimiter(1, systemClock);
    const leave = await limiter.enter(0);
    await limiter.enter(1);
    leave!();
    assert.notEqual(await limiter.enter(0), undefined);
  });

  it('counts a place that is given back twice once', async () => {
    const limiter = createCallLimiter(1, systemClock);
    const leave = await limiter.enter(0);
    leave!();
    leave!();
    await limiter.enter(0);
    assert.equal(await limiter.enter(1), undefined);
  });

  it('refuses to have no places', () => {
    assert.throws(() => createCallLimiter(0, systemClock), /at least 1/);
  });
});
