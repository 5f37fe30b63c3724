import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  InvalidParameterException,
  InvalidRequestException,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  ResourceExistsException,
  ResourceNotFoundException,
  RotateSecretCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
  type GetSecretValueCommandInput,
  type PutSecretValueCommandInput,
  type RotateSecretCommandInput,
} from '@aws-sdk/client-secrets-manager';
import type { InvocationResult } from '../../local/function-host/invocation.ts';
import {
  startSecretsManager,
  type LocalSecretsManager,
  type SecretsManagerOptions,
} from '../../local/secrets-manager.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { until } from './until.ts';

const SecretId = 'smart-transfer/database';
const idOf = (digit: number): string => `00000000-0000-4000-8000-00000000000${digit}`;

describe('local Secrets Manager', () => {
  // Before its folder goes: a rotation that still runs keeps its end there.
  afterEach(() => stop());
  const folder = temporaryFolder();
  let service: LocalSecretsManager;
  let client: SecretsManagerClient;

  /** The client finds the service as a function does: by its environment. */
  async function start(options: SecretsManagerOptions = {}): Promise<void> {
    service = await startSecretsManager({ file: join(folder(), 'secrets.json'), ...options });
    process.env['AWS_ENDPOINT_URL_SECRETS_MANAGER'] = service.endpoint;
    client = new SecretsManagerClient({
      region: 'ap-northeast-2',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
  }

  async function stop(): Promise<void> {
    delete process.env['AWS_ENDPOINT_URL_SECRETS_MANAGER'];
    client.destroy();
    await service.stop();
  }

  beforeEach(() => start());

  const create = (SecretString: string) =>
    client.send(new CreateSecretCommand({ Name: SecretId, SecretString, ClientRequestToken: idOf(1) }));
  const put = (SecretString: string, more: Partial<PutSecretValueCommandInput> = {}) =>
    client.send(new PutSecretValueCommand({ SecretId, SecretString, ...more }));
  const read = async (more: Partial<GetSecretValueCommandInput> = {}) =>
    (await client.send(new GetSecretValueCommand({ SecretId, ...more }))).SecretString;
  const labels = async () => (await client.send(new DescribeSecretCommand({ SecretId }))).VersionIdsToStages;
  const move = (VersionStage: string, MoveToVersionId?: string, RemoveFromVersionId?: string) =>
    client.send(
      new UpdateSecretVersionStageCommand({ SecretId, VersionStage, MoveToVersionId, RemoveFromVersionId }),
    );

  it('reads a secret by its name, its ARN and the ARN without its ending', async () => {
    const { ARN, VersionId } = await create('first');
    assert.match(
      ARN!,
      /^arn:aws:secretsmanager:ap-northeast-2:000000000000:secret:smart-transfer\/database-[A-Za-z0-9]{6}$/,
    );
    assert.equal(VersionId, idOf(1));
    for (const id of [SecretId, ARN!, ARN!.slice(0, -7)]) assert.equal(await read({ SecretId: id }), 'first');
    const answer = await client.send(new GetSecretValueCommand({ SecretId }));
    assert.deepEqual(answer.VersionStages, ['AWSCURRENT']);
    assert.ok(Math.abs(Date.now() - answer.CreatedDate!.getTime()) < 60_000);
  });

  it('keeps bytes as bytes', async () => {
    await client.send(new CreateSecretCommand({ Name: SecretId, SecretBinary: Uint8Array.of(0, 255, 7) }));
    const { SecretBinary, SecretString } = await client.send(new GetSecretValueCommand({ SecretId }));
    assert.deepEqual([...SecretBinary!], [0, 255, 7]);
    assert.equal(SecretString, undefined);
  });

  it('has no value in a secret that was made without one, until it is put', async () => {
    await client.send(new CreateSecretCommand({ Name: SecretId }));
    await assert.rejects(read(), ResourceNotFoundException);
    const { VersionStages } = await put('first', { VersionStages: ['AWSPENDING'] });
    assert.deepEqual(VersionStages, ['AWSPENDING', 'AWSCURRENT']);
    assert.equal(await read(), 'first');
  });

  it('moves AWSCURRENT to a new value and AWSPREVIOUS to the old one', async () => {
    await create('first');
    await put('second', { ClientRequestToken: idOf(2) });
    await put('third', { ClientRequestToken: idOf(3) });
    assert.equal(await read(), 'third');
    assert.equal(await read({ VersionStage: 'AWSPREVIOUS' }), 'second');
    assert.equal(await read({ VersionId: idOf(1) }), 'first');
    assert.deepEqual(await labels(), { [idOf(2)]: ['AWSPREVIOUS'], [idOf(3)]: ['AWSCURRENT'] });
  });

  it('rotates: a pending value becomes the current one', async () => {
    await create('first');
    await put('second', { ClientRequestToken: idOf(2), VersionStages: ['AWSPENDING'] });
    assert.equal(await read(), 'first');
    assert.equal(await read({ VersionStage: 'AWSPENDING' }), 'second');
    await move('AWSCURRENT', idOf(2), idOf(1));
    assert.equal(await read(), 'second');
    assert.deepEqual(await labels(), { [idOf(1)]: ['AWSPREVIOUS'], [idOf(2)]: ['AWSPENDING', 'AWSCURRENT'] });
    await move('AWSPENDING', undefined, idOf(2));
    assert.deepEqual((await labels())?.[idOf(2)], ['AWSCURRENT']);
  });

  it('moves a label only from the version that is named', async () => {
    await create('first');
    await put('second', { ClientRequestToken: idOf(2), VersionStages: ['AWSPENDING'] });
    await assert.rejects(move('AWSCURRENT', idOf(2)), InvalidParameterException);
    await assert.rejects(move('AWSCURRENT', idOf(2), idOf(2)), InvalidParameterException);
    await assert.rejects(move('AWSCURRENT', undefined, idOf(1)), InvalidParameterException);
    await assert.rejects(move('AWSCURRENT', idOf(9), idOf(1)), ResourceNotFoundException);
    assert.equal(await read(), 'first');
  });

  it('takes the same value under the same token once, and no other value', async () => {
    await create('first');
    await create('first');
    await put('second', { ClientRequestToken: idOf(2) });
    await put('second', { ClientRequestToken: idOf(2) });
    await assert.rejects(put('other', { ClientRequestToken: idOf(2) }), ResourceExistsException);
    await assert.rejects(create('other'), ResourceExistsException);
    assert.equal(await read(), 'second');
  });

  it('tells what is not there', async () => {
    await assert.rejects(read(), ResourceNotFoundException);
    await create('first');
    await assert.rejects(read({ VersionStage: 'AWSPENDING' }), ResourceNotFoundException);
    await assert.rejects(read({ VersionId: idOf(9) }), ResourceNotFoundException);
    await assert.rejects(
      read({ VersionId: idOf(1), VersionStage: 'AWSPREVIOUS' }),
      ResourceNotFoundException,
    );
  });

  it('lists the versions that have a label, and the others when asked', async () => {
    await create('first');
    for (const digit of [2, 3]) await put(`value ${digit}`, { ClientRequestToken: idOf(digit) });
    const list = async (IncludeDeprecated: boolean) => {
      const { Versions } = await client.send(
        new ListSecretVersionIdsCommand({ SecretId, IncludeDeprecated }),
      );
      return Versions?.map(({ VersionId }) => VersionId);
    };
    assert.deepEqual(await list(false), [idOf(2), idOf(3)]);
    assert.deepEqual(await list(true), [idOf(1), idOf(2), idOf(3)]);
  });

  it('keeps secrets over a restart in a file that only this user can read', async () => {
    await create('first');
    await put('second');
    await stop();
    await start();
    assert.equal(await read(), 'second');
    assert.equal(await read({ VersionStage: 'AWSPREVIOUS' }), 'first');
    assert.equal(statSync(join(folder(), 'secrets.json')).mode & 0o777, 0o600);
  });

  describe('rotating', () => {
    const RotationLambdaARN = 'arn:aws:lambda:ap-northeast-2:000000000000:function:rotation';
    const calls: { Step: string; SecretId: string; ClientRequestToken: string }[] = [];
    const log: string[] = [];
    let answer: (Step: string) => Promise<InvocationResult>;

    /** A function that makes the new value and moves the labels, and answers each step as the test says. */
    async function rotation(functionArn: string, event: unknown): Promise<InvocationResult> {
      const { Step, SecretId: arn, ClientRequestToken } = event as (typeof calls)[number];
      assert.equal(functionArn, RotationLambdaARN);
      calls.push({ Step, SecretId: arn, ClientRequestToken });
      const answered = await answer(Step);
      if (answered.outcome !== 'returned') return answered;
      if (Step === 'createSecret')
        await put(`value of ${ClientRequestToken}`, { ClientRequestToken, VersionStages: ['AWSPENDING'] });
      if (Step === 'finishSecret') {
        const from = Object.entries((await labels()) ?? {}).find(([, held]) => held.includes('AWSCURRENT'));
        await move('AWSCURRENT', ClientRequestToken, from?.[0]);
      }
      return answered;
    }

    beforeEach(async () => {
      calls.length = 0;
      log.length = 0;
      answer = () => Promise.resolve({ outcome: 'returned', payload: null });
      await stop();
      await start({ invoke: rotation, rotateAgainAfterMs: 1, log: (line) => log.push(line) });
      await create('first');
    });

    const rotate = (more: Partial<RotateSecretCommandInput> = {}) =>
      client.send(new RotateSecretCommand({ SecretId, RotationLambdaARN, ...more }));
    const isCurrent = async (id: string) => (await labels())?.[id]?.includes('AWSCURRENT') === true;
    const steps = () => calls.map(({ Step }) => Step);
    const ALL = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'];

    it('calls the function with four steps, under a version that has no value at first', async () => {
      const before: string[] = [];
      answer = async (Step) => {
        if (Step === 'createSecret') {
          before.push(...((await labels())?.[idOf(2)] ?? []));
          await assert.rejects(read({ VersionId: idOf(2) }), ResourceNotFoundException);
        }
        return { outcome: 'returned', payload: null };
      };
      const { VersionId, ARN } = await rotate({ ClientRequestToken: idOf(2) });
      assert.equal(VersionId, idOf(2));
      await until('it has rotated', () => isCurrent(idOf(2)));
      assert.deepEqual([before, steps()], [['AWSPENDING'], ALL]);
      assert.ok(calls.every((call) => call.SecretId === ARN && call.ClientRequestToken === idOf(2)));
      assert.equal(await read(), `value of ${idOf(2)}`);
      assert.equal(await read({ VersionStage: 'AWSPREVIOUS' }), 'first');
    });

    it('says how a secret is rotated once it was told, and until then that it is not', async () => {
      const describe = () => client.send(new DescribeSecretCommand({ SecretId }));
      assert.equal((await describe()).RotationEnabled, undefined);
      await rotate({ ClientRequestToken: idOf(2), RotationRules: { AutomaticallyAfterDays: 30 } });
      await until('it has rotated', async () => (await describe()).LastRotatedDate !== undefined);
      const described = await describe();
      assert.deepEqual(
        [described.RotationEnabled, described.RotationLambdaARN, described.RotationRules],
        [true, RotationLambdaARN, { AutomaticallyAfterDays: 30 }],
      );
    });

    it('begins again at the first step when one fails, under the same version', async () => {
      let failures = 0;
      answer = (Step) =>
        Promise.resolve(
          Step === 'testSecret' && failures++ === 0
            ? { outcome: 'timed_out' }
            : { outcome: 'returned', payload: null },
        );
      await rotate({ ClientRequestToken: idOf(2) });
      await until('it has rotated', () => isCurrent(idOf(2)));
      assert.deepEqual(steps(), [...ALL.slice(0, 3), ...ALL]);
      assert.equal(new Set(calls.map((call) => call.ClientRequestToken)).size, 1);
    });

    it('gives up after three times, and takes the same rotation up again when asked for another', async () => {
      answer = () => Promise.resolve({ outcome: 'crashed', exitCode: null, signal: 'SIGKILL' });
      await rotate({ ClientRequestToken: idOf(2) });
      await until('it has given up', () => log.some((line) => line.includes('3 of 3')));
      assert.deepEqual(steps(), ['createSecret', 'createSecret', 'createSecret']);
      assert.equal(await read(), 'first');
      answer = () => Promise.resolve({ outcome: 'returned', payload: null });
      await assert.rejects(rotate({ ClientRequestToken: idOf(3) }), InvalidRequestException);
      await until('it has rotated', () => isCurrent(idOf(2)));
      await rotate({ ClientRequestToken: idOf(3) });
      await until('it has rotated once more', () => isCurrent(idOf(3)));
    });

    it('begins no other rotation before the last answer of the one that runs', async () => {
      const answered = Promise.withResolvers<undefined>();
      answer = async (Step) => {
        if (Step === 'testSecret') await answered.promise;
        return { outcome: 'returned', payload: null };
      };
      await rotate({ ClientRequestToken: idOf(2) });
      await until('the third step runs', () => steps().length === 3);
      await move('AWSCURRENT', idOf(2), idOf(1));
      await assert.rejects(rotate({ ClientRequestToken: idOf(3) }), InvalidRequestException);
      await rotate({ ClientRequestToken: idOf(2) });
      answered.resolve(undefined);
      await until('it is over', () => steps().length === 4);
      assert.deepEqual(steps(), ALL);
    });

    it('rotates no second time under a version that is current', async () => {
      await rotate({ ClientRequestToken: idOf(2) });
      await until('it has rotated', () => isCurrent(idOf(2)));
      await rotate({ ClientRequestToken: idOf(2) });
      await stop();
      assert.deepEqual(steps(), ALL);
      await start();
    });

    it('only tests the function when it is not to rotate at once, and leaves no version of that', async () => {
      let tested: string | undefined;
      answer = async () => {
        tested = await read({ VersionStage: 'AWSPENDING' });
        return { outcome: 'returned', payload: null };
      };
      await rotate({ ClientRequestToken: idOf(2), RotateImmediately: false });
      await until('the test is over', async () => Object.keys((await labels()) ?? {}).length === 1);
      assert.deepEqual([steps(), tested], [['testSecret'], 'first']);
      assert.equal(await read(), 'first');
    });

    it('refuses to rotate a secret of which it knows no function', async () => {
      await assert.rejects(rotate({ RotationLambdaARN: undefined }), InvalidRequestException);
    });
  });
});
