import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  InvalidRequestException,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  RotateSecretCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { sql } from 'kysely';
import type { z } from 'zod';
import { openMessage } from '../../functions/bank/bank-message.repository.ts';
import { bankCredentialsShape } from '../../functions/bank/bank-secrets.ts';
import type { MatchResult } from '../../functions/cycle/match.handler.ts';
import { APPLICATION_LOGINS } from '../../functions/logins/rotation.ts';
import { ROTATION_STEPS } from '../../functions/logins/rotate.step.ts';
import { placeOrders } from '../../functions/orders/order.repository.ts';
import { addSellers } from '../../functions/orders/seller.repository.ts';
import { systemClock } from '../../functions/shared/clock.ts';
import { createVault, dataKeysShape, type Vault } from '../../functions/shared/encryption.ts';
import { won, type BasisPoints } from '../../functions/shared/money.ts';
import { loginShape, RotatingPool } from '../../functions/shared/postgres.ts';
import { createSecrets, parseSecret } from '../../functions/shared/secrets.ts';
import type { LocalFunction } from '../../local/function-host/function-host.ts';
import type { InvocationResult } from '../../local/function-host/invocation.ts';
import { localSecretsClient, SECRET_IDS } from '../../local/local-secrets.ts';
import {
  COLLECTION_ACCOUNT,
  openCollectionAccount,
  startSystem,
  type LocalSystem,
  type LogLine,
} from '../../local/system.ts';
import { openTransfers, transferTotals } from '../../local/totals.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { until } from './until.ts';

/** The first rotations find every function with values that it keeps, and during the later ones it reads them anew. */
const SECRET_TTL_S = 12;

/** Each transfer needs five minutes of a token's life, so each fetches a new one, with the client's secret. */
const BANK_TOKEN_LIFE_S = 300;

const SLOW_MACHINE_MS = 120_000;

