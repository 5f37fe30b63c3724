import type { AwsType } from '../aws-type.ts';
import { IDENTITY_TYPES } from './identity.ts';
import { LAMBDA_TYPES } from './lambda.ts';
import { NETWORK_TYPES } from './network.ts';
import { QUEUE_TYPES } from './queues.ts';
import { STORAGE_TYPES } from './storage.ts';
import { WATCHING_TYPES } from './watching.ts';

/** The types that the stacks have (test/program/names.*.txt), and those that `awsx.ec2.Vpc` makes inside. */
export const AWS_TYPES: Readonly<Record<string, AwsType>> = {
  ...IDENTITY_TYPES,
  ...LAMBDA_TYPES,
  ...NETWORK_TYPES,
  ...QUEUE_TYPES,
  ...STORAGE_TYPES,
  ...WATCHING_TYPES,
};
