import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import { act, refuse, type Refused } from '../people/act.step.ts';
import type { Acting } from '../people/person.ts';
import { byTwoPeople, type Requested } from '../people/two-people.step.ts';
import { formatWon, won, type Won } from '../shared/money.ts';
import type { Trx } from '../shared/postgres.ts';
import { holdPayoutsForDebt } from '../transfers/outcome.repository.ts';
import { sellerAccount } from './accounts.ts';
import { insertPostings } from './ledger.repository.ts';
import { outOfSuspense, readInSuspense } from './suspense.repository.ts';

/** Whose what stands in suspense may be, besides a seller's. */
export const CORRECTION_TARGETS = ['owner', 'bank_fees', 'interest', 'tax'] as const;

export interface Correction {
  /** The row of the statement for which the amount stands in suspense. */
  readonly rowId: bigint;
  /** `owner`, `bank_fees`, `interest`, `tax`, or `seller:<id>`. */
  readonly to: string;
  /** How much of it, won; all that is left without it. */
  readonly amount: Won | undefined;
}

export interface Corrected {
  readonly outcome: 'corrected';
  readonly amount: Won;
  /** What of the row stands in suspense still, signed, won. */
  readonly left: Won;
}

/**
 * Two people say whose it is what stands in suspense for a row of the statement: a charge where money went out, money where it came in. A row whose whole
 * amount is moved is explained, and halts nobody any more. A seller who is charged may owe from then on, so that the seller's payouts wait until the balance
 * covers them.
 */
export async function correctSuspense(
  db: Kysely<Database>,
  acting: Acting,
  correction: Correction,
): Promise<{ readonly outcome: 'done'; readonly result: Corrected | Requested } | Refused> {
  return await act<Corrected | Requested>(db, acting, async (trx) => {
    const { rowId, to } = correction;
    const id = rowId.toString();
    if (!(await isTarget(trx, to))) {
      return refuse(
        'no_such_account',
        `nothing is moved from suspense to "${to}"; there are ${CORRECTION_TARGETS.join(', ')} and seller:<id> of a known seller`,
      );
    }
    await lockRow(trx, rowId);
    const rest = (await readInSuspense(trx, [rowId])).get(rowId);
    if (rest === undefined)
      return refuse(
        'nothing_in_suspense',
        `nothing of row ${id} stands in suspense (payouts status lists what does)`,
      );
    const whole = won(rest < 0n ? -rest : rest);
    const amount = correction.amount ?? whole;
    if (amount > whole || amount <= 0n) {
      return refuse(
        'more_than_there_is',
        `${formatWon(amount)} won cannot be moved: ${formatWon(whole)} won of row ${id} stand in suspense`,
      );
    }
    const matter = {
      action: 'ledger_correction',
      subject: `row ${id}`,
      detail: { from: 'suspense', to, amount, in_suspense: rest },
    } as const;
    const deed = { action: 'ledger correct', subject: `row ${id}` };
    return await byTwoPeople<Corrected>(trx, acting, matter, deed, async () => {
      const moved = rest < 0n ? 0n - amount : amount;
      await insertPostings(trx, [outOfSuspense({ rowId, to, amount: moved })], acting.at);
      const left = won(rest - moved);
      if (left === 0n) await markExplained(trx, rowId, to);
      const charged = rest < 0n && to.startsWith(SELLER) ? to.slice(SELLER.length) : undefined;
      if (charged !== undefined) await holdPayoutsForDebt(trx, [charged]);
      return { outcome: 'corrected', amount, left };
    });
  });
}

const SELLER = sellerAccount('');

async function isTarget(trx: Trx<Database>, to: string): Promise<boolean> {
  if ((CORRECTION_TARGETS as readonly string[]).includes(to)) return true;
  if (!to.startsWith(SELLER)) return false;
  const seller = await trx
    .selectFrom('seller')
    .select('seller_id')
    .where('seller_id', '=', to.slice(SELLER.length))
    .executeTakeFirst();
  return seller !== undefined;
}

/** Locks what became of the row, so that two corrections of it come one after the other. */
async function lockRow(trx: Trx<Database>, rowId: bigint): Promise<void> {
  await trx.selectFrom('withdrawal').select('row_id').where('row_id', '=', rowId).forUpdate().execute();
  await trx.selectFrom('deposit').select('row_id').where('row_id', '=', rowId).forUpdate().execute();
}

/** An unexplained row becomes a classified one. An unexpected execution stays what it is; its account says who bears it. */
async function markExplained(trx: Trx<Database>, rowId: bigint, to: string): Promise<void> {
  await trx
    .updateTable('withdrawal')
    .set((eb) => ({
      ledger_account: to,
      state: eb
        .case()
        .when('state', '=', 'unexplained')
        .then('classified' as const)
        .else(eb.ref('state'))
        .end(),
    }))
    .where('row_id', '=', rowId)
    .execute();
}