describe('secrets that rotate under load', function () {
  this.timeout(2 * SLOW_MACHINE_MS);
  const folder = temporaryFolder();
  const lines: LogLine[] = [];
  const onLine = new Set<(line: LogLine) => void>();
  let system: LocalSystem;
  let secrets: SecretsManagerClient;

  beforeEach(async () => {
    lines.length = 0;
    system = await startSystem({
      folder: folder(),
      clock: systemClock,
      payoutAccount: COLLECTION_ACCOUNT,
      cycleMinutes: 5,
      settlementConcurrency: 2,
      polling: 'long',
      durable: false,
      secretTtlS: SECRET_TTL_S,
      bankTokenLifeS: BANK_TOKEN_LIFE_S,
      onLog(line) {
        lines.push(line);
        for (const listener of onLine) listener(line);
      },
    });
    secrets = localSecretsClient(system.secretsManager.endpoint);
    openCollectionAccount(system.bank);
  });
  afterEach(async () => {
    onLine.clear();
    secrets.destroy();
    await system.stop();
  });

  it('fail no cycle and no message, lose no transfer, and show up nowhere', async () => {
    const shops = openShops(system);
    await shops.addSeller('first', system.vault);
    await warmUp();
    const running = [
      shops.trade(),
      runCycles(system, shops.ended),
      connectAnew(system, secrets, shops.ended),
    ] as const;
    try {
      await rotateDataKeys(shops);
      await rotateClientSecret();
      // The first by itself; then the function is killed once after each of its steps, and the rotation begun again.
      for (const killedAfter of [undefined, ...ROTATION_STEPS]) await rotateDatabase(killedAfter);
      await functionsMoveOn();
    } finally {
      shops.end();
    }
    const [, cycles, queries] = await Promise.all(running);
    await drain(cycles);

    assert.deepEqual(
      cycles.filter((result) => !isComplete(result)),
      [],
    );
    assert.ok(cycles.length > 5, `only ${cycles.length} cycles`);
    assert.deepEqual(queries.errors, []);
    assert.ok(queries.loginsReadAgain > 0, 'no cached login was refused');
    assert.deepEqual(queries.users, new Set(APPLICATION_LOGINS));
    const complaints = lines.filter(
      ({ from, text, notable }) =>
        !['rotation', 'secrets'].includes(from) && (notable || /"level":"(WARN|ERROR|CRITICAL)"/.test(text)),
    );
    assert.deepEqual(complaints, []);
    const settled = lines.filter(({ text }) => text.includes('"transfer settled"')).map(({ text }) => text);
    assert.deepEqual(
      settled.filter((text) => !text.includes('"outcome":"succeeded"')),
      [],
    );
    assert.deepEqual(await system.mapping.idle(), { left: 0 });
    await assertPaidOnce(shops.owed);
    await assertShownNowhere();
  });

  /** Starts every process that there may be, so that each has read the secrets before they rotate. */
  async function warmUp(): Promise<void> {
    const processes = [
      ...Array<LocalFunction>(4).fill(system.settlement),
      ...Array<LocalFunction>(2).fill(system.matcher),
    ];
    const dry = await Promise.all(processes.map((one) => one.invoke({ dry_run: true })));
    assert.ok(dry.every(({ outcome }) => outcome === 'returned'));
  }

  /** Waits until both functions work as the login that is current by now. */
  async function functionsMoveOn(): Promise<void> {
    const { username } = await readSecret(secrets, SECRET_IDS.application, loginShape);
    const moved = async (): Promise<boolean> => {
      const { rows } = await sql<{ name: string }>`
        select distinct application_name as name from pg_stat_activity
        where usesysid = ${username}::regrole and application_name in ('matcher', 'settlement')`.execute(
        system.db,
      );
      return rows.length === 2;
    };
    await until('the functions work as the new login', moved, SLOW_MACHINE_MS);
  }

  /** Rotates the database login, and kills the function's process as soon as it has said that it took a step. */
  async function rotateDatabase(killedAfter: (typeof ROTATION_STEPS)[number] | undefined): Promise<void> {
    const before = await readSecret(secrets, SECRET_IDS.application, loginShape);
    let kills = 0;
    const kill = ({ from, text }: LogLine): void => {
      if (from !== 'rotation' || kills > 0 || !text.includes(`"step":"${String(killedAfter)}"`)) return;
      kills += 1;
      for (const { pid } of system.rotation.sandboxes()) process.kill(pid, 'SIGKILL');
    };
    onLine.add(kill);
    const token = randomUUID();
    await until('the rotation before is over', () => begins(token), SLOW_MACHINE_MS);
    await until(
      'the database login has rotated',
      async () => {
        const described = await secrets.send(new DescribeSecretCommand({ SecretId: SECRET_IDS.application }));
        const isCurrent = described.VersionIdsToStages?.[token]?.includes('AWSCURRENT') === true;
        return isCurrent && (killedAfter === undefined || kills > 0);
      },
      SLOW_MACHINE_MS,
    );
    onLine.delete(kill);
    const after = await readSecret(secrets, SECRET_IDS.application, loginShape);
    assert.notEqual(after.username, before.username);
  }

  async function begins(token: string): Promise<boolean> {
    try {
      await secrets.send(
        new RotateSecretCommand({ SecretId: SECRET_IDS.application, ClientRequestToken: token }),
      );
      return true;
    } catch (error) {
      if (!(error instanceof InvalidRequestException)) throw error;
      return false;
    }
  }

  /** A seller's account is written with the new key by who knows it already; the functions that pay it read the keys a while ago. */
  async function rotateDataKeys(shops: Shops): Promise<void> {
    const keys = await readSecret(secrets, SECRET_IDS.dataKeys, dataKeysShape);
    const rotated = {
      ...keys,
      current: 'k2',
      keys: { ...keys.keys, k2: randomBytes(32).toString('base64') },
    };
    await putSecret(secrets, SECRET_IDS.dataKeys, rotated);
    await shops.addSeller('second', createVault(rotated));
    await payoutsTo('second', 1);
  }

  /** The bank takes both client secrets until the new one is where functions look for it, and then the old one no more. */
  async function rotateClientSecret(): Promise<void> {
    const held = await readSecret(secrets, SECRET_IDS.credentials, bankCredentialsShape);
    const rotated = randomUUID();
    system.bank.addClientSecret(rotated);
    await putSecret(secrets, SECRET_IDS.credentials, { ...held, client_secret: rotated });
    system.bank.endClientSecret(held.client_secret);
    await payoutsTo('first', 3);
  }

  /** Waits until so many more transfers to a seller have reached the bank. */
  async function payoutsTo(sellerId: string, more: number): Promise<void> {
    const count = (): number =>
      system.bank.transfers().filter(({ toHolder }) => toHolder === sellerId).length;
    const enough = count() + more;
    await until(`${sellerId} is paid`, () => count() >= enough, SLOW_MACHINE_MS);
  }

  /** Runs cycles until every deposit is booked and every transfer has ended. */
  async function drain(cycles: InvocationResult[]): Promise<void> {
    await until(
      'everything is paid',
      async () => {
        cycles.push(await system.matcher.invoke({}));
        await system.mapping.idle();
        const open = await system.db
          .selectFrom('shop_order')
          .select('order_id')
          .where('state', '<>', 'paid')
          .execute();
        return open.length === 0 && openTransfers(await transferTotals(system.db)) === 0;
      },
      SLOW_MACHINE_MS,
    );
  }

  /** Every won that an order brought has left for its seller, in transfers that were each sent once, and executed once. */
  async function assertPaidOnce(owed: ReadonlyMap<string, bigint>): Promise<void> {
    const sent = system.bank.transfers();
    assert.ok(sent.every(({ executed }) => executed));
    assert.equal(new Set(sent.map(({ bankTranId }) => bankTranId)).size, sent.length);
    const transfers = await system.db
      .selectFrom('transfer')
      .select(['transfer_id', 'state', 'amount', 'sends', 'seller_id'])
      .execute();
    assert.deepEqual(
      transfers.filter(({ state, sends }) => state !== 'succeeded' || sends !== 1),
      [],
    );
    assert.equal(transfers.length, sent.length);
    const paid = new Map<string, bigint>();
    for (const { toHolder, amount } of sent) paid.set(toHolder, (paid.get(toHolder) ?? 0n) + amount);
    assert.deepEqual(paid, new Map(owed));
    assert.equal(owed.size, 2);
  }

  /** No value that a secret has or had is in a log line, in a row of the database, in a message that was stored, or in a function's environment. */
  async function assertShownNowhere(): Promise<void> {
    const values = await everyValue(secrets);
    assert.ok(values.length >= 12, `only ${values.length} values to look for`);
    const keys = await readSecret(secrets, SECRET_IDS.dataKeys, dataKeysShape);
    const vault = createVault(keys);
    const messages = await system.db
      .selectFrom('bank_message')
      .select(['body_ciphertext', 'body_key_id'])
      .execute();
    assert.ok(messages.some(({ body_key_id }) => body_key_id === 'k2'));
    const opened = messages.map((message) => JSON.stringify(openMessage(vault, message)));
    assert.ok(opened.some((message) => message.includes('wd_pass_phrase')));
    const places = {
      log: lines.map(({ text }) => text),
      message: opened,
      database: await everyRow(system),
      environment: environments(system),
    };
    for (const [place, texts] of Object.entries(places)) {
      const shown = texts.filter((text) => values.some((value) => text.includes(value)));
      assert.deepEqual(shown, [], `a secret's value is in the ${place}`);
    }
  }
});

