import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Bank } from '../../../functions/bank/bank.ts';
import type { Sabotage } from '../../../local/simulation/functions.ts';
import { ALL_TROUBLES, type PlanChanges } from '../../../local/simulation/plan.ts';
import { commandOf, shrink } from '../../../local/simulation/shrink.ts';
import type { WorkerAnswer } from '../../../local/simulation/worker.ts';
import { startWorldRunner, type WorldRunner } from '../../../local/simulation/world-runner.ts';

/** Small, so that a test is quick; everything that can befall a world does. */
const SMALL: PlanChanges = { orders: 60, minutes: 15, lookEvery: 1 };

/** Operators at work whenever they look. */
const OPERATED = { review_decided: 1, transfer_approved: 1 } as const;

/** More orders, and so more deposits that people decide on; nothing else befalls them. */
const REFUNDED = {
  orders: 150,
  minutes: 15,
  lookEvery: 10,
  troubles: {
    ...Object.fromEntries(ALL_TROUBLES.map((name) => [name, 0])),
    review_decided: 1,
    deposit_refunded: 1,
  },
} as const;

describe('the simulator', function () {
  this.timeout(300_000);
  let runner: WorldRunner;
  before(async () => {
    runner = await startWorldRunner();
  });
  after(async () => {
    await runner.close();
  });

  for (const seed of [1, 2, 3]) {
    it(`finds nothing lost, nothing paid twice and every invariant whole in the world of seed ${seed}`, async () => {
      const { violations, account } = await runner.run(seed, SMALL);
      assert.deepEqual(violations, []);
      assert.equal(account.lost, 0);
      assert.equal(account.paidTwice, 0);
      assert.ok(account.succeeded > 10, `only ${account.succeeded} transfers succeeded`);
    });
  }

  it('lives the same history from the same seed in another process', async () => {
    const changes: PlanChanges = { ...SMALL, troubles: { kill: 0.01, connection_lost: 0.01, stall: 0.005 } };
    const here = await runner.run(7, changes);
    const there = await inAnotherProcess(7, changes);
    assert.equal(there.hash, here.hash);
    assert.deepEqual(there.account, here.account);
    assert.ok((here.faults.kill ?? 0) > 0);
  });

  it('lives another history from another seed', async () => {
    const [one, other] = [await runner.run(8, SMALL), await runner.run(9, SMALL)];
    assert.notEqual(one.hash, other.hash);
  });

  describe('finds a rule that is broken on purpose:', () => {
    it('claims that read the halts without locking them', async () => {
      await findsWithin(20, /claim_after_halt/, {
        changes: {
          ...SMALL,
          lookEvery: 10,
          workers: 6,
          sellers: 6,
          // Lies about funds pause payouts while others claim.
          troubles: { say_failed_after_executing: 0.5, kill: 0, stall: 0, maintenance_window: 0 },
        },
        sabotage: {
          statement: (text) => text.replace(/(from "payout_stop") for share.*$/, '$1'),
        },
      });
    });

    it('absence that is believed before the bank has had its time', async () => {
      await findsWithin(10, /paid_twice|lost|alarm_transfer_executed_unexpectedly|posted/, {
        changes: {
          ...SMALL,
          troubles: { execute_late: 0.6, lying_inquiry: 0.9, repeat_duplicate: 1, kill: 0 },
        },
        sabotage: { statement: believeAtOnce },
      });
    });

    it('a message that reaches the bank long after its lease', async () => {
      // Long enough for a message to be taken for absent, sent again, and to arrive then.
      await findsWithin(30, /paid_twice|lost|alarm_transfer_executed_unexpectedly/, {
        changes: { ...SMALL, minutes: 40, troubles: { request_late: 0.3, repeat_duplicate: 1, kill: 0 } },
        sabotage: { arrivesWithinMs: 90 * 60_000 },
      });
    });

    it('a statement that does not show what has left the account', async () => {
      await findsWithin(10, /paid_twice|lost|alarm_|statement_row|bank_balance/, {
        changes: { ...SMALL, troubles: { execute_then_timeout: 0.5, forget_id: 1, kill: 0 } },
        sabotage: { bank: withoutOwnRows },
      });
    });

    describe('a refund that leaves its deposit in review, to be refunded again,', () => {
      const broken: Broken = {
        changes: REFUNDED,
        sabotage: {
          database: [
            'alter table deposit drop constraint deposit_has_its_refund',
            'alter table transfer drop constraint transfer_has_its_deposit',
            'alter table transfer drop constraint transfer_refunds_once',
          ],
          statement: (text) =>
            text.replace(
              '"state" = $1, "remaining" = $2,',
              () => `"state" = case $1::text when 'refund_pending' then "state" else $1 end,
              "remaining" = case $1::text when 'refund_pending' then "remaining" else $2::bigint end,`,
            ),
        },
      };

      it('by the first look at the database', async () => {
        await findsWithin(3, /deposit_used|refund_state/, broken);
      });

      it('and by the bank’s own books, where nobody has looked before', async () => {
        const sabotage: Sabotage = { ...broken.sabotage, blind: true };
        await findsWithin(5, /refunded_twice/, { ...broken, sabotage });
      });
    });

    it('an undoing of what was paid out already', async () => {
      await findsWithin(5, /sent_for_nothing/, {
        changes: { ...SMALL, troubles: { ...OPERATED, deposit_refunded: 0, review_undone: 1, kill: 0 } },
        sabotage: {
          statement: (text) =>
            text.replace(
              /^(select \* from "transfer" where "transfer_id" in \(select .*)( order by "transfer_id" for update)$/,
              '$1 and false$2',
            ),
        },
      });
    });

    it('a cancelling and an undoing of what was sent, by what a list showed before', async () => {
      await findsWithin(5, /posted_as_state_says/, {
        changes: {
          ...SMALL,
          troubles: { ...OPERATED, deposit_refunded: 1, review_undone: 1, transfer_cancelled: 1 },
        },
        sabotage: {
          database: ['drop trigger transfer_moves_as_allowed on transfer'],
          statement: (text, who) =>
            who.startsWith('terminal')
              ? text
                  .replace(
                    /^select \* (from "transfer" where "transfer_id" = \$1 for update)$/,
                    `select *, 'planned' as "state" $1`,
                  )
                  .replace(
                    /^(update "transfer" set "state" = \$1, "held_reason" = \$2 where "transfer_id" = \$3) and .*$/,
                    `$1 and 'planned' in ($4, $5, $6)`,
                  )
              : text,
        },
      });
    });

    it('a refund that one person has asked for and approved', async () => {
      await findsWithin(10, /paid_elsewhere/, {
        changes: REFUNDED,
        sabotage: {
          database: ['alter table approval drop constraint approval_second_person'],
          statement: (text) =>
            text.replace(/^(select "approval_id",) "requested_by",/, `$1 'nobody' as "requested_by",`),
        },
      });
    });

    it('a payout account that one person has asked for and approved', async () => {
      await findsWithin(10, /paid_elsewhere/, {
        changes: { ...SMALL, troubles: { ...OPERATED, account_changed: 1, kill: 0 } },
        sabotage: {
          database: ['alter table payout_account drop constraint payout_account_second_person'],
          statement: (text, who) =>
            who.startsWith('terminal') && text.includes('from "payout_account"')
              ? text.replace(/^(select .*)"requested_by"/, `$1'nobody' as "requested_by"`)
              : text,
        },
      });
    });

    it('an approval that pays again what is paid again already', async () => {
      await findsWithin(10, /order_twice/, {
        changes: {
          ...SMALL,
          troubles: {
            ...OPERATED,
            transfer_approved: 1,
            transfer_cancelled: 1,
            paid_then_returned: 0.3,
            kill: 0,
          },
        },
        sabotage: {
          database: ['drop index transfer_item_order_once', 'drop index transfer_one_live_retry'],
          statement: (text) =>
            text
              .replace(
                / and not exists \(select from transfer_item l where l.order_id = i.order_id and l.live\)/,
                '',
              )
              .replace(
                /^(select "transfer_id", "state" from "transfer" where "retry_of" = \$1 and "state" <> \$2)$/,
                '$1 and false',
              ),
        },
      });
    });

    it('a cancelling of an order that is paid by then', async () => {
      await findsWithin(5, /owed_to_seller|fees|unallocated|sent_for_nothing/, {
        changes: { ...SMALL, troubles: { order_cancelled_as_it_is_paid: 0.5, kill: 0 } },
        sabotage: {
          database: [
            'alter table shop_order drop constraint shop_order_paid_at, drop constraint shop_order_paid_in_full',
          ],
          statement: (text) =>
            text.replace(
              /^(update "shop_order" set "state" = \$1, "closed_at" = .*) and "state" = (\$\d)$/,
              `$1 and "state" in ($2, 'paid')`,
            ),
        },
      });
    });

    describe('a return that leaves its orders in a transfer that pays nothing any more', () => {
      const changes: PlanChanges = { ...SMALL, troubles: { paid_then_returned: 0.3, kill: 0 } };
      const sabotage: Sabotage = {
        statement: (text) => text.replace(/^(update "transfer_item" set "live" = .*)$/, '$1 and false'),
      };

      it('within three worlds', async () => {
        await findsWithin(3, /live_items/, { changes, sabotage });
      });

      it('and makes the world smaller in which it is found', async () => {
        const sabotaged = {
          run: (seed: number, smaller: PlanChanges = {}) => runner.run(seed, smaller, { sabotage }),
        };
        const shrunk = await shrink(sabotaged, 1, changes, 12);
        assert.ok(shrunk !== undefined);
        assert.equal(shrunk.result.violations[0]?.invariant, 'live_items');
        assert.ok((shrunk.changes.orders ?? 60) <= 30, `still ${shrunk.changes.orders ?? 60} orders`);
        assert.match(commandOf(1, shrunk.changes), /--seed 1 --runs 1 --orders \d+ /);
      });
    });
  });

  interface Broken {
    readonly changes: PlanChanges;
    readonly sabotage: Sabotage;
  }

  async function findsWithin(seeds: number, what: RegExp, { changes, sabotage }: Broken): Promise<void> {
    const found: string[] = [];
    const watched = watchedSabotage(sabotage);
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { violations } = await runner.run(seed, changes, { sabotage: watched.sabotage });
      if (violations.some(({ invariant }) => what.test(invariant))) return;
      found.push(...violations.map(({ invariant, detail }) => `${invariant} (${detail})`));
    }
    assert.ok(watched.hasBroken(), 'the sabotage has changed no statement: nothing was broken');
    assert.fail(`${seeds} worlds found ${found.length === 0 ? 'nothing' : found.join(', ')}`);
  }
});

