import type { DeployedBy, DeployedStack, Operation } from './settings.ts';

/** Who issues the tokens of a deployment, as AWS registers it. */
export interface Issuer {
  /** Its address without `https://`: how conditions name its claims. */
  readonly name: string;
  readonly audience: string;
}

export function issuerOf(by: DeployedBy): Issuer {
  switch (by.kind) {
    case 'pulumi_deployments':
      return { name: 'api.pulumi.com/oidc', audience: by.organization };
    case 'github_actions':
      return { name: 'token.actions.githubusercontent.com', audience: 'sts.amazonaws.com' };
    default:
      return by satisfies never;
  }
}

/** The project whose stacks are deployed: the name in the root's `Pulumi.yaml`. */
export const DEPLOYED_PROJECT = 'smart-transfer';

/** The subjects of tokens that may deploy a stack, to the letter: its branch's pushes, and what people start by hand of its operations. */
export function deployers(by: DeployedBy, name: string, stack: DeployedStack): string[] {
  switch (by.kind) {
    case 'pulumi_deployments':
      return operationsOf(by.organization, name, stack.operations);
    case 'github_actions':
      // The token of a push says the branch and not the operation; it is the workflow of that branch that knows but one.
      return [`${by.subject}:ref:refs/heads/${stack.branch}`];
    default:
      return by satisfies never;
  }
}

/**
 * The subjects of tokens that may preview a stack.
 *
 * Pulumi Deployments takes a stack's one role on for whatever it runs. So where pull requests are previewed, that one role is the preview's, every operation may
 * take it on, and a deployment goes on to its own from there.
 */
export function previewers(by: DeployedBy, name: string, stack: DeployedStack): string[] {
  switch (by.kind) {
    case 'pulumi_deployments':
      return operationsOf(by.organization, name, ['preview', ...stack.operations]);
    case 'github_actions':
      // A fork's pull request gets no token at all (GitHub Actions).
      return [`${by.subject}:pull_request`];
    default:
      return by satisfies never;
  }
}

function operationsOf(
  organization: string,
  stack: string,
  operations: readonly (Operation | 'preview')[],
): string[] {
  return operations.map(
    (operation) =>
      `pulumi:deploy:org:${organization}:project:${DEPLOYED_PROJECT}:stack:${stack}:operation:${operation}:scope:write`,
  );
}