interface Shops {
  readonly ended: AbortSignal;
  /** What each seller is to be paid, won, by the account holder's name. */
  readonly owed: ReadonlyMap<string, bigint>;
  addSeller(sellerId: string, vault: Vault): Promise<void>;
  /** Places orders and pays them, one after the other, until the end. */
  trade(): Promise<void>;
  end(): void;
}

function openShops(system: LocalSystem): Shops {
  const ended = new AbortController();
  const sellers: string[] = [];
  const owed = new Map<string, bigint>();
  let placed = 0;
  const placeOne = async (): Promise<void> => {
    const sellerId = sellers[placed % sellers.length] ?? '';
    const amount = won(1000n + BigInt(placed));
    const now = systemClock.now();
    const order = {
      shopId: 'shop',
      shopOrderId: placed.toString(),
      sellerId,
      recipientName: '홍길동',
      amount,
      opensAt: now,
      expiresAt: new Date(now.getTime() + 3_600_000),
    };
    const [issued] = await system.db
      .transaction()
      .execute(async (trx) => await placeOrders(trx, [order], now, Math.random));
    system.bank.deposit({ account: COLLECTION_ACCOUNT, text: issued?.depositorName ?? '', amount });
    owed.set(sellerId, (owed.get(sellerId) ?? 0n) + amount);
    placed += 1;
  };
  return {
    ended: ended.signal,
    owed,
    async addSeller(sellerId, vault) {
      const account = {
        bankCode: '088',
        accountNumber: `11020030040${sellers.length.toString()}`,
        holder: sellerId,
      };
      await system.db.transaction().execute(async (trx) => {
        await addSellers(
          trx,
          vault,
          [{ sellerId, shopId: 'under-load', name: sellerId, feeRate: 0 as BasisPoints, account }],
          { requestedBy: 'kim', approvedBy: 'lee' },
          systemClock.now(),
        );
        // One payout an order: more transfers.
        await trx.updateTable('seller').set({ payout_grouping: 'order' }).execute();
      });
      sellers.push(sellerId);
    },
    async trade() {
      while (!ended.signal.aborted) {
        await placeOne();
        await delay(50);
      }
    },
    end: () => ended.abort(),
  };
}

