import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { ACCOUNT, asTexts } from '../support/deployed-stack.ts';
import { allRegistered, mockPulumi, type MockedProgram } from '../support/pulumi-mocks.ts';

export type Configuration = Record<string, Record<string, unknown> | string>;

const OWN = 'smart-transfer-deployments';

/** What `deployments/Pulumi.<stack>.yaml` holds, without what only a person knows. */
export function fileConfig(stack: string): Configuration {
  const file = new URL(`../../deployments/Pulumi.${stack}.yaml`, import.meta.url);
  return (parse(readFileSync(file, 'utf8')) as { config: Configuration }).config;
}

/** The same, complete with what a person adds before the first deployment. */
export function deploymentsConfig(stack: string): Configuration {
  return {
    ...fileConfig(stack),
    [`${OWN}:deployedBy`]: { kind: 'pulumi_deployments', organization: 'shop' },
    [`${OWN}:repository`]: { name: 'shop/smart-transfer', forks: 'impossible' },
  };
}

/** The same, for a team without Pulumi Cloud. */
export function githubConfig(stack: string): Configuration {
  return {
    ...deploymentsConfig(stack),
    [`${OWN}:deployedBy`]: {
      kind: 'github_actions',
      subject: 'repo:shop@123456/smart-transfer@456789',
      stateBucket: 'shop-state',
      stateKeyArn: `arn:aws:kms:ap-northeast-2:${ACCOUNT}:key/state`,
    },
  };
}

export function withStack(
  config: Configuration,
  name: string,
  change: Readonly<Record<string, unknown>>,
): Configuration {
  const stacks = config[`${OWN}:stacks`] as Record<string, Record<string, unknown>>;
  return { ...config, [`${OWN}:stacks`]: { ...stacks, [name]: { ...stacks[name], ...change } } };
}

let runs = 0;

/** Runs `deployments/index.ts`, with mocks in the engine's place. */
export async function runDeployments(
  stack: string,
  config: Configuration,
): Promise<MockedProgram & { readonly outputs: Readonly<Record<string, unknown>> }> {
  const program = await mockPulumi({
    project: OWN,
    stack,
    config: asTexts(config),
    calls: { 'aws:index/getCallerIdentity:getCallerIdentity': () => ({ accountId: ACCOUNT }) },
    outputs: {
      'aws:iam/openIdConnectProvider:OpenIdConnectProvider': ({ inputs }) => ({
        arn: `arn:aws:iam::${ACCOUNT}:oidc-provider/${String(inputs['url']).replace('https://', '')}`,
      }),
      'aws:iam/role:Role': ({ name, inputs }) => ({
        name: `${name}-1a2b3c4`,
        arn: `arn:aws:iam::${ACCOUNT}:role${String(inputs['path'])}${name}-1a2b3c4`,
      }),
    },
  });
  runs += 1;
  const outputs = (await import(`../../deployments/index.ts?run=${runs}`)) as Record<string, unknown>;
  await allRegistered();
  return { ...program, outputs };
}
