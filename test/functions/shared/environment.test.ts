import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clockFromEnvironment, systemClock } from '../../../functions/shared/clock.ts';
import { environments, readEnvironment, variablesFor } from '../../../functions/shared/environment.ts';

const migration = {
  DATABASE_HOST: '127.0.0.1',
  DATABASE_NAME: 'smart_transfer',
  DATABASE_MASTER_SECRET_ID: 'master',
  DATABASE_SECRET_ID: 'application',
};

describe("a function's environment", () => {
  it('is read with its defaults', () => {
    assert.deepEqual(readEnvironment('migration', migration), {
      ...migration,
      DATABASE_PORT: 5432,
      DATABASE_TLS: 'verify',
      SECRET_TTL_S: 300,
    });
  });

  it("holds the cluster's name where the deployment gives one, and never an empty one", () => {
    assert.equal(readEnvironment('migration', migration).DATABASE_IDENTITY, undefined);
    const named = { ...migration, DATABASE_IDENTITY: 'cluster-ABC' };
    assert.equal(readEnvironment('migration', named).DATABASE_IDENTITY, 'cluster-ABC');
    assert.throws(
      () => readEnvironment('migration', { ...migration, DATABASE_IDENTITY: '' }),
      /DATABASE_IDENTITY/,
    );
  });

  it('names each variable that is missing or makes no sense, with its value', () => {
    const env = { ...migration, DATABASE_HOST: undefined, DATABASE_PORT: '70000' };
    assert.throws(
      () => readEnvironment('migration', env),
      (error: Error) =>
        error.message.includes('DATABASE_HOST=(not set)') &&
        error.message.includes('DATABASE_PORT=70000') &&
        !error.message.includes('DATABASE_NAME'),
    );
  });
});

describe("a function's variables", () => {
  const everything = Object.fromEntries(
    Object.values(environments)
      .flatMap(({ shape }) => Object.keys(shape))
      .map((name) => [name, `value of ${name}`]),
  );
  const knows = (name: keyof typeof environments) => Object.keys(variablesFor(name, everything));

  it('are those that it reads, with their values', () => {
    assert.deepEqual(
      variablesFor('migration', { ...migration, BANK_BASE_URL: 'https://bank.example' }),
      migration,
    );
  });

  it('name no database and no bank where webhooks are posted outside the VPC', () => {
    assert.deepEqual(
      knows('webhookDelivery').filter((name) => /^(DATABASE|BANK|DATA_KEYS)_/.test(name)),
      [],
    );
  });

  it("name the pass phrase's secret for the settlement alone, and the owner's login for what owns the schema", () => {
    const who = (variable: string) =>
      Object.keys(environments).filter((name) => knows(name as keyof typeof environments).includes(variable));
    assert.deepEqual(who('BANK_PAYOUT_SECRET_ID'), ['settlement']);
    assert.deepEqual(who('DATABASE_MASTER_SECRET_ID'), ['migration', 'rotation']);
  });
});

describe("the matcher's limits", () => {
  const matcher = {
    ...migration,
    DATA_KEYS_SECRET_ID: 'keys',
    BANK_BASE_URL: 'https://bank.example',
    BANK_CREDENTIALS_SECRET_ID: 'credentials',
    COLLECTION_ACCOUNT: 'c',
    PAYOUT_ACCOUNT: 'p',
    TRANSFER_QUEUE_URL: 'https://queue.example',
  };

  it('are whole won, and none where they are not set', () => {
    const env = readEnvironment('matcher', { ...matcher, DAILY_LIMIT_WON: '30,000,000' });
    assert.deepEqual([env.TRANSFER_LIMIT_WON, env.DAILY_LIMIT_WON], [undefined, 30_000_000n]);
  });

  for (const value of ['', '0', '-1', '1.5', 'none']) {
    it(`are not taken for none where they are "${value}"`, () => {
      assert.throws(
        () => readEnvironment('matcher', { ...matcher, TRANSFER_LIMIT_WON: value }),
        new RegExp(`TRANSFER_LIMIT_WON=${value}: write whole won above 0`),
      );
    });
  }
});

describe("a function's clock", () => {
  it("is the machine's unless a file is named", () => {
    assert.equal(clockFromEnvironment({}), systemClock);
  });

  it('follows the file, and refuses one that holds no instant', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'smart-transfer-clock-'));
    try {
      const file = join(folder, 'clock');
      const clock = clockFromEnvironment({ CLOCK_FILE: file });
      await writeFile(file, '2026-03-02T00:00:00.000Z');
      assert.equal(clock.now().getTime(), Date.UTC(2026, 2, 2));
      await writeFile(file, '2026-03-02T00:05:00.000Z');
      assert.equal(clock.now().getTime(), Date.UTC(2026, 2, 2, 0, 5));
      await writeFile(file, 'noon');
      assert.throws(() => clock.now(), /holds "noon", which is no ISO 8601 instant/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
