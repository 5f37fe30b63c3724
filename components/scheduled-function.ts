import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { LambdaFunction } from './lambda-function.ts';
import { sendStatements, type EncryptedQueue } from './queue-access.ts';

export interface ScheduledFunctionArgs {
  readonly namePrefix: string;
  readonly group: aws.scheduler.ScheduleGroup;
  readonly accountId: pulumi.Input<string>;
  readonly description: string;
  /** `rate(…)` or `cron(…)`, in Korean time. */
  readonly expression: string;
  readonly enabled: boolean;
  readonly target: LambdaFunction;
  readonly input: object;
  /** Where an event ends that the scheduler could not hand to Lambda. */
  readonly deadLetters: EncryptedQueue;
}

/** An event that is this late is not worth handing over: the next one is on its way, seconds. */
const EVENT_AGE_SECONDS_MAX = 300;

const RETRIES = 2;

/** A schedule that calls a function's alias, in Korean time. */
export class ScheduledFunction extends pulumi.ComponentResource {
  readonly schedule: aws.scheduler.Schedule;

  constructor(name: string, args: ScheduledFunctionArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:ScheduledFunction', name, {}, opts);
    const role = this.#createRole(name, args);
    const policy = this.#createPolicy(name, role, args);
    this.schedule = this.#createSchedule(name, role, policy, args);
    this.registerOutputs();
  }

  #createRole(name: string, args: ScheduledFunctionArgs): aws.iam.Role {
    return new aws.iam.Role(
      `${name}-schedule`,
      {
        description: `What the schedule ${name} may do`,
        assumeRolePolicy: pulumi.jsonStringify({
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Action: ['sts:AssumeRole'],
              Principal: { Service: ['scheduler.amazonaws.com'] },
              // The scheduler names the group, not the schedule (EventBridge Scheduler user guide, "Confused deputy prevention").
              Condition: {
                StringEquals: { 'aws:SourceAccount': args.accountId, 'aws:SourceArn': args.group.arn },
              },
            },
          ],
        }),
      },
      { parent: this },
    );
  }

  #createPolicy(name: string, role: aws.iam.Role, args: ScheduledFunctionArgs): aws.iam.RolePolicy {
    return new aws.iam.RolePolicy(
      `${name}-schedule`,
      {
        role: role.id,
        policy: pulumi.jsonStringify({
          Version: '2012-10-17',
          Statement: [
            {
              Sid: 'Invoke',
              Effect: 'Allow',
              Action: ['lambda:InvokeFunction'],
              Resource: [args.target.liveArn],
            },
            ...sendStatements([args.deadLetters.arn], args.deadLetters.keyArn),
          ],
        }),
      },
      { parent: this },
    );
  }

  #createSchedule(
    name: string,
    role: aws.iam.Role,
    policy: aws.iam.RolePolicy,
    args: ScheduledFunctionArgs,
  ): aws.scheduler.Schedule {
    return new aws.scheduler.Schedule(
      name,
      {
        name: `${args.namePrefix}-${name}`,
        groupName: args.group.name,
        description: args.description,
        scheduleExpression: args.expression,
        scheduleExpressionTimezone: 'Asia/Seoul',
        flexibleTimeWindow: { mode: 'OFF' },
        state: args.enabled ? 'ENABLED' : 'DISABLED',
        target: {
          arn: args.target.liveArn,
          roleArn: role.arn,
          input: JSON.stringify(args.input),
          retryPolicy: {
            maximumEventAgeInSeconds: EVENT_AGE_SECONDS_MAX,
            maximumRetryAttempts: RETRIES,
          },
          deadLetterConfig: { arn: args.deadLetters.arn },
        },
      },
      { parent: this, dependsOn: [policy] },
    );
  }
}
