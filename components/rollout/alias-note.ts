/**
 * What an alias's description says of its rollout. It lives there because it changes in the same call as the traffic, and because each change of it
 * changes the alias's `RevisionId` (docs/decisions/0023-a-rollout-writes-on-its-alias.md).
 */
export type AliasNote =
  | {
      /** A run of the program holds the alias: it is between two steps, or watches. */
      readonly kind: 'shifting';
      readonly from: string;
      readonly to: string;
      readonly percent: number;
      /** The run's own id: letters and digits. */
      readonly run: string;
      readonly at: Date;
    }
  | {
      /** A person has sent the traffic back: nothing shifts until somebody resumes. */
      readonly kind: 'aborted';
      readonly by: string;
      readonly reason: string;
      readonly at: Date;
    }
  | {
      /** The last rollout failed, and its traffic is back. */
      readonly kind: 'sent_back';
      readonly from: string;
      readonly to: string;
      readonly reason: string;
      readonly at: Date;
    };

/** The description of an alias that nothing happens to. */
export const AT_REST =
  'Traffic is shifted by the Pulumi program; "smart-transfer rollout status" tells of it.';

/** Lambda takes no longer descriptions. */
export const DESCRIPTION_CHARACTERS_MAX = 256;

const SHIFTING = /^rollout (\d+) to (\d+): (\d+)%, run (\w+), (\S+)$/;
const ABORTED = /^rollout aborted by (\S+), (\S+): (.*)$/s;
const SENT_BACK = /^rollout (\d+) to (\d+) sent back, (\S+): (.*)$/s;

/** Writes a note as a description. A reason that is too long is cut. */
export function formatNote(note: AliasNote): string {
  const at = note.at.toISOString();
  switch (note.kind) {
    case 'shifting':
      return `rollout ${note.from} to ${note.to}: ${note.percent}%, run ${note.run}, ${at}`;
    case 'aborted':
      return cut(`rollout aborted by ${note.by}, ${at}: ${note.reason}`);
    case 'sent_back':
      return cut(`rollout ${note.from} to ${note.to} sent back, ${at}: ${note.reason}`);
  }
}

/** Reads a description; any text that is no note of a rollout is none. */
export function parseNote(description: string): AliasNote | undefined {
  const shifting = SHIFTING.exec(description);
  if (shifting !== null) {
    const [, from = '', to = '', percent = '', run = '', time = ''] = shifting;
    return dated(time, (at) => ({ kind: 'shifting', from, to, percent: Number(percent), run, at }));
  }
  const aborted = ABORTED.exec(description);
  if (aborted !== null) {
    const [, by = '', time = '', reason = ''] = aborted;
    return dated(time, (at) => ({ kind: 'aborted', by, reason, at }));
  }
  const sentBack = SENT_BACK.exec(description);
  if (sentBack !== null) {
    const [, from = '', to = '', time = '', reason = ''] = sentBack;
    return dated(time, (at) => ({ kind: 'sent_back', from, to, reason, at }));
  }
  return undefined;
}

function dated(time: string, make: (at: Date) => AliasNote): AliasNote | undefined {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? undefined : make(at);
}

function cut(text: string): string {
  const characters = Array.from(text);
  if (text.length <= DESCRIPTION_CHARACTERS_MAX) return text;
  while (characters.join('').length > DESCRIPTION_CHARACTERS_MAX - 1) characters.pop();
  return `${characters.join('')}…`;
}
