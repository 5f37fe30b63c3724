import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { book } from '../../../functions/deposits/book.step.ts';
import { closeDays } from '../../../functions/ledger/close.step.ts';
import { checkDaily } from '../../../functions/ledger/daily.step.ts';
import type { HeadArchive } from '../../../functions/ledger/head-archive.ts';
import { createHeadFolder } from '../../../functions/ledger/head-folder.client.ts';
import { seal } from '../../../functions/ledger/seal.step.ts';
import { chainHash, GENESIS } from '../../../functions/ledger/chain.ts';
import { verifyLedger } from '../../../functions/ledger/verify.step.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import {
  ACCOUNT,
  addOrder,
  addSeller,
  at,
  claimPlanned,
  cycleAt,
  referenceOf,
  Statement,
  storeStatement,
  succeed,
} from '../../support/statement-scene.ts';

const BANK = `bank:${ACCOUNT}`;

describe('the verification of the ledger', () => {
  let test: TestDatabase;
  let folder: string;
  let archive: HeadArchive;
  beforeEach(async () => {
    test = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), 'smart-transfer-heads-'));
    archive = createHeadFolder(folder);
  });
  afterEach(async () => {
    await test.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** A day of two deposits, one payout that was paid and came back, and one that is under way; all of it sealed. */
  const trade = async () => {
    const sellerId = await addSeller(test.db, { feeBp: 100, grouping: 'order' });
    const statement = new Statement();
    for (const name of ['홍길동0420', '김철수0421']) {
      await addOrder(test.db, { sellerId, name, amount: 10_000n });
      statement.in(10_000n, name, at('10:00:00'));
    }
    await storeStatement(test.db, statement.rows);
    await book(await cycleAt(test, at('10:05:00')), ACCOUNT);
    const [first] = await claimPlanned(test, at('10:06:00'));
    await succeed(test, first!, at('10:06:01'));
    const reference = await referenceOf(test, first!);
    statement.out(9_900n, reference, at('10:06:01'));
    statement.in(9_900n, reference, at('10:20:00'));
    await storeStatement(test.db, statement.rows);
    await book(await cycleAt(test, at('10:25:00')), ACCOUNT);
    await seal(await cycleAt(test, at('10:25:00')));
  };
  /** Changes what the database's owner may, once the triggers are off. */
  const tamper = (statement: ReturnType<typeof sql>) =>
    test.owner.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx);
      await statement.execute(trx);
    });
  const broken = async () => {
    const { ok, firstBroken } = await verifyLedger(test.db, await archive.latest());
    assert.equal(ok, firstBroken === undefined);
    if (firstBroken === undefined) return undefined;
    return [firstBroken.position, firstBroken.postingId, firstBroken.what];
  };
  /** Hashes the chain anew, as somebody would who has changed a posting and knows how. */
  const rehash = async () => {
    const links = await test.owner
      .selectFrom('posting_seal as s')
      .innerJoin('posting as p', 'p.posting_id', 's.posting_id')
      .selectAll('p')
      .select('s.position')
      .orderBy('s.position')
      .execute();
    let hash: Buffer = GENESIS;
    for (const link of links) {
      hash = chainHash(hash, link.position, link);
      await tamper(
        sql`update posting_seal set hash = decode(${hash.toString('hex')}, 'hex') where position = ${link.position}`,
      );
    }
  };
  const daily = async (time: string, date: string) => {
    const errors: string[] = [];
    const log = {
      info: () => undefined,
      warn: () => undefined,
      error: (message: string) => void errors.push(message),
    };
    const result = await checkDaily({ db: test.db, archive, now: at(time, date), hasTime: () => true, log });
    return { ...result, errors };
  };
  const stops = async () =>
    (await test.db.selectFrom('payout_stop').select('name').where('active', '=', true).execute()).map(
      (stop) => stop.name,
    );
  const alarms = async () =>
    (await test.db.selectFrom('alarm').select('name').orderBy('alarm_id').execute()).map((one) => one.name);

  it('finds nothing in an empty ledger', async () => {
    const found = await verifyLedger(test.db);
    assert.deepEqual([found.ok, found.entries, found.headHash, found.unsealed], [true, 0, '', 0]);
  });

  it('replays every entry to the same balances and the same head', async () => {
    await trade();
    const found = await verifyLedger(test.db);
    const kept = await test.db.selectFrom('posting_seal').selectAll().orderBy('position', 'desc').execute();
    assert.deepEqual(
      [found.ok, found.entries, found.headHash, found.unsealed, found.sealedThrough],
      [true, kept.length, Buffer.from(kept[0]!.hash).toString('hex'), 0, BigInt(kept.length)],
    );
    assert.equal(found.balances.get(BANK), 1_020_000n);
    assert.equal(found.balances.get('in_transit'), 9_900n);
  });

  it('says how much is not sealed yet, and leaves it out', async () => {
    await trade();
    await sql`insert into posting (debit, credit, amount, kind, at) values ('fees', 'owner', 5, 'correction', now())`.execute(
      test.db,
    );
    const found = await verifyLedger(test.db);
    assert.deepEqual([found.ok, found.unsealed, found.balances.get('owner')], [true, 1, undefined]);
  });

  describe('names', () => {
    beforeEach(trade);

    for (const [field, value] of Object.entries({
      amount: '9999',
      debit: "'fees'",
      credit: "'owner'",
      kind: "'correction'",
      row_id: '77',
      order_id: '77',
      transfer_id: '77',
      attempt_id: '77',
      at: "at + interval '1 second'",
    })) {
      it(`an entry whose ${field} was changed`, async () => {
        await tamper(
          sql`update posting set ${sql.ref(field)} = ${sql.raw(value)} where posting_id = (select posting_id from posting_seal where position = 3)`,
        );
        const { posting_id } = await test.db
          .selectFrom('posting_seal')
          .select('posting_id')
          .where('position', '=', 3n)
          .executeTakeFirstOrThrow();
        assert.deepEqual(await broken(), [
          3n,
          posting_id,
          'its hash is not that of its posting and the entry before: one of them was changed',
        ]);
      });
    }

    it('an entry whose hash was changed', async () => {
      await tamper(sql`update posting_seal set hash = decode(repeat('ab', 32), 'hex') where position = 4`);
      assert.deepEqual((await broken())?.[0], 4n);
    });

    it('a posting that is gone', async () => {
      await tamper(sql`delete from posting where posting_id = 2`);
      assert.deepEqual(await broken(), [2n, 2n, 'its posting is gone from the journal']);
    });

    it('an entry that is gone from the chain', async () => {
      await tamper(sql`delete from posting_seal where position = 5`);
      assert.deepEqual(await broken(), [5n, null, 'the chain has no entry at position 5']);
    });

    it('a posting that was put in below what is sealed', async () => {
      await tamper(sql`delete from posting_seal where position = (select max(position) from posting_seal)`);
      const last = await test.db
        .selectFrom('posting')
        .select((eb) => eb.fn.max('posting_id').as('id'))
        .executeTakeFirstOrThrow();
      await tamper(
        sql`update account_balance b set debits = b.debits - case when p.debit = b.account then p.amount else 0 end,
          credits = b.credits - case when p.credit = b.account then p.amount else 0 end
          from posting p where p.posting_id = ${last.id}`,
      );
      assert.deepEqual((await broken())?.slice(0, 2), [null, last.id]);
      assert.match(String((await broken())?.[2]), /in the journal and not in the chain/);
    });

    it('kept sums that are not those of the entries', async () => {
      await tamper(sql`update account_balance set credits = credits + 1 where account = 'fees'`);
      const [position, postingId, what] = (await broken())!;
      assert.deepEqual([position, postingId], [null, null]);
      assert.match(String(what), /kept sums of account fees .* credits 201 instead of 200/);
    });

    it('kept sums of an account that nothing was posted to', async () => {
      await tamper(
        sql`insert into account_balance (account, debits, credits) values ('seller:nobody', 0, 1)`,
      );
      assert.match(String((await broken())?.[2]), /seller:nobody/);
    });

    it('a payment that was booked twice, although its chain was hashed anew', async () => {
      await tamper(sql`drop index posting_one_post_an_attempt`);
      await tamper(
        sql`insert into posting (debit, credit, amount, kind, transfer_id, attempt_id, at)
          select debit, credit, amount, kind, transfer_id, attempt_id, at from posting where kind = 'post'`,
      );
      await seal(await cycleAt(test, at('10:30:00')));
      assert.match(String((await broken())?.[2]), /it is a post of attempt 1, for which nothing is held/);
    });

    it('a row that was booked twice', async () => {
      await tamper(sql`drop index posting_one_a_row`);
      await tamper(
        sql`insert into posting (debit, credit, amount, kind, row_id, at)
          select debit, credit, amount, kind, row_id, at from posting where kind = 'deposit' limit 1`,
      );
      await seal(await cycleAt(test, at('10:30:00')));
      assert.match(String((await broken())?.[2]), /it books row 1, which is booked already/);
    });

    it('an account that nobody knows', async () => {
      await tamper(sql`alter table posting drop constraint posting_known_accounts`);
      await tamper(
        sql`insert into posting (debit, credit, amount, kind, at) values ('fees', 'pocket', 5, 'correction', now())`,
      );
      await seal(await cycleAt(test, at('10:30:00')));
      assert.match(String((await broken())?.[2]), /there is no account pocket/);
    });

    describe('against what was written down elsewhere', () => {
      beforeEach(async () => {
        assert.deepEqual((await daily('00:20:00', '2026-03-11')).archived, 'kept');
      });

      it('nothing when nothing was changed', async () => {
        assert.equal(await broken(), undefined);
      });

      it('a chain that was hashed anew throughout, by the head that its owner cannot reach', async () => {
        await tamper(sql`update posting set amount = 10001 where posting_id = 2`);
        await tamper(sql`update account_balance set debits = debits + 1 where account = ${BANK}`);
        await tamper(sql`update account_balance set credits = credits + 1 where account = 'unallocated'`);
        await rehash();
        await tamper(
          sql`update daily_close set head_hash = (select hash from posting_seal where position = to_position)`,
        );
        await tamper(
          sql`update daily_close_account set closing = closing + 1, money_in = money_in + 1 where account in (${BANK}, 'unallocated')`,
        );
        assert.match(String((await broken())?.[2]), /not that of the archived head of 2026-03-10/);
      });

      it('a chain that was cut short, with all that is kept beside it', async () => {
        await tamper(sql`delete from posting_seal`);
        await tamper(sql`delete from posting`);
        await tamper(sql`delete from account_balance`);
        await tamper(sql`delete from daily_close_account`);
        await tamper(sql`delete from daily_close`);
        await tamper(sql`update seal_progress set sealed_through = 0`);
        assert.match(
          String((await broken())?.[2]),
          /ends at position 0, before the archived head of 2026-03-10/,
        );
      });

      it('a close whose balances were changed', async () => {
        await tamper(
          sql`update daily_close_account set closing = closing + 1, money_in = money_in + 1 where account = 'fees'`,
        );
        assert.match(
          String((await broken())?.[2]),
          /account fees has 200 won there, and 201 in the close of 2026-03-10/,
        );
      });

      it('a close whose head was changed', async () => {
        await tamper(sql`update daily_close set head_hash = decode(repeat('cd', 32), 'hex')`);
        assert.match(String((await broken())?.[2]), /not that of the close of 2026-03-10/);
      });
    });
  });

  describe('once a day', () => {
    beforeEach(trade);

    it('finds a sound ledger sound, closes what is over, and keeps the head outside the database', async () => {
      const first = await daily('00:20:00', '2026-03-11');
      assert.deepEqual(first, {
        ...first,
        ended: 'sound',
        first_broken: null,
        closed: ['2026-03-10'],
        archived: 'kept',
        book_differences: 0,
        errors: [],
      });
      const again = await daily('00:30:00', '2026-03-11');
      assert.deepEqual([again.ended, again.closed, again.archived], ['sound', [], 'exists']);
      assert.deepEqual(await stops(), []);
    });

    it('halts payouts when the ledger is broken, closes and archives nothing, and raises one alarm', async () => {
      await alarms().then((before) => assert.deepEqual(before, ['transfer_returned']));
      await tamper(sql`update posting set amount = 1 where posting_id = 3`);
      const found = await daily('00:20:00', '2026-03-11');
      assert.deepEqual([found.ended, found.first_broken?.position, found.closed], ['broken', '3', []]);
      assert.deepEqual(await stops(), ['halt_drift']);
      assert.ok(found.errors.includes('the ledger is broken; payouts are halted'));
      await daily('00:20:00', '2026-03-12');
      assert.equal((await alarms()).filter((name) => name === 'ledger_broken').length, 1);
      assert.equal(await archive.latest(), undefined);
    });

    it('halts payouts when the archive has another head for the day', async () => {
      await writeFile(
        join(folder, '2026-03-10.json'),
        JSON.stringify({ business_date: '2026-03-10', position: '0', hash: '00'.repeat(32) }),
      );
      const found = await daily('00:20:00', '2026-03-11');
      assert.deepEqual([found.ended, found.archived], ['broken', 'exists_with_another_head']);
      assert.deepEqual(await stops(), ['halt_drift']);
    });

    it('says when its time was out, and then closes nothing', async () => {
      const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
      const now = at('00:20:00', '2026-03-11');
      const result = await checkDaily({ db: test.db, archive, now, hasTime: () => false, log });
      assert.deepEqual([result.ended, result.closed], ['out_of_time', []]);
      assert.ok((await alarms()).includes('daily_check_unfinished'));
      assert.deepEqual(await stops(), []);
    });
  });

  it('closes no day before it is over', async () => {
    await trade();
    assert.deepEqual(await closeDays(test.db, at('23:59:59')), []);
  });
});
