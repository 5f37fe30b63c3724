import assert from 'node:assert/strict';
import type { Refused } from '../../../functions/people/act.step.ts';
import { CLOSE_AFTER_MS, closeTransfer, type Closed } from '../../../functions/transfers/close.step.ts';
import { release } from '../../../functions/transfers/release.step.ts';
import { actingAs } from '../../support/acting.ts';
import { assertBooks } from '../../support/assert-books.ts';
import {
  addStatementRow,
  alarmsOf,
  attemptsOf,
  beginAccount,
  cycleContext,
  evidenceOf,
  MINUTE_MS,
  openPayoutWorld,
  PAYOUT,
  planOne,
  postingsOf,
  stateOf,
  type PayoutWorld,
} from '../../support/payout-world.ts';
import { addRead, addUnexplained, referenceOf, unknownOne } from '../../support/unknown-transfer.ts';

const LEASE_MS = 90_000;

describe('two people who close an unknown transfer', () => {
  let world: PayoutWorld;
  let transferId: bigint;
  beforeEach(async () => {
    world = await openPayoutWorld();
    transferId = await unknownOne(world, 5000n);
    await beginAccount(world, PAYOUT, new Date('2026-02-01T00:00:00+09:00'));
    world.clock.advance(LEASE_MS + CLOSE_AFTER_MS);
  });
  afterEach(async () => {
    await assertBooks(world.db);
    await world.close();
  });

  const close = (
    name: string,
    outcome: 'succeeded' | 'failed',
    evidence = 'the bank says so in its letter',
  ) =>
    closeTransfer(world.db, actingAs(name, world.clock.now()), {
      transferId,
      outcome,
      evidence,
      absenceWaitMs: 15 * MINUTE_MS,
    });
  const done = (outcome: { outcome: 'done'; result: Closed } | Refused): Closed => {
    if (outcome.outcome === 'refused') assert.fail(outcome.message);
    return outcome.result;
  };
  const refusalOf = async (closing: Promise<{ outcome: string } | Refused>): Promise<Refused> => {
    const outcome = await closing;
    assert.ok('code' in outcome, `it was not refused but ${outcome.outcome}`);
    return outcome;
  };

  it('book it as paid when both say that it has succeeded', async () => {
    assert.equal(done(await close('kim', 'succeeded')).outcome, 'requested');
    assert.equal(await stateOf(world, transferId), 'unknown');
    assert.deepEqual(done(await close('lee', 'succeeded')), { outcome: 'closed', recorded: 'succeeded' });
    assert.equal(await stateOf(world, transferId), 'succeeded');
    assert.deepEqual(await postingsOf(world, transferId), ['hold', 'post']);
    assert.equal((await evidenceOf(world, transferId)).at(-1), 'person:succeeded');
  });

  it('give the amount back when both say that it has failed, and nobody pays it again by himself', async () => {
    await close('kim', 'failed');
    assert.deepEqual(done(await close('lee', 'failed')), { outcome: 'closed', recorded: 'ended' });
    assert.equal(await stateOf(world, transferId), 'failed(rejected)');
    assert.deepEqual(await postingsOf(world, transferId), ['hold', 'void']);
    assert.deepEqual(await alarmsOf(world), ['transfer_failed']);
    assert.equal((await release(cycleContext(world), true)).retried, 0);
  });

  it('must be two, with the same outcome and the same evidence', async () => {
    await close('kim', 'succeeded');
    assert.equal((await refusalOf(close('kim', 'succeeded'))).code, 'needs_second_person');
    assert.equal((await refusalOf(close('lee', 'failed'))).code, 'asked_otherwise');
    assert.equal((await refusalOf(close('lee', 'succeeded', 'I have seen the row'))).code, 'asked_otherwise');
    assert.equal(await stateOf(world, transferId), 'unknown');
    assert.equal(
      done(await close('lee', 'succeeded', '  the bank says so   in its letter ')).outcome,
      'closed',
    );
  });

  it('are refused until a day has passed since its lease ended', async () => {
    world.clock.advance(-1);
    const refused = await refusalOf(close('kim', 'succeeded'));
    assert.equal(refused.code, 'too_early');
    world.clock.advance(1);
    assert.equal(done(await close('kim', 'succeeded')).outcome, 'requested');
  });

  it('are refused without evidence', async () => {
    assert.equal((await refusalOf(close('kim', 'succeeded', ' x '))).code, 'no_evidence');
  });

  it('approve the claim that they have looked at: one that was claimed again since is asked for anew', async () => {
    await close('kim', 'failed');
    await world.db.updateTable('transfer').set({ token: 2n }).execute();
    await world.db.updateTable('transfer_attempt').set({ token: 2n }).execute();
    assert.equal(done(await close('lee', 'failed')).outcome, 'requested');
    assert.equal(await stateOf(world, transferId), 'unknown');
  });

  it('are refused as failed where the statement shows its reference, whatever the amount', async () => {
    const rowId = await addStatementRow(world, {
      amount: 1n,
      text: `x${await referenceOf(world, transferId)}`,
      booked: false,
    });
    const refused = await refusalOf(close('kim', 'failed'));
    assert.equal(refused.code, 'statement_says_otherwise');
    assert.match(refused.message, new RegExp(`row ${rowId.toString()} of the statement shows`));
  });

  it('are refused as failed while a row of its amount is unexplained', async () => {
    await addUnexplained(world, { rowId: 5n, amount: 5000n, at: world.clock.now() });
    assert.match((await refusalOf(close('kim', 'failed'))).message, /row 5 .*may be transfer/);
  });

  it('are refused as succeeded where the statement proves that it has not left', async () => {
    const [attempt] = await attemptsOf(world, transferId);
    await addRead(world, { from: new Date(`${attempt!.bank_date}T00:00:00+09:00`) });
    const refused = await refusalOf(close('kim', 'succeeded'));
    assert.equal(refused.code, 'statement_says_otherwise');
    assert.match(refused.message, /has not left the bank/);
    assert.equal(done(await close('kim', 'failed')).outcome, 'requested');
  });

  it('are refused also when the statement shows it between the first and the second', async () => {
    await close('kim', 'failed');
    await addStatementRow(world, {
      amount: 5000n,
      text: await referenceOf(world, transferId),
      booked: false,
    });
    assert.equal((await refusalOf(close('lee', 'failed'))).code, 'statement_says_otherwise');
    assert.equal(await stateOf(world, transferId), 'unknown');
  });

  it('are refused for a transfer that is not unknown', async () => {
    transferId = await planOne(world, 100n);
    assert.equal((await refusalOf(close('kim', 'failed'))).code, 'not_unknown');
    transferId = 999n;
    assert.equal((await refusalOf(close('kim', 'failed'))).code, 'not_found');
  });

  it('close it once, of a hundred who try at the same moment', async () => {
    await close('asker', 'failed');
    const outcomes = await Promise.all(Array.from({ length: 100 }, (_, n) => close(`person${n}`, 'failed')));
    const closed = outcomes.filter((one) => one.outcome === 'done' && one.result.outcome === 'closed');
    assert.equal(closed.length, 1);
    assert.equal(outcomes.filter((one) => one.outcome === 'refused').length, 99);
    assert.deepEqual(await postingsOf(world, transferId), ['hold', 'void']);
  });
});
