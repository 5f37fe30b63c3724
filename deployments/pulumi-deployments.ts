import * as pulumi from '@pulumi/pulumi';
import * as pulumiservice from '@pulumi/pulumiservice';
import { pathFilters } from './path-filters.ts';
import type { Roles } from './roles.ts';
import { PREVIEW_MINUTES } from './session-length.ts';
import type { DeployedStack } from './settings.ts';
import { DEPLOYED_PROJECT } from './subjects.ts';

export interface StackDeploymentsArgs {
  readonly organization: string;
  readonly repository: string;
  readonly stack: DeployedStack;
  readonly roles: Roles;
  /** How long a deployment may take, minutes. */
  readonly sessionMinutes: number;
  /** The CLI that deploys: the version that the repository pins. */
  readonly cliVersion: string;
}

/** Traced to a deployment in CloudTrail; Pulumi Cloud fills it in. */
const SESSION_NAME = 'smart-transfer-${deployment.operation}-${deployment.version}';

/** When Pulumi Deployments runs which operation on a stack, and with which rights. */
export function stackDeployments(name: string, args: StackDeploymentsArgs): pulumiservice.DeploymentSettings {
  const { organization, repository, stack, roles, sessionMinutes, cliVersion } = args;
  const { pullRequests, branch } = stack;
  return new pulumiservice.DeploymentSettings(name, {
    organization,
    project: DEPLOYED_PROJECT,
    stack: name,
    sourceContext: { git: { branch: `refs/heads/${branch}` } },
    // Left out, previews of pull requests would be on.
    vcs: {
      provider: 'github',
      repository,
      deployCommits: true,
      previewPullRequests: pullRequests === 'preview',
      pullRequestTemplate: false,
      paths: pathFilters(name),
    },
    executorContext: { executorImage: `pulumi/pulumi:${cliVersion}` },
    operationContext: {
      environmentVariables: environmentVariables(stack),
      preRunCommands: [
        'npm ci --no-audit --no-fund',
        ...(roles.preview === undefined ? [] : [takeOnDeployRole(roles, sessionMinutes)]),
      ],
      oidc: {
        aws:
          roles.preview === undefined
            ? session(roles.deploy.arn, sessionMinutes)
            : session(roles.preview.arn, PREVIEW_MINUTES),
      },
      options: {
        // `npm ci` installs what the lock file says; the step of their own would not.
        skipInstallDependencies: true,
        // Each version meets production by itself: a rollout that turns back names the change that did it.
        skipIntermediateDeployments: false,
      },
    },
  });
}

/**
 * Pulumi Cloud gives a deployment a token of GitHub's that may write to every repository that its app sees. Where a pull request's code runs it gets none: with
 * it, that code could push to the branch that deploys prod.
 */
function environmentVariables({ pullRequests }: DeployedStack): Record<string, string> {
  return pullRequests === 'none' ? {} : { GITHUB_TOKEN: 'none' };
}

function session(roleARN: pulumi.Input<string>, minutes: number) {
  return { roleARN, sessionName: SESSION_NAME, duration: `${minutes / 60}h0m0s` };
}

/**
 * Takes on the deploying role where the operation is no preview, and leaves it for Pulumi. A stack has one role for all its operations, which is the preview's
 * here. AWS believes the token, which says the operation, and not this line: in a preview it would be refused. A refusal prints nothing, so that reading it fails.
 */
function takeOnDeployRole({ deploy }: Roles, sessionMinutes: number): pulumi.Output<string> {
  return deploy.arn.apply((arn) => {
    const takeOn = [
      'aws sts assume-role-with-web-identity',
      `--role-arn ${arn}`,
      '--role-session-name "smart-transfer-$PULUMI_CI_OPERATION-$PULUMI_CI_BUILD_NUMBER"',
      `--duration-seconds ${sessionMinutes * 60}`,
      '--web-identity-token file:///mnt/pulumi/pulumi.oidc',
      "--query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text",
    ].join(' ');
    const keep = String.raw`printf 'AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\nAWS_SESSION_TOKEN=%s\n' "$id" "$key" "$token" >> /PULUMI_ENV`;
    return [
      'if [ "$PULUMI_CI_OPERATION" = preview ]; then exit 0; fi',
      `${takeOn} | { read -r id key token && ${keep}; }`,
    ].join('; ');
  });
}
