import { AliasHold } from './alias-hold.ts';
import { AT_REST, formatNote, parseNote } from './alias-note.ts';
import { duration, listed, STAGES, stepLine } from './lines.ts';
import { versionsToDelete } from './old-versions.ts';
import type { RolloutPlan } from './plan.ts';
import type { AlarmState, AliasView, Invoked, RolloutPorts } from './ports.ts';
import { messageOf, patiently, sleep } from './waiting.ts';

/** The command that ships at once, checks included, what an alias cannot split traffic between. */
export const AT_ONCE_COMMAND = 'ROLLOUT_STRATEGY=AllAtOnce npx pulumi up';

/** The command that begins although alarms fire. */
export const DESPITE_ALARMS_COMMAND = 'ROLLOUT_IGNORE_ALARMS=true npx pulumi up';

/** One function's rollout. */
export interface Rollout {
  /** The function, as people call it. */
  readonly name: string;
  /** The account that the alias is in, as the program's state knows it. */
  readonly account: string;
  /** The version to serve in the end. */
  readonly to: string;
  readonly plan: RolloutPlan;
  /** Any of these in ALARM, or unreadable, sends traffic back. */
  readonly alarms: readonly string[];
  /** Begin although alarms fire: each of those counts again once it has been quiet. */
  readonly ignoreFiring: boolean;
  /** While everything goes to the new version, so many errors a rollout send traffic back; without it only alarms do. */
  readonly bakeErrorsMin: number | undefined;
  /** What the new version is invoked with, before and after. */
  readonly check: CheckOfVersion | undefined;
  /** How long everything is watched at 100 %, ms. */
  readonly bakeMs: number;
  readonly minimum: MinimumInvocations | undefined;
  /** Between two looks at alarms and alias, ms. */
  readonly pollMs: number;
  /** The run of the program, by letters and digits. */
  readonly run: string;
  /** How many of the newest published versions are kept; all without it. */
  readonly keepVersions: number | undefined;
}

export interface CheckOfVersion {
  readonly event: object;
  readonly timeoutMs: number;
}

/** Routing is by chance: a step that hardly anybody met shows nothing. */
export interface MinimumInvocations {
  /** Of the new version, at each weighted step. */
  readonly perStep: number;
  /** Of the alias, while everything goes to the new version. */
  readonly atFull: number;
  /** How much longer than its own time a step waits for them, ms. */
  readonly waitMsMax: number;
  /** What follows when they have not come by then. */
  readonly otherwise: 'go_on' | 'send_back';
}

export type Shifted =
  /** Everything goes to the new version, and it was checked. */
  | { readonly outcome: 'shifted'; readonly from: string }
  /** Everything went there before. */
  | { readonly outcome: 'unchanged' }
  /** The new version got nothing; the message is for people. */
  | { readonly outcome: 'refused'; readonly message: string }
  /** It got a part, and gets none any more. */
  | { readonly outcome: 'sent_back'; readonly message: string }
  /** It may still get a part: somebody must look. */
  | { readonly outcome: 'not_back'; readonly message: string };

/** A program that is told to stop has 5 s; what is left is for its words to get out, ms. */
const BACK_WHEN_STOPPED_MS = 4_000;
const BACK_MS = 300_000;
/** A first write that finds another revision than the read did: the read was behind, or somebody else is at work. */
const LOOKS_MAX = 3;
const LOOK_PAUSE_MS = 2_000;
const PENDING_MS_MAX = 300_000;
const MINUTE_MS = 60_000;

/**
 * Moves an alias's traffic to another version by a plan, and back again when anything speaks against it: an alarm, a failed check, a person, a change that
 * somebody else made, or a program that is told to stop.
 *
 * It begins with the alias as it is, so that a run that was killed at any point is healed by the next one.
 *
 * @param stop its reason is a sentence for people.
 */
