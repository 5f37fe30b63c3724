import { sql, type Kysely } from 'kysely';
import type { Database } from '../../functions/database.ts';
import type { MatchResult } from '../../functions/cycle/matcher.ts';
import { addSellers } from '../../functions/orders/seller.repository.ts';
import { createVault, type Vault } from '../../functions/shared/encryption.ts';
import { won, type BasisPoints } from '../../functions/shared/money.ts';
import { openDatabaseAs } from '../../functions/shared/postgres.ts';
import { createFaultDice, FAULT_NAMES, type FaultDice } from '../bank-simulator/faults.ts';
import { SimulatedBank } from '../bank-simulator/simulated-bank.ts';
import { createTokenDesk } from '../bank-simulator/token-desk.ts';
import { createWire } from '../bank-simulator/wire.ts';
import { accountFor, type Account } from './accounting.ts';
import type { Cluster } from './cluster.ts';
import { isConnectionTrouble, WorldDatabase, type Written } from './connections.ts';
import { createFunctions, type Sabotage, type SimulatedFunctions } from './functions.ts';
import { openWatch, type Moment, type Watch } from './invariants.ts';
import { Desk } from './desk.ts';
import type { LockMonitor } from './lock-monitor.ts';
import { explainAndResume, giveAccount } from './operators.ts';
import { OWNERS_TEXT, PEOPLE } from './people.ts';
import { AFTERWARDS_MS, MINUTE_MS, type People, type SimulatedSeller } from './person.ts';
import type { AnyTrouble, WorldPlan } from './plan.ts';
import { Sandbox } from './sandbox.ts';
import { SimulatedQueue } from './simulated-queue.ts';
import { NamedAccounts } from './named-accounts.ts';
import {
  ACCOUNT_NUMBERS,
  BANK_SECRETS,
  COLLECTION_ACCOUNT,
  COLLECTION_BANK_CODE,
  CYCLE_MS,
  PAYOUT_ACCOUNT,
} from './world-settings.ts';
import { WorldState, type Violation } from './world-state.ts';

/** When a person asks again whose statement has waited for a lock for too long. */
const ASKS_AGAIN_AFTER_MS = 15_000;
/** Cycles in which all must have come to its end, once nothing goes wrong any more. */
const LAST_CYCLES_MAX = 40;

/** Alarms that no fault of this world gives cause for: each is a bug, or money gone wrong. */
const NEVER_ALARMS = [
  'transfer_executed_unexpectedly',
  'drift',
  'row_not_booked',
  'transfer_unsendable',
  'books_differ',
] as const;

export interface WorldOptions {
  readonly sabotage?: Sabotage;
  /** Keeps every single statement in the history. */
  readonly keepAll?: boolean;
}

export interface WorldResult {
  readonly seed: number;
  readonly hash: string;
  readonly steps: number;
  readonly statements: number;
  readonly account: Account;
  /** What was broken first, and what was found broken at the end. */
  readonly violations: readonly Violation[];
  readonly faults: Readonly<Partial<Record<AnyTrouble, number>>>;
  readonly history: readonly string[];
}

/** Lives one world from its beginning to its end. */
export async function runWorld(
  cluster: Cluster,
  monitor: LockMonitor,
  plan: WorldPlan,
  options: WorldOptions = {},
): Promise<WorldResult> {
  const address = await cluster.createWorld();
  const owner: Kysely<Database> = openDatabaseAs(address, cluster.superuser, 1);
  const state = new WorldState(plan, options.keepAll ?? false);
  const watch = await openWatch(address, cluster.superuser);
  const database = new WorldDatabase(state, address, cluster.application, monitor);
  try {
    return await new World(state, database, owner, watch, options.sabotage).live();
  } finally {
    await watch.close();
    await database.close();
    await owner.destroy();
    await cluster.dropWorld(address);
  }
}

class World {
  readonly #state: WorldState;
  readonly #database: WorldDatabase;
  readonly #owner: Kysely<Database>;
  readonly #watch: Watch;
  readonly #vault: Vault;
  readonly #bank: SimulatedBank;
  readonly #dice: FaultDice;
  readonly #functions: SimulatedFunctions;
  readonly #people: People;
  readonly #accounts: { readonly collection: string; readonly payout: string };
  readonly #sellers: SimulatedSeller[];
  readonly #sabotage: Sabotage;
  #moment: Moment = { stopped: false };
  #commits = 0;
  #lastAlarm = 0n;
  #failure: Error | undefined;

