import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../functions/shared/clock.ts';

/** Gives tokens to the one organisation that the simulated bank knows. */
export interface TokenDesk {
  /** A token and the seconds of its life, or `undefined` for credentials that are not the organisation's. */
  issue(clientId: string, clientSecret: string): { access_token: string; expires_in: number } | undefined;
  /** Whether an `Authorization` header holds a token that was issued and still lives. */
  accepts(authorization: string): boolean;
  /** Ends every token at once, as a bank may do at any time. */
  revokeAll(): void;
  /** Takes another client secret, too: an organisation that changes its secret needs both for a while. */
  addClientSecret(clientSecret: string): void;
  /** Refuses a client secret from now on. Tokens that it brought live on. */
  endClientSecret(clientSecret: string): void;
}

/** Tokens do not survive a restart of the simulated bank: a caller must cope with a token that is refused early. */
export function createTokenDesk(options: {
  readonly clock: Clock;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly lifeSeconds: number;
}): TokenDesk {
  const expiries = new Map<string, number>();
  const clientSecrets = new Set([options.clientSecret]);
  return {
    issue(clientId, clientSecret) {
      if (clientId !== options.clientId || !clientSecrets.has(clientSecret)) return undefined;
      const token = randomBytes(24).toString('base64url');
      expiries.set(fingerprint(token), options.clock.now().getTime() + options.lifeSeconds * 1000);
      return { access_token: token, expires_in: options.lifeSeconds };
    },
    accepts(authorization) {
      const expiry = expiries.get(fingerprint(authorization.replace(/^Bearer /, '')));
      return expiry !== undefined && expiry > options.clock.now().getTime();
    },
    revokeAll: () => expiries.clear(),
    addClientSecret: (clientSecret) => void clientSecrets.add(clientSecret),
    endClientSecret: (clientSecret) => void clientSecrets.delete(clientSecret),
  };
}

/**
 * The same for a bank that is several processes at once, none of which remembers what another issued: a token says when it ends, and is signed by the client's
 * secret.
 */
export function createSignedTokens(options: {
  readonly clock: Clock;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly lifeSeconds: number;
}): Pick<TokenDesk, 'issue' | 'accepts'> {
  const sign = (expiry: string): string =>
    createHmac('sha256', options.clientSecret).update(expiry).digest('base64url');
  return {
    issue(clientId, clientSecret) {
      if (clientId !== options.clientId || clientSecret !== options.clientSecret) return undefined;
      const expiry = (options.clock.now().getTime() + options.lifeSeconds * 1000).toString();
      return { access_token: `${expiry}.${sign(expiry)}`, expires_in: options.lifeSeconds };
    },
    accepts(authorization) {
      const [expiry = '', signature = ''] = authorization.replace(/^Bearer /, '').split('.');
      const [wanted, given] = [Buffer.from(sign(expiry)), Buffer.from(signature)];
      return (
        wanted.length === given.length &&
        timingSafeEqual(wanted, given) &&
        Number(expiry) > options.clock.now().getTime()
      );
    },
  };
}

function fingerprint(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