export async function shift(rollout: Rollout, ports: RolloutPorts, stop: AbortSignal): Promise<Shifted> {
  for (let looks = 1; ; looks += 1) {
    let found: Found | Shifted;
    try {
      found = await look(rollout, ports, stop);
    } catch (error) {
      return refused(rollout, stop.aborted ? reasonOf(stop) : messageOf(error));
    }
    if ('outcome' in found) return found;
    const shifted = await new Shift(rollout, ports, stop, found).run();
    if (shifted !== 'was_behind') return shifted;
    if (looks === LOOKS_MAX) return refused(rollout, 'somebody else changes its alias at the same time');
    await sleep(ports.clock, LOOK_PAUSE_MS, stop);
  }
}

interface Found {
  readonly alias: AliasView;
  /** The version that served before, and serves again if this fails. */
  readonly from: string;
  /** An interrupted run had moved everything; what it owed is the watching and the check after. */
  readonly moved: boolean;
}

async function look(rollout: Rollout, ports: RolloutPorts, stop: AbortSignal): Promise<Found | Shifted> {
  const { clock, lambda } = ports;
  const account = await patiently(clock, stop, () => lambda.callerAccount(stop));
  if (account !== rollout.account)
    return refused(
      rollout,
      `its alias is in the account ${rollout.account}, and the credentials at hand are of ${account}: use the profile and the roles of the provider (aws:profile, aws:assumeRoles)`,
    );
  const alias = await patiently(clock, stop, () => lambda.readAlias(stop));
  const note = parseNote(alias.description);
  if (note?.kind === 'aborted')
    return refused(
      rollout,
      `${note.by} aborted its rollout at ${note.at.toISOString()} (${note.reason}); "smart-transfer rollout resume" lets the next one begin`,
    );
  const interrupted = note?.kind === 'shifting' ? note : undefined;
  if (alias.version === rollout.to && alias.shifted === undefined) {
    if (interrupted === undefined) return { outcome: 'unchanged' };
    if (interrupted.to === rollout.to && interrupted.from !== rollout.to)
      return { alias, from: interrupted.from, moved: true };
  }
  const from = interrupted?.to === alias.version ? interrupted.from : alias.version;
  return { alias, from, moved: false };
}

/** Why traffic goes back. */
interface Against {
  readonly reason: string;
  /** Somebody changed the alias. */
  readonly changed?: boolean;
}

class Shift {
  readonly #rollout: Rollout;
  readonly #ports: RolloutPorts;
  readonly #stop: AbortSignal;
  readonly #hold: AliasHold;
  readonly #from: string;
  readonly #moved: boolean;
  readonly #ignored = new Set<string>();
  #alarms: ReadonlyMap<string, AlarmState> = new Map();
  /** What the new version gets, percent, and since when it gets anything. */
  #percent: number;
  #begunAt: Date;

  constructor(rollout: Rollout, ports: RolloutPorts, stop: AbortSignal, found: Found) {
    this.#rollout = rollout;
    this.#ports = ports;
    this.#stop = stop;
    this.#from = found.from;
    this.#moved = found.moved;
    this.#percent = found.moved ? 100 : 0;
    this.#begunAt = ports.clock.now();
    this.#hold = new AliasHold(ports, rollout.run, found.alias);
  }

