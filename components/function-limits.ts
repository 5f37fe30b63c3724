/**
 * How long each function may take, seconds: the same on AWS and on one machine. A batch of settlement that is killed locks its groups for six times its limit,
 * and that must be less than a cycle.
 */
export const TIMEOUT_SECONDS = {
  matcher: 120,
  settlement: 45,
  verification: 900,
  /** API Gateway waits for 30 s. */
  api: 29,
  operators: 29,
  rotation: 90,
  migration: 240,
  webhooks: 30,
} as const;

/** Deposits are booked a page at a time, and a ledger is replayed a page at a time: none of them holds much. MB. */
export const MEMORY_MB = {
  matcher: 512,
  settlement: 512,
  verification: 1024,
  api: 512,
  operators: 512,
  rotation: 256,
  migration: 512,
  webhooks: 256,
} as const;
