import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Context } from 'aws-lambda';
import { sql } from 'kysely';
import { takeLease } from '../../../functions/cycle/lease.ts';
import type { handler as Handler } from '../../../functions/cycle/match.handler.ts';
import { startSecretsManager, type LocalSecretsManager } from '../../../local/secrets-manager.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { functionEnvironment, setEnvironment } from '../../support/function-environment.ts';
import { ACCOUNT, later, minutes } from '../../support/statement-scene.ts';

/** Nothing listens on port 1 of this machine: the bank and the queue are down. */
const NOBODY = 'http://127.0.0.1:1';

describe('the matcher function', () => {
  let test: TestDatabase;
  let secrets: LocalSecretsManager;
  let handler: typeof Handler;
  let restore: () => void;

  before(async () => {
    test = await createTestDatabase();
    secrets = await startSecretsManager();
    restore = setEnvironment({
      ...functionEnvironment(test, secrets.endpoint),
      DATA_KEYS_SECRET_ID: 'data-keys',
      BANK_BASE_URL: NOBODY,
      BANK_CREDENTIALS_SECRET_ID: 'bank',
      COLLECTION_ACCOUNT: ACCOUNT,
      PAYOUT_ACCOUNT: ACCOUNT,
      TRANSFER_QUEUE_URL: `${NOBODY}/queue`,
    });
    const client = new SecretsManagerClient({});
    const put = (Name: string, value: object) =>
      client.send(new CreateSecretCommand({ Name, SecretString: JSON.stringify(value) }));
    await put('database', test.application);
    await put('bank', { client_id: 'c', client_secret: 's', organisation_code: 'F123456789' });
    await put('data-keys', {
      current: 'k1',
      keys: { k1: randomBytes(32).toString('base64') },
      fingerprint: randomBytes(32).toString('base64'),
    });
    client.destroy();
    ({ handler } = await import('../../../functions/cycle/match.handler.ts'));
  });
  after(async () => {
    restore();
    await secrets.stop();
    await test.close();
  });
  beforeEach(async () => {
    await test.owner
      .updateTable('lease')
      .set({ ends_at: new Date(0) })
      .execute();
  });

  const lambda = {
    functionName: 'matcher',
    awsRequestId: 'request',
    getRemainingTimeInMillis: () => minutes(4),
  } as Context;
  const lease = () => test.db.selectFrom('lease').select(['token', 'ends_at']).executeTakeFirstOrThrow();
  const cycles = () =>
    test.db.selectFrom('cycle').select(['token', 'ended_as']).orderBy('cycle_id', 'desc').execute();

  it('runs a cycle under a lease of its own, keeps what it did, and gives the lease back', async () => {
    const before = await lease();
    const result = await handler({}, lambda);
    assert.equal(result.ended, 'failed_in_part');
    const [cycle] = await cycles();
    assert.deepEqual(cycle, { token: before.token + 1n, ended_as: 'failed_in_part' });
    assert.ok(await takeLease(test.db, 'the next', new Date(), minutes(1)));
  });

  it('ends at once while another cycle runs, and writes nothing', async () => {
    const known = await cycles();
    await takeLease(test.db, 'another', new Date(), minutes(5));
    assert.deepEqual(await handler({}, lambda), { ended: 'overlap' });
    assert.deepEqual(await cycles(), known);
  });

  it('ends at once, too, while another cycle holds the lease locked', async () => {
    const known = await cycles();
    await sql`
      create function locked() returns trigger language plpgsql as $$
      begin raise exception using errcode = '55P03', message = 'canceling statement due to lock timeout'; end $$`.execute(
      test.owner,
    );
    await sql`create trigger locked before update on lease for each row execute function locked()`.execute(
      test.owner,
    );
    try {
      assert.deepEqual(await handler({}, lambda), { ended: 'overlap' });
    } finally {
      await sql`drop trigger locked on lease`.execute(test.owner);
    }
    assert.deepEqual(await cycles(), known);
  });

  it('begins nothing that could take longer than is left: a bank call to its limit, and the record', async () => {
    const result = await handler({}, { ...lambda, getRemainingTimeInMillis: () => 29_000 });
    assert.equal(result.ended, 'out_of_time');
    assert.deepEqual('failures' in result && result.failures, []);
  });

  it('holds its lease for longer than it may run', async () => {
    await sql`create table lease_log (ends_at timestamptz)`.execute(test.owner);
    await sql`
      create function log_lease() returns trigger language plpgsql security definer as $$
      begin insert into lease_log values (new.ends_at); return null; end $$`.execute(test.owner);
    await sql`create trigger log_lease after update on lease for each row execute function log_lease()`.execute(
      test.owner,
    );
    const began = new Date();
    await handler({}, lambda);
    const { rows } = await sql<{ ends_at: Date }>`select ends_at from lease_log limit 1`.execute(test.owner);
    assert.ok(rows[0]!.ends_at > later(began, minutes(4)));
  });

  it('changes nothing in a dry run, and names what is wrong: nobody answers for the bank', async () => {
    const before = await lease();
    const known = await cycles();
    await assert.rejects(
      handler({ dry_run: true }, lambda),
      /^Error: the bank: it did not show its statement: unavailable \(/,
    );
    assert.deepEqual([await lease(), await cycles()], [before, known]);
  });
});
