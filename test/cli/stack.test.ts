import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../functions/shared/clock.ts';
import { LOCAL_REGION } from '../../local/aws-json-server.ts';
import { lockFolder } from '../../local/folder-lock.ts';
import type { LocalSigner } from '../../local/iam-authorizer.ts';
import { COLLECTION_ACCOUNT, startSystem, type LocalSystem } from '../../local/system.ts';
import { runCommand, type Said } from '../support/command-line.ts';
import { KIM, KIM_TOO, LEE, MACHINE } from '../functions/operators/operators-door.ts';

describe("an operator's command with --stack", function () {
  this.timeout(300_000);
  let folder: string;
  let system: LocalSystem;
  let release: () => void;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smart-transfer-stack-'));
    const locked = lockFolder(folder);
    if (locked.outcome === 'taken') assert.fail('a new folder is taken');
    release = () => locked.lock.release();
    system = await startSystem({
      folder,
      clock: systemClock,
      payoutAccount: COLLECTION_ACCOUNT,
      cycleMinutes: 5,
      settlementConcurrency: 2,
      polling: 'short',
      durable: false,
      signers: [KIM, KIM_TOO, LEE, MACHINE],
      onLog: () => undefined,
    });
    const now = new Date();
    await system.db
      .insertInto('collect_cursor')
      .values({ account: COLLECTION_ACCOUNT, begins_at: now, read_through: now, reread_on: null })
      .execute();
    const seller = { seller_id: 'seller', name: 'seller', fee_bp: 300, created_at: now };
    await system.db
      .insertInto('seller')
      .values({ ...seller, transfer_limit_won: null, daily_limit_won: null })
      .execute();
  });
  after(async () => {
    await system.stop();
    release();
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs the command line as whoever has these credentials; nobody has none. */
  async function say(
    signer: LocalSigner | undefined,
    args: readonly string[],
    { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {},
  ): Promise<Said> {
    const credentials =
      signer === undefined
        ? {}
        : {
            AWS_ACCESS_KEY_ID: signer.accessKeyId,
            AWS_SECRET_ACCESS_KEY: signer.secretAccessKey,
            AWS_SESSION_TOKEN: signer.sessionToken ?? '',
          };
    const whole = {
      PATH: process.env['PATH'],
      HOME: folder,
      AWS_REGION: LOCAL_REGION,
      AWS_EC2_METADATA_DISABLED: 'true',
      ...credentials,
      ...env,
    };
    return await runCommand(args, { input, env: whole });
  }
  const onStack = (url = system.gateway.url) => ['--stack', 'test', '--url', url, '--json'];
  const because = ['--reason', 'a test'];

  it('answers the same as on the local system, to the letter', async () => {
    for (const command of [
      ['payouts', 'status'],
      ['rules', 'list'],
      ['ledger', 'verify'],
      ['review', 'list'],
      ['webhooks', 'list'],
      ['transfers', 'show', '17'],
    ]) {
      const there = await say(KIM, [...command, ...onStack()]);
      const here = await say(undefined, [...command, '--folder', folder, '--json']);
      assert.deepEqual(
        [there.status, there.out],
        [here.status, here.out],
        `${command.join(' ')} ${there.err}`,
      );
      assert.equal(there.err, here.err);
    }
  });

  it('acts as who signs, and takes two people for what takes two, whatever their permission sets', async () => {
    const request = ['accounts', 'request', 'seller', '--bank', '088', '--holder', '홍길동'];
    const asked = await say(KIM, [...request, ...because, ...onStack()], { input: '110987654321\n' });
    assert.equal(asked.status, 0, asked.err);
    const approve = [
      'accounts',
      'approve',
      String(asked.json['payout_account_id']),
      ...because,
      ...onStack(),
    ];
    for (const kim of [KIM, KIM_TOO])
      assert.equal((await say(kim, approve)).json['code'], 'needs_second_person');
    assert.equal((await say(LEE, approve)).json['outcome'], 'approved');
    const { requested_by, approved_by } = await system.db
      .selectFrom('payout_account')
      .selectAll()
      .executeTakeFirstOrThrow();
    assert.deepEqual([requested_by, approved_by], ['kim@example.com', 'lee@example.com']);
  });

  it('is refused with a name, without credentials, by a machine, and without a stack or a safe address', async () => {
    const halt = ['payouts', 'halt', ...because];
    const named = await say(KIM, [...halt, '--as', 'lee', ...onStack()]);
    assert.match(named.err, /whoever signs acts, and nobody else: leave --as out/);
    const nobody = await say(undefined, [...halt, ...onStack()]);
    assert.match(nobody.err, /no AWS credentials to sign with.*aws sso login/s);
    const machine = await say(MACHINE, [...halt, ...onStack()]);
    assert.match(machine.err, /assumed-role\/smart-transfer-settlement.* is not believed to be a person/);
    const stranger = { ...KIM, accessKeyId: 'ASIASTRANGER' };
    assert.match((await say(stranger, [...halt, ...onStack()])).err, /403 Forbidden: sign in/);
    assert.match((await say(KIM, [...halt, '--url', system.gateway.url])).err, /name the stack, too/);
    const clear = await say(KIM, [...halt, '--stack', 'test', '--url', 'http://operators.example']);
    assert.match(clear.err, /is not https/);
    const all = [named, nobody, machine, clear];
    assert.deepEqual(
      all.map((said) => said.status),
      [1, 1, 1, 1],
    );
    assert.equal(
      (await system.db.selectFrom('audit').where('action', '=', 'payouts halt').selectAll().execute()).length,
      0,
    );
  });

  it('finds the address of a stack by asking Pulumi, and says what to do where it cannot', async () => {
    const bin = await mkdtemp(join(folder, 'bin-'));
    const pulumi = async (script: string) => {
      await writeFile(join(bin, 'pulumi'), `#!/bin/sh\n${script}\n`);
      await chmod(join(bin, 'pulumi'), 0o755);
    };
    const ask = () =>
      say(KIM, ['rules', 'list', '--stack', 'prod', '--json'], { env: { PATH: `${bin}:/bin:/usr/bin` } });
    await pulumi(
      `test "$*" = "stack output --json --stack prod" || exit 9; echo '{"operatorsUrl":"${system.gateway.url}","region":"${LOCAL_REGION}"}'`,
    );
    const found = await ask();
    assert.deepEqual([found.status, found.json], [0, { rules: [] }], found.err);
    await pulumi(`echo "error: no stack named 'prod' found" >&2; exit 255`);
    assert.match(
      (await ask()).err,
      /failed: error: no stack named 'prod' found; log in to Pulumi, or give .*--url/,
    );
    await pulumi(`echo '{}'`);
    assert.match((await ask()).err, /names no operatorsUrl: deploy the stack/);
    await rm(join(bin, 'pulumi'));
    const none = await say(KIM, ['rules', 'list', '--stack', 'prod'], { env: { PATH: bin } });
    assert.match(none.err, /there is no pulumi to ask .*npx smart-transfer/);
  });

  describe('whose answer is lost on its way', () => {
    let lossy: Server;
    let url: string;
    let losses: number;
    let sentKeys: unknown[];
    beforeEach(async () => {
      sentKeys = [];
      // Hands a request on, and cuts the line as soon as it is answered, as often as it is told to.
      lossy = createServer((incoming, outgoing) => {
        sentKeys.push(incoming.headers['idempotency-key']);
        const { port } = new URL(system.gateway.url);
        const onwards = httpRequest(
          { host: '127.0.0.1', port, method: incoming.method, path: incoming.url, headers: incoming.headers },
          (answer) => {
            answer.once('end', () => {
              if (losses > 0) outgoing.destroy();
              losses -= 1;
            });
            if (losses > 0) answer.resume();
            else answer.pipe(outgoing.writeHead(answer.statusCode ?? 0, answer.headers));
          },
        );
        incoming.pipe(onwards);
      });
      await new Promise<void>((resolve) => lossy.listen(0, '127.0.0.1', resolve));
      url = `http://127.0.0.1:${(lossy.address() as AddressInfo).port}`;
    });
    afterEach(async () => {
      lossy.closeAllConnections();
      await new Promise((resolve) => lossy.close(resolve));
    });

    const rule = (text: string, ...more: string[]) => [
      ...['rules', 'add', '--account', COLLECTION_ACCOUNT, '--direction', 'in', '--to', 'interest'],
      ...['--text', text, ...because, ...more],
    ];
    const rulesFor = async (text: string) =>
      (
        await system.db
          .selectFrom('classification_rule')
          .where('text_equals', '=', text)
          .selectAll()
          .execute()
      ).length;

    it('is sent again with its key, is done once, and says what was done', async () => {
      losses = 1;
      const said = await say(KIM, rule('이자 하나', ...onStack(url)));
      assert.equal(said.status, 0, said.err);
      assert.equal(said.json['code'], 'done_already');
      assert.match(said.err, /this was done already \(rules add, rule \d+, at /);
      assert.deepEqual([sentKeys.length, new Set(sentKeys).size], [2, 1]);
      assert.equal(await rulesFor('이자 하나'), 1);
    });

    it('names its key when no answer comes at all, and is done once when it is repeated by it', async () => {
      losses = 3;
      const lost = await say(KIM, rule('이자 둘', ...onStack(url)));
      assert.equal(lost.status, 1);
      const [, key = ''] =
        /repeat the command with --key ([\w-]+), and it is done at most once/.exec(lost.err) ?? [];
      const again = await say(KIM, rule('이자 둘', '--key', key, ...onStack(url)));
      assert.deepEqual([again.status, again.json['code']], [0, 'done_already'], lost.err);
      assert.equal(await rulesFor('이자 둘'), 1);
    });
  });
});
