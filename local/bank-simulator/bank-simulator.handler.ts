import { S3Client } from '@aws-sdk/client-s3';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { z } from 'zod';
import { bankCredentialsShape } from '../../functions/bank/bank-secrets.ts';
import { clockFromEnvironment } from '../../functions/shared/clock.ts';
import { readEnvironment } from '../../functions/shared/environment.ts';
import { won } from '../../functions/shared/money.ts';
import { createSecrets } from '../../functions/shared/secrets.ts';
import { createJournalBucket } from './journal-bucket.client.ts';
import { createStoredBank, type StoredBank } from './stored-bank.ts';
import { createSignedTokens } from './token-desk.ts';
import type { WireRequest } from './wire.ts';

const TOKEN_LIFE_S = 86_400;

const env = readEnvironment('simulatedBank', process.env);
const clock = clockFromEnvironment(process.env);
const secrets = createSecrets(env.SECRET_TTL_S);
const journal = createJournalBucket(new S3Client({}), env.JOURNAL_BUCKET);

/** What a person invokes the function with, who has the right in IAM: a buyer's payment. A request from outside always comes with a `requestContext`. */
const depositEvent = z.strictObject({
  deposit: z.strictObject({ amount: z.string().regex(/^[1-9]\d*$/), text: z.string().min(1) }),
});

/**
 * A bank for a stack that has none: KFTC's protocol over HTTPS, and deposits by invoking it.
 *
 * Throwing means that its journal or its client's credentials could not be read.
 */
export async function handler(
  event: APIGatewayProxyEventV2 | z.infer<typeof depositEvent>,
): Promise<APIGatewayProxyStructuredResultV2 | { readonly paid: true }> {
  const bank = await open();
  if (!('requestContext' in event)) {
    const { amount, text } = depositEvent.parse(event).deposit;
    await bank.deposit({ amount: won(BigInt(amount)), text });
    return { paid: true };
  }
  const answer = await bank.answer(requestOf(event));
  if (answer.kind !== 'whole') throw new Error('an honest bank answers whole');
  return {
    statusCode: answer.status,
    headers: { 'content-type': 'application/json; charset=UTF-8' },
    body: answer.body,
  };
}

async function open(): Promise<StoredBank> {
  const client = await secrets.read(env.BANK_CREDENTIALS_SECRET_ID, bankCredentialsShape);
  return createStoredBank({
    clock,
    journal,
    desk: createSignedTokens({
      clock,
      clientId: client.client_id,
      clientSecret: client.client_secret,
      lifeSeconds: TOKEN_LIFE_S,
    }),
    organisationCode: client.organisation_code,
    account: {
      fintechUseNum: env.COLLECTION_ACCOUNT,
      bankCode: env.COLLECTION_BANK_CODE,
      accountNumber: env.COLLECTION_ACCOUNT_NUMBER,
      holder: env.COLLECTION_ACCOUNT_HOLDER,
      openingBalance: won(0n),
    },
  });
}

function requestOf(event: APIGatewayProxyEventV2): WireRequest {
  const body = event.body ?? '';
  const query = event.rawQueryString === '' ? '' : `?${event.rawQueryString}`;
  return {
    method: event.requestContext.http.method,
    url: new URL(`${event.rawPath}${query}`, `https://${event.requestContext.domainName}`),
    authorization: event.headers['authorization'] ?? '',
    contentType: event.headers['content-type'] ?? '',
    body: event.isBase64Encoded ? Buffer.from(body, 'base64').toString('utf8') : body,
  };
}
