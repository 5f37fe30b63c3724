import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  RotateSecretCommand,
  UpdateSecretVersionStageCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
} from 'kysely';
import { putLogin } from '../../../functions/logins/login.repository.ts';
import { rotate, ROTATION_STEPS, type RotationContext } from '../../../functions/logins/rotate.step.ts';
import { APPLICATION_LOGINS } from '../../../functions/logins/rotation.ts';
import { openDatabaseAs, RotatingPool, type Login } from '../../../functions/shared/postgres.ts';
import { localSecretsClient } from '../../../local/local-secrets.ts';
import { startSecretsManager, type LocalSecretsManager } from '../../../local/secrets-manager.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

const [A, B] = APPLICATION_LOGINS;
const SECRET = 'database';
const versionId = (n: number): string => `00000000-0000-4000-8000-${n.toString().padStart(12, '0')}`;

describe('a rotation of the database login', () => {
  let test: TestDatabase;
  let service: LocalSecretsManager;
  let client: SecretsManagerClient;
  let owner: Login;
  let context: RotationContext;

  beforeEach(async () => {
    test = await createTestDatabase();
    // The steps are taken by hand here; what Secrets Manager calls does nothing.
    service = await startSecretsManager({
      invoke: () => Promise.resolve({ outcome: 'returned', payload: null }),
    });
    client = localSecretsClient(service.endpoint);
    // As RDS gives it: it may make logins and is no superuser.
    owner = { username: `owner_${randomBytes(4).toString('hex')}`, password: randomBytes(8).toString('hex') };
    await sql`create role ${sql.id(owner.username)} createrole login password ${sql.lit(owner.password)}`.execute(
      test.owner,
    );
    await sql`grant smart_transfer_app, ${sql.id(A)}, ${sql.id(B)} to ${sql.id(owner.username)} with admin option`.execute(
      test.owner,
    );
    context = {
      client,
      secretId: SECRET,
      openAsOwner: () => openDatabaseAs<unknown>(test.address, owner, 1),
      openAs: (login) => openDatabaseAs<unknown>(test.address, login, 1),
      newPassword: () => randomBytes(12).toString('base64url'),
    };
    const first = { username: B, password: 'first' };
    await putLogin(test.owner as unknown as Kysely<unknown>, first);
    await client.send(new CreateSecretCommand({ Name: SECRET, SecretString: JSON.stringify(first) }));
  });
  afterEach(async () => {
    // The cluster's other databases know the login as it was.
    await putLogin(test.owner as unknown as Kysely<unknown>, test.application);
    await sql`drop owned by ${sql.id(owner.username)}`.execute(test.owner);
    await sql`drop role ${sql.id(owner.username)}`.execute(test.owner);
    client.destroy();
    await service.stop();
    await test.close();
  });

  /** What Secrets Manager does before the first step: it makes the version, with no value, and stages it. */
  async function begin(n: number): Promise<string> {
    await client.send(
      new RotateSecretCommand({
        SecretId: SECRET,
        RotationLambdaARN: 'arn:aws:lambda:ap-northeast-2:000000000000:function:rotation',
        ClientRequestToken: versionId(n),
      }),
    );
    return versionId(n);
  }

  const step = (asked: (typeof ROTATION_STEPS)[number], token: string, using = context) =>
    rotate(using, { step: asked, secretId: SECRET, token });

  async function rotateWhole(token: string, using = context): Promise<void> {
    for (const asked of ROTATION_STEPS) await step(asked, token, using);
  }

  async function version(selected: { VersionId?: string; VersionStage?: string }): Promise<Login> {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: SECRET, ...selected }));
    return JSON.parse(SecretString ?? '') as Login;
  }
  const current = () => version({ VersionStage: 'AWSCURRENT' });

  async function logsIn(login: Login): Promise<boolean> {
    const db = openDatabaseAs<unknown>(test.address, login, 1);
    try {
      await sql`select state from transfer`.execute(db);
      return true;
    } catch (error) {
      if ((error as { code?: unknown }).code !== '28P01') throw error;
      return false;
    } finally {
      await db.destroy();
    }
  }

  it('gives the other login a new password, and leaves the one in use as it is', async () => {
    const before = await current();
    await rotateWhole(await begin(1));
    const after = await current();
    assert.equal(after.username, A);
    assert.deepEqual(await version({ VersionStage: 'AWSPREVIOUS' }), before);
    assert.deepEqual([await logsIn(before), await logsIn(after)], [true, true]);
  });

  it('fails no query of a container that knows the login of two rotations ago', async () => {
    let cached = await current();
    const pool = new RotatingPool(
      test.address,
      async (fresh) => (cached = fresh ? await current() : cached),
      2,
    );
    const open = await pool.connect();
    await rotateWhole(await begin(1));
    await rotateWhole(await begin(2));
    assert.equal(await logsIn(cached), false);
    assert.equal((await open.query('select state from transfer')).rowCount, 0);
    const anew = await pool.connect();
    assert.deepEqual((await anew.query('select current_user')).rows, [{ current_user: B }]);
    open.release();
    anew.release();
    await pool.end();
  });

  it('keeps one password a version, however often and however concurrently a step is taken', async () => {
    const token = await begin(1);
    await Promise.all(Array.from({ length: 5 }, () => step('createSecret', token)));
    const pending = await version({ VersionId: token });
    await step('createSecret', token);
    await step('setSecret', token);
    await step('setSecret', token);
    await step('testSecret', token);
    await step('testSecret', token);
    assert.deepEqual(await version({ VersionId: token }), pending);
    assert.equal(await step('finishSecret', token), 'done');
    for (const again of ROTATION_STEPS) assert.equal(await step(again, token), 'already_current');
    assert.deepEqual(await current(), pending);
    assert.ok(await logsIn(pending));
  });

  it('can die before and after any call that it makes, and then be begun again', async () => {
    let calls = Infinity;
    for (let n = 1; n <= calls; n += 1) {
      for (const moment of ['before', 'after'] as const) {
        const inUse = await current();
        const token = await begin(10 * n + (moment === 'before' ? 0 : 1));
        const dying = dyingAt(context, n, moment);
        await assert.rejects(
          rotateWhole(token, dying),
          /the function has died/,
          `${moment} call ${n} of ${calls}`,
        );
        assert.ok(await logsIn(inUse), `the login in use was broken ${moment} call ${n}`);
        const counting = dyingAt(context, Infinity, 'before');
        await rotateWhole(token, counting);
        calls = Math.max(calls === Infinity ? 0 : calls, counting.calls());
        const after = await current();
        assert.equal(after.username, inUse.username === A ? B : A, `${moment} call ${n}`);
        assert.deepEqual([await logsIn(inUse), await logsIn(after)], [true, true], `${moment} call ${n}`);
      }
    }
    assert.ok(calls > 12, `only ${calls} calls`);
  });

  it('never changes the login that is in use, though a version says so', async () => {
    const inUse = await current();
    const token = await begin(1);
    await client.send(
      new PutSecretValueCommand({
        SecretId: SECRET,
        ClientRequestToken: token,
        SecretString: JSON.stringify({ username: B, password: 'another' }),
        VersionStages: ['AWSPENDING'],
      }),
    );
    await assert.rejects(rotateWhole(token), /only smart_transfer_app_a may change/);
    assert.ok(await logsIn(inUse));
  });

  it('publishes no login that was not seen to work', async () => {
    const inUse = await current();
    const token = await begin(1);
    await assert.rejects(step('finishSecret', token), /has no value yet/);
    await step('createSecret', token);
    await assert.rejects(step('finishSecret', token), { code: '28P01' });
    assert.deepEqual(await current(), inUse);
  });

  it('publishes no login that may do less than the application must, or more than it may', async () => {
    const token = await begin(1);
    await step('createSecret', token);
    await step('setSecret', token);
    await sql`grant delete on posting to ${sql.id(A)}`.execute(test.owner);
    await assert.rejects(step('testSecret', token), /other rights .*\(DELETE on posting\)/);
    await sql`revoke delete on posting from ${sql.id(A)}`.execute(test.owner);
    await sql`revoke smart_transfer_app from ${sql.id(A)}`.execute(test.owner);
    try {
      await assert.rejects(step('finishSecret', token), /payout_stop/);
    } finally {
      await sql`grant smart_transfer_app to ${sql.id(A)}`.execute(test.owner);
    }
    await step('finishSecret', token);
  });

  it('refuses a version that is not staged, a secret that is not made to rotate, and any other secret', async () => {
    await assert.rejects(step('createSecret', versionId(1)), /rotation is not enabled/);
    const token = await begin(1);
    await assert.rejects(step('createSecret', versionId(2)), /no version/);
    await client.send(
      new UpdateSecretVersionStageCommand({
        SecretId: SECRET,
        VersionStage: 'AWSPENDING',
        RemoveFromVersionId: token,
      }),
    );
    await assert.rejects(step('setSecret', token), /no version|not staged AWSPENDING/);
    await client.send(new CreateSecretCommand({ Name: 'other', SecretString: '{}' }));
    await assert.rejects(
      rotate(context, { step: 'createSecret', secretId: 'other', token }),
      /rotates database alone, not other/,
    );
  });

  it("takes the secret's ARN for its name, as Secrets Manager sends it", async () => {
    const token = await begin(1);
    const { ARN } = await client.send(new DescribeSecretCommand({ SecretId: SECRET }));
    for (const asked of ROTATION_STEPS) await rotate(context, { step: asked, secretId: ARN!, token });
    assert.equal((await current()).username, A);
  });

  it('sends the database no password, only what it stores of one', async () => {
    const statements: string[] = [];
    const recording = new Kysely<unknown>({
      dialect: {
        createAdapter: () => new PostgresAdapter(),
        createDriver: () => new DummyDriver(),
        createIntrospector: (db) => new PostgresIntrospector(db),
        createQueryCompiler: () => new PostgresQueryCompiler(),
      },
      log: ({ query }) => void statements.push(query.sql + JSON.stringify(query.parameters)),
    });
    await putLogin(recording, { username: A, password: 'correct-horse' });
    assert.ok(statements.some((statement) => statement.includes('SCRAM-SHA-256$4096:')));
    assert.ok(!statements.join().includes('correct-horse'));
  });
});

/** A context whose nth call, to Secrets Manager or for a connection, is the last: the function dies before it, or after it and before its answer. */
function dyingAt(
  context: RotationContext,
  n: number,
  moment: 'before' | 'after',
): RotationContext & { calls(): number } {
  let calls = 0;
  const dies = (at: typeof moment): void => {
    if (at === 'before') calls += 1;
    if (calls === n && at === moment) throw new Error('the function has died');
  };
  const client = new Proxy(context.client, {
    get: (target, name): unknown =>
      name !== 'send'
        ? Reflect.get(target, name)
        : async (command: never): Promise<unknown> => {
            dies('before');
            try {
              return await (target.send as (command: unknown) => Promise<unknown>).call(target, command);
            } finally {
              dies('after');
            }
          },
  });
  const opening =
    <Args extends unknown[]>(open: (...args: Args) => Kysely<unknown>) =>
    (...args: Args): Kysely<unknown> => {
      dies('before');
      const db = open(...args);
      const end = db.destroy.bind(db);
      db.destroy = async () => {
        await end();
        dies('after');
      };
      return db;
    };
  return {
    ...context,
    client,
    openAsOwner: opening(context.openAsOwner),
    openAs: opening(context.openAs),
    calls: () => calls,
  };
}
