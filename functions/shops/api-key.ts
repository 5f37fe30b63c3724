import { createHash } from 'node:crypto';
import type { Brand } from '../shared/brand.ts';

/** A shop's id: lower case letters, digits and hyphens, 40 characters at the most. */
export type ShopId = Brand<string, 'ShopId'>;

/** An API key as a shop holds it: `st_<key id>_<secret>`. */
export interface ApiKey {
  /** Twelve characters of `a-z0-9`: names the key in lists and logs. */
  readonly keyId: string;
  /** 32 bytes in base64url: never stored. */
  readonly secret: string;
}

const KEY = /^st_([a-z0-9]{12})_([A-Za-z0-9_-]{43})$/;
const SHOP_ID = /^[a-z0-9][a-z0-9-]{0,39}$/;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
const KEY_ID_LENGTH = 12;
const SECRET_BYTES = 32;

/** How many random bytes a key is made of. */
export const API_KEY_BYTES = KEY_ID_LENGTH + SECRET_BYTES;

/**
 * Makes a key out of chance.
 *
 * @param chance exactly `API_KEY_BYTES` random bytes.
 */
export function makeApiKey(chance: Uint8Array): ApiKey {
  if (chance.length !== API_KEY_BYTES)
    throw new Error(`a key is made of ${API_KEY_BYTES} random bytes, not of ${chance.length}`);
  // 256 is no multiple of 36: some letters are a little likelier. The id is no secret.
  const keyId = [...chance.subarray(0, KEY_ID_LENGTH)].map((byte) => LETTERS[byte % LETTERS.length]).join('');
  return { keyId, secret: Buffer.from(chance.subarray(KEY_ID_LENGTH)).toString('base64url') };
}

export function writeApiKey({ keyId, secret }: ApiKey): string {
  return `st_${keyId}_${secret}`;
}

/** Reads a key. Answers `undefined` for anything that cannot be one, before the database is asked. */
export function parseApiKey(text: string): ApiKey | undefined {
  const match = KEY.exec(text);
  const [, keyId, secret] = match ?? [];
  return keyId === undefined || secret === undefined ? undefined : { keyId, secret };
}

/** What is stored of a key: SHA-256 of its secret, which nobody can guess and so needs no slow hash. */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

export function parseShopId(text: string): ShopId | undefined {
  return SHOP_ID.test(text) ? (text as ShopId) : undefined;
}

/** The id under which a shop's seller is kept: two shops may each have a seller `kim`. */
export function sellerIdOf(shopId: ShopId, ownSellerId: string): string {
  return `${shopId}.${ownSellerId}`;
}

/**
 * The ids under which a shop's seller may be kept, the likelier one first: one from before there were shops has the shop's own. An id that begins with the shop's is
 * never taken for another's whole id, or two names would mean one seller.
 */
export function sellerIdsOf(shopId: ShopId, own: string): readonly string[] {
  const kept = sellerIdOf(shopId, own);
  return own.startsWith(`${shopId}.`) ? [kept] : [kept, own];
}

/** What the shop itself calls the seller. */
export function ownSellerId(shopId: ShopId, sellerId: string): string {
  return sellerId.startsWith(`${shopId}.`) ? sellerId.slice(shopId.length + 1) : sellerId;
}
