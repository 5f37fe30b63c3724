import { parseNote } from './alias-note.ts';
import { TryAgain, type AliasChange, type AliasView, type RolloutPorts } from './ports.ts';
import { messageOf, patiently, sleep } from './waiting.ts';

/** After a conflict the alias is read until it shows a revision that is not known yet: reads may be behind writes. */
const READS_MAX = 20;
const READ_PAUSE_MS = 250;

/** Pauses between the tries to send traffic back, ms. */
const BACK_PAUSE_MS = { first: 100, longest: 2_000 };

/** A call that was refused, not throttled, is not tried for ever. */
const BACK_REFUSALS_MAX = 3;

export type SentBack =
  | { readonly outcome: 'back' }
  /** A person did so first, and left a note. */
  | { readonly outcome: 'back_already' }
  /** Another run of the program holds the alias: it is that run's to move. */
  | { readonly outcome: 'taken_over'; readonly run: string }
  | { readonly outcome: 'not_back'; readonly error: string };

/**
 * An alias that this run writes to. It knows every revision that it wrote or began from, so that it tells its own writes, reads that are behind, and what
 * somebody else wrote apart.
 */
export class AliasHold {
  readonly #ports: Pick<RolloutPorts, 'lambda' | 'clock'>;
  readonly #run: string;
  readonly #known = new Set<string>();
  #view: AliasView;

  constructor(ports: Pick<RolloutPorts, 'lambda' | 'clock'>, run: string, found: AliasView) {
    this.#ports = ports;
    this.#run = run;
    this.#view = found;
    this.#known.add(found.revision);
  }

  /** The alias as this run left it. */
  get view(): AliasView {
    return this.#view;
  }

  /** Whether this run has changed anything. */
  get written(): boolean {
    return this.#known.size > 1;
  }

  /** Looks whether the alias is still as this run left it; answers what somebody else made of it. */
  async look(stop: AbortSignal): Promise<AliasView | undefined> {
    const seen = await patiently(this.#ports.clock, stop, () => this.#ports.lambda.readAlias(stop));
    return this.#known.has(seen.revision) ? undefined : seen;
  }

  /**
   * Writes, if nobody else has written since; answers what somebody else made of it. A write whose answer was lost is recognised by what it wrote: the note in
   * the description names this run and the step.
   */
  async write(change: AliasChange, stop: AbortSignal): Promise<AliasView | undefined> {
    const { lambda, clock } = this.#ports;
    const answer = await patiently(clock, stop, () => lambda.writeAlias(change, this.#view.revision, stop));
    if (answer.outcome === 'written') {
      this.#keep(answer.alias);
      return undefined;
    }
    const seen = await this.#readPast(stop);
    if (!holds(seen, change)) return seen;
    this.#keep(seen);
    return undefined;
  }

  /**
   * Sends all traffic to a version, whoever wrote in between: a person's note stays, and another run's alias is left alone. It tries until `deadline` says
   * that the time is over, since a half-shifted alias is worse than a wait.
   */
  async sendBack(change: AliasChange, deadline: () => Date): Promise<SentBack> {
    const { lambda, clock } = this.#ports;
    let wanted = change;
    let refusals = 0;
    for (let pauseMs = BACK_PAUSE_MS.first; ; pauseMs = Math.min(pauseMs * 2, BACK_PAUSE_MS.longest)) {
      let error: string;
      try {
        const answer = await lambda.writeAlias(wanted, this.#view.revision);
        if (answer.outcome === 'written') {
          this.#keep(answer.alias);
          return { outcome: 'back' };
        }
        const seen = await lambda.readAlias();
        if (!this.#known.has(seen.revision)) {
          this.#keep(seen);
          if (holds(seen, wanted)) return { outcome: 'back' };
          const note = parseNote(seen.description);
          if (note?.kind === 'shifting' && note.run !== this.#run)
            return { outcome: 'taken_over', run: note.run };
          if (note?.kind === 'aborted') {
            wanted = { ...change, description: seen.description };
            if (holds(seen, wanted)) return { outcome: 'back_already' };
          }
          if (clock.now() < deadline()) continue;
        }
        error = 'the alias was changed by somebody else, again and again';
      } catch (thrown) {
        error = messageOf(thrown);
        if (!(thrown instanceof TryAgain)) refusals += 1;
      }
      const leftMs = deadline().getTime() - clock.now().getTime();
      if (refusals >= BACK_REFUSALS_MAX || leftMs <= 0) return { outcome: 'not_back', error };
      await sleep(clock, Math.min(pauseMs, leftMs));
    }
  }

  #keep(view: AliasView): void {
    this.#view = view;
    this.#known.add(view.revision);
  }

  async #readPast(stop: AbortSignal): Promise<AliasView> {
    const { lambda, clock } = this.#ports;
    for (let reads = 0; reads < READS_MAX; reads += 1) {
      const seen = await patiently(clock, stop, () => lambda.readAlias(stop));
      if (!this.#known.has(seen.revision)) return seen;
      await sleep(clock, READ_PAUSE_MS, stop);
      stop.throwIfAborted();
    }
    throw new Error(
      'the alias has a revision that this run did not write, and does not show it; look at it with "smart-transfer rollout status"',
    );
  }
}

function holds(seen: AliasView, change: AliasChange): boolean {
  return (
    seen.version === change.version &&
    seen.description === change.description &&
    seen.shifted?.version === change.shifted?.version &&
    seen.shifted?.percent === change.shifted?.percent
  );
}
