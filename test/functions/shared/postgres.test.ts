import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { poolOptions, recordset, RotatingPool, type Login } from '../../../functions/shared/postgres.ts';
import { startTcpProxy } from '../../../local/chaos/tcp-proxy.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { until } from '../../support/until.ts';

describe("a connection's options", () => {
  const options = (tls: 'verify' | 'off') =>
    poolOptions({ host: 'db.example', port: 5432, database: 'd', tls }, { username: 'u', password: 'p' }, 1);

  it('wait for a database that wakes from a pause, and not until the API gives up', () => {
    const waitMs = options('off').connectionTimeoutMillis ?? 0;
    // Resuming takes 15 s and more; API Gateway waits for 29.
    assert.ok(waitMs >= 20_000 && waitMs <= 27_000, `${waitMs} ms`);
  });

  it('take no certificate of an unknown authority where TLS is demanded, and keep lines alive', () => {
    assert.deepEqual(options('verify').ssl, { rejectUnauthorized: true });
    assert.equal(options('off').ssl, false);
    assert.equal(options('verify').keepAlive, true);
    assert.equal(options('verify').max, 1);
  });
});

describe('the rotating pool', () => {
  let test: TestDatabase;
  let login: Login;
  beforeEach(async () => {
    test = await createTestDatabase();
    login = {
      username: `rotated_${process.pid}_${randomBytes(4).toString('hex')}`,
      password: randomBytes(8).toString('hex'),
    };
    await sql`create role ${sql.id(login.username)} login password ${sql.lit(login.password)}`.execute(
      test.owner,
    );
  });
  afterEach(async () => {
    await sql`drop role ${sql.id(login.username)}`.execute(test.owner);
    await test.close();
  });

  async function whoAmI(pool: RotatingPool): Promise<string> {
    const client = await pool.connect();
    try {
      const { rows } = await client.query<{ name: string }>('select current_user as name');
      return rows[0]?.name ?? '';
    } finally {
      client.release();
    }
  }

  it('fetches a refused login again, once, and goes on with the new one', async () => {
    const asked: boolean[] = [];
    const stale = { ...login, password: 'stale' };
    const pool = new RotatingPool(
      test.address,
      (fresh) => {
        asked.push(fresh);
        return Promise.resolve(fresh ? login : stale);
      },
      1,
    );
    assert.equal(await whoAmI(pool), login.username);
    assert.deepEqual(asked, [false, true]);
    await pool.end();
  });

  it('throws when the login is refused even fresh from the secret', async () => {
    const pool = new RotatingPool(test.address, () => Promise.resolve({ ...login, password: 'wrong' }), 1);
    await assert.rejects(whoAmI(pool), { code: '28P01' });
    await pool.end();
  });

  it('survives a connection that is cut off while in use, and connects anew', async () => {
    const pool = new RotatingPool(test.address, () => Promise.resolve(login), 1);
    const client = await pool.connect();
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    await sql`select pg_terminate_backend(${rows[0]?.pid})`.execute(test.owner);
    await assert.rejects(client.query('select 1'));
    client.release(true);
    assert.equal(await whoAmI(pool), login.username);
    await pool.end();
  });

  it('ends a connection that has gone silent, fails what waits on it, and connects anew', async () => {
    const line = await startTcpProxy(test.address.port);
    try {
      const address = { ...test.address, port: line.port };
      const pool = new RotatingPool(address, () => Promise.resolve(login), 1, 500);
      const client = await pool.connect();
      line.abandon();
      const began = performance.now();
      await assert.rejects(client.query('select 1'), /said nothing for 500 ms|terminated/);
      assert.ok(performance.now() - began < 10_000, 'the query hung on the dead connection');
      client.release();
      assert.equal(await whoAmI(pool), login.username);
      await pool.end();
    } finally {
      await line.stop();
    }
  });

  it('keeps a connection on which something is said now and then', async () => {
    const pool = new RotatingPool(test.address, () => Promise.resolve(login), 1, 1500);
    const client = await pool.connect();
    const pid = async () =>
      (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid;
    const before = await pid();
    for (let n = 0; n < 4; n += 1) await client.query('select pg_sleep(0.5)');
    assert.equal(await pid(), before);
    client.release();
    await pool.end();
  });

  it('moves to another login as soon as the secret names it, without breaking a connection in use', async () => {
    let current = login;
    const pool = new RotatingPool(test.address, () => Promise.resolve(current), 2);
    const before = await pool.connect();
    current = test.application;
    assert.equal(await whoAmI(pool), test.application.username);
    assert.deepEqual((await before.query('select current_user as name')).rows, [{ name: login.username }]);
    before.release();
    await pool.end();
  });

  it('serves who waits for a connection while the login changes, and then ends the old ones', async () => {
    let current = login;
    const pool = new RotatingPool(test.address, () => Promise.resolve(current), 1);
    const inUse = await pool.connect();
    const waiting = whoAmI(pool);
    await until('the second one waits', async () => (await sessions()) === 1);
    current = test.application;
    assert.equal(await whoAmI(pool), test.application.username);
    inUse.release();
    assert.equal(await waiting, login.username);
    await until('the old connections have ended', async () => (await sessions()) === 0);
    await pool.end();
  });

  async function sessions(): Promise<number> {
    const { rows } = await sql`select from pg_stat_activity where usename = ${login.username}`.execute(
      test.owner,
    );
    return rows.length;
  }
});

describe('a page of rows as one parameter', () => {
  it('carries whole numbers, instants, lists and nulls without loss', async () => {
    const test = await createTestDatabase();
    try {
      const row = {
        id: 9_007_199_254_740_993n,
        at: new Date('2026-03-02T00:00:00.123Z'),
        names: ['가', "'"],
        ids: [1n, 9_007_199_254_740_993n],
        none: null,
      };
      const { rows } = await sql<{ id: bigint; at: Date; names: string[]; none: null }>`
        select * from ${recordset('r', 'id bigint, at timestamptz, names text[], ids bigint[], none text', [row])}`.execute(
        test.db,
      );
      assert.deepEqual(rows, [row]);
    } finally {
      await test.close();
    }
  });
});
