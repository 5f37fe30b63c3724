import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import {
  createVault,
  maskAccountNumber,
  UnknownDataKey,
  type DataKeys,
} from '../../../functions/shared/encryption.ts';

function newKeys(...ids: string[]): DataKeys {
  return {
    current: ids.at(-1) ?? '',
    keys: Object.fromEntries(ids.map((id) => [id, randomBytes(32).toString('base64')])),
    fingerprint: randomBytes(32).toString('base64'),
  };
}

describe('the vault', () => {
  it('gives back what it encrypted, and never shows it', () => {
    const vault = createVault(newKeys('k1'));
    fc.assert(
      fc.property(fc.stringMatching(/^\d{8,16}$/), (number) => {
        const encrypted = vault.encrypt('account-number', number);
        assert.equal(vault.decrypt('account-number', encrypted).toString(), number);
        assert.ok(!Buffer.from(encrypted.ciphertext).includes(number));
      }),
    );
  });

  it('encrypts the same number differently each time, and fingerprints it the same', () => {
    const vault = createVault(newKeys('k1'));
    const [one, two] = [
      vault.encrypt('account-number', '110200300'),
      vault.encrypt('account-number', '110200300'),
    ];
    assert.notDeepEqual(one.ciphertext, two.ciphertext);
    assert.equal(vault.fingerprint('110200300'), vault.fingerprint('110200300'));
    assert.notEqual(vault.fingerprint('110200300'), vault.fingerprint('110200301'));
    assert.notEqual(vault.fingerprint('110200300'), createVault(newKeys('k1')).fingerprint('110200300'));
  });

  it('refuses a value that was altered in any byte', () => {
    const vault = createVault(newKeys('k1'));
    const { ciphertext, keyId } = vault.encrypt('account-number', '110200300');
    for (let index = 0; index < ciphertext.length; index += 1) {
      const altered = Uint8Array.from(ciphertext);
      altered[index] = (altered[index] ?? 0) ^ 1;
      assert.throws(() => vault.decrypt('account-number', { ciphertext: altered, keyId }), `byte ${index}`);
    }
  });

  it('refuses a value in the place of one of another purpose', () => {
    const vault = createVault(newKeys('k1'));
    assert.throws(() => vault.decrypt('bank-message', vault.encrypt('account-number', '110200300')));
  });

  it('reads old values after a rotation, writes new ones with the new key, and names a key that is gone', () => {
    const keys = newKeys('k1', 'k2');
    const before = createVault({ ...keys, current: 'k1' });
    const after = createVault(keys);
    const old = before.encrypt('account-number', '110200300');
    assert.equal(old.keyId, 'k1');
    assert.equal(after.decrypt('account-number', old).toString(), '110200300');
    assert.equal(after.encrypt('account-number', '110200300').keyId, 'k2');
    const forgetful = createVault({ ...keys, keys: { k2: keys.keys['k2'] ?? '' } });
    assert.throws(() => forgetful.decrypt('account-number', old), /data key k1 is not in the secret/);
  });

  it('learns a key that is newer than its secret was when it was read, and asks for one that it knows no more', async () => {
    const keys = newKeys('k1', 'k2');
    const newer = createVault(keys).encrypt('account-number', '110200300');
    const asked: string[] = [];
    const readAgain = () => Promise.resolve((asked.push('again'), keys));
    const vault = createVault({ ...keys, current: 'k1', keys: { k1: keys.keys['k1'] ?? '' } }, readAgain);
    assert.throws(() => vault.decrypt('account-number', newer), UnknownDataKey);
    assert.equal(await vault.learn('k2'), true);
    assert.equal(vault.decrypt('account-number', newer).toString(), '110200300');
    assert.equal(await vault.learn('k1'), true);
    assert.deepEqual(asked, ['again']);
    assert.equal(await vault.learn('k3'), false);
    assert.throws(() => vault.decrypt('account-number', { ...newer, keyId: 'k3' }), /data key k3/);
  });
});

describe('a masked account number', () => {
  it('shows four digits at the most, and fewer than it hides', () => {
    assert.equal(maskAccountNumber('110-200-300401'), '********0401');
    fc.assert(
      fc.property(fc.stringMatching(/^\d{2,16}$/), (number) => {
        const shown = maskAccountNumber(number).replaceAll('*', '');
        assert.ok(shown.length <= 4 && number.endsWith(shown));
        assert.ok(number.length <= 2 || shown.length < number.length - shown.length + 2);
      }),
    );
  });
});
