import type { Brand } from '../shared/brand.ts';
import type { ShopId } from '../shops/api-key.ts';

/** One person's id in the audit trail. Two ids are two people, so an id has one spelling only: lower case, no spaces. */
export type PersonId = Brand<string, 'PersonId'>;

/** Why a person did something, in their own words: 3 to 500 characters. */
export type Reason = Brand<string, 'Reason'>;

/** A shop that acts by its API key. No person's id has a space, so whoever decides on what a shop asked for is somebody else. */
export type ShopActor = Brand<string, 'ShopActor'>;

/** Names one command of a person, so that it is done once however often it is sent. */
export interface RequestKey {
  readonly key: string;
  /** Of all that was asked: the same key with something else is a mistake. It gives no account number away. */
  readonly fingerprint: string;
}

/** Who acts, when, and why: a person, where nothing else is said. */
export interface Acting<By extends PersonId | ShopActor = PersonId> {
  readonly by: By;
  readonly reason: Reason;
  readonly at: Date;
  readonly request?: RequestKey;
}

const PERSON_ID = /^[\p{L}\p{N}][\p{L}\p{N}._@+-]{0,63}$/u;

/** Names that the system signs with itself: no person may hide behind them. */
const RESERVED: readonly string[] = ['system', 'migration', 'nobody'];

const REASON_MIN = 3;
const REASON_MAX = 500;

/**
 * Reads a person's id: a letter or digit, then letters, digits and `. _ @ + -`, 64 characters in all. It is normalised (NFKC, lower case), so that one person
 * cannot be two by writing a name in capitals.
 */
export function parsePersonId(text: string): PersonId | undefined {
  const id = text.normalize('NFKC').trim().toLowerCase();
  return PERSON_ID.test(id) && !RESERVED.includes(id) ? (id as PersonId) : undefined;
}

/** Reads a reason: 3 to 500 characters once the spaces around it are gone. */
export function parseReason(text: string): Reason | undefined {
  const reason = text.normalize('NFC').trim();
  return reason.length >= REASON_MIN && reason.length <= REASON_MAX ? (reason as Reason) : undefined;
}

export function shopActor(shopId: ShopId): ShopActor {
  return `shop ${shopId}` as ShopActor;
}

/** A shop gives no reason; its trace names the key, so that one that was stolen shows. */
export function byApiKey(keyId: string): Reason {
  return `by the API, with key ${keyId}` as Reason;
}
