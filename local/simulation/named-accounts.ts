import type { PayeeAccount } from '../../functions/bank/payee-account.ts';

/** Who has named which account for the refund of which deposit, by typing it or as its sender's: what the bank was told is held against it. */
export class NamedAccounts {
  readonly #named = new Map<string, Set<string>>();

  add(depositRowId: bigint, to: PayeeAccount, who: string): void {
    const key = keyOf(depositRowId, to);
    this.#named.set(key, (this.#named.get(key) ?? new Set()).add(who));
  }

  /** How many people have named this very account for this deposit. */
  peopleWhoNamed(depositRowId: bigint, to: PayeeAccount): number {
    return this.#named.get(keyOf(depositRowId, to))?.size ?? 0;
  }
}

function keyOf(depositRowId: bigint, { bankCode, accountNumber, holder }: PayeeAccount): string {
  return [depositRowId.toString(), bankCode, accountNumber, holder].join(' ');
}