  async run(): Promise<Shifted | 'was_behind'> {
    let against: Against | undefined;
    try {
      against = await this.#stages();
    } catch (error) {
      against = { reason: messageOf(error) };
    }
    if (against === undefined) return { outcome: 'shifted', from: this.#from };
    if (against.changed === true && !this.#hold.written) return 'was_behind';
    return await this.#goBack(this.#stop.aborted ? { reason: reasonOf(this.#stop) } : against);
  }

  async #stages(): Promise<Against | undefined> {
    const { to } = this.#rollout;
    if (this.#moved) {
      this.#say(
        `${STAGES.shifting} · ${this.#name}: a run that was interrupted had moved all traffic to version ${to}`,
      );
      const early = (await this.#write(100)) ?? (await this.#readAlarmsFirst());
      return early ?? (await this.#watchFull()) ?? (await this.#finish());
    }
    const unhealed = await this.#heal();
    if (unhealed !== undefined) return unhealed;
    // Nothing is left to move when a program goes back to the version that an interrupted run came from.
    if (this.#from === to) return await this.#rest();
    const early = (await this.#compareVersions()) ?? (await this.#readAlarmsFirst());
    if (early !== undefined) return early;
    return (
      (await this.#write(0)) ??
      (await this.#check('before')) ??
      (await this.#steps()) ??
      (await this.#watchFull()) ??
      (await this.#finish())
    );
  }

  /** Takes away what an interrupted run, or anybody, left of a split. */
  async #heal(): Promise<Against | undefined> {
    const alias = this.#hold.view;
    if (alias.shifted === undefined && alias.version === this.#from) return undefined;
    const left =
      alias.shifted === undefined
        ? `all traffic on version ${alias.version}`
        : `${alias.shifted.percent} % on version ${alias.shifted.version}`;
    this.#say(
      `${this.#name}: a rollout was interrupted and left ${left}; all of it goes back to version ${this.#from} first`,
    );
    return this.#others(
      await this.#hold.write({ version: this.#from, shifted: undefined, description: AT_REST }, this.#stop),
    );
  }

  async #compareVersions(): Promise<Against | undefined> {
    const { plan, to } = this.#rollout;
    const { lambda, clock } = this.#ports;
    const read = (version: string) =>
      patiently(clock, this.#stop, () => lambda.readVersion(version, this.#stop));
    const [before, first] = await Promise.all([read(this.#from), read(to)]);
    let after = first;
    const giveUpAt = clock.now().getTime() + PENDING_MS_MAX;
    while (after.state === 'pending' && clock.now().getTime() < giveUpAt) {
      await sleep(clock, this.#rollout.pollMs, this.#stop);
      if (this.#stop.aborted) return { reason: reasonOf(this.#stop) };
      after = await read(to);
    }
    if (after.state !== 'active')
      return {
        reason: `version ${to} cannot be invoked: it is ${after.state} (${after.reason ?? 'no reason given'})`,
      };
    if (plan.steps.length === 1) return undefined;
    const other = (what: string, was: string, is: string): Against => ({
      reason: `version ${to} has another ${what} than version ${this.#from} (${was} → ${is}), and an alias splits traffic between equal ones only. Ship it at once, with its checks: ${AT_ONCE_COMMAND}`,
    });
    if (before.role !== after.role) return other('role', before.role, after.role);
    if (before.deadLetter !== after.deadLetter)
      return other('dead-letter queue', before.deadLetter ?? 'none', after.deadLetter ?? 'none');
    return undefined;
  }

  /** An alarm that fires already would say nothing about the new version. */
  async #readAlarmsFirst(): Promise<Against | undefined> {
    await this.#readAlarms();
    const firing = this.#firing();
    if (firing.length === 0) return undefined;
    if (!this.#rollout.ignoreFiring)
      return {
        reason: `${firing.map(({ text }) => text).join('; ')}, before anything was shifted by this run. Begin in spite of it: ${DESPITE_ALARMS_COMMAND}`,
      };
    for (const { name } of firing) this.#ignored.add(name);
    this.#say(`${this.#name}: ${listed(firing.map(({ text }) => text))}; told to begin in spite of it`);
    return undefined;
  }

  async #check(stage: 'before' | 'after'): Promise<Against | undefined> {
    const { check, to } = this.#rollout;
    if (check === undefined) return undefined;
    const title = STAGES[stage];
    this.#say(`${title} · ${this.#name}: version ${to} is invoked with its dry run`);
    const limit = AbortSignal.any([this.#stop, AbortSignal.timeout(check.timeoutMs)]);
    const invoked = await patiently(this.#ports.clock, this.#stop, () =>
      this.#ports.lambda.invoke(to, { ...check.event, stage }, limit),
    );
    const failure = invoked.outcome === 'failed' ? invoked.message : refusalIn(invoked.payload);
    if (failure !== undefined) return { reason: `the check ${stage} failed on version ${to}: ${failure}` };
    this.#say(`${title} · ${this.#name}: version ${to} can work${checkedText(invoked)}`);
    return undefined;
  }

  async #steps(): Promise<Against | undefined> {
    const { plan, bakeMs } = this.#rollout;
    const early = await this.#poll();
    if (early !== undefined) return early;
    this.#begunAt = this.#ports.clock.now();
    for (const [index, step] of plan.steps.entries()) {
      // Each step ends with a look: nothing has to be looked at again before the next write.
      const against = await this.#write(step.percent);
      if (against !== undefined) return against;
      this.#say(
        stepLine({
          name: this.#name,
          from: this.#from,
          to: this.#rollout.to,
          percent: step.percent,
          number: index + 1,
          of: plan.steps.length,
          elapsedMs: this.#now() - this.#begunAt.getTime(),
          leftMs: plan.shiftMs - step.atMs + bakeMs,
          alarms: this.#alarms,
        }),
      );
      const next = plan.steps[index + 1];
      if (next === undefined) return undefined;
      const since = this.#ports.clock.now();
      const during =
        (await this.#watch(next.atMs - step.atMs)) ??
        (await this.#awaitInvocations(this.#rollout.minimum?.perStep ?? 0, since, this.#rollout.to));
      if (during !== undefined) return during;
    }
    return undefined;
  }

  /** Everything goes to the new version: watch, and look at what the alias itself counts, since nothing dilutes it any more. */
  async #watchFull(): Promise<Against | undefined> {
    const { bakeMs, minimum } = this.#rollout;
    const since = this.#ports.clock.now();
    if (bakeMs > 0)
      this.#say(
        `${STAGES.shifting} · ${this.#name}: all traffic is on version ${this.#rollout.to}; it is watched for ${duration(bakeMs)}`,
      );
    return (
      (await this.#watch(bakeMs, since)) ??
      (await this.#awaitInvocations(minimum?.atFull ?? 0, since, undefined))
    );
  }

  async #finish(): Promise<Against | undefined> {
    const { to } = this.#rollout;
    const against = (await this.#poll()) ?? (await this.#check('after')) ?? (await this.#rest());
    if (against !== undefined) return against;
    this.#say(
      `${STAGES.after} · ${this.#name}: done, version ${to} serves everything after ${duration(this.#now() - this.#begunAt.getTime())}`,
    );
    await this.#deleteOldVersions();
    return undefined;
  }

  /** What cannot be deleted stays until next time: it costs storage, nothing else. */
  async #deleteOldVersions(): Promise<void> {
    const { keepVersions, to } = this.#rollout;
    const { lambda } = this.#ports;
    if (keepVersions === undefined) return;
    try {
      const [versions, named] = await Promise.all([lambda.listVersions(), lambda.versionsInUse()]);
      const old = versionsToDelete(versions, new Set([...named, this.#from, to]), keepVersions);
      for (const version of old) await lambda.deleteVersion(version);
      if (old.length > 0) this.#say(`${this.#name}: deleted the old versions ${listed(old)}`);
    } catch (error) {
      this.#say(`${this.#name}: old versions could not be deleted: ${messageOf(error)}`);
    }
  }

  /** Looks at alarms and alias until so much time has passed; the last look is at its very end. */
  async #watch(ms: number, fullSince?: Date): Promise<Against | undefined> {
    const { clock } = this.#ports;
    const endsAt = this.#now() + ms;
    while (this.#now() < endsAt) {
      await sleep(clock, Math.min(this.#rollout.pollMs, endsAt - this.#now()), this.#stop);
      const against = (await this.#poll()) ?? (fullSince && (await this.#countErrors(fullSince)));
      if (against !== undefined) return against;
    }
    return undefined;
  }

  async #poll(): Promise<Against | undefined> {
    if (this.#stop.aborted) return { reason: reasonOf(this.#stop) };
    const [changed] = await Promise.all([this.#hold.look(this.#stop), this.#readAlarms()]);
    if (changed !== undefined) return this.#others(changed);
    const firing = this.#firing();
    return firing.length === 0 ? undefined : { reason: firing.map(({ text }) => text).join('; ') };
  }

  async #readAlarms(): Promise<void> {
    const { alarms } = this.#rollout;
    const { watch, clock } = this.#ports;
    if (alarms.length === 0) return;
    try {
      this.#alarms = await patiently(clock, this.#stop, () => watch.alarmStates(alarms, this.#stop));
    } catch (error) {
      if (this.#stop.aborted) return;
      this.#alarms = new Map();
      this.#say(`${this.#name}: the alarms cannot be read: ${messageOf(error)}`);
    }
    for (const [name, state] of this.#alarms) if (state !== 'ALARM') this.#ignored.delete(name);
  }

  /** What cannot be read counts as firing: nobody knows that it does not. */
  #firing(): { readonly name: string; readonly text: string }[] {
    return this.#rollout.alarms.flatMap((name) => {
      if (this.#ignored.has(name)) return [];
      const state = this.#alarms.get(name);
      if (state === undefined) return [{ name, text: `the alarm ${name} cannot be read, or is not there` }];
      return state === 'ALARM' ? [{ name, text: `the alarm ${name} is in ALARM` }] : [];
    });
  }

  /** Only whole minutes that began after the shift are counted: in those before, the old version was called, too. */
  async #countErrors(since: Date): Promise<Against | undefined> {
    const { bakeErrorsMin, to } = this.#rollout;
    if (bakeErrorsMin === undefined) return undefined;
    const { watch, clock } = this.#ports;
    const from = nextMinute(since);
    if (from > clock.now()) return undefined;
    const errors = await patiently(clock, this.#stop, () =>
      watch.count('Errors', { from, to: clock.now() }, this.#stop),
    );
    return errors < bakeErrorsMin
      ? undefined
      : { reason: `version ${to} failed ${errors} times while all traffic was on it` };
  }

  async #awaitInvocations(
    wanted: number,
    since: Date,
    version: string | undefined,
  ): Promise<Against | undefined> {
    const { minimum, to, pollMs } = this.#rollout;
    if (minimum === undefined || wanted === 0) return undefined;
    const { watch, clock } = this.#ports;
    // The minute in which the version got its share; alone at the alias it is to be seen from the next one on.
    const from =
      version === undefined
        ? nextMinute(since)
        : new Date(Math.floor(since.getTime() / MINUTE_MS) * MINUTE_MS);
    const giveUpAt = this.#now() + minimum.waitMsMax;
    for (;;) {
      const count =
        from > clock.now()
          ? 0
          : await patiently(clock, this.#stop, () =>
              watch.count(
                'Invocations',
                { ...(version === undefined ? {} : { version }), from, to: clock.now() },
                this.#stop,
              ),
            );
      // The numbers of a minute do not come all at once: whether the last of these calls failed is seen a look later.
      if (count >= wanted) return version === undefined ? await this.#watch(pollMs, since) : undefined;
      const lacking = `version ${to} was called ${count} times at ${this.#percent} %, and ${wanted} were wanted`;
      if (this.#now() >= giveUpAt) {
        if (minimum.otherwise === 'send_back')
          return { reason: `${lacking} within ${duration(minimum.waitMsMax)} more` };
        this.#say(`${this.#name}: ${lacking}; it goes on all the same`);
        return undefined;
      }
      this.#say(
        `${this.#name}: ${lacking}; it waits for ${duration(giveUpAt - this.#now())} more at the most`,
      );
      const against = await this.#watch(
        Math.min(pollMs, giveUpAt - this.#now()),
        version === undefined ? since : undefined,
      );
      if (against !== undefined) return against;
    }
  }

  /** All traffic is where it is to be, and stays. */
  async #rest(): Promise<Against | undefined> {
    const change = { version: this.#rollout.to, shifted: undefined, description: AT_REST };
    return this.#others(await this.#hold.write(change, this.#stop));
  }

  async #write(percent: number): Promise<Against | undefined> {
    const { to, run } = this.#rollout;
    const description = formatNote({
      kind: 'shifting',
      from: this.#from,
      to,
      percent,
      run,
      at: this.#ports.clock.now(),
    });
    const full = percent === 100;
    // Before the call: it may work although its answer is lost.
    this.#percent = Math.max(this.#percent, percent);
    return this.#others(
      await this.#hold.write(
        {
          version: full ? to : this.#from,
          shifted: full || percent === 0 ? undefined : { version: to, percent },
          description,
        },
        this.#stop,
      ),
    );
  }

  /** What somebody else made of the alias. */
  #others(seen: AliasView | undefined): Against | undefined {
    if (seen === undefined) return undefined;
    const note = parseNote(seen.description);
    if (note?.kind === 'aborted') return { reason: `${note.by} aborted it: ${note.reason}` };
    if (note?.kind === 'shifting' && note.run !== this.#rollout.run)
      return { reason: `another run of the program (${note.run}) has taken the alias over`, changed: true };
    return { reason: 'somebody else changed the alias meanwhile', changed: true };
  }

  async #goBack({ reason }: Against): Promise<Shifted> {
    const { to } = this.#rollout;
    const begun = this.#now();
    const untouched = this.#percent === 0 && this.#hold.view.version === this.#from;
    const claimed = parseNote(this.#hold.view.description)?.kind === 'shifting';
    if (untouched && !claimed) return refused(this.#rollout, reason);
    const stoppedAt = () => (this.#stop.aborted ? BACK_WHEN_STOPPED_MS : BACK_MS);
    const sent = await this.#hold.sendBack(
      {
        version: this.#from,
        shifted: undefined,
        description: formatNote({
          kind: 'sent_back',
          from: this.#from,
          to,
          reason,
          at: this.#ports.clock.now(),
        }),
      },
      () => new Date(begun + stoppedAt()),
    );
    switch (sent.outcome) {
      case 'back':
      case 'back_already': {
        if (untouched) return refused(this.#rollout, reason);
        return {
          outcome: 'sent_back',
          message: `${this.#name}: all traffic is back on version ${this.#from}: ${reason}. Version ${to} had up to ${this.#percent} % for ${duration(this.#now() - this.#begunAt.getTime())}. The next "pulumi up" tries again`,
        };
      }
      case 'taken_over':
        return {
          outcome: 'not_back',
          message: `${this.#name}: another run of the program (${sent.run}) holds the alias and moves its traffic now; this one moved nothing more`,
        };
      case 'not_back':
        return {
          outcome: 'not_back',
          message: `${this.#name}: ${reason}, AND TRAFFIC COULD NOT BE SENT BACK to version ${this.#from} (${sent.error}). Version ${to} may still get up to ${this.#percent} %: send it back by "smart-transfer rollout abort"`,
        };
    }
  }

  get #name(): string {
    return this.#rollout.name;
  }

  #now(): number {
    return this.#ports.clock.now().getTime();
  }

  #say(line: string): void {
    this.#ports.say(line);
  }
}

function refused(rollout: Rollout, reason: string): Shifted {
  return {
    outcome: 'refused',
    message: `${rollout.name}: version ${rollout.to} got no traffic: ${reason}`,
  };
}

function reasonOf(stop: AbortSignal): string {
  return messageOf(stop.reason);
}

/** A function answers its dry run with `ok: true`; one that does not know it may answer anything. */
function refusalIn(payload: unknown): string | undefined {
  if (typeof payload === 'object' && payload !== null && (payload as { ok?: unknown }).ok === true)
    return undefined;
  return `it answered ${JSON.stringify(payload)} and not {"ok": true, …}: does it know its dry run?`;
}

/** What the function says that it looked at. */
function checkedText(invoked: Invoked): string {
  const checked =
    invoked.outcome === 'returned' ? (invoked.payload as { checked?: unknown }).checked : undefined;
  return Array.isArray(checked) ? `; it looked at ${checked.map(String).join(', ')}` : '';
}

function nextMinute(at: Date): Date {
  return new Date(Math.ceil(at.getTime() / MINUTE_MS) * MINUTE_MS);
}
