import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Context } from 'aws-lambda';
import { sql } from 'kysely';
import type { handler as Handler } from '../../../functions/ledger/verify.handler.ts';
import { seal } from '../../../functions/ledger/seal.step.ts';
import { startSecretsManager, type LocalSecretsManager } from '../../../local/secrets-manager.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { functionEnvironment, setEnvironment } from '../../support/function-environment.ts';
import { cycleAt } from '../../support/statement-scene.ts';

describe('the verification function', () => {
  let test: TestDatabase;
  let secrets: LocalSecretsManager;
  let handler: typeof Handler;
  let folder: string;
  let restore: () => void;

  before(async () => {
    test = await createTestDatabase();
    secrets = await startSecretsManager();
    folder = await mkdtemp(join(tmpdir(), 'smart-transfer-heads-'));
    restore = setEnvironment({ ...functionEnvironment(test, secrets.endpoint), HEAD_FOLDER: folder });
    const client = new SecretsManagerClient({});
    await client.send(
      new CreateSecretCommand({ Name: 'database', SecretString: JSON.stringify(test.application) }),
    );
    client.destroy();
    ({ handler } = await import('../../../functions/ledger/verify.handler.ts'));
  });
  after(async () => {
    restore();
    await secrets.stop();
    await test.close();
    await rm(folder, { recursive: true, force: true });
  });

  const lambda = {
    functionName: 'verification',
    awsRequestId: 'request',
    getRemainingTimeInMillis: () => 900_000,
  } as Context;

  it('changes nothing in a dry run', async () => {
    const { ok } = await handler({ dry_run: true }, lambda);
    assert.equal(ok, true);
    assert.deepEqual(await test.db.selectFrom('books_comparison').selectAll().execute(), []);
  });

  it('checks the books with the rights of the application, and keeps the head of the day before', async () => {
    await sql`insert into posting (debit, credit, amount, kind, at) values ('bank:a', 'opening', 5, 'opening', now() - interval '1 day')`.execute(
      test.db,
    );
    await seal(await cycleAt(test, new Date()));
    const result = await handler({}, lambda);
    assert.deepEqual(result, {
      ...result,
      ended: 'sound',
      entries: 1,
      first_broken: null,
      archived: 'kept',
      book_differences: 0,
    });
    assert.deepEqual(await readdir(folder), [
      `${'closed' in result ? String(result.closed[0]) : 'not closed'}.json`,
    ]);
  });

  it('begins no page when too little time is left to record what was found', async () => {
    const result = await handler({}, { ...lambda, getRemainingTimeInMillis: () => 30_000 });
    assert.equal(result.ended, 'out_of_time');
  });
});
