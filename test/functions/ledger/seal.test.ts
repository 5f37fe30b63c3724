import assert from 'node:assert/strict';
import { sql, type Kysely, type Transaction } from 'kysely';
import { LeaseLost } from '../../../functions/cycle/lease.ts';
import type { Database } from '../../../functions/database.ts';
import { chainHash, GENESIS } from '../../../functions/ledger/chain.ts';
import { insertPostings, readBalances } from '../../../functions/ledger/ledger.repository.ts';
import type { NewPosting } from '../../../functions/ledger/postings.ts';
import { advanceSealProgress } from '../../../functions/ledger/seal.repository.ts';
import { seal } from '../../../functions/ledger/seal.step.ts';
import { won } from '../../../functions/shared/money.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { at, cycleAt, replayedBalances } from '../../support/statement-scene.ts';

describe('the seal of the ledger', () => {
  let test: TestDatabase;
  beforeEach(async () => {
    test = await createTestDatabase();
  });
  afterEach(async () => {
    await test.close();
  });

  const sealNow = async () => await seal(await cycleAt(test, at('10:00:00')));
  const posting = (amount: bigint, debit = 'bank:a', credit = 'unallocated'): NewPosting => ({
    debit,
    credit,
    amount: won(amount),
    kind: 'correction',
  });
  const post = async (...amounts: bigint[]) =>
    await test.db.transaction().execute(
      async (trx) =>
        await insertPostings(
          trx,
          amounts.map((amount) => posting(amount)),
          at('09:00:00'),
        ),
    );
  /** A posting of a transaction that stays open. */
  const postOpenly = async (amount: bigint) => {
    const trx = await test.db.startTransaction().execute();
    await insertPostings(trx, [posting(amount)], at('09:00:00'));
    return trx;
  };
  const sealedThrough = async () =>
    (await test.db.selectFrom('seal_progress').select('sealed_through').executeTakeFirstOrThrow())
      .sealed_through;
  /** As if everything sealed so far had been sealed ten minutes ago. */
  const letTimePass = () =>
    test.owner.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx);
      await sql`update posting_seal set sealed_at = sealed_at - interval '10 minutes'`.execute(trx);
    });

  /** Walks the chain from its beginning, and answers the amounts in its order. */
  async function walkChain(db: Kysely<Database> | Transaction<Database> = test.db): Promise<bigint[]> {
    const links = await db
      .selectFrom('posting_seal as s')
      .innerJoin('posting as p', 'p.posting_id', 's.posting_id')
      .selectAll('p')
      .select(['s.position', 's.hash'])
      .orderBy('s.position')
      .execute();
    let previous: Uint8Array = GENESIS;
    links.forEach((link, index) => {
      assert.equal(link.position, BigInt(index + 1));
      const hash = chainHash(previous, link.position, link);
      assert.deepEqual(Buffer.from(link.hash), hash);
      previous = hash;
    });
    return links.map((link) => link.amount);
  }

  const assertBalances = async () => {
    const replayed = Object.entries(await replayedBalances(test.db)).toSorted();
    assert.deepEqual([...(await readBalances(test.db))].toSorted(), replayed);
  };

  it('chains what was posted, without a gap, and goes on from there', async () => {
    await post(1n, 2n, 3n);
    assert.equal(await sealNow(), 3);
    await post(4n);
    assert.equal(await sealNow(), 1);
    assert.equal(await sealNow(), 0);
    assert.deepEqual(await walkChain(), [1n, 2n, 3n, 4n]);
    assert.equal(await sealedThrough(), 4n);
  });

  it('seals what commits with a lower id after a higher one was sealed, however long after', async () => {
    const slow = await postOpenly(1n);
    const slower = await postOpenly(2n);
    await post(3n);
    assert.equal(await sealNow(), 1);
    assert.equal(await sealedThrough(), 0n);
    await slow.commit().execute();
    await letTimePass();
    assert.equal(await sealNow(), 1);
    assert.deepEqual(await walkChain(), [3n, 1n]);
    await assertBalances();
    await slower.rollback().execute();
  });

  it('steps over ids of transactions that were rolled back, once none can be left that fills them', async () => {
    await post(1n);
    await (await postOpenly(2n)).rollback().execute();
    await post(3n);
    await sealNow();
    assert.equal(await sealedThrough(), 1n);
    await letTimePass();
    await sealNow();
    assert.equal(await sealedThrough(), 3n);
    await post(4n);
    await sealNow();
    assert.equal(await sealedThrough(), 4n);
    assert.deepEqual(await walkChain(), [1n, 3n, 4n]);
  });

  it('never steps over a posting that is there and not sealed', async () => {
    const slow = await postOpenly(1n);
    await post(2n);
    await sealNow();
    await letTimePass();
    await slow.commit().execute();
    await post(3n);
    assert.equal(await sealNow(), 2);
    assert.equal(await sealedThrough(), 3n);
    assert.deepEqual(await walkChain(), [2n, 1n, 3n]);
  });

  it('never steps over a posting that commits while the seal is being written', async () => {
    const slow = await postOpenly(1n);
    await post(2n);
    await sealNow();
    await letTimePass();
    await slow.commit().execute();
    await test.db.transaction().execute(async (trx) => await advanceSealProgress(trx));
    assert.equal(await sealedThrough(), 0n);
  });

  it('does not step over a young gap because of a posting behind it that is not sealed', async () => {
    const slow = await postOpenly(1n);
    await post(2n);
    await sealNow();
    await post(3n);
    await test.db.transaction().execute(async (trx) => await advanceSealProgress(trx));
    assert.equal(await sealedThrough(), 0n);
    await slow.rollback().execute();
  });

  it('does not step over a gap that is young, not even when nothing behind it is unsealed', async () => {
    const slow = await postOpenly(1n);
    await post(2n);
    await sealNow();
    await post(3n);
    await sealNow();
    assert.equal(await sealedThrough(), 0n);
    await slow.commit().execute();
    await assertBalances();
    await sealNow();
    assert.equal(await sealedThrough(), 3n);
  });

  it('leaves balances as a replay of all postings gives them, before and after', async () => {
    await assertBalances();
    await post(100n, 50n);
    await test.db
      .transaction()
      .execute(
        async (trx) =>
          await insertPostings(
            trx,
            [
              posting(30n, 'unallocated', 'seller:1'),
              posting(7n, 'seller:1', 'in_transit'),
              posting(7n, 'in_transit', 'bank:a'),
            ],
            at('09:00:00'),
          ),
      );
    await assertBalances();
    await sealNow();
    await assertBalances();
    await post(5n);
    await assertBalances();
    const some = await readBalances(test.db, ['bank:a', 'seller:1', 'seller:none']);
    assert.deepEqual([...some].toSorted(), [
      ['bank:a', 148n],
      ['seller:1', 23n],
    ]);
  });

  it('shows a changed posting: its hash is another from there on', async () => {
    await post(1n, 2n, 3n);
    await sealNow();
    await test.owner.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx);
      await sql`update posting set amount = 20 where amount = 2`.execute(trx);
    });
    await assert.rejects(walkChain(), assert.AssertionError);
  });

  it('seals nothing once its lease has gone to another cycle', async () => {
    await post(1n);
    const late = await cycleAt(test, at('10:00:00'));
    await cycleAt(test, at('10:00:00'));
    await assert.rejects(seal(late), LeaseLost);
    assert.deepEqual(await walkChain(), []);
  });

  it('leaves the rest for the next cycle when its time is out', async () => {
    await post(1n);
    assert.equal(await seal(await cycleAt(test, at('10:00:00'), { hasTime: () => false })), 0);
    assert.equal(await sealNow(), 1);
  });
});
