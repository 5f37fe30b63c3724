import { randomBytes } from 'node:crypto';
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ResourceExistsException,
  ResourceNotFoundException,
  RotateSecretCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { LOCAL_REGION } from './aws-json-server.ts';

/** The names of the local system's secrets: what the functions' variables point at. */
export const SECRET_IDS = {
  master: 'smart-transfer/local/database-master',
  application: 'smart-transfer/local/database',
  dataKeys: 'smart-transfer/local/data-keys',
  credentials: 'smart-transfer/local/bank-credentials',
  payout: 'smart-transfer/local/bank-payout',
  webhookKeys: 'smart-transfer/local/webhook-keys',
} as const;

const ROTATE_AFTER_DAYS = 30;

export interface BankSecrets {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly organisationCode: string;
  readonly passPhrase: string;
}

export function localSecretsClient(endpoint: string): SecretsManagerClient {
  return new SecretsManagerClient({
    endpoint,
    region: LOCAL_REGION,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
}

/**
 * Makes the local system's secrets at its first start, out of chance, and reads them at later ones. The application's database secret stays empty: the
 * migration function fills it, as it does on AWS.
 */
export async function prepareSecrets(
  client: SecretsManagerClient,
  superuser: { username: string; password: string },
  contractAccountNumber: string,
): Promise<BankSecrets> {
  await readOrCreate(client, SECRET_IDS.master, () => superuser);
  await create(client, SECRET_IDS.application, undefined);
  await readOrCreate(client, SECRET_IDS.dataKeys, () => ({
    current: 'k1',
    keys: { k1: randomBytes(32).toString('base64') },
    fingerprint: randomBytes(32).toString('base64'),
  }));
  await readOrCreate(client, SECRET_IDS.webhookKeys, () => ({
    current: 'w1',
    keys: { w1: randomBytes(32).toString('base64') },
  }));
  const credentials = await readOrCreate(client, SECRET_IDS.credentials, () => ({
    client_id: `local-${randomBytes(8).toString('hex')}`,
    client_secret: randomBytes(16).toString('hex'),
    organisation_code: 'LOCAL00001',
  }));
  const payout = await readOrCreate(client, SECRET_IDS.payout, () => ({
    wd_pass_phrase: randomBytes(16).toString('hex'),
    contract_account_number: contractAccountNumber,
  }));
  return {
    clientId: credentials.client_id,
    clientSecret: credentials.client_secret,
    organisationCode: credentials.organisation_code,
    passPhrase: payout.wd_pass_phrase,
  };
}

/** Lets the application's database secret be rotated, as the deployment does: by a function, and not at once. */
export async function enableRotation(client: SecretsManagerClient, functionArn: string): Promise<void> {
  const described = await client.send(new DescribeSecretCommand({ SecretId: SECRET_IDS.application }));
  if (described.RotationEnabled === true) return;
  await client.send(
    new RotateSecretCommand({
      SecretId: SECRET_IDS.application,
      RotationLambdaARN: functionArn,
      RotationRules: { AutomaticallyAfterDays: ROTATE_AFTER_DAYS },
      RotateImmediately: false,
    }),
  );
}

async function readOrCreate<Value extends object>(
  client: SecretsManagerClient,
  name: string,
  make: () => Value,
): Promise<Value> {
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: name }));
    return JSON.parse(SecretString ?? '') as Value;
  } catch (error) {
    if (!(error instanceof ResourceNotFoundException)) throw error;
  }
  const value = make();
  await create(client, name, JSON.stringify(value));
  return value;
}

async function create(client: SecretsManagerClient, name: string, value: string | undefined): Promise<void> {
  try {
    await client.send(
      new CreateSecretCommand({ Name: name, ...(value === undefined ? {} : { SecretString: value }) }),
    );
  } catch (error) {
    if (!(error instanceof ResourceExistsException)) throw error;
  }
}
