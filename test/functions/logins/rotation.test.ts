import assert from 'node:assert/strict';
import { otherLogin, standingOf, whyNotSet } from '../../../functions/logins/rotation.ts';

const [A, B] = ['smart_transfer_app_a', 'smart_transfer_app_b'];

describe('a step of a rotation', () => {
  const standing = (labels: Record<string, string[]>, rotationEnabled = true) =>
    standingOf({ rotationEnabled, labels }, 'new');

  it('is due while its version is staged as pending', () => {
    assert.deepEqual(standing({ old: ['AWSCURRENT'], new: ['AWSPENDING'] }), { outcome: 'due' });
  });

  it('was done before when its version is current, also while it is still staged as pending', () => {
    const done = { outcome: 'already_current' };
    assert.deepEqual(standing({ old: ['AWSPREVIOUS'], new: ['AWSCURRENT'] }), done);
    assert.deepEqual(standing({ new: ['AWSCURRENT', 'AWSPENDING'] }), done);
  });

  it('is refused for a version that is not there or not staged, and where rotation is off, with the reason', () => {
    const reasons = [
      standing({ old: ['AWSCURRENT'] }),
      standing({ newer: ['AWSCURRENT'], new: ['AWSPREVIOUS'] }),
      standing({ old: ['AWSCURRENT'], new: ['AWSPENDING'] }, false),
    ].map((refused) => (refused.outcome === 'refused' ? refused.reason : refused.outcome));
    assert.match(reasons[0]!, /no version new/);
    assert.match(reasons[1]!, /not staged AWSPENDING/);
    assert.match(reasons[2]!, /not enabled/);
  });
});

describe('the two logins', () => {
  it('alternate', () => {
    assert.deepEqual([otherLogin(A), otherLogin(B), otherLogin('postgres')], [B, A, undefined]);
  });

  it('change only while the other is in use', () => {
    assert.equal(whyNotSet(A, B), undefined);
    assert.match(whyNotSet(A, A)!, /names smart_transfer_app_a where only smart_transfer_app_b may change/);
    assert.match(whyNotSet(A, 'postgres')!, /names postgres/);
    assert.match(whyNotSet('postgres', A)!, /names postgres, which is none of/);
  });
});
