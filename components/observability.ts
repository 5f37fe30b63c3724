import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import {
  alarmsOf,
  DEFAULT_THRESHOLDS,
  RUNBOOK_SECTIONS,
  type AlarmSpec,
  type AlarmThresholds,
  type WatchedStack,
} from './alarms.ts';
import { dashboardBody } from './dashboard.ts';
import { letServicesSend, policyDocument, refusePlainHttp } from './resource-policy.ts';

/** Who is told. An e-mail address must confirm itself, by the link that SNS sends it. */
export interface AlarmSubscription {
  readonly protocol: 'email' | 'email-json' | 'https' | 'sms';
  readonly endpoint: string;
}

export interface ObservabilityArgs extends Omit<WatchedStack<pulumi.Input<string>>, 'thresholds'> {
  readonly namePrefix: string;
  /** As the functions' `POWERTOOLS_METRICS_NAMESPACE`. */
  readonly metricsNamespace: string;
  readonly keyArn: pulumi.Input<string>;
  readonly accountId: pulumi.Input<string>;
  readonly region: string;
  readonly subscriptions: readonly AlarmSubscription[];
  readonly thresholds?: Partial<AlarmThresholds>;
}

type Spec = AlarmSpec<pulumi.Input<string>>;

const COMPARISONS = {
  above: 'GreaterThanThreshold',
  at_least: 'GreaterThanOrEqualToThreshold',
  below: 'LessThanThreshold',
} as const;

/** The alarms that matter to who answers for the payments, the topic that tells them, and a dashboard of the same list (`alarms.ts`). */
export class Observability extends pulumi.ComponentResource {
  readonly topic: aws.sns.Topic;
  readonly alarms: readonly aws.cloudwatch.MetricAlarm[];

  constructor(name: string, args: ObservabilityArgs, opts?: pulumi.ComponentResourceOptions) {
    super('smart-transfer:components:Observability', name, {}, opts);
    const specs = alarmsOf({ ...args, thresholds: { ...DEFAULT_THRESHOLDS, ...args.thresholds } });
    this.topic = this.#createTopic(name, args);
    this.#createTopicPolicy(name, args);
    args.subscriptions.forEach((subscription, index) => this.#subscribe(name, index, subscription));
    this.alarms = specs.map((spec) => this.#createAlarm(spec, args));
    this.#createDashboard(name, specs, args);
    this.registerOutputs({ topicArn: this.topic.arn });
  }

  #createTopic(name: string, { namePrefix, keyArn }: ObservabilityArgs): aws.sns.Topic {
    return new aws.sns.Topic(
      name,
      { name: `${namePrefix}-alarms`, displayName: namePrefix, kmsMasterKeyId: keyArn },
      { parent: this },
    );
  }

  #createTopicPolicy(name: string, { namePrefix, accountId, region }: ObservabilityArgs): void {
    const alarmArns = pulumi.interpolate`arn:aws:cloudwatch:${region}:${accountId}:alarm:${namePrefix}-*`;
    const statements = [
      // A topic's policy takes no wildcard, and publishing is the only way to send to it.
      refusePlainHttp(['sns:Publish'], this.topic.arn),
      ...letServicesSend('sns:Publish', this.topic.arn, accountId, [
        { service: 'cloudwatch.amazonaws.com', sourceArn: alarmArns },
      ]),
    ];
    new aws.sns.TopicPolicy(
      name,
      { arn: this.topic.arn, policy: policyDocument(statements) },
      { parent: this },
    );
  }

  #subscribe(name: string, index: number, { protocol, endpoint }: AlarmSubscription): void {
    new aws.sns.TopicSubscription(
      `${name}-${index + 1}`,
      { topic: this.topic.arn, protocol, endpoint },
      { parent: this },
    );
  }

  #createAlarm(spec: Spec, args: ObservabilityArgs): aws.cloudwatch.MetricAlarm {
    return new aws.cloudwatch.MetricAlarm(
      spec.id,
      {
        name: `${args.namePrefix}-${spec.id}`,
        alarmDescription: `${RUNBOOK_SECTIONS[spec.section]} ${spec.says} What to do: docs/runbook.md#${spec.section}`,
        namespace: namespaceOf(spec, args),
        metricName: spec.metric.name,
        dimensions: dimensionsOf(spec),
        statistic: spec.statistic,
        comparisonOperator: COMPARISONS[spec.when],
        threshold: spec.threshold,
        period: spec.periodSeconds,
        evaluationPeriods: spec.ofPeriods,
        datapointsToAlarm: spec.periods,
        treatMissingData: spec.missing,
        alarmActions: [this.topic.arn],
        okActions: [this.topic.arn],
      },
      { parent: this },
    );
  }

  #createDashboard(name: string, specs: readonly Spec[], args: ObservabilityArgs): void {
    const shown = specs.map((spec, index) =>
      pulumi
        .all([dimensionsOf(spec), this.alarms[index]?.arn ?? ''])
        .apply(([dimensions, arn]) => ({ dimensions, arn })),
    );
    new aws.cloudwatch.Dashboard(
      name,
      {
        dashboardName: args.namePrefix,
        dashboardBody: pulumi.all(shown).apply((known) =>
          JSON.stringify(
            dashboardBody(
              args.region,
              known.map(({ dimensions, arn }, index) => {
                const spec = specs[index] as AlarmSpec<string>;
                return { spec, arn, dimensions, namespace: namespaceOf(spec, args) };
              }),
            ),
          ),
        ),
      },
      { parent: this },
    );
  }
}

function namespaceOf<Text>({ metric }: AlarmSpec<Text>, args: Pick<ObservabilityArgs, 'metricsNamespace'>) {
  return metric.of === 'smart-transfer' ? args.metricsNamespace : metric.of;
}

function dimensionsOf({ metric }: Spec): Record<string, pulumi.Input<string>> {
  return metric.of === 'smart-transfer' ? { service: metric.service } : { ...metric.dimensions };
}
