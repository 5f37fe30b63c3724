/**
 * What an order, a cycle and a quiet month use. None of it was metered on AWS, where nothing is deployed yet: figures are taken high, so that a bill is lower, and those that were
 * measured on one machine say so.
 */
export const USAGE = {
  /** Requests of a shop for one order: placing it, and looking at it. Events need none. */
  apiRequests: 5,
  /** Seconds of a function for one request, cold starts among them. */
  apiSeconds: 0.15,
  /** Transfers for one order: one each where sellers are not grouped. */
  transfers: 1,
  /** Seconds of settlement for one transfer: the bank's answer is most of it. */
  settleSeconds: 2,
  /** Seconds of the matcher for a cycle without deposits, and for one deposit more. */
  cycleSeconds: 5,
  matchSeconds: 0.02,
  /** Events of one order that one webhook wants; each takes a fan-out, a delivery and a record of it. */
  events: 3,
  webhookSeconds: 0.5,
  sweepSeconds: 0.3,
  /** Entries of the ledger for one order: its deposit, its allocation and fee, its payout's hold and its end. */
  ledgerEntries: 6,
  /** The daily check replays every entry that there is, for as long as its function may run. */
  entriesASecond: 50_000,
  checkSecondsMax: 900,

  /** An instance that is awake has at least so much, also where it may pause, ACU. */
  leastAcu: 0.5,
  /**
   * ACU-seconds of the database for all that becomes of one order. Measured: 37 ms of a processor, the cycles between the orders included (1,000 orders in 868 cycles); an ACU is
   * taken to be a quarter of a processor, which makes 0.15.
   */
  acuSeconds: 0.5,
  /** Minutes for which a call works on the database. */
  busyMinutes: 0.5,
  /** How often one order wakes the database outside the schedules: its shop asks some times, minutes apart. */
  wakesOfAnOrder: 2,
  ioOfAnOrder: 100,
  ioOfACycle: 100,
  emptyDatabaseGb: 1,
  /** What one order leaves behind in the database, bank messages, journal and indexes among it. */
  storedKb: 25,
  /** How full the database and the logs are taken to be: after a year. */
  keptDays: 365,

  trafficKbOfAnOrder: 40,
  trafficKbOfACycle: 100,

  /** Queues that Lambda polls, and its polls of each in a minute when they are empty: five at a time, 20 s each. */
  polledQueues: 4,
  pollsAMinute: 15,
  /** Secrets that a sandbox reads anew. */
  secretsRead: 2,
  /** Data keys that are asked for again every five minutes: for each queue, by who sends and who receives. */
  dataKeys: 12,

  logKbOfAnOrder: 15,
  logKbOfACycle: 6,
  logKbOfASweep: 1,
} as const;
