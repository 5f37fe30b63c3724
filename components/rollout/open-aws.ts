import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { STSClient } from '@aws-sdk/client-sts';
import {
  fromNodeProviderChain,
  fromTemporaryCredentials,
  fromTokenFile,
  fromWebToken,
} from '@aws-sdk/credential-providers';
import { createWatchPort } from './cloudwatch.client.ts';
import { createLambdaPort, type AliasAddress } from './lambda.client.ts';
import type { LambdaPort, WatchPort } from './ports.ts';

/**
 * How Pulumi's AWS provider reaches an account, by the names of its own settings (`aws:profile`, `aws:assumeRoles` and so on). What is absent is found where the
 * provider finds it: in AWS's variables and files.
 */
export interface AwsSettings {
  readonly profile?: string | undefined;
  readonly accessKey?: string | undefined;
  readonly secretKey?: string | undefined;
  readonly token?: string | undefined;
  readonly sharedConfigFiles?: readonly string[] | undefined;
  readonly sharedCredentialsFiles?: readonly string[] | undefined;
  readonly stsRegion?: string | undefined;
  readonly useDualstackEndpoint?: boolean | undefined;
  readonly useFipsEndpoint?: boolean | undefined;
  readonly endpoints?: readonly AwsEndpoints[] | undefined;
  readonly assumeRoleWithWebIdentity?: AssumedByToken | undefined;
  /** Assumed one after the other, each with the rights of the one before. */
  readonly assumeRoles?: readonly AssumedRole[] | undefined;
}

export interface AwsEndpoints {
  readonly lambda?: string;
  readonly cloudwatch?: string;
  readonly sts?: string;
}

export interface AssumedByToken {
  readonly roleArn?: string;
  readonly sessionName?: string;
  /** As the provider has it, such as `1h` or `3600s`. */
  readonly duration?: string;
  readonly policy?: string;
  readonly policyArns?: string[];
  readonly webIdentityToken?: string;
  readonly webIdentityTokenFile?: string;
}

export interface AssumedRole extends Omit<AssumedByToken, 'webIdentityToken' | 'webIdentityTokenFile'> {
  readonly externalId?: string;
  readonly sourceIdentity?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly transitiveTagKeys?: string[];
}

const SESSION_NAME = 'gradual-rollout';

type Credentials = ReturnType<typeof fromNodeProviderChain> | ReturnType<typeof fromTemporaryCredentials>;

/** Opens the services that a rollout needs, as the provider would: same region, same profile, same roles. */
export function openAws(
  settings: AwsSettings,
  region: string,
  address: AliasAddress,
): { readonly lambda: LambdaPort; readonly watch: WatchPort } {
  const { lambda, cloudwatch, sts } = openClients(settings, region);
  return { lambda: createLambdaPort(lambda, sts, address), watch: createWatchPort(cloudwatch, address) };
}

/** The SDK's clients with the settings' credentials. Lambda's and CloudWatch's try nothing twice: the rollout decides that, by its own clock. */
export function openClients(
  settings: AwsSettings,
  region: string,
): { readonly lambda: LambdaClient; readonly cloudwatch: CloudWatchClient; readonly sts: STSClient } {
  const shared = {
    region,
    credentials: credentialsOf(settings, region),
    ...(settings.useDualstackEndpoint === undefined
      ? {}
      : { useDualstackEndpoint: settings.useDualstackEndpoint }),
    ...(settings.useFipsEndpoint === undefined ? {} : { useFipsEndpoint: settings.useFipsEndpoint }),
  };
  return {
    lambda: new LambdaClient({ ...shared, maxAttempts: 1, ...endpointOf(settings, 'lambda') }),
    cloudwatch: new CloudWatchClient({ ...shared, maxAttempts: 1, ...endpointOf(settings, 'cloudwatch') }),
    sts: new STSClient({ ...shared, region: settings.stsRegion ?? region, ...endpointOf(settings, 'sts') }),
  };
}