  constructor(
    state: WorldState,
    database: WorldDatabase,
    owner: Kysely<Database>,
    watch: Watch,
    sabotage: Sabotage = {},
  ) {
    this.#state = state;
    this.#database = database;
    this.#owner = owner;
    this.#watch = watch;
    this.#sabotage = sabotage;
    const { plan, timeline, random } = state;
    const keyOf = (letter: string) => Buffer.alloc(32, letter).toString('base64');
    this.#vault = createVault({ current: 'k1', keys: { k1: keyOf('k') }, fingerprint: keyOf('f') });
    const payout = plan.ownPayoutAccount ? PAYOUT_ACCOUNT : COLLECTION_ACCOUNT;
    this.#accounts = { collection: COLLECTION_ACCOUNT, payout };
    this.#sellers = Array.from({ length: plan.sellers }, (_, index) => ({
      sellerId: `seller${index + 1}`,
      bankCode: '088',
      holder: `판매자${index + 1}`,
      accountNumber: random.chance(0.9) ? random.digits(12) : undefined,
    }));
    const clock = timeline.clockOf();
    this.#dice = createFaultDice(state.bankFaults, plan.seed);
    this.#bank = new SimulatedBank(
      {
        clock,
        journal: { append: () => undefined },
        dice: this.#dice,
        postingLagMsMax: 5 * MINUTE_MS,
        returnAfterMs: 10 * MINUTE_MS,
        processingMsMax: 10 * MINUTE_MS,
      },
      [],
    );
    const desk = createTokenDesk({
      clock,
      clientId: BANK_SECRETS.clientId,
      clientSecret: BANK_SECRETS.clientSecret,
      lifeSeconds: 86_400,
    });
    const answer = createWire({
      bank: this.#bank,
      clock,
      dice: this.#dice,
      desk,
      organisationCode: BANK_SECRETS.organisationCode,
      acceptsPassPhrase: (given) => given === BANK_SECRETS.passPhrase,
      latencyMs: 5,
      slowMs: random.pick([3000, 12_000, 30_000]),
    });
    const queue = new SimulatedQueue(state);
    this.#functions = createFunctions({
      state,
      database,
      queue,
      answer,
      vault: this.#vault,
      accounts: this.#accounts,
      sabotage,
    });
    const program = new Sandbox(state, database, 'people', false);
    this.#people = {
      state,
      bank: this.#bank,
      vault: this.#vault,
      db: program.db,
      desk: new Desk(state, database),
      named: new NamedAccounts(),
      accounts: this.#accounts,
      sellers: this.#sellers,
      untilMs: plan.minutes * MINUTE_MS,
      firstCycleMs: random.integer(0, CYCLE_MS),
      act: (who, what, work) => this.#act(who, what, work),
    };
    database.rewrite = sabotage.statement ?? ((text) => text);
    database.onCommit = (written) => this.#look(written);
  }

  async live(): Promise<WorldResult> {
    const { state } = this;
    await this.#found();
    for (const person of PEOPLE) person.begin(this.#people);
    this.#scheduleCycles();
    const { plan, timeline } = state;
    timeline.after(plan.minutes * MINUTE_MS + AFTERWARDS_MS, () => this.#comeToAnEnd());
    await this.#run();
    await this.#lookAtAll();
    const account = await accountFor(this.#owner, {
      bank: this.#bank,
      accounts: this.#accountList(),
      vault: this.#vault,
      named: this.#people.named,
      now: timeline.now(),
    });
    return {
      seed: plan.seed,
      hash: state.history.hash(),
      steps: state.history.steps(),
      statements: this.#database.statements,
      account,
      violations: state.violations.length > 0 ? state.violations : account.violations,
      faults: this.#faults(),
      history: state.history.lines(),
    };
  }

  get state(): WorldState {
    return this.#state;
  }

  /** One thing after the other, until nothing is left to happen or something is broken. */
  async #run(): Promise<void> {
    const { timeline, violations } = this.#state;
    for (;;) {
      // Whoever was woken runs up to where it waits for its next event.
      await new Promise(setImmediate);
      if (this.#failure !== undefined) throw this.#failure;
      if (violations.length > 0) return;
      const event = timeline.next();
      if (event === undefined) return;
      await event.run();
    }
  }

  /** Sellers, rules and accounts, as they are before the first order. */
  async #found(): Promise<void> {
    const { plan, random, timeline } = this.#state;
    const now = timeline.now();
    this.#bank.openAccount({
      fintechUseNum: COLLECTION_ACCOUNT,
      bankCode: COLLECTION_BANK_CODE,
      accountNumber: ACCOUNT_NUMBERS[COLLECTION_ACCOUNT] ?? '',
      holder: '모음',
      openingBalance: won(BigInt(random.integer(0, 1000)) * 1000n),
    });
    if (plan.ownPayoutAccount) {
      this.#bank.openAccount({
        fintechUseNum: PAYOUT_ACCOUNT,
        bankCode: COLLECTION_BANK_CODE,
        accountNumber: ACCOUNT_NUMBERS[PAYOUT_ACCOUNT] ?? '',
        holder: '지급',
        openingBalance: won(BigInt(random.integer(0, 5000)) * 1000n),
      });
    }
    for (const statement of this.#sabotage.database ?? []) await sql.raw(statement).execute(this.#owner);
    await this.#owner.transaction().execute(async (trx) => {
      const sellers = this.#sellers.map(({ sellerId, bankCode, holder, accountNumber }) => ({
        sellerId,
        shopId: 'simulated',
        name: holder,
        feeRate: random.pick([0, 150, 330]) as BasisPoints,
        grouping: random.chance(0.9) ? ('order' as const) : ('page' as const),
        ...(random.chance(0.15) ? { transferLimit: won(150_000n) } : {}),
        ...(random.chance(0.1) ? { dailyLimit: won(1_000_000n) } : {}),
        account: { bankCode, accountNumber: accountNumber ?? '000000', holder },
      }));
      await addSellers(trx, this.#vault, sellers, { requestedBy: 'seller', approvedBy: 'operator' }, now);
      for (const { sellerId, accountNumber } of this.#sellers) {
        if (accountNumber === undefined)
          await trx
            .updateTable('payout_account')
            .set({ state: 'retired' })
            .where('seller_id', '=', sellerId)
            .execute();
      }
      for (const direction of ['in', 'out'] as const) {
        await trx
          .insertInto('classification_rule')
          .values({
            account: this.#accounts.payout,
            direction,
            text_equals: OWNERS_TEXT,
            kind_equals: null,
            ledger_account: 'owner',
            added_by: 'operator',
            added_at: now,
            reason: 'the owner',
            removed_at: null,
          })
          .execute();
      }
    });
  }

  #scheduleCycles(): void {
    const { plan, random, timeline } = this.#state;
    const lastMs = plan.minutes * MINUTE_MS + AFTERWARDS_MS;
    for (let atMs = this.#people.firstCycleMs; atMs < lastMs; atMs += CYCLE_MS) {
      if (this.#state.befalls('cycle_left_out')) continue;
      timeline.after(atMs, () => this.#cycle());
      if (this.#state.befalls('cycle_overlaps'))
        timeline.after(atMs + random.integer(1, 30_000), () => this.#cycle());
    }
  }

  #cycle(ended: (result: MatchResult | undefined) => void = () => undefined): void {
    this.#state.record('schedule', 'a cycle begins', true);
    this.#functions.runCycle((result) => {
      this.#state.record('schedule', `a cycle ends: ${toText(result)}`, true);
      ended(result);
    });
  }

  /** Nothing goes wrong any more, what needs a person gets one, and cycles run until nothing is open. */
  #comeToAnEnd(): void {
    this.#state.cease();
    this.#state.record('world', 'nothing goes wrong any more', true);
    this.#bank.deposit({ account: this.#accounts.payout, amount: won(900_000_000n), text: OWNERS_TEXT });
    // Whoever is at work still may stand still for two minutes.
    this.#state.timeline.after(2.5 * MINUTE_MS, () =>
      this.#act('operator', 'does what is left to do', async () => {
        for (const seller of this.#sellers) await giveAccount(this.#people, seller);
        await explainAndResume(this.#people);
      }),
    );
    let left = LAST_CYCLES_MAX;
    let quietCycles = 0;
    const next = (): void => {
      this.#cycle((result) => {
        void this.#afterLastCycle(result).then((quiet) => {
          quietCycles = quiet ? quietCycles + 1 : 0;
          left -= 1;
          if (quietCycles < 2 && left > 0) this.#state.timeline.after(CYCLE_MS, next);
        }, this.#fail);
      });
    };
    this.#state.timeline.after(3 * MINUTE_MS, next);
  }

  /** Whether nothing is open, here and at the bank. */
  async #afterLastCycle(result: MatchResult | undefined): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    this.#state.timeline.after(0, async () => {
      try {
        if (
          result === undefined ||
          !('began_at' in result) ||
          result.ended !== 'complete' ||
          result.dispatched > 0
        ) {
          resolve(false);
          return;
        }
        const stopped = result.stops.filter((name) => name.startsWith('halt'));
        if (stopped.length > 0) this.#act('operator', 'ends halts', () => explainAndResume(this.#people));
        const { rows } = await sql<{ open: bigint }>`
          select count(*) as open from transfer where state in ('planned', 'queued', 'sending', 'unknown')`.execute(
          this.#owner,
        );
        resolve(rows[0]?.open === 0n && this.#bankIsQuiet() && stopped.length === 0);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    return await promise;
  }

  /** Whether the bank has shown all that it ever will. */
  #bankIsQuiet(): boolean {
    const now = this.#state.timeline.now();
    return (
      this.#bank
        .transfers()
        .every(
          ({ executeAt, returnAt }) => executeAt === undefined && (returnAt === undefined || returnAt <= now),
        ) &&
      this.#accountList().every((account) => this.#bank.rows(account).every((row) => row.visibleAt <= now))
    );
  }

  #accountList(): string[] {
    return [...new Set([this.#accounts.collection, this.#accounts.payout])];
  }

  #act(who: string, what: string, work: () => Promise<void>): void {
    this.#state.record(who, what, true);
    work().catch((error: unknown) => {
      if (!isConnectionTrouble(error)) {
        this.#fail(error);
        return;
      }
      // A function that stands still may hold a lock for longer than anybody waits; who is told so asks again.
      this.#state.timeline.after(ASKS_AGAIN_AFTER_MS, () => this.#act(who, what, work));
    });
  }

  readonly #fail = (error: unknown): void => {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
  };

  /**
   * Right after a commit: no claim may begin while payouts are stopped, and every so many commits all invariants are held against the database. What
   * stops payouts is looked at whenever it changes.
   */
  async #look(written: Written): Promise<void> {
    if (written.claims > 0 && this.#moment.stopped)
      this.#state.violate('claim_after_halt', 'a claim has committed while payouts were stopped');
    this.#commits += 1;
    if (written.stops || this.#commits % this.#state.plan.lookEvery === 0) await this.#lookAtAll();
  }

  async #lookAtAll(): Promise<void> {
    if (this.#sabotage.blind === true) return;
    const { violations, moment, alarms } = await this.#watch.look(this.#lastAlarm);
    for (const { invariant, detail } of violations) this.#state.violate(invariant, detail);
    this.#moment = moment;
    for (const { alarmId, name, detail } of alarms) {
      this.#lastAlarm = alarmId;
      this.#state.record('alarm', `${name} ${detail}`, true);
      if ((NEVER_ALARMS as readonly string[]).includes(name)) this.#state.violate(`alarm_${name}`, detail);
    }
  }

  #faults(): Partial<Record<AnyTrouble, number>> {
    const times: Partial<Record<AnyTrouble, number>> = Object.fromEntries(this.#state.times());
    const counts = this.#dice.counts();
    for (const name of FAULT_NAMES) if (counts[name] > 0) times[name] = counts[name];
    return times;
  }
}

function toText(result: MatchResult | undefined): string {
  if (result === undefined) return 'it died';
  if (!('began_at' in result)) return result.ended;
  // How long it took in real time is no part of a history that is the same each time.
  return JSON.stringify({ ...result, began_at: undefined, ms: undefined });
}
