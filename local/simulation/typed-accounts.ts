import type { PayeeAccount } from '../../functions/bank/payee-account.ts';

/** Who has typed which account for the refund of which deposit: what the bank was told is held against it. */
export class TypedAccounts {
  readonly #typed = new Map<string, Set<string>>();

  add(depositRowId: bigint, to: PayeeAccount, who: string): void {
    const key = keyOf(depositRowId, to);
    this.#typed.set(key, (this.#typed.get(key) ?? new Set()).add(who));
  }

  /** How many people have typed this very account for this deposit. */
  peopleWhoTyped(depositRowId: bigint, to: PayeeAccount): number {
    return this.#typed.get(keyOf(depositRowId, to))?.size ?? 0;
  }
}

function keyOf(depositRowId: bigint, { bankCode, accountNumber, holder }: PayeeAccount): string {
  return [depositRowId.toString(), bankCode, accountNumber, holder].join(' ');
}
