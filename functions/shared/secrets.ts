import { SecretsProvider } from '@aws-lambda-powertools/parameters/secrets';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { z } from 'zod';

export interface Secrets {
  /** A secret's value, from the cache when it is younger than the time to live. */
  read<Shape extends z.ZodType>(secretId: string, shape: Shape): Promise<z.infer<Shape>>;
  /** The value as it is now: after an authentication error, once. */
  readFresh<Shape extends z.ZodType>(secretId: string, shape: Shape): Promise<z.infer<Shape>>;
}

/**
 * Reads secrets from Secrets Manager at run time, so that a rotated value needs no redeployment. A value is kept `ttlS` seconds in
 * memory and goes nowhere else: no variable, no state, no log.
 */
export function createSecrets(ttlS: number, client = new SecretsManagerClient({})): Secrets {
  const provider = new SecretsProvider({ awsSdkV3Client: client });
  const fetchAndParse = async <Shape extends z.ZodType>(
    secretId: string,
    shape: Shape,
    forceFetch: boolean,
  ) => {
    const text = await provider.get(secretId, { maxAge: ttlS, forceFetch });
    if (typeof text !== 'string' || text === '') {
      throw new Error(`secret ${secretId} has no text value; fill it as docs/deploying.md tells`);
    }
    return parseSecret(secretId, text, shape);
  };
  return {
    read: (secretId, shape) => fetchAndParse(secretId, shape, false),
    readFresh: (secretId, shape) => fetchAndParse(secretId, shape, true),
  };
}

/**
 * Reads a secret's text.
 *
 * @throws an error that says which fields are wrong, and never what they hold.
 */
export function parseSecret<Shape extends z.ZodType>(
  secretId: string,
  text: string,
  shape: Shape,
): z.infer<Shape> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`secret ${secretId} is not JSON; fill it as docs/deploying.md tells`);
  }
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map((issue) => issue.path.join('.') || '(the whole)').join(', ');
  throw new Error(`secret ${secretId} lacks or misspells: ${fields}; fill it as docs/deploying.md tells`);
}
