import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { randomQueryId } from '../../../functions/bank/bank-tran-id.ts';
import { createOpenBanking } from '../../../functions/bank/openbanking.client.ts';
import { won } from '../../../functions/shared/money.ts';
import { startApiGateway, type GatewayTarget, type LocalApiGateway } from '../../../local/api-gateway.ts';
import { localSecretsClient } from '../../../local/local-secrets.ts';
import { startSecretsManager, type LocalSecretsManager } from '../../../local/secrets-manager.ts';
import { setEnvironment } from '../../support/function-environment.ts';
import { newBankTranId, SECRETS, testClock, transferOrder } from '../../functions/bank/bank-fixture.ts';

const ACCOUNT = 'LOCAL0000100000000000001';
const ACCOUNT_NUMBER = '100000000001';

/** As much of S3 as one journal needs: an object, its ETag, and writes with a condition. */
function startBucket(): { server: Server; writes: { taken: number; refused: number } } {
  let stored: { body: string; etag: string } | undefined;
  const writes = { taken: 0, refused: 0 };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (request.method === 'GET') {
        if (stored === undefined)
          response.writeHead(404).end('<Error><Code>NoSuchKey</Code><Message>none</Message></Error>');
        else response.writeHead(200, { etag: stored.etag }).end(stored.body);
        return;
      }
      const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = request.headers;
      const fits = ifNoneMatch === '*' ? stored === undefined : ifMatch === stored?.etag;
      if (!fits) {
        writes.refused += 1;
        response.writeHead(412).end('<Error><Code>PreconditionFailed</Code><Message>no</Message></Error>');
        return;
      }
      writes.taken += 1;
      stored = { body, etag: `"${writes.taken}"` };
      response.writeHead(200, { etag: stored.etag }).end();
    });
  });
  return { server, writes };
}

describe('a simulated bank in the cloud', () => {
  const folder = mkdtempSync(join(tmpdir(), 'smart-transfer-bank-'));
  const clock = testClock();
  const bucket = startBucket();
  let manager: LocalSecretsManager;
  let gateway: LocalApiGateway;
  let handler: (event: never) => Promise<unknown>;
  let putBack: () => void;

  before(async () => {
    await new Promise<void>((resolve) => bucket.server.listen(0, '127.0.0.1', resolve));
    manager = await startSecretsManager();
    const client = localSecretsClient(manager.endpoint);
    await client.send(
      new CreateSecretCommand({
        Name: 'bank-credentials',
        SecretString: JSON.stringify({
          client_id: SECRETS.clientId,
          client_secret: SECRETS.clientSecret,
          organisation_code: SECRETS.organisationCode,
        }),
      }),
    );
    client.destroy();
    const clockFile = join(folder, 'clock');
    writeFileSync(clockFile, clock.now().toISOString());
    putBack = setEnvironment({
      CLOCK_FILE: clockFile,
      AWS_REGION: 'ap-northeast-2',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_ENDPOINT_URL_SECRETS_MANAGER: manager.endpoint,
      // A host that no bucket's name is put in front of.
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${(bucket.server.address() as AddressInfo).port}`,
      BANK_CREDENTIALS_SECRET_ID: 'bank-credentials',
      JOURNAL_BUCKET: 'journal',
      COLLECTION_ACCOUNT: ACCOUNT,
      COLLECTION_BANK_CODE: '004',
      COLLECTION_ACCOUNT_NUMBER: ACCOUNT_NUMBER,
      COLLECTION_ACCOUNT_HOLDER: 'smart-transfer',
    });
    ({ handler } = await import('../../../local/bank-simulator/bank-simulator.handler.ts'));
    const target = {
      invoke: async (event: unknown) => ({ outcome: 'returned', payload: await handler(event as never) }),
    };
    gateway = await startApiGateway({ target: target as unknown as GatewayTarget });
  });

  after(async () => {
    putBack();
    rmSync(folder, { recursive: true });
    await gateway.stop();
    await manager.stop();
    bucket.server.closeAllConnections();
    await new Promise((resolve) => bucket.server.close(resolve));
  });

  const client = (clientSecret = SECRETS.clientSecret) =>
    createOpenBanking({
      baseUrl: gateway.url,
      credentials: () => Promise.resolve({ ...SECRETS, clientSecret }),
      passPhrase: () => Promise.resolve(SECRETS.passPhrase),
      contractAccountNumber: () => ACCOUNT_NUMBER,
      queryId: randomQueryId,
      clock,
      callTimeoutMs: 5000,
      maxConcurrentCalls: 4,
    });
  const pay = (amount: string, text: string) => handler({ deposit: { amount, text } } as never);
  const statement = {
    account: ACCOUNT,
    from: new Date(clock.now().getTime() - 60_000),
    to: clock.now(),
  };
  const rows = async () => {
    const page = await client().listTransactions(statement);
    assert.equal(page.outcome, 'page');
    return page.rows.map(({ direction, amount, text }) => ({ direction, amount, text }));
  };

  it('is paid into by several buyers at once, and every one of them is on the statement', async () => {
    await Promise.all(['하나', '둘', '셋', '넷'].map((text) => pay('10000', text)));
    const seen = await rows();
    assert.deepEqual(
      seen.map(({ text }) => text).sort((a, b) => a.localeCompare(b)),
      ['넷', '둘', '셋', '하나'],
    );
    assert.ok(bucket.writes.refused > 0, 'nobody wrote at the same time');
  });

  it('pays out to the real client, once for each id, and remembers it', async () => {
    const bankTranId = newBankTranId();
    const send = async () => {
      const bank = client();
      const prepared = bank.prepareTransfer(transferOrder(clock, { account: ACCOUNT, bankTranId }));
      return await bank.sendTransfer(prepared, () => true);
    };
    const before = (await rows()).filter(({ direction }) => direction === 'out').length;
    assert.equal((await send()).result.outcome, 'succeeded');
    await send();
    const out = (await rows()).filter(({ direction }) => direction === 'out');
    assert.equal(out.length, before + 1);
    assert.equal(out.at(-1)?.amount, won(10_000n));
  });

  it('knows its client by the secret alone', async () => {
    const answer = await client('another').listTransactions(statement);
    assert.notEqual(answer.outcome, 'page');
  });

  it('takes no payment over the network: what comes from there is a request', async () => {
    const before = (await rows()).length;
    const response = await fetch(gateway.url, {
      method: 'POST',
      body: JSON.stringify({ deposit: { amount: '1', text: 'x' } }),
    });
    await response.text();
    assert.equal((await rows()).length, before);
  });
});
