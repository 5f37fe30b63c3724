import { sql, type Transaction } from 'kysely';
import type { Database } from '../database.ts';
import { MAY_BE_IT } from './resolve.repository.ts';

/** An attempt `a` did not pay, as far as the books go, and somebody said that it did: the money may have left. */
export const SAID_TO_HAVE_PAID = sql`
  a.state <> 'succeeded' and exists (
    select from attempt_evidence e where e.attempt_id = a.attempt_id and e.verdict = 'succeeded')`;

/**
 * What makes it doubtful whether a transfer's orders were paid out already, in words: attempts of this transfer, and of others that ended and were to pay the
 * same orders. Nothing of them is paid again while there is any.
 */
export async function readDoubts(trx: Transaction<Database>, transferId: bigint): Promise<string[]> {
  const { rows } = await sql<{
    transfer_id: bigint;
    reference: string;
    open: boolean;
    said: boolean;
    row_id: bigint | null;
  }>`
    with meant as (
      select ${transferId}::bigint as transfer_id
      union
      select x.transfer_id from transfer_item i join transfer_item x on x.order_id = i.order_id and not x.live
      where i.transfer_id = ${transferId}
    )
    select * from (
      select a.transfer_id, a.reference, a.state = 'open' as open, ${SAID_TO_HAVE_PAID} as said,
        case when a.state <> 'succeeded' then (
          select w.row_id from withdrawal w where ${MAY_BE_IT} order by w.row_id limit 1
        ) end as row_id
      from transfer_attempt a where a.transfer_id in (select transfer_id from meant)
    ) as found
    where open or said or row_id is not null
    order by transfer_id, reference`.execute(trx);
  return rows.map(({ transfer_id, reference, open, said, row_id }) => {
    const attempt = `attempt ${reference} of transfer ${transfer_id.toString()}`;
    if (open) return `the outcome of ${attempt} is not known yet`;
    if (said) return `${attempt} is said to have succeeded`;
    return `row ${String(row_id)} took the amount of ${attempt} out, and nothing explains that row`;
  });
}
