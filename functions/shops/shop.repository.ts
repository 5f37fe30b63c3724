import { sql, type Kysely, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { hashSecret, type ApiKey, type ShopId } from './api-key.ts';

export interface Shop {
  readonly shopId: ShopId;
  readonly orderLifeMinutes: number;
}

/** Adds a shop unless it is there. Answers whether it was added. */
export async function addShop(
  trx: Transaction<Database>,
  shop: Shop & { readonly name: string; readonly feeBp: number },
  now: Date,
): Promise<boolean> {
  const added = await trx
    .insertInto('shop')
    .values({
      shop_id: shop.shopId,
      name: shop.name,
      fee_bp: shop.feeBp,
      order_life_minutes: shop.orderLifeMinutes,
      created_at: now,
    })
    .onConflict((oc) => oc.column('shop_id').doNothing())
    .executeTakeFirst();
  return added.numInsertedOrUpdatedRows === 1n;
}

export async function hasShop(trx: Transaction<Database>, shopId: ShopId): Promise<boolean> {
  const found = await trx
    .selectFrom('shop')
    .select('shop_id')
    .where('shop_id', '=', shopId)
    .executeTakeFirst();
  return found !== undefined;
}

/** Stores a key's hash. A shop may hold several keys at a time, so that one can take the place of another without a gap. */
export async function insertApiKey(
  trx: Transaction<Database>,
  key: ApiKey,
  of: { readonly shopId: ShopId; readonly label: string; readonly by: string; readonly at: Date },
): Promise<void> {
  await trx
    .insertInto('api_key')
    .values({
      key_id: key.keyId,
      shop_id: of.shopId,
      secret_hash: hashSecret(key.secret),
      label: of.label,
      created_by: of.by,
      created_at: of.at,
      revoked_by: null,
      revoked_at: null,
    })
    .execute();
}

export interface ListedKey {
  readonly key_id: string;
  readonly shop_id: string;
  readonly label: string;
  readonly created_by: string;
  readonly created_at: Date;
  readonly revoked_by: string | null;
  readonly revoked_at: Date | null;
}

/** Keys of one shop or of all, the youngest first; never their hashes. */
export async function listApiKeys(db: Kysely<Database>, shopId?: ShopId): Promise<ListedKey[]> {
  return await db
    .selectFrom('api_key')
    .select(['key_id', 'shop_id', 'label', 'created_by', 'created_at', 'revoked_by', 'revoked_at'])
    .$if(shopId !== undefined, (query) => query.where('shop_id', '=', shopId ?? ''))
    .orderBy('created_at', 'desc')
    .orderBy('key_id')
    .limit(1000)
    .execute();
}

/** From the commit on, no request with this key is answered. */
export async function revokeApiKey(
  trx: Transaction<Database>,
  keyId: string,
  by: string,
  at: Date,
): Promise<'revoked' | 'already_revoked' | 'unknown'> {
  const revoked = await trx
    .updateTable('api_key')
    .set({ revoked_by: by, revoked_at: at })
    .where('key_id', '=', keyId)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  if (revoked.numUpdatedRows === 1n) return 'revoked';
  const known = await trx
    .selectFrom('api_key')
    .select('key_id')
    .where('key_id', '=', keyId)
    .executeTakeFirst();
  return known === undefined ? 'unknown' : 'already_revoked';
}

const RATE_WINDOW_S = 60;

export type Admission =
  | { readonly outcome: 'admitted'; readonly shop: Shop; readonly keyId: string }
  | { readonly outcome: 'too_many'; readonly retryAfterS: number }
  | { readonly outcome: 'unknown_key' };

/**
 * Looks a key up and counts its use, in one statement that nothing else waits behind: the row that it writes is the key's own, and it is
 * committed by itself.
 *
 * @param perMinute requests that a key may make in a minute of the clock.
 */
export async function admit(
  db: Kysely<Database>,
  key: ApiKey,
  perMinute: number,
  now: Date,
): Promise<Admission> {
  const windowBegan = new Date(Math.floor(now.getTime() / (RATE_WINDOW_S * 1000)) * RATE_WINDOW_S * 1000);
  const { rows } = await sql<{ requests: number; shop_id: string; order_life_minutes: number }>`
    with known as (
      select k.key_id, k.shop_id, s.order_life_minutes from api_key k join shop s on s.shop_id = k.shop_id
      where k.key_id = ${key.keyId} and k.secret_hash = ${hashSecret(key.secret)} and k.revoked_at is null
    ), counted as (
      insert into api_rate as r (key_id, window_began, requests)
      select key_id, ${windowBegan}::timestamptz, 1 from known
      on conflict (key_id) do update set
        requests = case when r.window_began = excluded.window_began then r.requests + 1 else 1 end,
        window_began = excluded.window_began
      returning key_id, requests
    )
    select c.requests, k.shop_id, k.order_life_minutes from known k join counted c on c.key_id = k.key_id`.execute(
    db,
  );
  const [row] = rows;
  if (row === undefined) return { outcome: 'unknown_key' };
  if (row.requests > perMinute) {
    const endsInMs = windowBegan.getTime() + RATE_WINDOW_S * 1000 - now.getTime();
    return { outcome: 'too_many', retryAfterS: Math.max(1, Math.ceil(endsInMs / 1000)) };
  }
  return {
    outcome: 'admitted',
    keyId: key.keyId,
    shop: { shopId: row.shop_id as ShopId, orderLifeMinutes: row.order_life_minutes },
  };
}
