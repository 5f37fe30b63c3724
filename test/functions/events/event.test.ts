import assert from 'node:assert/strict';
import { sql } from 'kysely';
import { createEventBus, type EventBus } from '../../../functions/events/event-bus.client.ts';
import type { EventEnvelope } from '../../../functions/events/event.repository.ts';
import { envelopeOf, EVENT_TYPES, type EventType } from '../../../functions/events/event-types.ts';
import { publishEvents } from '../../../functions/events/publish.step.ts';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { cancelUnsent } from '../../../functions/transfers/outcome.repository.ts';
import { LOCAL_REGION } from '../../../local/aws-json-server.ts';
import { startEventBus } from '../../../local/event-bus.ts';
import {
  addSeller,
  endStops,
  openPayoutWorld,
  planOne,
  queueOne,
  stop,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import { executes } from '../../support/scripted-bank.ts';
import { failedOne, sendAndGet, unknownOne } from '../../support/unknown-transfer.ts';

/** A bus that keeps what it takes, and takes or breaks as a test says. */
function keepingBus(
  takes: (event: EventEnvelope) => boolean = () => true,
): EventBus & { kept: EventEnvelope[] } {
  const kept: EventEnvelope[] = [];
  return {
    kept,
    put(events) {
      const taken = events.filter(takes);
      kept.push(...taken);
      return Promise.resolve(new Set(taken.map((event) => event.id)));
    },
  };
}

describe('events', () => {
  let world: PayoutWorld;
  beforeEach(async () => (world = await openPayoutWorld()));
  afterEach(() => world.close());

  const always = () => true;

  const typesOf = async (kind: string, id: bigint | string) =>
    (
      await world.db
        .selectFrom('event')
        .select(['type', 'sequence'])
        .where('subject_kind', '=', kind as 'order')
        .where('subject_id', '=', id.toString())
        .orderBy('sequence')
        .execute()
    ).map((event) => `${event.sequence.toString()} ${event.type}`);

  const unpublished = async () => {
    const { count } = await world.db
      .selectFrom('event')
      .select((eb) => eb.fn.countAll<bigint>().as('count'))
      .where('published_at', 'is', null)
      .executeTakeFirstOrThrow();
    return Number(count);
  };

  it('tell what became of a transfer, in its own sequence', async () => {
    const paid = await queueOne(world, 5000n);
    await sendAndGet(world, paid, executes);
    assert.deepEqual(await typesOf('transfer', paid), ['1 transfer.planned', '2 transfer.succeeded']);
    const failed = await failedOne(world, 7000n, 'payee');
    assert.deepEqual(await typesOf('transfer', failed), [
      '1 transfer.planned',
      '2 transfer.unknown',
      '3 transfer.failed',
    ]);
    const cancelled = await planOne(world, 9000n);
    await world.db.transaction().execute(async (trx) => {
      await cancelUnsent(trx, cancelled, world.clock.now());
    });
    assert.deepEqual(await typesOf('transfer', cancelled), ['1 transfer.planned', '2 transfer.cancelled']);
  });

  it('are gone with the transaction that is rolled back', async () => {
    const transferId = await planOne(world, 9000n);
    await assert.rejects(
      world.db.transaction().execute(async (trx) => {
        await cancelUnsent(trx, transferId, world.clock.now());
        throw new Error('no');
      }),
    );
    assert.deepEqual(await typesOf('transfer', transferId), ['1 transfer.planned']);
  });

  it('tell a halt and its end once each, however many raise it', async () => {
    await stop(world, 'halt_drift');
    await stop(world, 'halt_drift');
    await stop(world, 'pause_funds');
    await endStops(world);
    assert.deepEqual((await typesOf('payouts', 'payouts')).map((one) => one.split(' ')[1]).sort(), [
      'payouts.halted',
      'payouts.paused',
      'payouts.resumed',
      'payouts.resumed',
    ]);
  });

  it('let twenty stops be raised at the same moment', async () => {
    const names = ['halt_person', 'halt_drift', 'pause_funds', 'pause_limit', 'pause_maintenance'] as const;
    for (let round = 0; round < 4; round += 1) {
      await Promise.all(names.map((name) => stop(world, name)));
      await endStops(world);
    }
    const events = await typesOf('payouts', 'payouts');
    assert.equal(events.length, 40);
    assert.deepEqual(
      events.map((one) => Number(one.split(' ')[0])),
      Array.from({ length: 40 }, (_, index) => index + 1),
    );
  });

  it('fit the documented schema of their type, and show no account number', async () => {
    await addSeller(world, 'kim', { accountNumber: undefined });
    await planOne(world, 1000n, 'kim');
    await sendAndGet(world, await queueOne(world, 5000n), executes);
    await unknownOne(world, 6000n);
    await failedOne(world, 7000n, 'rejected');
    await stop(world, 'halt_person');
    const bus = keepingBus();
    await publishEvents(world.db, bus, always);
    const seen = new Set<EventType>();
    for (const event of bus.kept) {
      seen.add(event.type);
      const judged = envelopeOf(event.type).safeParse(event);
      assert.ok(
        judged.success,
        `${event.type}: ${JSON.stringify(judged.error?.issues)} ${JSON.stringify(event)}`,
      );
    }
    for (const type of [
      'order.placed',
      'transfer.held',
      'transfer.succeeded',
      'transfer.failed',
      'transfer.unknown',
    ])
      assert.ok(seen.has(type as EventType), type);
    assert.equal(JSON.stringify(bus.kept).includes('110222333444'), false);
  });

  it('are published once, by whichever of ten publishers comes first', async () => {
    for (let n = 0; n < 5; n += 1) await planOne(world, 1000n);
    const before = await unpublished();
    const bus = keepingBus();
    await Promise.all(Array.from({ length: 10 }, () => publishEvents(world.db, bus, always)));
    assert.equal(bus.kept.length, before);
    assert.equal(new Set(bus.kept.map((event) => event.id)).size, before);
    assert.equal(await unpublished(), 0);
  });

  it('that the bus did not take are tried again, and the others are not', async () => {
    const transferId = await planOne(world, 1000n);
    let refuse = true;
    const bus = keepingBus((event) => !(refuse && event.type === 'transfer.planned'));
    const first = await publishEvents(world.db, bus, always);
    assert.equal(first.notTaken, 1);
    assert.equal(await unpublished(), 1);
    refuse = false;
    assert.deepEqual(await publishEvents(world.db, bus, always), { published: 1, notTaken: 0 });
    assert.equal(bus.kept.at(-1)?.subject.id, transferId.toString());
  });

  it('that a publisher has taken and died with are published by the next one, a minute later', async () => {
    await planOne(world, 1000n);
    const before = await unpublished();
    const dying: EventBus = { put: () => Promise.reject(new Error('the function was killed')) };
    await assert.rejects(publishEvents(world.db, dying, always));
    const bus = keepingBus();
    assert.equal((await publishEvents(world.db, bus, always)).published, 0, 'they are still taken');
    await sql`update event set publishing_until = clock_timestamp() - interval '1 second'`.execute(
      world.test.owner,
    );
    assert.equal((await publishEvents(world.db, bus, always)).published, before);
  });

  it('cannot be changed by the application', async () => {
    await planOne(world, 1000n);
    await assert.rejects(sql`update event set data = '{}'`.execute(world.db), /permission denied/);
    await assert.rejects(sql`delete from event`.execute(world.db), /permission denied/);
  });

  it('arrive on EventBridge with their type and the whole envelope', async () => {
    await planOne(world, 1000n);
    const local = await startEventBus();
    const client = new EventBridgeClient({
      endpoint: local.endpoint,
      region: LOCAL_REGION,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
    try {
      const before = await unpublished();
      const published = await publishEvents(world.db, createEventBus(client, 'smart-transfer'), always);
      assert.equal(published.published, before);
      const event = local.events().find((one) => one.event['detail-type'] === 'transfer.planned');
      assert.equal(event?.busName, 'smart-transfer');
      assert.equal(event.event.source, 'smart-transfer');
      assert.ok(envelopeOf('transfer.planned').safeParse(event.event.detail).success);
    } finally {
      client.destroy();
      await local.stop();
    }
  });

  it('have a type for everything that the database can say', async () => {
    const states = async (constraint: string) => {
      const { rows } = await sql<{ definition: string }>`
        select pg_get_constraintdef(oid) as definition from pg_constraint where conname = ${constraint}`.execute(
        world.db,
      );
      return [...(rows[0]?.definition ?? '').matchAll(/'([a-z_]+)'/g)].map((match) => match[1] ?? '');
    };
    const silent = new Set([
      'transfer.queued',
      'transfer.sending',
      'deposit.matched',
      'deposit.return_of',
      'deposit.classified',
    ]);
    for (const [kind, constraint] of [
      ['order', 'shop_order_state_check'],
      ['deposit', 'deposit_state_check'],
      ['transfer', 'transfer_state_check'],
    ] as const) {
      const found = await states(constraint);
      assert.ok(found.length >= 4, `${constraint} names states`);
      for (const state of found.filter((one) => one !== 'awaiting_deposit')) {
        const type = `${kind}.${state}`;
        assert.notEqual(silent.has(type), EVENT_TYPES.includes(type as EventType), type);
      }
    }
  });
});
