/**
 * The newest migration that the functions of this release were written for: the last of index.ts, by name, so that a function's bundle does not carry them all. A
 * later one does not hurt: migrations only add to what a release before them uses (docs/rollout.md).
 */
export const SCHEMA = '0037-serving-release';

/**
 * The `SCHEMA` of the oldest release whose functions can live with this release's schema: the one deployed last. Older functions must not serve while it is
 * brought up to date. It moves forward when a release is out; nothing is deployed yet, so that it is the newest there is.
 */
export const LIVES_WITH = '0037-serving-release';
