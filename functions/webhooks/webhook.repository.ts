import { sql, type Kysely, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import type { EventType } from '../events/event-types.ts';
import type { SigningKeyName } from './webhook-keys.ts';
import type { WebhookResult } from './webhook-message.ts';
import type { DeliveryState, EndpointState } from './webhook.table.ts';

/** How long an attempt may be on its way before it is taken for lost, ms. */
export const QUEUED_MS = 5 * 60_000;

/** Attempts of one endpoint that are on their way at a time: a burst for a receiver that hangs takes no more of a lane than this. */
export const IN_FLIGHT_MAX = 20;

/** How long the key before a rotation signs too, ms. */
export const BOTH_KEYS_MS = 24 * 3_600_000;

/** Makes a delivery of an event to each endpoint that wants it, once however often the event comes. Answers the endpoints that want it. */
export async function insertDeliveries(db: Kysely<Database>, eventId: string, now: Date): Promise<bigint[]> {
  const { rows } = await sql<{ endpoint_id: bigint }>`
    with wanted as (
      select w.endpoint_id, e.event_id from event e
      join webhook_endpoint w on w.shop_id = e.shop_id and w.state <> 'removed'
        and (cardinality(w.types) = 0 or e.type = any(w.types))
      where e.id = ${eventId}::uuid
    ), made as (
      insert into webhook_delivery (endpoint_id, event_id, due_at, created_at)
      select endpoint_id, event_id, ${now}, ${now} from wanted
      on conflict (endpoint_id, event_id) do nothing
    )
    select endpoint_id from wanted`.execute(db);
  return rows.map((row) => row.endpoint_id);
}

export interface TakenDelivery {
  readonly delivery_id: bigint;
  readonly endpoint_id: bigint;
  readonly event_id: bigint;
  readonly attempts: number;
  readonly url: string;
  readonly state: EndpointState;
  readonly key_id: string;
  readonly generation: number;
  readonly previous_key_id: string | null;
  readonly previous_until: Date | null;
}

/**
 * Takes attempts that are due, and those whose message was lost, for this caller alone, the oldest of each endpoint first. Two callers at once may together
 * exceed an endpoint's share of a lane by what one of them takes.
 *
 * @param endpointIds all endpoints unless given.
 */
export async function takeDue(
  db: Kysely<Database>,
  now: Date,
  endpointIds?: readonly bigint[],
): Promise<TakenDelivery[]> {
  const only =
    endpointIds === undefined ? sql`true` : sql`w.endpoint_id = any(${endpointIds.map(String)}::bigint[])`;
  const { rows } = await sql<TakenDelivery>`
    with due as (
      select d.delivery_id, w.url, w.state as endpoint_state, w.key_id, w.generation, w.previous_key_id, w.previous_until
      from webhook_endpoint w
      cross join lateral (
        select delivery_id from webhook_delivery
        where endpoint_id = w.endpoint_id and state = 'pending' and due_at <= ${now}
          and (queued_until is null or queued_until <= ${now})
        order by due_at, delivery_id
        limit greatest(${IN_FLIGHT_MAX} - (
          select count(*) from webhook_delivery
          where endpoint_id = w.endpoint_id and state = 'pending' and queued_until > ${now}), 0)
        for update skip locked
      ) d
      where w.state <> 'removed' and ${only}
    )
    update webhook_delivery d set queued_until = ${new Date(now.getTime() + QUEUED_MS)}
    from due where d.delivery_id = due.delivery_id
    returning d.delivery_id, d.endpoint_id, d.event_id, d.attempts, due.url, due.endpoint_state as state,
      due.key_id, due.generation, due.previous_key_id, due.previous_until`.execute(db);
  return [...rows].sort((a, b) => (a.delivery_id < b.delivery_id ? -1 : 1));
}

/** Gives back what the queue did not take. */
export async function giveBackDeliveries(db: Kysely<Database>, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await sql`
    update webhook_delivery set queued_until = null
    where delivery_id = any(${ids}::bigint[]) and state = 'pending'`.execute(db);
}

/**
 * Records what became of an attempt, and of its endpoint. A result that comes twice, or of an attempt that is not the one that is waited for, changes nothing.
 *
 * @param nextAt when the next attempt is due after a failed one; without it the delivery is parked.
 */
export async function recordResult(
  trx: Transaction<Database>,
  result: WebhookResult,
  nextAt: Date | undefined,
): Promise<bigint | undefined> {
  const at = new Date(result.at);
  const state: DeliveryState =
    result.outcome === 'delivered' ? 'delivered' : nextAt === undefined ? 'parked' : 'pending';
  const recorded = await trx
    .updateTable('webhook_delivery')
    .set({
      state,
      attempts: result.attempt,
      queued_until: null,
      last_status: result.status,
      last_error: result.error,
      last_attempt_at: at,
      ...(state === 'pending' && nextAt !== undefined ? { due_at: nextAt } : {}),
    })
    .where('delivery_id', '=', BigInt(result.delivery_id))
    .where('state', '=', 'pending')
    .where('attempts', '=', result.attempt - 1)
    .returning('endpoint_id')
    .executeTakeFirst();
  if (recorded === undefined) return undefined;
  const { endpoint_id } = recorded;
  if (result.outcome === 'gone') await removeEndpoint(trx, endpoint_id, at);
  else
    await trx
      .updateTable('webhook_endpoint')
      .set({ state: result.outcome === 'delivered' ? 'active' : 'failing' })
      .where('endpoint_id', '=', endpoint_id)
      .where('state', '=', result.outcome === 'delivered' ? 'failing' : 'active')
      .execute();
  return endpoint_id;
}

/** Removes an endpoint, and parks what was on its way to it. */
async function removeEndpoint(trx: Transaction<Database>, endpointId: bigint, at: Date): Promise<void> {
  await trx
    .updateTable('webhook_endpoint')
    .set({ state: 'removed', removed_at: at })
    .where('endpoint_id', '=', endpointId)
    .where('state', '<>', 'removed')
    .execute();
  await trx
    .updateTable('webhook_delivery')
    .set({ state: 'parked', queued_until: null, last_error: 'the endpoint is removed' })
    .where('endpoint_id', '=', endpointId)
    .where('state', '=', 'pending')
    .execute();
}

export interface Endpoint {
  readonly endpoint_id: bigint;
  readonly url: string;
  readonly types: string[];
  readonly state: EndpointState;
  readonly key_id: string;
  readonly generation: number;
  readonly created_at: Date;
}

const ENDPOINT = ['endpoint_id', 'url', 'types', 'state', 'key_id', 'generation', 'created_at'] as const;

/** Endpoints that a shop may have at a time. */
export const ENDPOINTS_MAX = 20;

/** Adds an endpoint. Answers why not: the shop has this address already, or as many as it may have. */
export async function addEndpoint(
  trx: Transaction<Database>,
  endpoint: {
    readonly shopId: string;
    readonly url: string;
    readonly types: readonly EventType[];
    readonly keyId: string;
    readonly by: string;
  },
  now: Date,
): Promise<Endpoint | 'too_many' | 'exists'> {
  // One at a time for a shop, so that the count holds.
  await trx.selectFrom('shop').select('shop_id').where('shop_id', '=', endpoint.shopId).forUpdate().execute();
  const existing = await listEndpoints(trx, endpoint.shopId);
  if (existing.some(({ url }) => url === endpoint.url)) return 'exists';
  if (existing.length >= ENDPOINTS_MAX) return 'too_many';
  return await trx
    .insertInto('webhook_endpoint')
    .values({
      shop_id: endpoint.shopId,
      url: endpoint.url,
      types: [...endpoint.types],
      key_id: endpoint.keyId,
      previous_key_id: null,
      previous_until: null,
      created_by: endpoint.by,
      created_at: now,
      removed_at: null,
    })
    .returning(ENDPOINT)
    .executeTakeFirstOrThrow();
}

export async function listEndpoints(db: Kysely<Database>, shopId: string): Promise<Endpoint[]> {
  return await db
    .selectFrom('webhook_endpoint')
    .select(ENDPOINT)
    .where('shop_id', '=', shopId)
    .where('state', '<>', 'removed')
    .orderBy('endpoint_id')
    .execute();
}

/** Removes a shop's endpoint. Answers whether it has such a one. */
export async function removeShopEndpoint(
  trx: Transaction<Database>,
  shopId: string,
  endpointId: bigint,
  now: Date,
): Promise<boolean> {
  const found = await trx
    .selectFrom('webhook_endpoint')
    .select('endpoint_id')
    .where('shop_id', '=', shopId)
    .where('endpoint_id', '=', endpointId)
    .where('state', '<>', 'removed')
    .forUpdate()
    .executeTakeFirst();
  if (found === undefined) return false;
  await removeEndpoint(trx, endpointId, now);
  return true;
}

/** Gives an endpoint a new signing key; the one before signs too for a day. */
export async function rotateEndpoint(
  db: Kysely<Database>,
  shopId: string,
  endpointId: bigint,
  keyId: string,
  now: Date,
): Promise<Endpoint | undefined> {
  return await db
    .updateTable('webhook_endpoint')
    .set((eb) => ({
      generation: eb('generation', '+', 1),
      previous_key_id: eb.ref('key_id'),
      previous_until: new Date(now.getTime() + BOTH_KEYS_MS),
      key_id: keyId,
    }))
    .where('shop_id', '=', shopId)
    .where('endpoint_id', '=', endpointId)
    .where('state', '<>', 'removed')
    .returning(ENDPOINT)
    .executeTakeFirst();
}

/** The keys that sign at an instant, the newest first. */
export function keysInForce(endpoint: TakenDelivery, now: Date): SigningKeyName[] {
  const { key_id: keyId, generation, previous_key_id, previous_until } = endpoint;
  const newest = { keyId, generation };
  return previous_key_id !== null && previous_until !== null && previous_until > now
    ? [newest, { keyId: previous_key_id, generation: generation - 1 }]
    : [newest];
}

/** For operators: whatever shop it is. */
export const EVERY_SHOP = Symbol('every shop');

function isOf(shop: string | typeof EVERY_SHOP) {
  return shop === EVERY_SHOP ? sql<boolean>`true` : sql<boolean>`w.shop_id = ${shop}`;
}

export interface Delivery {
  readonly delivery_id: bigint;
  readonly shop_id: string;
  readonly url: string;
  readonly endpoint_id: bigint;
  readonly event_id: string;
  readonly type: EventType;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly due_at: Date;
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly last_attempt_at: Date | null;
}

/** Deliveries of a shop, the youngest first; one more than `limit`. */
export async function listDeliveries(
  db: Kysely<Database>,
  shop: string | typeof EVERY_SHOP,
  wanted: { readonly state?: DeliveryState; readonly before?: bigint; readonly limit: number },
): Promise<Delivery[]> {
  let query = db
    .selectFrom('webhook_delivery as d')
    .innerJoin('webhook_endpoint as w', 'w.endpoint_id', 'd.endpoint_id')
    .innerJoin('event as e', 'e.event_id', 'd.event_id')
    .select(['d.delivery_id', 'd.endpoint_id', 'e.id as event_id', 'e.type', 'd.state', 'd.attempts'])
    .select(['d.due_at', 'd.last_status', 'd.last_error', 'd.last_attempt_at', 'w.shop_id', 'w.url'])
    .where(isOf(shop));
  if (wanted.state !== undefined) query = query.where('d.state', '=', wanted.state);
  if (wanted.before !== undefined) query = query.where('d.delivery_id', '<', wanted.before);
  return await query
    .orderBy('d.delivery_id', 'desc')
    .limit(wanted.limit + 1)
    .execute();
}

/** Makes a delivery that was parked due at once, with all its attempts before it. */
export async function resendDelivery(
  db: Kysely<Database> | Transaction<Database>,
  shop: string | typeof EVERY_SHOP,
  deliveryId: bigint,
  now: Date,
): Promise<'resent' | 'unknown' | 'not_parked'> {
  const { rows } = await sql<{ resent: boolean }>`
    with found as (
      select d.delivery_id from webhook_delivery d
      join webhook_endpoint w using (endpoint_id)
      where d.delivery_id = ${deliveryId} and ${isOf(shop)} and w.state <> 'removed'
    ), resent as (
      update webhook_delivery d set state = 'pending', attempts = 0, due_at = ${now}
      from found where d.delivery_id = found.delivery_id and d.state = 'parked'
      returning 1
    )
    select exists (select from resent) as resent from found`.execute(db);
  const [row] = rows;
  if (row === undefined) return 'unknown';
  return row.resent ? 'resent' : 'not_parked';
}
