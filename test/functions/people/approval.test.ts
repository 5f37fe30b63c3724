import assert from 'node:assert/strict';
import { act, refuse } from '../../../functions/people/act.step.ts';
import { askOrApprove, type TwoPersonMatter } from '../../../functions/people/approval.repository.ts';
import { actingAs } from '../../support/acting.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

const MORNING = new Date('2026-03-02T10:00:00+09:00');
const HOURS = 60 * 60_000;

const matter = (amount = '1000'): TwoPersonMatter => ({
  action: 'transfer_release',
  subject: 'transfer 17',
  detail: { amount },
});

describe('what takes two people', () => {
  let test: TestDatabase;
  beforeEach(async () => (test = await createTestDatabase()));
  afterEach(() => test.close());

  const ask = async (name: string, what = matter(), at = MORNING) =>
    await test.db.transaction().execute(async (trx) => await askOrApprove(trx, actingAs(name, at), what));

  const states = async () =>
    (await test.db.selectFrom('approval').select('state').orderBy('approval_id').execute()).map(
      (row) => row.state,
    );

  it('is approved by a second person, once', async () => {
    assert.equal((await ask('kim')).outcome, 'requested');
    const approved = await ask('lee');
    assert.equal(approved.outcome, 'approved');
    assert.equal(approved.requestedBy, 'kim');
    assert.equal((await ask('park')).outcome, 'requested', 'what was approved is over; this asks anew');
    assert.deepEqual(await states(), ['approved', 'requested']);
  });

  it('is not approved by whoever asked, however often they ask', async () => {
    await ask('kim');
    assert.equal((await ask('kim')).outcome, 'needs_second_person');
    assert.equal((await ask('kim')).outcome, 'needs_second_person');
    assert.deepEqual(await states(), ['requested']);
  });

  it('is not approved by somebody who means something else', async () => {
    await ask('kim', matter('1000'));
    const other = await ask('lee', matter('9000'));
    assert.equal(other.outcome, 'asked_otherwise');
    assert.deepEqual(other.asked, { amount: '1000' });
    assert.deepEqual(await states(), ['requested']);
  });

  it('is taken back when whoever asked asks for something else, which another then approves', async () => {
    await ask('kim', matter('1000'));
    assert.equal((await ask('kim', matter('9000'))).outcome, 'requested');
    assert.equal((await ask('lee', matter('1000'))).outcome, 'asked_otherwise');
    assert.equal((await ask('lee', matter('9000'))).outcome, 'approved');
    assert.deepEqual(await states(), ['lapsed', 'approved']);
  });

  it('lapses when nobody approves it for three days', async () => {
    await ask('kim');
    const later = new Date(MORNING.getTime() + 72 * HOURS);
    assert.equal((await ask('lee', matter(), later)).outcome, 'requested', 'lee asks anew');
    assert.deepEqual(await states(), ['lapsed', 'requested']);
    assert.equal((await ask('kim', matter(), later)).outcome, 'approved');
  });

  it('cannot be approved by one person even where the code forgets to look', async () => {
    await ask('kim');
    const approveOwn = test.db
      .updateTable('approval')
      .set({ state: 'approved', decided_by: 'kim', decided_at: MORNING, decision_reason: 'I may' })
      .execute();
    await assert.rejects(approveOwn, /approval_second_person/);
  });

  it('is never changed after it was asked for', async () => {
    await ask('kim');
    await assert.rejects(
      test.db
        .updateTable('approval')
        .set({ detail: JSON.stringify({ amount: '9000' }) })
        .execute(),
      /never changes/,
    );
    await ask('lee');
    await assert.rejects(
      test.db.updateTable('approval').set({ state: 'requested' }).execute(),
      /never changes/,
    );
  });

  it('is approved by one of a hundred people who approve at the same moment, and asked anew by the next', async () => {
    await ask('asker');
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => ask(`person${n}`)));
    // Each approves what the one before has asked for, or asks anew: 101 people make 50 pairs, and one who waits.
    const count = (outcome: string) => answers.filter((one) => one.outcome === outcome).length;
    assert.deepEqual([count('approved'), count('requested')], [50, 50]);
    assert.equal((await states()).filter((state) => state === 'requested').length, 1);
    const pairs = await test.db.selectFrom('approval').selectAll().where('state', '=', 'approved').execute();
    assert.ok(pairs.every((pair) => pair.decided_by !== pair.requested_by));
  });
});

describe("a person's action", () => {
  let test: TestDatabase;
  beforeEach(async () => (test = await createTestDatabase()));
  afterEach(() => test.close());

  it('leaves its trace with what it changed, in one transaction', async () => {
    const done = await act(test.db, actingAs('kim', MORNING), async (trx) => {
      await trx.updateTable('payout_stop').set({ active: true }).where('name', '=', 'halt_person').execute();
      return {
        outcome: 'done',
        result: 7,
        deed: { action: 'payouts halt', subject: 'payouts', detail: { amount: 5n } },
      };
    });
    assert.deepEqual(done, { outcome: 'done', result: 7 });
    const [trace] = await test.db.selectFrom('audit').selectAll().execute();
    assert.equal(trace?.actor, 'kim');
    assert.equal(trace.reason, 'kim says so');
    assert.deepEqual(trace.detail, { amount: '5' });
  });

  it('is done again, as often as it takes but not for ever, when the database makes it give way', async () => {
    const gives = async (way: { times: number; code: string }) => {
      let tries = 0;
      const outcome = act(test.db, actingAs('kim', MORNING), async (trx) => {
        tries += 1;
        await trx
          .updateTable('payout_stop')
          .set({ active: true })
          .where('name', '=', 'halt_person')
          .execute();
        if (tries <= way.times) throw Object.assign(new Error('deadlock detected'), { code: way.code });
        return { outcome: 'done', result: tries, deed: { action: 'payouts halt', subject: 'payouts' } };
      });
      return await outcome.catch(() => `threw after ${tries}`);
    };
    assert.deepEqual(await gives({ times: 2, code: '40P01' }), { outcome: 'done', result: 3 });
    assert.deepEqual(await gives({ times: 4, code: '40001' }), { outcome: 'done', result: 5 });
    assert.equal(await gives({ times: 9, code: '40P01' }), 'threw after 5');
    assert.equal(await gives({ times: 1, code: '23505' }), 'threw after 1');
    assert.equal((await test.db.selectFrom('audit').selectAll().execute()).length, 2);
  });

  it('changes nothing and leaves no trace when it is refused half-way', async () => {
    const refused = await act(test.db, actingAs('kim', MORNING), async (trx) => {
      await trx.updateTable('payout_stop').set({ active: true }).where('name', '=', 'halt_person').execute();
      return refuse('already_used', 'deposit 3 is used');
    });
    assert.deepEqual(refused, { outcome: 'refused', code: 'already_used', message: 'deposit 3 is used' });
    const active = await test.db
      .selectFrom('payout_stop')
      .select('name')
      .where('active', '=', true)
      .execute();
    assert.deepEqual(active, []);
    assert.deepEqual(await test.db.selectFrom('audit').selectAll().execute(), []);
  });
});
