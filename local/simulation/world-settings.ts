/** The accounts of a world, 24 characters as KFTC's are. */
export const COLLECTION_ACCOUNT = 'WORLD0000100000000000001';
export const PAYOUT_ACCOUNT = 'WORLD0000100000000000002';

export const ACCOUNT_NUMBERS: Readonly<Record<string, string>> = {
  [COLLECTION_ACCOUNT]: '100000000001',
  [PAYOUT_ACCOUNT]: '100000000002',
};

/** The bank of the world's own accounts. */
export const COLLECTION_BANK_CODE = '004';

/** What the simulated bank and its client agree on. */
export const BANK_SECRETS = {
  organisationCode: 'W123456789',
  clientId: 'simulated',
  clientSecret: 'simulated',
  passPhrase: 'simulated',
} as const;

/** As deployed. */
export const CYCLE_MS = 5 * 60_000;
