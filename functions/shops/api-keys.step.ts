import { randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import { act, refuse } from '../people/act.step.ts';
import type { Acting } from '../people/person.ts';
import { API_KEY_BYTES, makeApiKey, writeApiKey, type ShopId } from './api-key.ts';
import { addShop, hasShop, insertApiKey, revokeApiKey } from './shop.repository.ts';

/** A shop that is not there yet, as it is to be added with its first key. */
export interface NewShop {
  readonly name: string;
  /** Basis points. */
  readonly feeBp: number;
  readonly orderLifeMinutes: number;
}

export interface CreatedKey {
  readonly keyId: string;
  /** The whole key: it is told this once and stored nowhere. */
  readonly key: string;
  readonly shopAdded: boolean;
}

/** Makes a key for a shop, and the shop with it where it is not there yet and `newShop` says what it is to be. */
export async function createApiKey(
  db: Kysely<Database>,
  acting: Acting,
  wanted: { readonly shopId: ShopId; readonly label: string; readonly newShop?: NewShop },
) {
  const { shopId, label, newShop } = wanted;
  const key = makeApiKey(randomBytes(API_KEY_BYTES));
  return await act<CreatedKey>(db, acting, async (trx) => {
    const known = await hasShop(trx, shopId);
    if (!known && newShop === undefined)
      return refuse('unknown_shop', `there is no shop ${shopId}: add it with --name and --fee-bp`);
    const shopAdded =
      !known && newShop !== undefined && (await addShop(trx, { shopId, ...newShop }, acting.at));
    await insertApiKey(trx, key, { shopId, label, by: acting.by, at: acting.at });
    return {
      outcome: 'done',
      result: { keyId: key.keyId, key: writeApiKey(key), shopAdded },
      deed: {
        action: 'keys create',
        subject: `shop ${shopId}`,
        detail: { keyId: key.keyId, label, shopAdded },
      },
    };
  });
}

/** Ends a key at once. */
export async function endApiKey(db: Kysely<Database>, acting: Acting, keyId: string) {
  return await act<{ readonly keyId: string }>(db, acting, async (trx) => {
    const revoked = await revokeApiKey(trx, keyId, acting.by, acting.at);
    if (revoked === 'unknown')
      return refuse('not_found', `there is no key ${keyId}: keys list shows what there is`);
    if (revoked === 'already_revoked') return refuse('already_revoked', `key ${keyId} is revoked already`);
    return { outcome: 'done', result: { keyId }, deed: { action: 'keys revoke', subject: `key ${keyId}` } };
  });
}
