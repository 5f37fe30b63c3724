import type { Won } from '../shared/money.ts';
import { epochOfReference } from '../transfers/attempt-id.ts';

/** A statement row that is not booked yet. */
export interface UnbookedRow {
  readonly rowId: bigint;
  readonly account: string;
  readonly occurredAt: Date;
  readonly direction: 'in' | 'out';
  readonly amount: Won;
  readonly balanceAfter: bigint;
  readonly text: string;
  readonly kind: string;
  readonly possibleDuplicate: boolean;
}

/** An attempt of ours whose reference stands in a row's text. */
export interface KnownAttempt {
  readonly attemptId: bigint;
  readonly transferId: bigint;
  readonly reference: string;
  readonly account: string;
  readonly amount: Won;
  /** It is known to have succeeded. */
  readonly succeeded: boolean;
  /** A row that shows it leaving is booked already. */
  readonly withdrawn: boolean;
  /** A row that shows it coming back is booked already. */
  readonly returned: boolean;
}

/** A person's rule for rows that are nobody's order and nobody's payout. A part that is absent fits everything. */
export interface ClassificationRule {
  readonly account: string;
  readonly direction: 'in' | 'out';
  readonly textEquals: string | null;
  readonly kindEquals: string | null;
  readonly ledgerAccount: string;
}

/** A deposit that may be the one that the bank took back. */
export interface ReversibleDeposit {
  readonly rowId: bigint;
  readonly account: string;
  readonly amount: Won;
  readonly text: string;
  readonly occurredAt: Date;
}

export type RowClass =
  | { readonly class: 'deposit' }
  | { readonly class: 'return'; readonly attempt: KnownAttempt }
  | { readonly class: 'withdrawal'; readonly attempt: KnownAttempt }
  | { readonly class: 'classified'; readonly ledgerAccount: string }
  | { readonly class: 'reversal'; readonly depositRowId: bigint }
  /** `unknownEpoch` is that of a reference of ours which no attempt has. */
  | { readonly class: 'unexplained'; readonly unknownEpoch?: number };

/** Our reference as the bank prints it: `ST`, two characters of epoch, seven of sequence. */
const REFERENCE = /ST[0-9A-Z]{9}/;

/**
 * The banks' marks of a deposit that was taken back: an outgoing row that undoes an incoming one. Banks word it differently (a cancelled flag at
 * NH, a word in the row's kind elsewhere; third-party accounts), so both usual words count.
 */
const REVERSAL_KINDS: readonly string[] = ['입금취소', '취소'];

/** Finds our reference in a row's text, which a bank may have turned full-width. */
export function referenceIn(text: string): string | undefined {
  return REFERENCE.exec(text.normalize('NFKC').toUpperCase())?.[0];
}

/** Whether the bank says of an outgoing row that it takes a deposit back. */
export function isReversalKind(kind: string): boolean {
  return REVERSAL_KINDS.includes(kind.normalize('NFKC').trim());
}

/**
 * Says what a row is, before any deposit is matched. Our own transfers come first: a bounced payout that was taken for a deposit would
 * pay a stranger's order, and a return wrongly seen would pay a seller again, so a return needs our reference and the exact amount. A row
 * that may be stored already neither brings a payout back nor takes a deposit away: a person decides. Money that left under a reference of ours which no
 * attempt has is what a restored database has forgotten: only a rule that names the very text explains it, none that takes all that goes out.
 */
export function classifyRow(
  row: UnbookedRow,
  attempts: ReadonlyMap<string, KnownAttempt>,
  rules: readonly ClassificationRule[],
  reversible: readonly ReversibleDeposit[],
): RowClass {
  const reference = referenceIn(row.text);
  const attempt = reference === undefined ? undefined : attempts.get(reference);
  const ours = attempt?.amount === row.amount ? attempt : undefined;
  if (row.direction === 'in') {
    if (ours && !ours.returned && !row.possibleDuplicate) return { class: 'return', attempt: ours };
  } else {
    if (ours && ours.account === row.account && !ours.withdrawn)
      return { class: 'withdrawal', attempt: ours };
    if (isReversalKind(row.kind) && !row.possibleDuplicate) {
      const undone = reversible.find(
        (deposit) =>
          deposit.account === row.account &&
          deposit.amount === row.amount &&
          deposit.text === row.text &&
          deposit.occurredAt <= row.occurredAt,
      );
      if (undone) return { class: 'reversal', depositRowId: undone.rowId };
    }
  }
  const unknownEpoch =
    row.direction === 'out' && attempt === undefined && reference !== undefined
      ? epochOfReference(reference)
      : undefined;
  const rule = rules.find(
    (candidate) => ruleFits(candidate, row) && (unknownEpoch === undefined || candidate.textEquals !== null),
  );
  if (rule) return { class: 'classified', ledgerAccount: rule.ledgerAccount };
  if (row.direction === 'in') return { class: 'deposit' };
  return unknownEpoch === undefined ? { class: 'unexplained' } : { class: 'unexplained', unknownEpoch };
}

function ruleFits(rule: ClassificationRule, row: UnbookedRow): boolean {
  return (
    rule.account === row.account &&
    rule.direction === row.direction &&
    (rule.textEquals === null || rule.textEquals === row.text) &&
    (rule.kindEquals === null || rule.kindEquals === row.kind)
  );
}
