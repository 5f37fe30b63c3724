import { AT_REST, formatNote, parseNote, type AliasNote } from './alias-note.ts';
import type { AliasChange, AliasView, LambdaPort } from './ports.ts';

/** What a person sees of an alias. */
export interface RolloutStatus {
  readonly state: 'at_rest' | 'shifting' | 'aborted' | 'sent_back' | 'split';
  /** Version to percent. */
  readonly traffic: Readonly<Record<string, number>>;
  readonly note: AliasNote | undefined;
}

export type OnCallOutcome =
  | { readonly outcome: 'aborted'; readonly version: string }
  | { readonly outcome: 'resumed' }
  /** There is nothing to abort, or nothing that was aborted. */
  | { readonly outcome: 'nothing_to_do'; readonly status: RolloutStatus }
  /** Somebody changed it each time in between. */
  | { readonly outcome: 'contended' };

const TRIES = 10;

export function statusOf(alias: AliasView): RolloutStatus {
  const note = parseNote(alias.description);
  const { version, shifted } = alias;
  const traffic =
    shifted === undefined
      ? { [version]: 100 }
      : { [version]: 100 - shifted.percent, [shifted.version]: shifted.percent };
  if (note !== undefined) return { state: note.kind, traffic, note };
  return { state: shifted === undefined ? 'at_rest' : 'split', traffic, note };
}

/**
 * Sends all traffic back to the version that served before, and leaves a mark: in one write, so that neither is there without the other. The program sees the
 * mark at its next look, and its other rollouts go back as well.
 */
export async function abortRollout(
  lambda: LambdaPort,
  by: string,
  reason: string,
  at: Date,
): Promise<OnCallOutcome> {
  return await changed(lambda, (alias) => {
    const status = statusOf(alias);
    if (status.state !== 'shifting' && status.state !== 'split') return undefined;
    const { note } = status;
    const version = note?.kind === 'shifting' && note.to === alias.version ? note.from : alias.version;
    const description = formatNote({ kind: 'aborted', by, reason, at });
    return [
      { version, shifted: undefined, description },
      { outcome: 'aborted', version },
    ];
  });
}

/** Takes the mark away and moves nothing: the next `pulumi up` shifts. */
export async function resumeRollout(lambda: LambdaPort): Promise<OnCallOutcome> {
  return await changed(lambda, (alias) =>
    statusOf(alias).state === 'aborted'
      ? [{ version: alias.version, shifted: alias.shifted, description: AT_REST }, { outcome: 'resumed' }]
      : undefined,
  );
}

async function changed(
  lambda: LambdaPort,
  change: (alias: AliasView) => readonly [AliasChange, OnCallOutcome] | undefined,
): Promise<OnCallOutcome> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const alias = await lambda.readAlias();
    const wanted = change(alias);
    if (wanted === undefined) return { outcome: 'nothing_to_do', status: statusOf(alias) };
    const [to, outcome] = wanted;
    const written = await lambda.writeAlias(to, alias.revision);
    if (written.outcome === 'written') return outcome;
  }
  return { outcome: 'contended' };
}
