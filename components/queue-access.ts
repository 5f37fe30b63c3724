import type * as aws from '@pulumi/aws';
import type * as pulumi from '@pulumi/pulumi';

/** A queue, and the key that encrypts it. */
export interface EncryptedQueue {
  readonly arn: pulumi.Input<string>;
  readonly keyArn: pulumi.Input<string>;
}

/** What sending to queues takes, all encrypted by one key. */
export function sendStatements(
  queueArns: readonly pulumi.Input<string>[],
  keyArn: pulumi.Input<string>,
): aws.iam.PolicyStatement[] {
  return [
    { Sid: 'Send', Effect: 'Allow', Action: ['sqs:SendMessage'], Resource: [...queueArns] },
    {
      Sid: 'EncryptMessages',
      Effect: 'Allow',
      // SQS also decrypts, to see that the data key is whole.
      Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
      Resource: [keyArn],
    },
  ];
}

/** What a mapping does with a queue in its function's name. */
export function receiveStatements({ arn, keyArn }: EncryptedQueue): aws.iam.PolicyStatement[] {
  return [
    {
      Sid: 'Receive',
      Effect: 'Allow',
      Action: [
        'sqs:ReceiveMessage',
        'sqs:DeleteMessage',
        'sqs:ChangeMessageVisibility',
        'sqs:GetQueueAttributes',
      ],
      Resource: [arn],
    },
    { Sid: 'DecryptMessages', Effect: 'Allow', Action: ['kms:Decrypt'], Resource: [keyArn] },
  ];
}
