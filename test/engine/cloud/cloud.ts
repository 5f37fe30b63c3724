import { randomBytes } from 'node:crypto';
import { AwsDouble, ACCOUNT, REGION } from '../../support/aws-double/aws-double.ts';
import { AwsError } from '../../../local/aws-json-server.ts';
import type { Properties } from './values.ts';

/** A resource as the account has it. */
export interface CloudResource {
  readonly type: string;
  readonly id: string;
  /** Its name in the program. */
  readonly name: string;
  inputs: Properties;
  outputs: Properties;
}

export interface CloudCall {
  readonly operation: 'check' | 'diff' | 'create' | 'update' | 'delete' | 'read' | 'invoke' | 'construct';
  readonly type: string;
  readonly name: string;
  readonly preview: boolean;
}

/** What a function answers, by its name in the program. */
export type FunctionAnswer = (
  name: string,
  version: string,
  event: Readonly<Record<string, unknown>>,
) => unknown;

/** Every function can work. */
export const WORKING: FunctionAnswer = () => ({ ok: true, checked: ['the double'] });

/**
 * An AWS account in memory, for the doubles of Pulumi's providers: what exists, what was asked, and what is done to it by hand. Lambda's functions, aliases and
 * CloudWatch's alarms are in the double that the rollout's own SDK clients talk to, so that both see one alias.
 */
export class Cloud {
  /** Lambda, CloudWatch and STS, as the SDK's clients reach them. */
  readonly live: AwsDouble;
  readonly resources: CloudResource[] = [];
  readonly calls: CloudCall[] = [];
  /** The values in Secrets Manager, by ARN: what must never be seen in a state. */
  readonly secretValues = new Map<string, string>();
  /** Names that are used up although what had them is deleted. */
  readonly usedUp = new Set<string>();
  /** The bytes of each function's files, by the function's name in AWS. */
  readonly uploads = new Map<string, Readonly<Record<string, Uint8Array>>>();
  /** Where the program runs: archives name their files from there. */
  readonly programFolder: string;
  /** What functions answer: `{ ok: true }` unless given. */
  answer: FunctionAnswer = WORKING;

  /** A function's name in AWS, by its name in the program. */
  functionName(name: string): string {
    return this.named('aws:lambda/function:Function', name).id;
  }

  /** A person fills the secrets that are empty, each with a value that is nowhere else. */
  fillSecrets(): void {
    for (const { id } of this.all('aws:secretsmanager/secret:Secret'))
      if (!this.secretValues.has(id)) this.secretValues.set(id, `secret-${hex(32)}`);
  }

  constructor(programFolder: string) {
    this.programFolder = programFolder;
    this.live = new AwsDouble();
  }

  find(type: string, by: string, value: unknown): CloudResource | undefined {
    return this.resources.find((one) => one.type === type && one.outputs[by] === value);
  }

  all(type: string): readonly CloudResource[] {
    return this.resources.filter((one) => one.type === type);
  }

  /** The one resource of a type with a name in the program. */
  named(type: string, name: string): CloudResource {
    const [found, another] = this.resources.filter((one) => one.type === type && one.name === name);
    if (found === undefined || another !== undefined)
      throw new Error(`there is not exactly one ${type} ${name} in the account`);
    return found;
  }

  byId(type: string, id: string): CloudResource {
    const found = this.resources.find((one) => one.type === type && one.id === id);
    if (found === undefined)
      throw new AwsError('ResourceNotFoundException', `There is no ${type} ${id}.`, 404);
    return found;
  }

  /** How often something was done, in earnest. */
  count(operation: CloudCall['operation'], type?: string): number {
    return this.calls.filter(
      (call) => call.operation === operation && !call.preview && (type === undefined || call.type === type),
    ).length;
  }

  /** What was changed in earnest since a moment in `calls`, as sentences. */
  changesSince(moment: number): string[] {
    return this.calls
      .slice(moment)
      .filter(({ operation, preview }) => !preview && ['create', 'update', 'delete'].includes(operation))
      .map(({ operation, type, name }) => `${operation} ${type} ${name}`)
      .sort();
  }
}

export function arn(service: string, rest: string): string {
  return `arn:aws:${service}:${REGION}:${ACCOUNT}:${rest}`;
}

/** As AWS makes ids: so many hexadecimal digits. */
export function hex(digits: number): string {
  return randomBytes(digits).toString('hex').slice(0, digits);
}

export { ACCOUNT, REGION };
