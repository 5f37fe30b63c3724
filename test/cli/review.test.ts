import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLocalDatabase } from '../../cli/local-database.ts';
import { placeOrders } from '../../functions/orders/order.repository.ts';
import { won } from '../../functions/shared/money.ts';
import { assertBooks } from '../support/assert-books.ts';
import { assertDeposits } from '../support/assert-deposits.ts';
import { until } from '../support/until.ts';

const CLI = fileURLToPath(new URL('../../cli/smart-transfer.ts', import.meta.url));

interface Ran {
  readonly status: number;
  readonly output: string;
  /** The last line of standard output, where it is JSON. */
  readonly json: unknown;
}

async function run(...args: string[]): Promise<Ran> {
  return await new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], { timeout: 60_000 }, (error, stdout, stderr) => {
      const last = stdout.trimEnd().split('\n').at(-1) ?? '';
      resolve({
        status: error === null ? 0 : Number(error.code ?? 1),
        output: stdout + stderr,
        json: last.startsWith('{') ? JSON.parse(last) : undefined,
      });
    });
  });
}

interface Listed {
  readonly total: string;
  readonly reviews: readonly { rowId: string; remaining: string; text: string }[];
}

describe('smart-transfer review', function () {
  this.timeout(300_000);
  let folder: string;
  let data: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smart-transfer-review-'));
    data = join(folder, 'data');
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const review = async (...args: string[]) => await run('review', ...args, '--folder', data);
  const decide = async (who: string, ...args: string[]) =>
    await review(...args, '--as', who, '--reason', 'the buyer has called');
  const list = async () => (await review('list', '--json')).json as Listed;

  /** The demo runs until two deposits wait for a person, and what else is to be done while it runs. */
  async function whileItRuns(work: () => Promise<void>): Promise<void> {
    const demo = spawn(process.execPath, [CLI, 'start', '--folder', data, '--cycle-seconds', '2'], {
      stdio: 'ignore',
    });
    const ended = once(demo, 'close');
    try {
      await until(
        'two deposits of the demo wait for a person',
        async () => Number(((await list()) as Listed | undefined)?.total ?? 0) >= 2,
        150_000,
      );
      await work();
    } finally {
      demo.kill('SIGTERM');
      await ended;
    }
  }

  it('decides on deposits while the system runs and while it does not, and tells both people what came of it', async () => {
    await whileItRuns(async () => {
      const [first] = (await list()).reviews;
      const ignored = await decide('kim', 'ignore', first!.rowId, '--account', 'owner', '--json');
      assert.equal(ignored.status, 0, ignored.output);
      const { decisionId } = ignored.json as { decisionId: string };
      const shown = await review('show', first!.rowId);
      assert.match(shown.output, new RegExp(`${decisionId}  ignore .* standing .*kim: the buyer has called`));
      const undone = await decide('lee', 'undo', decisionId);
      assert.match(undone.output, /is undone.*in_review/s);
    });

    const [one, two] = (await list()).reviews;
    await withLocalDatabase(data, async ({ db }) => {
      await db.transaction().execute(async (trx) => {
        const order = {
          shopId: 'test',
          shopOrderId: 'T-1',
          sellerId: 'namu-books',
          recipientName: '홍길동',
          amount: won(BigInt(one!.remaining)),
          opensAt: new Date(),
          expiresAt: undefined,
        };
        await placeOrders(trx, [order], new Date(), Math.random);
      });
    });
    const assigned = await decide('kim', 'assign', one!.rowId, 'T-1');
    assert.equal(assigned.status, 0, assigned.output);
    assert.match(assigned.output, /Order T-1: .* paid in full.*its payout is planned.*review undo \d+/s);
    const again = await decide('kim', 'assign', one!.rowId, 'test/T-1');
    assert.equal(again.status, 1);
    assert.match(again.output, /is assigned: nothing of it is left/);

    const neither = await decide('kim', 'refund', two!.rowId);
    assert.match(neither.output, /name the account with --to, or take the sender’s with --to-sender/);
    assert.match(
      (await decide('kim', 'refund', two!.rowId, '--to-sender', '--to', '088:110987654321:홍길동')).output,
      /cannot be used with/,
    );
    // The cycle that has booked the deposit has asked the demo's bank who sent it.
    assert.match((await review('show', two!.rowId)).output, /came from {3}088 \*+\d{4} .*--to-sender/);
    const to = ['--to-sender'];
    const asked = await decide('kim', 'refund', two!.rowId, ...to);
    assert.match(asked.output, /Nothing is sent yet: a second person/);
    const alone = await decide('KIM', 'refund', two!.rowId, ...to);
    assert.equal(alone.status, 1);
    assert.match(alone.output, /somebody else has to approve it, with the same command/);
    const agreed = await decide('lee', 'refund', two!.rowId, ...to);
    assert.equal(agreed.status, 0, agreed.output);
    assert.match(agreed.output, /Transfer \d+ pays it back.*refund_pending/s);

    const waiting = (await list()).reviews.map((left) => left.rowId);
    assert.ok(!waiting.includes(one!.rowId) && !waiting.includes(two!.rowId));
    await withLocalDatabase(data, async ({ db }) => {
      await assertBooks(db);
      await assertDeposits(db);
    });
  });

  it('says what to do where nothing was ever started, and whose name or reason is missing', async () => {
    const nothing = await review('list', '--json');
    assert.equal(nothing.status, 1);
    assert.match(nothing.output, /run npm start first/);
    assert.match((await review('undo', '1', '--as', 'kim')).output, /--reason/);
    assert.match((await review('undo', 'x', '--as', 'kim', '--reason', 'because')).output, /"x" is no id/);
    assert.match(
      (await decide('kim', 'refund', '1', '--to', '88:1:x')).output,
      /write three digits, such as 004/,
    );
  });
});
