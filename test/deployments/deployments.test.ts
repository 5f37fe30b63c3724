import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type * as pulumiservice from '@pulumi/pulumiservice';
import { SERVICES } from '../../deployments/role-policies.ts';
import { rolloutMinutes } from '../../deployments/session-length.ts';
import { readDeployedSettings } from '../../deployments/stack-file.ts';
import { ROLLED_OUT } from '../../components/settings.ts';
import { temporaryFolder } from '../local/temporary-folder.ts';
import { ACCOUNT } from '../support/deployed-stack.ts';
import { valueOf, type MockedProgram, type RecordedResource } from '../support/pulumi-mocks.ts';
import { statementsOf } from '../support/stack-rules.ts';
import { deploymentsConfig, githubConfig, runDeployments, withStack } from './deployed-settings.ts';

const SETTINGS = 'pulumiservice:index:DeploymentSettings';
const ROLE = 'aws:iam/role:Role';
const ROLE_POLICY = 'aws:iam/rolePolicy:RolePolicy';

const role = (name: string) => `arn:aws:iam::${ACCOUNT}:role/smart-transfer-deployments/${name}-1a2b3c4`;

const pulumiSubject = (stack: string, operation: string) =>
  `pulumi:deploy:org:shop:project:smart-transfer:stack:${stack}:operation:${operation}:scope:write`;

/** Pulumi's inputs, as the engine got them: nothing is an output any more. */
type Plain<T> = T extends string | number | boolean | undefined
  ? T
  : { [Key in keyof T]: Plain<Unwrapped<T[Key]>> };
type Unwrapped<T> = Exclude<T, Promise<unknown> | { apply: unknown }>;
type Inputs = Plain<pulumiservice.DeploymentSettingsArgs>;

const settingsOf = (program: MockedProgram) => program.resource(SETTINGS).inputs as unknown as Inputs;

/** What a role's trust compares, by claim. */
function trust(program: MockedProgram, name: string): Record<string, unknown> {
  const policy = JSON.parse(String(program.resource(ROLE, name).inputs['assumeRolePolicy'])) as {
    Statement: { Effect: string; Principal: unknown; Action: string; Condition: Record<string, unknown> }[];
  };
  const [only, ...more] = policy.Statement;
  assert.deepEqual(more, []);
  assert.equal(only?.Action, 'sts:AssumeRoleWithWebIdentity');
  // Nothing is compared by a pattern.
  assert.deepEqual(Object.keys(only.Condition), ['StringEquals']);
  return { principal: only.Principal, ...(only.Condition['StringEquals'] as object) };
}

const named = (resources: readonly RecordedResource[]) =>
  resources.map(({ urn }) => urn.split('::').slice(2).join(' ').split('$').at(-1)).sort();