async function runCycles(system: LocalSystem, ended: AbortSignal): Promise<InvocationResult[]> {
  const results: InvocationResult[] = [];
  while (!ended.aborted) results.push(await system.matcher.invoke({}));
  return results;
}

function isComplete(result: InvocationResult): boolean {
  return result.outcome === 'returned' && (result.payload as MatchResult).ended === 'complete';
}

interface Queries {
  readonly errors: readonly unknown[];
  /** The logins that queries ran as. */
  readonly users: ReadonlySet<string>;
  readonly loginsReadAgain: number;
}

/** A function that keeps secrets for long, and whose connection closes after each use: every rotation finds it with an old login. */
async function connectAnew(
  system: LocalSystem,
  client: SecretsManagerClient,
  ended: AbortSignal,
): Promise<Queries> {
  const secrets = createSecrets(3600, client);
  const errors: unknown[] = [];
  const users = new Set<string>();
  let loginsReadAgain = 0;
  const { host, port } = system.postgres;
  const pool = new RotatingPool(
    { host, port, database: 'smart_transfer', tls: 'off' },
    async (fresh) => {
      if (!fresh) return await secrets.read(SECRET_IDS.application, loginShape);
      loginsReadAgain += 1;
      return await secrets.readFresh(SECRET_IDS.application, loginShape);
    },
    1,
  );
  while (!ended.aborted) {
    try {
      const connection = await pool.connect();
      const { rows } = await connection.query<{ name: string }>('select current_user as name from lease');
      users.add(rows[0]?.name ?? '');
      connection.release(true);
    } catch (error) {
      errors.push(error);
    }
    await delay(20);
  }
  await pool.end();
  return { errors, users, loginsReadAgain };
}

async function readSecret<Shape extends z.ZodType>(
  client: SecretsManagerClient,
  id: string,
  shape: Shape,
): Promise<z.infer<Shape>> {
  const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: id }));
  return parseSecret(id, SecretString ?? '', shape);
}

async function putSecret(client: SecretsManagerClient, id: string, value: object): Promise<void> {
  await client.send(new PutSecretValueCommand({ SecretId: id, SecretString: JSON.stringify(value) }));
}

/** What is secret in a secret, by the name of its field. */
const SECRET_FIELDS = ['password', 'client_secret', 'wd_pass_phrase', 'fingerprint', 'keys'];

/** Every value that any version of the local system's secrets holds. */
async function everyValue(client: SecretsManagerClient): Promise<string[]> {
  const values = new Set<string>();
  for (const SecretId of Object.values(SECRET_IDS)) {
    const { Versions } = await client.send(
      new ListSecretVersionIdsCommand({ SecretId, IncludeDeprecated: true }),
    );
    for (const { VersionId } of Versions ?? []) {
      const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId, VersionId }));
      for (const [field, value] of Object.entries(JSON.parse(SecretString ?? '{}') as object)) {
        if (!SECRET_FIELDS.includes(field)) continue;
        const held = typeof value === 'string' ? [value] : Object.values(value as Record<string, string>);
        for (const text of held) values.add(text);
      }
    }
  }
  return [...values];
}

/** Every row of every table, as text. */
async function everyRow(system: LocalSystem): Promise<string[]> {
  const { rows: tables } = await sql<{ name: string }>`
    select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
      and has_table_privilege(oid, 'SELECT')`.execute(system.db);
  const rows: string[] = [];
  for (const { name } of tables) {
    const found = await sql<{
      text: string;
    }>`select to_jsonb(t)::text as text from ${sql.table(name)} t`.execute(system.db);
    rows.push(...found.rows.map(({ text }) => text));
  }
  return rows;
}

/** The variables of each function's process, where the operating system shows them. */
function environments(system: LocalSystem): string[] {
  return system.host
    .sandboxes()
    .map(({ pid }) => `/proc/${pid}/environ`)
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8'));
}
