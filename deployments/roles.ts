import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import {
  deployStatements,
  previewStatements,
  ROLE_PATH,
  type Place,
  type Statement,
} from './role-policies.ts';
import { PREVIEW_MINUTES } from './session-length.ts';
import type { DeployedBy, DeployedStack } from './settings.ts';
import { deployers, issuerOf, previewers } from './subjects.ts';

export interface RolesArgs {
  readonly deployedBy: DeployedBy;
  readonly stack: DeployedStack;
  /** How long a deployment may take, minutes. */
  readonly sessionMinutes: number;
  /** The ARN of who issues the tokens, as the account knows it. */
  readonly issuerArn: pulumi.Input<string>;
  readonly place: pulumi.Input<Place>;
}

/** The two roles of a stack: one deploys, and one looks what a deployment would do. */
export class Roles extends pulumi.ComponentResource {
  readonly deploy: aws.iam.Role;
  /** Absent where no pull request is previewed. */
  readonly preview: aws.iam.Role | undefined;

  /** @param name the stack's. */
  constructor(name: string, args: RolesArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:deployments:Roles', name, {}, opts);
    const { deployedBy, stack } = args;
    const state =
      deployedBy.kind === 'github_actions'
        ? { bucket: deployedBy.stateBucket, keyArn: deployedBy.stateKeyArn }
        : undefined;
    this.deploy = this.#createRole(`${name}-deploy`, args, {
      description: `Deploys the stack ${name}`,
      trusted: deployers(deployedBy, name, stack),
      minutes: args.sessionMinutes,
      statements: deployStatements,
    });
    if (stack.pullRequests === 'preview')
      this.preview = this.#createRole(`${name}-preview`, args, {
        description: `Looks what a deployment of the stack ${name} would do, and reads no secret's value`,
        trusted: previewers(deployedBy, name, stack),
        minutes: PREVIEW_MINUTES,
        statements: (place) => previewStatements(place, state),
      });
    this.registerOutputs();
  }

  #createRole(
    name: string,
    { deployedBy, issuerArn, place }: RolesArgs,
    of: {
      readonly description: string;
      readonly trusted: readonly string[];
      readonly minutes: number;
      readonly statements: (place: Place) => Statement[];
    },
  ): aws.iam.Role {
    const opts = { parent: this };
    const role = new aws.iam.Role(
      name,
      {
        description: of.description,
        path: ROLE_PATH,
        maxSessionDuration: of.minutes * 60,
        assumeRolePolicy: trustPolicy(deployedBy, issuerArn, of.trusted),
      },
      opts,
    );
    new aws.iam.RolePolicy(
      name,
      {
        role: role.name,
        policy: pulumi.jsonStringify({
          Version: '2012-10-17',
          Statement: pulumi.output(place).apply(of.statements),
        }),
      },
      opts,
    );
    return role;
  }
}

function trustPolicy(
  deployedBy: DeployedBy,
  issuerArn: pulumi.Input<string>,
  subjects: readonly string[],
): pulumi.Output<string> {
  const { name, audience } = issuerOf(deployedBy);
  return pulumi.jsonStringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'Deployments',
        Effect: 'Allow',
        Principal: { Federated: issuerArn },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: { StringEquals: { [`${name}:aud`]: audience, [`${name}:sub`]: subjects } },
      },
    ],
  });
}
