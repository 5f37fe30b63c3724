import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  InvalidParameterException,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  ResourceExistsException,
  ResourceNotFoundException,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
  type GetSecretValueCommandInput,
  type PutSecretValueCommandInput,
} from '@aws-sdk/client-secrets-manager';
import { startSecretsManager, type LocalSecretsManager } from '../../local/secrets-manager.ts';
import { temporaryFolder } from './temporary-folder.ts';

const SecretId = 'smart-transfer/database';
const idOf = (digit: number): string => `00000000-0000-4000-8000-00000000000${digit}`;

describe('local Secrets Manager', () => {
  const folder = temporaryFolder();
  let service: LocalSecretsManager;
  let client: SecretsManagerClient;

  /** The client finds the service as a function does: by its environment. */
  async function start(): Promise<void> {
    service = await startSecretsManager({ file: join(folder(), 'secrets.json') });
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

  beforeEach(start);
  afterEach(stop);

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
});