describe('the deployments of dev, by Pulumi Deployments', () => {
  let program: Awaited<ReturnType<typeof runDeployments>>;
  before(async () => {
    program = await runDeployments('dev', deploymentsConfig('dev'));
  });

  it('are these resources', () => {
    assert.deepEqual(named(program.resources), [
      'aws:iam/openIdConnectProvider:OpenIdConnectProvider tokens',
      'aws:iam/role:Role dev-deploy',
      'aws:iam/role:Role dev-preview',
      'aws:iam/rolePolicy:RolePolicy dev-deploy',
      'aws:iam/rolePolicy:RolePolicy dev-preview',
      'pulumiservice:index:DeploymentSettings dev',
      'smart-transfer:deployments:Roles dev',
    ]);
  });

  it('follow pushes to develop, and preview pull requests against it', () => {
    const { organization, project, stack, sourceContext, vcs } = settingsOf(program);
    assert.deepEqual([organization, project, stack], ['shop', 'smart-transfer', 'dev']);
    assert.equal(sourceContext?.git?.branch, 'refs/heads/develop');
    assert.equal(vcs?.repository, 'shop/smart-transfer');
    assert.equal(vcs.deployCommits, true);
    assert.equal(vcs.previewPullRequests, true);
    assert.equal(vcs.pullRequestTemplate, false);
    assert.ok(vcs.paths?.includes('Pulumi.dev.yaml') && !vcs.paths.includes('Pulumi.prod.yaml'));
  });

  it('begin with rights to look alone, whatever the operation is', () => {
    const session = settingsOf(program).operationContext?.oidc?.aws;
    assert.equal(session?.roleARN, role('dev-preview'));
    assert.equal(session.duration, '1h0m0s');
    assert.deepEqual(trust(program, 'dev-preview'), {
      principal: { Federated: `arn:aws:iam::${ACCOUNT}:oidc-provider/api.pulumi.com/oidc` },
      'api.pulumi.com/oidc:aud': 'shop',
      'api.pulumi.com/oidc:sub': ['preview', 'update', 'refresh', 'destroy'].map((one) =>
        pulumiSubject('dev', one),
      ),
    });
  });

  it('give the rights to deploy to no preview', () => {
    assert.deepEqual(trust(program, 'dev-deploy'), {
      principal: { Federated: `arn:aws:iam::${ACCOUNT}:oidc-provider/api.pulumi.com/oidc` },
      'api.pulumi.com/oidc:aud': 'shop',
      'api.pulumi.com/oidc:sub': ['update', 'refresh', 'destroy'].map((one) => pulumiSubject('dev', one)),
    });
  });

  it("keep GitHub's token, which may push anywhere, from a pull request's code", () => {
    assert.deepEqual(settingsOf(program).operationContext?.environmentVariables, { GITHUB_TOKEN: 'none' });
  });

  describe('the command before an operation', () => {
    const run = promisify(execFile);
    const folder = temporaryFolder();

    /** Runs the command as Pulumi Deployments does, with a stand-in for the AWS CLI, and answers what Pulumi would find in its environment. */
    async function commandBefore(
      operation: string,
      aws: string,
    ): Promise<{ calls: string; environment: string }> {
      const [, command = ''] = settingsOf(program).operationContext?.preRunCommands ?? [];
      const path = (name: string) => join(folder(), name);
      writeFileSync(path('aws'), `#!/bin/sh\necho "$@" >> '${path('calls')}'\n${aws}\n`);
      chmodSync(path('aws'), 0o755);
      writeFileSync(path('calls'), '');
      writeFileSync(path('environment'), 'KEPT=1\n');
      assert.ok(command.includes('/PULUMI_ENV'));
      await run('bash', ['-c', command.replace('/PULUMI_ENV', path('environment'))], {
        env: {
          PATH: `${folder()}:${process.env['PATH']}`,
          PULUMI_CI_OPERATION: operation,
          PULUMI_CI_BUILD_NUMBER: '17',
        },
      });
      return {
        calls: readFileSync(path('calls'), 'utf8'),
        environment: readFileSync(path('environment'), 'utf8'),
      };
    }

    it('takes on the deploying role of an update, for as long as it may take', async () => {
      const { calls, environment } = await commandBefore('update', "printf 'AKIA\\tkey/+\\ttoken==\\n'");
      assert.equal(
        calls.trim(),
        `sts assume-role-with-web-identity --role-arn ${role('dev-deploy')} --role-session-name smart-transfer-update-17 --duration-seconds ${sessionSeconds(program, 'dev')} --web-identity-token file:///mnt/pulumi/pulumi.oidc --query Credentials.[AccessKeyId,SecretAccessKey,SessionToken] --output text`,
      );
      assert.equal(
        environment,
        'KEPT=1\nAWS_ACCESS_KEY_ID=AKIA\nAWS_SECRET_ACCESS_KEY=key/+\nAWS_SESSION_TOKEN=token==\n',
      );
    });

    it('leaves a preview with the rights to look', async () => {
      assert.deepEqual(await commandBefore('preview', 'exit 1'), { calls: '', environment: 'KEPT=1\n' });
    });

    it('fails the deployment when AWS refuses', async () => {
      await assert.rejects(commandBefore('update', 'echo AccessDenied >&2; exit 254'), { code: 1 });
    });
  });
});

