import { timingSafeEqual } from 'node:crypto';
import { Sha256 } from '@smithy/core/checksum';
import { SignatureV4 } from '@smithy/signature-v4';
import type { APIGatewayEventRequestContextIAMAuthorizer } from 'aws-lambda';

/** Somebody who can sign, as IAM and STS would know them. */
export interface LocalSigner {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Who it is, such as `arn:aws:sts::000000000000:assumed-role/AWSReservedSSO_Operators_0123456789abcdef/kim`. */
  readonly userArn: string;
}

export interface SignedRequest {
  readonly method: string;
  /** As it stood in the request line, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const CREDENTIAL =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/execute-api\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;

/** A signature is older or younger than this no more, ms. */
const SKEW_MS_MAX = 5 * 60_000;

const BODY_HASH = 'x-amz-content-sha256';

/** Headers without which a signature would not bind its request. */
const MUST_BE_SIGNED = ['host', 'x-amz-date'];

/**
 * What API Gateway's IAM authorizer does: signs the request anew by Signature Version 4 with the key that it names, and takes it for its signer's where the two
 * signatures are equal. Answers what stands in `requestContext.authorizer`; nothing where the gateway would answer 403.
 */
export async function authorizeByIam(
  signers: readonly LocalSigner[],
  request: SignedRequest,
  now: Date,
): Promise<APIGatewayEventRequestContextIAMAuthorizer | undefined> {
  const [, accessKeyId, day, region, signedHeaders, signature] =
    CREDENTIAL.exec(request.headers['authorization'] ?? '') ?? [];
  const signer = signers.find((one) => one.accessKeyId === accessKeyId);
  const at = dateOf(request.headers['x-amz-date'] ?? '');
  if (signer === undefined || at === undefined || region === undefined || signature === undefined)
    return undefined;
  const names = signedHeaders?.split(';') ?? [];
  if (!MUST_BE_SIGNED.every((name) => names.includes(name))) return undefined;
  if (
    Math.abs(now.getTime() - at.getTime()) > SKEW_MS_MAX ||
    request.headers['x-amz-date']?.slice(0, 8) !== day
  )
    return undefined;
  if (request.headers['x-amz-security-token'] !== signer.sessionToken) return undefined;
  const again = await new SignatureV4({
    service: 'execute-api',
    region,
    credentials: signer,
    sha256: Sha256,
    applyChecksum: names.includes(BODY_HASH),
  }).sign(
    {
      method: request.method,
      protocol: 'http:',
      hostname: request.headers['host'] ?? '',
      path: request.path,
      query: Object.fromEntries(
        [...new Set(request.query.keys())].map((name) => [name, request.query.getAll(name)]),
      ),
      // The body's hash is computed of the body, not believed.
      headers: Object.fromEntries(
        names.filter((name) => name !== BODY_HASH).map((name) => [name, request.headers[name] ?? '']),
      ),
      body: request.body,
    },
    { signingDate: at, signableHeaders: new Set(names) },
  );
  const [, , , , , recomputed = ''] = CREDENTIAL.exec(again.headers['authorization'] ?? '') ?? [];
  if (recomputed === '' || !timingSafeEqual(Buffer.from(recomputed), Buffer.from(signature)))
    return undefined;
  return { iam: iamOf(signer) };
}

/** `20260302T010000Z`. */
function dateOf(text: string): Date | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match.map(Number);
  return new Date(Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second));
}

function iamOf({ accessKeyId, userArn }: LocalSigner): APIGatewayEventRequestContextIAMAuthorizer['iam'] {
  const [, , , , accountId = '', principal = ''] = userArn.split(':');
  const userId = `AROALOCAL:${principal.split('/').at(-1) ?? ''}`;
  return {
    accessKey: accessKeyId,
    accountId,
    callerId: userId,
    cognitoIdentity: null,
    principalOrgId: 'aws:PrincipalOrgID',
    userArn,
    userId,
  };
}
