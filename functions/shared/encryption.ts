import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { z } from 'zod';

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
  /** @throws when the key is unknown, or the value was altered or is of another purpose. */
  decrypt(purpose: Purpose, encrypted: Encrypted): Buffer;
  /** A keyed hash that recognises equal values and lets nobody who lacks the key try out the few digits of an account number. */
  fingerprint(value: string): string;
}

export function createVault(dataKeys: DataKeys): Vault {
  const keyOf = (keyId: string): Buffer => {
    const key = dataKeys.keys[keyId];
    if (key === undefined)
      throw new Error(`data key ${keyId} is not in the secret; put it back until no row names it`);
    return Buffer.from(key, 'base64');
  };
  return {
    encrypt(purpose, value) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', keyOf(dataKeys.current), nonce).setAAD(
        Buffer.from(purpose),
      );
      const data = Buffer.concat([cipher.update(value), cipher.final()]);
      return { ciphertext: Buffer.concat([nonce, cipher.getAuthTag(), data]), keyId: dataKeys.current };
    },
    decrypt(purpose, { ciphertext, keyId }) {
      const nonce = ciphertext.subarray(0, NONCE_BYTES);
      const tag = ciphertext.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', keyOf(keyId), nonce)
        .setAAD(Buffer.from(purpose))
        .setAuthTag(tag);
      return Buffer.concat([decipher.update(ciphertext.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    },
    fingerprint(value) {
      return createHmac('sha256', Buffer.from(dataKeys.fingerprint, 'base64'))
        .update(value)
        .digest('base64url');
    },
  };
}

/** An account number as a person may see it: the last four digits, `******7890`. */
export function maskAccountNumber(accountNumber: string): string {
  const digits = accountNumber.replaceAll(/\D/g, '');
  const shown = digits.length > 6 ? digits.slice(-4) : digits.slice(-1);
  return '*'.repeat(Math.max(digits.length - shown.length, 1)) + shown;
}