describe('the deployments of prod, by Pulumi Deployments', () => {
  let program: Awaited<ReturnType<typeof runDeployments>>;
  before(async () => {
    program = await runDeployments('prod', deploymentsConfig('prod'));
  });

  it('follow pushes to main, and no pull request', () => {
    const { sourceContext, vcs, stack } = settingsOf(program);
    assert.equal(stack, 'prod');
    assert.equal(sourceContext?.git?.branch, 'refs/heads/main');
    assert.equal(vcs?.deployCommits, true);
    // Left out, both would be on.
    assert.equal(vcs.previewPullRequests, false);
    assert.equal(vcs.pullRequestTemplate, false);
    assert.ok(vcs.paths?.includes('Pulumi.prod.yaml') && !vcs.paths.includes('Pulumi.dev.yaml'));
  });

  it('give their rights to an update of prod alone', () => {
    assert.deepEqual(
      program.resources.filter(({ type }) => type === ROLE).map(({ name }) => name),
      ['prod-deploy'],
    );
    assert.deepEqual(trust(program, 'prod-deploy'), {
      principal: { Federated: `arn:aws:iam::${ACCOUNT}:oidc-provider/api.pulumi.com/oidc` },
      'api.pulumi.com/oidc:aud': 'shop',
      'api.pulumi.com/oidc:sub': [pulumiSubject('prod', 'update')],
    });
  });

  it("install what the lock file says, and deploy with the repository's own version of Pulumi", () => {
    const { operationContext, executorContext } = settingsOf(program);
    assert.deepEqual(operationContext?.preRunCommands, ['npm ci --no-audit --no-fund']);
    assert.equal(operationContext.options?.skipInstallDependencies, true);
    const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      devDependencies: { pulumi: string };
    };
    assert.equal(executorContext?.executorImage, `pulumi/pulumi:${devDependencies.pulumi}`);
  });

  it('skip no version in between', () => {
    assert.equal(settingsOf(program).operationContext?.options?.skipIntermediateDeployments, false);
  });

  it('have rights for longer than the longest rollout of its file, and no longer than the role lets them', () => {
    const session = settingsOf(program).operationContext?.oidc?.aws;
    assert.equal(session?.roleARN, role('prod-deploy'));
    const seconds = Number(/^(\d+)h0m0s$/.exec(session.duration ?? '')?.[1]) * 3600;
    const settings = readDeployedSettings('prod');
    const longest = Math.max(...ROLLED_OUT.map((name) => rolloutMinutes(settings, name)));
    assert.ok(longest > 9 + settings.rollout.bakeMinutes, `${longest} minutes`);
    assert.ok(seconds > longest * 60, `${seconds} s`);
    assert.equal(program.resource(ROLE, 'prod-deploy').inputs['maxSessionDuration'], seconds);
    assert.equal(sessionSeconds(program, 'prod'), seconds);
  });

  it('refuse to preview pull requests, whose code would administer the stack', async () => {
    await assert.rejects(
      runDeployments('prod', withStack(deploymentsConfig('prod'), 'prod', { pullRequests: 'preview' })),
      /stacks\.prod\.pullRequests is preview, and Pulumi\.prod\.yaml sets protection/,
    );
  });
});

describe('deployments by GitHub Actions', () => {
  it('trust the branch to deploy and pull requests to look, and make nothing at Pulumi Cloud', async () => {
    const program = await runDeployments('dev', githubConfig('dev'));
    assert.deepEqual(
      named(program.resources).filter((name) => name?.startsWith('pulumiservice')),
      [],
    );
    const common = {
      principal: {
        Federated: `arn:aws:iam::${ACCOUNT}:oidc-provider/token.actions.githubusercontent.com`,
      },
      'token.actions.githubusercontent.com:aud': 'sts.amazonaws.com',
    };
    const subject = 'repo:shop@123456/smart-transfer@456789';
    assert.deepEqual(trust(program, 'dev-deploy'), {
      ...common,
      'token.actions.githubusercontent.com:sub': [`${subject}:ref:refs/heads/develop`],
    });
    assert.deepEqual(trust(program, 'dev-preview'), {
      ...common,
      'token.actions.githubusercontent.com:sub': [`${subject}:pull_request`],
    });
  });

  it('may preview pull requests against prod, since a preview has a role of its own', async () => {
    const program = await runDeployments(
      'prod',
      withStack(githubConfig('prod'), 'prod', { pullRequests: 'preview' }),
    );
    const { roles } = program.outputs as { roles: Record<string, Record<string, never>> };
    assert.deepEqual(await Promise.all(['deploy', 'preview'].map((one) => valueOf(roles['prod']![one]!))), [
      role('prod-deploy'),
      role('prod-preview'),
    ]);
  });

  it('use who issues tokens already where the account knows it', async () => {
    const program = await runDeployments('dev', {
      ...githubConfig('dev'),
      'smart-transfer-deployments:identityProvider': 'existing',
    });
    assert.ok(!named(program.resources).some((name) => name?.includes('OpenIdConnectProvider')));
    assert.deepEqual(trust(program, 'dev-deploy')['principal'], {
      Federated: `arn:aws:iam::${ACCOUNT}:oidc-provider/token.actions.githubusercontent.com`,
    });
  });
});