/** Tells whether a sabotage of statements has changed one: else that nothing is found says nothing. */
function watchedSabotage(sabotage: Sabotage): {
  readonly sabotage: Sabotage;
  readonly hasBroken: () => boolean;
} {
  const { statement } = sabotage;
  if (statement === undefined) return { sabotage, hasBroken: () => true };
  let changed = 0;
  return {
    sabotage: {
      ...sabotage,
      statement: (text, who) => {
        const after = statement(text, who);
        if (after !== text) changed += 1;
        return after;
      },
    },
    hasBroken: () => changed > 0,
  };
}

/** A proof of absence that waits for nothing: neither the bank's times nor the lease. */
function believeAtOnce(text: string): string {
  return text
    .replace(
      /r\.covers_to >= a\.lease_ends_at \+ (make_interval\(secs => \$\d+::double precision\))/,
      '$1 is not null',
    )
    .replace(
      /r\.began_at between a\.lease_ends_at \+ (make_interval\(secs => \$\d+::double precision\)) and (\$\d+)/,
      '($1 is not null and $2::timestamptz is not null)',
    );
}

/** A bank whose statement lacks what our transfers took out. */
function withoutOwnRows(bank: Bank): Bank {
  return {
    ...bank,
    async listTransactions(request) {
      const page = await bank.listTransactions(request);
      return page.outcome === 'page'
        ? { ...page, rows: page.rows.filter((row) => row.direction === 'in' || !row.text.startsWith('ST')) }
        : page;
    },
  };
}

async function inAnotherProcess(seed: number, changes: PlanChanges) {
  const worker = fork(fileURLToPath(new URL('../../../local/simulation/worker.ts', import.meta.url)), {
    serialization: 'advanced',
  });
  try {
    await once(worker, 'message');
    worker.send({ seed, changes });
    const [answer] = (await once(worker, 'message')) as [WorkerAnswer];
    if ('error' in answer) throw new Error(answer.error);
    return answer.result;
  } finally {
    const exited = once(worker, 'exit');
    worker.disconnect();
    await exited;
  }
}
