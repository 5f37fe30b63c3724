import * as pulumi from '@pulumi/pulumi';

/** One statement of a resource's own policy. */
export interface ResourceStatement {
  readonly Sid: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal: '*' | { readonly Service: string };
  readonly Action: readonly string[];
  readonly Resource: pulumi.Input<string> | readonly pulumi.Input<string>[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, pulumi.Input<string>>>>>;
}

/** An AWS service that may send to a resource, on behalf of one thing of ours. */
export interface SendingService {
  /** Such as `events.amazonaws.com`. */
  readonly service: string;
  /** The ARN of the rule, bus, topic or alarm that it sends for; `*` and `?` stand for what is not known yet. */
  readonly sourceArn: pulumi.Input<string>;
}

export function policyDocument(statements: readonly ResourceStatement[]): pulumi.Output<string> {
  return pulumi.jsonStringify({ Version: '2012-10-17', Statement: statements });
}

/** Refuses whoever comes by plain HTTP, the account's own people included. */
export function refusePlainHttp(
  actions: readonly string[],
  resources: pulumi.Input<string> | readonly pulumi.Input<string>[],
): ResourceStatement {
  return {
    Sid: 'RefusePlainHttp',
    Effect: 'Deny',
    Principal: '*',
    Action: actions,
    Resource: resources,
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  };
}

/** Lets services send, each for the one thing that it is named with, in this account: no other account can make one of them send here. */
export function letServicesSend(
  action: string,
  resource: pulumi.Input<string>,
  accountId: pulumi.Input<string>,
  senders: readonly SendingService[],
): ResourceStatement[] {
  return senders.map(({ service, sourceArn }, index) => ({
    Sid: `LetSend${index + 1}`,
    Effect: 'Allow',
    Principal: { Service: service },
    Action: [action],
    Resource: resource,
    Condition: {
      StringEquals: { 'aws:SourceAccount': accountId },
      ArnLike: { 'aws:SourceArn': sourceArn },
    },
  }));
}
