import { z } from 'zod';
import { key, readConfig } from '../components/config-reader.ts';

/** The namespace of this program's own keys: the project's name in `deployments/Pulumi.yaml`. */
const PROJECT = 'smart-transfer-deployments';

const arn = (service: string) => z.string().startsWith(`arn:aws:${service}:`);

const pulumiDeployments = z.strictObject({
  kind: z.literal('pulumi_deployments'),
  organization: key(
    z.string().regex(/^[a-z0-9][a-z0-9_-]*$/, 'write it as in its address: small letters'),
    'shop',
    'Your organisation at Pulumi Cloud. AWS compares it letter by letter, and the token has small ones.',
  ),
});

const githubActions = z.strictObject({
  kind: z.literal('github_actions'),
  subject: key(
    z.string().regex(/^repo:[^:*?]+\/[^:*?]+$/, 'write all of it up to the second colon'),
    'repo:shop@123456/smart-transfer@456789',
    'How the tokens of GitHub Actions name your repository. A repository that was made or renamed since 15 July 2026 has the numbers of its owner and its own in it; an older one has names alone.',
  ),
  stateBucket: key(
    z.string().regex(/^[a-z0-9][a-z0-9.-]+$/),
    'shop-smart-transfer-state-dev',
    "The S3 bucket that holds the stacks' state.",
  ),
  stateKeyArn: key(
    arn('kms'),
    'arn:aws:kms:ap-northeast-2:123456789012:key/…',
    "The KMS key that encrypts what is secret in the stacks' state.",
  ),
});

const stack = z.strictObject({
  branch: key(z.string().regex(/^[\w./-]+$/), 'main', 'A push to it deploys the stack.'),
  pullRequests: key(
    z.enum(['none', 'preview']),
    'none',
    'What a pull request against the branch does: nothing, or a preview of the stack.',
  ),
  operations: key(
    z.array(z.enum(['update', 'refresh', 'destroy'])).min(1),
    ['update'],
    'What the deploying role may be taken on for; everything else is done by a person.',
  ),
});

export const settingsShape = z
  .strictObject({
    deployedBy: z.discriminatedUnion('kind', [pulumiDeployments, githubActions]),
    repository: z.strictObject({
      name: key(z.string().regex(/^[\w.-]+\/[\w.-]+$/), 'shop/smart-transfer', 'The repository at GitHub.'),
      forks: key(
        z.enum(['impossible', 'possible']),
        'impossible',
        "Whether somebody can fork it: `impossible` for a private one with forking off. Pulumi Deployments' documentation names no way to leave out pull requests of forks.",
      ),
    }),
    identityProvider: key(
      z.enum(['create', 'existing']),
      'create',
      'Whether this program registers who issues the tokens. An account takes each issuer once: `existing` where another program or stack has done it.',
    ),
    stacks: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/), stack),
  })
  .superRefine(({ deployedBy, repository, stacks }, context) => {
    if (deployedBy.kind === 'github_actions' || repository.forks === 'impossible') return;
    for (const [name, { pullRequests }] of Object.entries(stacks))
      if (pullRequests === 'preview')
        context.addIssue({
          code: 'custom',
          path: ['stacks', name, 'pullRequests'],
          message:
            'is preview, and whoever forks the repository could run code with it: switch forking off and set repository.forks, or set none',
        });
  });

export type DeploymentsSettings = z.infer<typeof settingsShape>;
export type DeployedBy = DeploymentsSettings['deployedBy'];
export type DeployedStack = DeploymentsSettings['stacks'][string];
export type Operation = DeployedStack['operations'][number];

/**
 * Reads what deploys into an account.
 *
 * @param config all that `deployments/Pulumi.<stack>.yaml` holds, by key.
 * @throws an error that names each key that is unknown, missing or makes no sense, with an example.
 */
export function readSettings(config: Readonly<Record<string, string>>): DeploymentsSettings {
  return readConfig(
    {
      project: PROJECT,
      shape: settingsShape,
      describedIn: 'deployments/settings.ts',
      wholeExample: 'deployments/Pulumi.dev.yaml',
    },
    config,
  );
}