function credentialsOf(settings: AwsSettings, region: string): Credentials {
  const clientConfig = { region: settings.stsRegion ?? region, ...endpointOf(settings, 'sts') };
  return (settings.assumeRoles ?? []).reduce<Credentials>(
    (masterCredentials, role) =>
      fromTemporaryCredentials({
        masterCredentials,
        clientConfig,
        params: {
          RoleArn: roleArnOf(role),
          RoleSessionName: role.sessionName ?? SESSION_NAME,
          ...sessionOf(role),
          ...(role.externalId === undefined ? {} : { ExternalId: role.externalId }),
          ...(role.sourceIdentity === undefined ? {} : { SourceIdentity: role.sourceIdentity }),
          ...(role.tags === undefined
            ? {}
            : { Tags: Object.entries(role.tags).map(([Key, Value]) => ({ Key, Value })) }),
          ...(role.transitiveTagKeys === undefined ? {} : { TransitiveTagKeys: role.transitiveTagKeys }),
        },
      }),
    ownCredentials(settings, clientConfig),
  );
}

function ownCredentials(
  settings: AwsSettings,
  clientConfig: { region: string; endpoint?: string },
): Credentials {
  const { accessKey, secretKey, token, assumeRoleWithWebIdentity: byToken } = settings;
  if (byToken !== undefined) {
    const session = {
      roleArn: roleArnOf(byToken),
      roleSessionName: byToken.sessionName ?? SESSION_NAME,
      clientConfig,
    };
    return byToken.webIdentityToken === undefined
      ? fromTokenFile({
          ...session,
          ...(byToken.webIdentityTokenFile === undefined
            ? {}
            : { webIdentityTokenFile: byToken.webIdentityTokenFile }),
        })
      : fromWebToken({
          ...session,
          webIdentityToken: byToken.webIdentityToken,
          ...(byToken.duration === undefined ? {} : { durationSeconds: secondsOf(byToken.duration) }),
        });
  }
  if (accessKey !== undefined && secretKey !== undefined) {
    const identity = {
      accessKeyId: accessKey,
      secretAccessKey: secretKey,
      ...(token === undefined ? {} : { sessionToken: token }),
    };
    return () => Promise.resolve(identity);
  }
  const [filepath] = settings.sharedCredentialsFiles ?? [];
  const [configFilepath] = settings.sharedConfigFiles ?? [];
  return fromNodeProviderChain({
    clientConfig,
    ...(settings.profile === undefined ? {} : { profile: settings.profile }),
    ...(filepath === undefined ? {} : { filepath }),
    ...(configFilepath === undefined ? {} : { configFilepath }),
  });
}

function sessionOf({ duration, policy, policyArns }: AssumedRole) {
  return {
    ...(duration === undefined ? {} : { DurationSeconds: secondsOf(duration) }),
    ...(policy === undefined ? {} : { Policy: policy }),
    ...(policyArns === undefined ? {} : { PolicyArns: policyArns.map((arn) => ({ arn })) }),
  };
}

function roleArnOf({ roleArn }: { readonly roleArn?: string }): string {
  if (roleArn === undefined)
    throw new Error(
      'aws:assumeRoles names a role without its roleArn: write [{"roleArn": "arn:aws:iam::…:role/…"}]',
    );
  return roleArn;
}

/** Reads a duration as the provider writes it: hours, minutes and seconds, such as `1h30m`. */
export function secondsOf(duration: string): number {
  const parts = /^(?=\d)(?:(?<hours>\d+)h)?(?:(?<minutes>\d+)m)?(?:(?<seconds>\d+)s)?$/.exec(
    duration,
  )?.groups;
  if (parts === undefined)
    throw new Error(
      `"${duration}" is no duration of a role's session: write hours, minutes and seconds, such as 1h30m`,
    );
  const { hours = '0', minutes = '0', seconds = '0' } = parts;
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

function endpointOf(settings: AwsSettings, service: keyof AwsEndpoints): { endpoint?: string } {
  const endpoint = settings.endpoints?.map((one) => one[service]).find((one) => one !== undefined);
  return endpoint === undefined ? {} : { endpoint };
}
