import assert from 'node:assert/strict';
import { sql } from 'kysely';
import {
  approveAccount,
  rejectAccount,
  requestAccount,
} from '../../../functions/orders/payout-account.step.ts';
import { actingAs } from '../../support/acting.ts';
import { MORNING, openApiWorld, VAULT, type Answer, type ApiWorld } from './api-world.ts';

const NUMBER = '110200300401';
const ACCOUNT = { bank_code: '088', account_number: NUMBER, account_holder: '홍길동' };
const SHOWN = { bank_code: '088', account_number_masked: '********0401', account_holder: '홍길동' };
const WAITS = { ...SHOWN, requested_at: MORNING.toISOString() };

describe('a payout account by the API', () => {
  let world: ApiWorld;
  let key: string;
  beforeEach(async () => {
    world = await openApiWorld();
    key = await world.addShop('flowers');
    await world.addSeller('flowers', 'kim');
  });
  afterEach(() => world.close());

  const put = (body: unknown = ACCOUNT, as = key) =>
    world.request(as, 'PUT', '/v1/sellers/kim/payout-account', body);

  const seller = async () => (await world.request(key, 'GET', '/v1/sellers/kim')).body;

  const accounts = () =>
    world.test.db
      .selectFrom('payout_account')
      .select(['payout_account_id', 'seller_id', 'state', 'requested_by'])
      .orderBy('payout_account_id')
      .execute();

  async function waiting(): Promise<bigint> {
    const waits = (await accounts()).find(({ state }) => state === 'requested');
    assert.ok(waits !== undefined);
    return waits.payout_account_id;
  }

  async function decide(name: string, how: typeof approveAccount | typeof rejectAccount): Promise<void> {
    const decided = await how(world.test.db, actingAs(name, world.clock.now()), await waiting());
    assert.equal(decided.outcome, 'done');
  }

  const assertRefused = (answer: Answer, field: string) => {
    assert.equal(answer.status, 400);
    const fields = (answer.body['errors'] as { field: string }[]).map((one) => one.field);
    assert.deepEqual(new Set(fields), new Set([field]));
  };

  it('waits for a second person, and pays nobody before', async () => {
    const answer = await put();
    assert.equal(answer.status, 202);
    assert.deepEqual(answer.body['requested_payout_account'], WAITS);
    assert.equal(answer.body['payout_account'], null);
    assert.deepEqual(await seller(), answer.body);
    assert.deepEqual(
      (await accounts()).map(({ state, requested_by }) => [state, requested_by]),
      [['requested', 'shop flowers']],
    );

    await decide('lee', approveAccount);
    const approved = await seller();
    assert.deepEqual(approved['payout_account'], SHOWN);
    assert.equal(approved['requested_payout_account'], null);
  });

  it('is answered the same when the same request comes again, however often at once, and asked for once', async () => {
    const first = await put();
    world.clock.advance(60_000);
    const again = await Promise.all(Array.from({ length: 10 }, () => put()));
    for (const answer of again) {
      assert.equal(answer.status, 202);
      assert.deepEqual(answer.body, first.body, 'since the first request');
    }
    assert.equal((await accounts()).length, 1);
    const traces = await world.test.db.selectFrom('audit').select(['actor', 'reason']).execute();
    assert.deepEqual(
      traces.map(({ actor }) => actor),
      ['shop flowers'],
    );
    assert.match(traces[0]?.reason ?? '', /^by the API, with key [a-z0-9]{12}$/);
  });

  it('is one of two different ones at the same moment', async () => {
    const answers = await Promise.all([put(), put({ ...ACCOUNT, account_number: '110200300999' })]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [202, 409]);
    assert.equal((await accounts()).length, 1);
  });

  for (const [what, change] of [
    ['number', { account_number: '110200300999' }],
    ['bank', { bank_code: '004' }],
    ['holder', { account_holder: '이서연' }],
  ] as const) {
    it(`is not replaced by one with another ${what} while it waits`, async () => {
      await put();
      const other = await put({ ...ACCOUNT, ...change });
      assert.equal(other.status, 409);
      assert.equal(other.body['code'], 'payout_account_waits');
      assert.deepEqual((await seller())['requested_payout_account'], WAITS);
    });
  }

  it('that an operator asked for is not taken back by the shop either', async () => {
    const acting = actingAs('lee', world.clock.now());
    const details = { bankCode: '088', accountNumber: NUMBER, holder: '홍길동' };
    await requestAccount(world.test.db, VAULT, acting, 'flowers.kim', details);
    assert.equal((await put({ ...ACCOUNT, account_number: '110200300999' })).status, 409);
    assert.equal((await put()).status, 202);
    assert.deepEqual(
      (await accounts()).map(({ requested_by }) => requested_by),
      ['lee'],
    );
  });

  it('stays in effect while another waits, and can be asked for again once that one is rejected', async () => {
    await put();
    await decide('lee', approveAccount);
    const there = await put();
    assert.equal(there.status, 200);
    assert.deepEqual(there.body['payout_account'], SHOWN);

    const other = await put({ ...ACCOUNT, account_number: '110200300999' });
    assert.equal(other.status, 202);
    assert.deepEqual(other.body['payout_account'], SHOWN);
    assert.equal((await put()).status, 409, 'the other one waits still');
    await decide('lee', rejectAccount);
    assert.equal((await put()).status, 200);
    assert.deepEqual(
      (await accounts()).map(({ state }) => state),
      ['approved', 'rejected'],
    );
  });

  it("is none of another shop's business", async () => {
    const other = await world.addShop('books');
    const answer = await put(ACCOUNT, other);
    assert.equal(answer.status, 404);
    assert.deepEqual(await accounts(), []);
  });

  it('comes back in clear in no answer, table, trace or log', async () => {
    const answers = [
      await put(),
      await put({ ...ACCOUNT, account_number: '110200300999' }),
      await world.request(key, 'GET', '/v1/sellers/kim'),
      await put({ ...ACCOUNT, bank_code: NUMBER }),
      await put({ ...ACCOUNT, account_number: `${NUMBER}-1` }),
      await put({ ...ACCOUNT, account_number: Number(NUMBER) }),
      await put({ ...ACCOUNT, account_holder: `${NUMBER} ${NUMBER}` }),
      await put({ ...ACCOUNT, number: NUMBER }),
      await put(NUMBER),
      await put([NUMBER]),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [202, 409, 200, ...Array<number>(7).fill(400)],
    );
    for (const { body } of answers) assert.doesNotMatch(JSON.stringify(body), /1102003004|1102003009/);
    for (const table of ['payout_account', 'audit', 'event']) {
      const { rows } = await sql<{ text: string }>`select t::text as text from ${sql.table(table)} t`.execute(
        world.test.db,
      );
      for (const { text } of rows) assert.doesNotMatch(text, /1102003004/, table);
    }
    assert.deepEqual(world.errors, []);
  });

  it('is stored as nothing else than what the bank is to be told', async () => {
    await put();
    const stored = await world.test.db
      .selectFrom('payout_account')
      .select(['account_number_ciphertext', 'account_number_key_id'])
      .executeTakeFirstOrThrow();
    const number = VAULT.decrypt('account-number', {
      ciphertext: stored.account_number_ciphertext,
      keyId: stored.account_number_key_id,
    });
    assert.equal(number.toString(), NUMBER);
  });

  for (const [what, change, field] of [
    ['a bank of two digits', { bank_code: '88' }, 'body.bank_code'],
    ['a number with hyphens', { account_number: '110-200-300401' }, 'body.account_number'],
    ['a short number', { account_number: '12345' }, 'body.account_number'],
    ['a number that is none', { account_number: 110_200_300_401 }, 'body.account_number'],
    [
      'a holder that fits no bank message',
      { account_holder: '가나다라마바사아자차카' },
      'body.account_holder',
    ],
    ['a holder in letters that no bank writes', { account_holder: 'Ελένη🙂' }, 'body.account_holder'],
    ['no holder', { account_holder: '' }, 'body.account_holder'],
    ['a control character', { account_holder: '홍\u0000길동' }, 'body.account_holder'],
    ['a field that nobody knows', { approved: true }, 'body.approved'],
  ] as const) {
    it(`names the field of ${what}, and stores nothing`, async () => {
      assertRefused(await put({ ...ACCOUNT, ...change }), field);
      assert.deepEqual(await accounts(), []);
    });
  }

  it('is not stored at all while its number cannot be encrypted', async () => {
    const keyless = await openApiWorld({ readVault: () => Promise.reject(new Error('no such secret')) });
    try {
      const shopKey = await keyless.addShop('flowers');
      await keyless.addSeller('flowers', 'kim');
      const answer = await keyless.request(shopKey, 'PUT', '/v1/sellers/kim/payout-account', ACCOUNT);
      assert.equal(answer.status, 500);
      assert.deepEqual(await keyless.test.db.selectFrom('payout_account').selectAll().execute(), []);
      assert.match(keyless.errors.join(), /no such secret/);
      assert.doesNotMatch(keyless.errors.join(), /1102003004/);
    } finally {
      await keyless.close();
    }
  });
});
