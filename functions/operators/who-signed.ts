import { z } from 'zod';
import { personWhoSigned, type SignIn } from '../people/person-id.ts';
import type { Asker } from './operators-api.ts';

/** What API Gateway's IAM authorizer puts beside a request, and nothing that a caller wrote. */
const signedContext = z.object({
  requestContext: z.object({
    accountId: z.string(),
    routeKey: z.string(),
    authorizer: z.object({
      iam: z.object({
        accessKey: z.string(),
        accountId: z.string(),
        userArn: z.string(),
        cognitoIdentity: z.unknown(),
      }),
    }),
  }),
});

/** Says which person signed the request of an invocation, and which route the gateway has let the person use. */
export function whoSigned(invocation: unknown, signIn: SignIn): Asker {
  const read = signedContext.safeParse(invocation);
  if (!read.success)
    return { outcome: 'not_a_person', why: 'the request is not signed: its route has no IAM authorizer' };
  const { accountId, routeKey, authorizer } = read.data.requestContext;
  const signer = personWhoSigned(authorizer.iam, { signIn, accountId });
  return signer.outcome === 'person' ? { ...signer, routeKey } : signer;
}
