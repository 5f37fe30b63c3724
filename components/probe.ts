import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { EVENT_SOURCE } from './event-bus.ts';
import { letServicesSend, policyDocument, refusePlainHttp } from './resource-policy.ts';

/** A type of event that no rule but the probe's own and no shop asks for. */
export const PROBE_DETAIL_TYPE = 'probe';

/** Nobody reads the probe's queue between two deployments: what is left over goes by itself, seconds. */
const RETENTION_SECONDS = 300;

export interface ProbeArgs {
  readonly namePrefix: string;
  readonly keyArn: pulumi.Input<string>;
  readonly accountId: pulumi.Input<string>;
  readonly region: pulumi.Input<string>;
  readonly busName: pulumi.Input<string>;
  readonly topicArn: pulumi.Input<string>;
  readonly metricsNamespace: string;
}

/**
 * What `npx smart-transfer probe` needs to see a message arrive: a queue, to which the bus sends the probe's own events and the alarm topic the probe's own alarm.
 *
 * CloudWatch, SNS and EventBridge fail in silence where a key's policy does not know them. The queue is encrypted under the same key as the topic and the bus, so that what arrives in it has
 * passed all of them.
 */
export class Probe extends pulumi.ComponentResource {
  readonly queue: aws.sqs.Queue;
  readonly alarm: aws.cloudwatch.MetricAlarm;

  constructor(name: string, args: ProbeArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:Probe', name, {}, opts);
    this.queue = this.#createQueue(name, args);
    const rule = this.#createRule(name, args);
    const policy = this.#createPolicy(name, args, rule);
    this.#createTarget(name, args, rule, policy);
    this.alarm = this.#createAlarm(name, args);
    this.#subscribe(name, args, policy);
    this.registerOutputs({ queueUrl: this.queue.url, alarmName: this.alarm.name });
  }

  #createQueue(name: string, { namePrefix, keyArn }: ProbeArgs): aws.sqs.Queue {
    return new aws.sqs.Queue(
      name,
      {
        name: `${namePrefix}-${name}`,
        kmsMasterKeyId: keyArn,
        messageRetentionSeconds: RETENTION_SECONDS,
      },
      { parent: this },
    );
  }

  #createRule(name: string, { namePrefix, busName }: ProbeArgs): aws.cloudwatch.EventRule {
    return new aws.cloudwatch.EventRule(
      name,
      {
        name: `${namePrefix}-${name}`,
        description: "Brings the probe's own events back to it",
        eventBusName: busName,
        eventPattern: JSON.stringify({ source: [EVENT_SOURCE], 'detail-type': [PROBE_DETAIL_TYPE] }),
      },
      { parent: this },
    );
  }

  #createPolicy(
    name: string,
    { accountId, topicArn }: ProbeArgs,
    rule: aws.cloudwatch.EventRule,
  ): aws.sqs.QueuePolicy {
    const statements = [
      refusePlainHttp(['sqs:*'], this.queue.arn),
      ...letServicesSend('sqs:SendMessage', this.queue.arn, accountId, [
        { service: 'events.amazonaws.com', sourceArn: rule.arn },
        { service: 'sns.amazonaws.com', sourceArn: topicArn },
      ]),
    ];
    return new aws.sqs.QueuePolicy(
      name,
      { queueUrl: this.queue.url, policy: policyDocument(statements) },
      { parent: this },
    );
  }

  #createTarget(
    name: string,
    { busName }: ProbeArgs,
    rule: aws.cloudwatch.EventRule,
    policy: aws.sqs.QueuePolicy,
  ): void {
    new aws.cloudwatch.EventTarget(
      name,
      { eventBusName: busName, rule: rule.name, arn: this.queue.arn },
      { parent: this, dependsOn: [policy] },
    );
  }

  /** Its metric does not exist: only the probe sets its state, and CloudWatch sets it back. */
  #createAlarm(name: string, { namePrefix, metricsNamespace, topicArn }: ProbeArgs) {
    return new aws.cloudwatch.MetricAlarm(
      name,
      {
        name: `${namePrefix}-${name}`,
        alarmDescription:
          '배포 후 점검입니다. 조치가 필요 없습니다. A deployment is being probed: nothing is wrong, and nothing is to be done.',
        namespace: metricsNamespace,
        metricName: 'Probe',
        statistic: 'Sum',
        comparisonOperator: 'GreaterThanThreshold',
        threshold: 0,
        period: 60,
        evaluationPeriods: 1,
        treatMissingData: 'notBreaching',
        alarmActions: [topicArn],
      },
      { parent: this },
    );
  }

  #subscribe(name: string, { topicArn }: ProbeArgs, policy: aws.sqs.QueuePolicy): void {
    new aws.sns.TopicSubscription(
      name,
      {
        topic: topicArn,
        protocol: 'sqs',
        endpoint: this.queue.arn,
        rawMessageDelivery: true,
        filterPolicyScope: 'MessageBody',
        filterPolicy: pulumi.jsonStringify({ AlarmName: [this.alarm.name] }),
      },
      { parent: this, dependsOn: [policy] },
    );
  }
}
