import assert from 'node:assert/strict';
import { act, refuse } from '../../../functions/people/act.step.ts';
import { actingAs } from '../../support/acting.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

const MORNING = new Date('2026-03-02T10:00:00+09:00');

describe('a command that is sent again', () => {
  let test: TestDatabase;
  beforeEach(async () => (test = await createTestDatabase()));
  afterEach(() => test.close());

  /** A command that nothing but its key keeps from being done again: each time it adds an alarm. */
  const addAlarm = async (name: string, key: string, fingerprint = 'the same') =>
    await act(test.db, { ...actingAs(name, MORNING), request: { key, fingerprint } }, async (trx) => {
      await trx.insertInto('alarm').values({ name: 'test', detail: '{}', raised_at: MORNING }).execute();
      return { outcome: 'done', result: 'done', deed: { action: 'test', subject: 'alarm', detail: { key } } };
    });
  const alarms = async () => (await test.db.selectFrom('alarm').selectAll().execute()).length;
  const codeOf = (outcome: { outcome: string; code?: string }) => outcome.code ?? outcome.outcome;

  it('is done once, and says what it did when', async () => {
    assert.equal(codeOf(await addAlarm('kim', 'key-00001')), 'done');
    const again = await addAlarm('kim', 'key-00001');
    assert.deepEqual(again, {
      outcome: 'refused',
      code: 'done_already',
      message: 'this was done already (test, alarm, at 2026-03-02T01:00:00.000Z), and is not done again',
      deed: { action: 'test', subject: 'alarm', detail: { key: 'key-00001' }, at: MORNING },
    });
    assert.equal(await alarms(), 1);
  });

  it('is done again under another key, and by another person under the same', async () => {
    await addAlarm('kim', 'key-00001');
    assert.equal(codeOf(await addAlarm('kim', 'key-00002')), 'done');
    assert.equal(codeOf(await addAlarm('lee', 'key-00001')), 'done');
    assert.equal(await alarms(), 3);
  });

  it('is refused when its key was used for something else', async () => {
    await addAlarm('kim', 'key-00001');
    assert.equal(codeOf(await addAlarm('kim', 'key-00001', 'something else')), 'key_used_otherwise');
    assert.equal(await alarms(), 1);
  });

  it('is done by one of thirty that are sent at the same moment', async () => {
    const outcomes = await Promise.all(Array.from({ length: 30 }, () => addAlarm('kim', 'key-00001')));
    const codes = outcomes.map(codeOf);
    assert.equal(codes.filter((code) => code === 'done').length, 1);
    assert.equal(codes.filter((code) => code === 'done_already').length, 29);
    assert.equal(await alarms(), 1);
  });

  it('may be done after it was refused, since a refusal keeps no key', async () => {
    const acting = { ...actingAs('kim', MORNING), request: { key: 'key-00001', fingerprint: 'the same' } };
    const no = await act(test.db, acting, () => Promise.resolve(refuse('not_yet', 'come again')));
    assert.equal(codeOf(no), 'not_yet');
    assert.equal(codeOf(await addAlarm('kim', 'key-00001')), 'done');
  });
});
