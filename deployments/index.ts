import { readFileSync } from 'node:fs';
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { stackDeployments } from './pulumi-deployments.ts';
import { Roles } from './roles.ts';
import { sessionMinutes } from './session-length.ts';
import { readSettings, type DeployedStack } from './settings.ts';
import { readDeployedSettings, type DeployedSettings } from './stack-file.ts';
import { issuerOf } from './subjects.ts';

const { deployedBy, repository, identityProvider, stacks } = readSettings(pulumi.runtime.allConfig());
const region = aws.config.requireRegion();
const accountId = aws.getCallerIdentityOutput().accountId;
const issuer = issuerOf(deployedBy);

const issuerArn =
  identityProvider === 'create'
    ? new aws.iam.OpenIdConnectProvider('tokens', {
        url: `https://${issuer.name}`,
        clientIdLists: [issuer.audience],
      }).arn
    : pulumi.interpolate`arn:aws:iam::${accountId}:oidc-provider/${issuer.name}`;

const place = accountId.apply((id) => ({ accountId: id, region }));

const deployed = Object.entries(stacks).map(([name, stack]) => {
  const settings = readDeployedSettings(name);
  refuseStrangersCode(name, stack, settings);
  const minutes = sessionMinutes(settings, deployedBy.kind);
  const roles = new Roles(name, { deployedBy, stack, sessionMinutes: minutes, issuerArn, place });
  if (deployedBy.kind === 'pulumi_deployments')
    stackDeployments(name, {
      organization: deployedBy.organization,
      repository: repository.name,
      stack,
      roles,
      sessionMinutes: minutes,
      cliVersion: pinnedCli(),
    });
  return { name, deploy: roles.deploy.arn, preview: roles.preview?.arn, sessionSeconds: minutes * 60 };
});

/** Each stack's roles, for who deploys without Pulumi Cloud: the values of the workflow's variables (docs/deploying.md). */
export const roles = Object.fromEntries(deployed.map(({ name, ...its }) => [name, its]));

/** Pulumi Cloud gives whatever it runs on a stack, a preview of a pull request too, a token that administers the stack's state. */
function refuseStrangersCode(name: string, stack: DeployedStack, { protection }: DeployedSettings): void {
  if (deployedBy.kind === 'pulumi_deployments' && stack.pullRequests === 'preview' && protection)
    throw new Error(
      `stacks.${name}.pullRequests is preview, and Pulumi.${name}.yaml sets protection: with Pulumi Deployments a pull request's code would administer that stack; set none, or deploy by GitHub Actions`,
    );
}

/** The Pulumi CLI that package.json pins. */
function pinnedCli(): string {
  const { devDependencies } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  ) as { devDependencies: Record<string, string> };
  const version = devDependencies['pulumi'];
  if (version === undefined) throw new Error('package.json pins no pulumi: add it to devDependencies');
  return version;
}
