import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Secrets } from './secrets.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The secret that holds the data keys. Old keys stay in `keys` until nothing names them; new values use `current`. */
export const dataKeysShape = z
  .object({
    current: z.string().min(1),
    keys: z.record(
      z.string(),
      z.base64().refine((text) => Buffer.from(text, 'base64').length === 32),
    ),
    fingerprint: z.base64().refine((text) => Buffer.from(text, 'base64').length >= 32),
  })
  .refine((value) => value.current in value.keys, { path: ['current'] });

export type DataKeys = z.infer<typeof dataKeysShape>;

/** What a value is for. It is authenticated with the value, so that one cannot be put in the other's place. */
export type Purpose = 'account-number' | 'bank-message';

export interface Encrypted {
  readonly ciphertext: Uint8Array;
  readonly keyId: string;
}

/** Encryption at rest by the application (AES-256-GCM): the database and its backups never hold an account number in clear. */
export interface Vault {
  encrypt(purpose: Purpose, value: string | Uint8Array): Encrypted;
  /** @throws {@link UnknownDataKey}, or an error when the value was altered or is of another purpose. */
  decrypt(purpose: Purpose, encrypted: Encrypted): Buffer;
  /** Reads the secret again, once, when it was read before this key was in it. Answers whether the key is known now. */
  learn(keyId: string): Promise<boolean>;
  /** A keyed hash that recognises equal values and lets nobody who lacks the key try out the few digits of an account number. */
  fingerprint(value: string): string;
}

/** A value names a key that the secret did not hold when it was read: a newer one, or one that was taken out too early. */
export class UnknownDataKey extends Error {
  override readonly name = 'UnknownDataKey';
  readonly keyId: string;

  constructor(keyId: string) {
    super(`data key ${keyId} is not in the secret; put it back until no row names it`);
    this.keyId = keyId;
  }
}

/** The vault of a function, with the keys of the secret as they were read last. */
export async function openVault(secrets: Secrets, secretId: string): Promise<Vault> {
  return createVault(await secrets.read(secretId, dataKeysShape), () =>
    secrets.readFresh(secretId, dataKeysShape),
  );
}

/** `readAgain` answers the keys as they are now; without it they never change. */
export function createVault(dataKeys: DataKeys, readAgain?: () => Promise<DataKeys>): Vault {
  let known = dataKeys;
  const keyOf = (keyId: string): Buffer => {
    const key = known.keys[keyId];
    if (key === undefined) throw new UnknownDataKey(keyId);
    return Buffer.from(key, 'base64');
  };
  return {
    encrypt(purpose, value) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', keyOf(known.current), nonce).setAAD(Buffer.from(purpose));
      const data = Buffer.concat([cipher.update(value), cipher.final()]);
      return { ciphertext: Buffer.concat([nonce, cipher.getAuthTag(), data]), keyId: known.current };
    },
    decrypt(purpose, { ciphertext, keyId }) {
      const nonce = ciphertext.subarray(0, NONCE_BYTES);
      const tag = ciphertext.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', keyOf(keyId), nonce)
        .setAAD(Buffer.from(purpose))
        .setAuthTag(tag);
      return Buffer.concat([decipher.update(ciphertext.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    },
    async learn(keyId) {
      if (!(keyId in known.keys) && readAgain !== undefined) known = await readAgain();
      return keyId in known.keys;
    },
    fingerprint(value) {
      return createHmac('sha256', Buffer.from(known.fingerprint, 'base64')).update(value).digest('base64url');
    },
  };
}

/** An account number as a person may see it: the last four digits, `******7890`. */
export function maskAccountNumber(accountNumber: string): string {
  const digits = accountNumber.replaceAll(/\D/g, '');
  const shown = digits.length > 6 ? digits.slice(-4) : digits.slice(-1);
  return '*'.repeat(Math.max(digits.length - shown.length, 1)) + shown;
}