describe("the deployments' roles", () => {
  const statements = (program: MockedProgram, name: string) =>
    statementsOf(program.resource(ROLE_POLICY, name).inputs['policy']);

  for (const [by, config] of [
    ['Pulumi Deployments', deploymentsConfig('dev')],
    ['GitHub Actions', githubConfig('dev')],
  ] as const)
    it(`let a preview by ${by} see which secrets are empty, read state, and nothing else`, async () => {
      const program = await runDeployments('dev', config);
      const [values, ...allowed] = statements(program, 'dev-preview').reverse();
      assert.equal(values?.effect, 'Deny');
      assert.deepEqual(values.actions, [
        'secretsmanager:GetSecretValue',
        'secretsmanager:BatchGetSecretValue',
      ]);
      const actions = allowed.flatMap((one) => one.actions).sort();
      const state = ['kms:Decrypt', 's3:GetObject', 's3:ListBucket'];
      assert.deepEqual(actions, [
        ...(by === 'GitHub Actions' ? state : []),
        'secretsmanager:ListSecretVersionIds',
      ]);
      assert.ok(allowed.every(({ resources }) => !resources.includes('*')));
    });

  it('let nobody who deploys read a value, or change whom these roles trust', async () => {
    const program = await runDeployments('prod', deploymentsConfig('prod'));
    const denied = statements(program, 'prod-deploy').filter(({ effect }) => effect === 'Deny');
    assert.deepEqual(
      denied.map(({ actions, resources }) => ({ actions, resources })),
      [
        {
          actions: ['secretsmanager:GetSecretValue', 'secretsmanager:BatchGetSecretValue'],
          resources: ['*'],
        },
        {
          actions: ['iam:*'],
          resources: [
            `arn:aws:iam::${ACCOUNT}:role/smart-transfer-deployments/*`,
            `arn:aws:iam::${ACCOUNT}:oidc-provider/*`,
          ],
        },
      ],
    );
  });

  it('let a deployment make each kind of resource that a stack has, in its own region', async () => {
    const program = await runDeployments('prod', deploymentsConfig('prod'));
    const [services] = statements(program, 'prod-deploy');
    assert.deepEqual(services?.condition, { StringEquals: { 'aws:RequestedRegion': 'ap-northeast-2' } });
    const allowed = new Set([...SERVICES, 'iam', 's3'].map(String));
    for (const stack of ['dev', 'prod'])
      for (const type of typesOf(stack)) {
        const service = serviceOf(type);
        assert.ok(
          allowed.has(service),
          `${type} of ${stack} is made by ${service}, which no statement allows`,
        );
      }
  });
});

function sessionSeconds({ outputs }: { outputs: Readonly<Record<string, unknown>> }, stack: string): number {
  const { [stack]: its } = outputs['roles'] as Record<string, { sessionSeconds: number }>;
  return its!.sessionSeconds;
}

/** The types of AWS's resources in a stack's inventory. */
function typesOf(stack: string): string[] {
  const names = readFileSync(join(import.meta.dirname, '..', 'program', `names.${stack}.txt`), 'utf8');
  return [...new Set([...names.matchAll(/aws:\w+\/\w+:\w+|awsx:\w+:\w+/g)].map(([type]) => type))];
}

/** What IAM calls the service of a type: the provider's own grouping differs here and there. */
function serviceOf(type: string): string {
  const [, module = '', resource = ''] = /^awsx?:(\w+)(?:\/|:)(\w+)/.exec(type) ?? [];
  if (module === 'cloudwatch' && resource.startsWith('event')) return 'events';
  if (module === 'cloudwatch' && resource.startsWith('log')) return 'logs';
  return { apigatewayv2: 'apigateway', vpc: 'ec2' }[module] ?? module;
}
