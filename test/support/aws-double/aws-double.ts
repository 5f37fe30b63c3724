import { AwsError } from '../../../local/aws-json-server.ts';

/** The account that the double's functions are in. */
export const ACCOUNT = '000000000000';
export const REGION = 'ap-northeast-2';

export interface DoubleVersion {
  readonly role: string;
  readonly deadLetter?: string;
  /** Active unless given. */
  readonly state?: 'Pending' | 'Active' | 'Failed';
}

/** An alias at some time. */
export interface AliasRecord {
  readonly atMs: number;
  readonly version: string;
  /** As the API has them: version to fraction. */
  readonly weights: Readonly<Record<string, number>>;
  readonly description: string;
  readonly revision: string;
}

interface DoubleFunction {
  readonly versions: Map<string, DoubleVersion>;
  readonly aliases: Map<string, AliasRecord[]>;
  invoke: (version: string, event: Record<string, unknown>) => unknown;
}

interface Counted {
  readonly what: 'Invocations' | 'Errors';
  readonly functionName: string;
  readonly alias: string;
  readonly version: string;
  readonly at: Date;
}

type Input = Readonly<Record<string, unknown>>;

/** A process that was killed makes no call any more. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

/** When a client's process dies: at its n-th call, counted from 1, before the call or right after it. */
export interface Death {
  readonly atCall: number;
  readonly performed: boolean;
}

/** CloudWatch has a minute's numbers a minute later. */
const METRIC_LAG_MS = 60_000;
const MINUTE_MS = 60_000;

/** What a Lambda error looks like in a function's answer. */
export class FunctionFailure extends Error {}

/**
 * The parts of Lambda, CloudWatch and STS that a rollout uses, in memory, as their API references tell: revisions and conflicts, at most two versions of equal
 * role and dead-letter queue behind an alias, throttling, lost answers, and reads that are behind. `client()` stands in for an SDK client, `serveAws` in
 * http.ts serves the SDK's own clients.
 */
export class AwsDouble {
  readonly functions = new Map<string, DoubleFunction>();
  readonly alarms = new Map<string, 'OK' | 'ALARM' | 'INSUFFICIENT_DATA'>();
  readonly counted: Counted[] = [];
  /** Every call that was made, in order. */
  readonly calls: { readonly operation: string; readonly input: Input; readonly atMs: number }[] = [];
  readonly #nowMs: () => number;
  readonly #faults = new Map<string, { kind: 'throttle' | 'lose' | 'break'; times: number }>();
  #readsBehind = 0;
  #revisions = 0;

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  /** A function with published versions 1 to n, alike, and an alias on the first. */
  addFunction(name: string, versions: number, alias = 'live'): void {
    this.createFunction(name, () => ({ ok: true }));
    for (let version = 1; version <= versions; version += 1) this.publish(name, version.toString());
    this.#record(name, alias, { version: '1', weights: {}, description: '' });
  }

  /** A function that nothing is published of yet, and what it answers. */
  createFunction(name: string, invoke: DoubleFunction['invoke']): void {
    this.functions.set(name, { versions: new Map(), aliases: new Map(), invoke });
  }

  removeFunction(name: string): void {
    this.#function(name);
    this.functions.delete(name);
  }

  createAlias(name: string, alias: string, version: string, description: string): void {
    if (this.#function(name).aliases.has(alias))
      throw new AwsError('ResourceConflictException', `Alias already exists: ${alias} of ${name}`, 409);
    this.#validate(name, version, {});
    this.#record(name, alias, { version, weights: {}, description });
  }

  removeAlias(name: string, alias: string): void {
    this.#function(name).aliases.delete(alias);
  }

  publish(name: string, version: string, facts: Partial<DoubleVersion> = {}): void {
    this.#function(name).versions.set(version, { role: 'arn:aws:iam::000000000000:role/one', ...facts });
  }

  /** An alias as it is. */
  alias(name: string, alias = 'live'): AliasRecord {
    return this.history(name, alias).at(-1)!;
  }

  /** An alias from its beginning. */
  history(name: string, alias = 'live'): readonly AliasRecord[] {
    return this.#records(name, alias);
  }

  /** Somebody changes an alias by hand. */
  change(
    name: string,
    to: { version: string; weights?: Record<string, number>; description?: string },
  ): void {
    const { description } = this.alias(name);
    this.#record(name, 'live', { weights: {}, description, ...to });
  }

  /** The next calls of an operation fail: throttled, or performed and then cut off, or broken before. */
  fail(operation: string, kind: 'throttle' | 'lose' | 'break', times: number): void {
    this.#faults.set(operation, { kind, times });
  }

  /** So many reads of aliases answer what was there before the last change. */
  readBehind(times: number): void {
    this.#readsBehind = times;
  }

  /** The part of every SDK client that is used: `send`. Each is a process of its own, and may die. */
  client(death?: Death): { send: (command: object) => Promise<never> } {
    let calls = 0;
    const isDead = () => death !== undefined && calls > death.atCall;
    return {
      send: async (command) => {
        calls += 1;
        const operation = command.constructor.name.replace(/Command$/, '');
        const { input } = command as { input: Input };
        if (isDead() || (calls === death?.atCall && !death.performed)) throw new Killed(operation);
        const answer = await this.handle(operation, input);
        if (calls === death?.atCall) throw new Killed(operation);
        return answer as never;
      },
    };
  }

  /** Answers one call, by the operation's name and its input as the SDK has it. */
  async handle(operation: string, input: Input, account = ACCOUNT): Promise<unknown> {
    await Promise.resolve();
    this.calls.push({ operation, input, atMs: this.#nowMs() });
    const fault = this.#nextFault(operation);
    if (fault === 'throttle')
      throw operation === 'DescribeAlarms' || operation === 'GetMetricData'
        ? new AwsError('ThrottlingException', 'Rate exceeded')
        : new AwsError('TooManyRequestsException', 'Rate exceeded', 429);
    if (fault === 'break') throw brokenLine();
    const answer = await this.#perform(operation, input, account);
    if (fault === 'lose') throw brokenLine();
    return answer;
  }

  async #perform(operation: string, input: Input, account: string): Promise<unknown> {
    switch (operation) {
      case 'GetAlias':
        return this.#view(input, this.#read(input));
      case 'UpdateAlias':
        return this.#updateAlias(input);
      case 'ListAliases':
        return {
          Aliases: [...this.#function(text(input, 'FunctionName')).aliases.keys()].map((Name) =>
            this.#view({ ...input, Name }, this.alias(text(input, 'FunctionName'), Name)),
          ),
        };
      case 'GetFunctionConfiguration':
        return this.#configuration(input);
      case 'ListVersionsByFunction':
        return {
          Versions: ['$LATEST', ...this.#function(text(input, 'FunctionName')).versions.keys()].map(
            (Version) => ({
              Version,
            }),
          ),
        };
      case 'DeleteFunction':
        return this.#deleteVersion(input);
      case 'Invoke':
        return await this.#invoke(input);
      case 'DescribeAlarms':
        return {
          MetricAlarms: (input['AlarmNames'] as string[]).flatMap((AlarmName) => {
            const StateValue = this.alarms.get(AlarmName);
            return StateValue === undefined ? [] : [{ AlarmName, StateValue }];
          }),
        };
      case 'GetMetricData':
        return this.#metricData(input);
      case 'GetCallerIdentity':
        return { Account: account, Arn: `arn:aws:iam::${account}:user/kim`, UserId: 'AIDAKIM' };
      default:
        throw new AwsError('UnknownOperationException', `the double knows no ${operation}`);
    }
  }

  #updateAlias(input: Input): unknown {
    const name = text(input, 'FunctionName');
    const alias = text(input, 'Name');
    const now = this.alias(name, alias);
    if (input['RevisionId'] !== undefined && input['RevisionId'] !== now.revision)
      throw new AwsError(
        'PreconditionFailedException',
        'The RevisionId provided does not match the latest RevisionId.',
        412,
      );
    const version = (input['FunctionVersion'] as string | undefined) ?? now.version;
    const routing = input['RoutingConfig'] as
      { AdditionalVersionWeights?: Record<string, number> } | undefined;
    const weights = routing?.AdditionalVersionWeights ?? now.weights;
    this.#validate(name, version, weights);
    const description = (input['Description'] as string | undefined) ?? now.description;
    if (description.length > 256)
      throw new AwsError('ValidationException', 'Member must have length less than or equal to 256');
    return this.#view(input, this.#record(name, alias, { version, weights, description }));
  }

  /** [AWS Lambda guide, "Weighted aliases"]: two published versions at most, of the same role and dead-letter queue. */
  #validate(name: string, version: string, weights: Readonly<Record<string, number>>): void {
    const invalid = (why: string) => new AwsError('InvalidParameterValueException', why);
    const others = Object.entries(weights);
    if (others.length > 1) throw invalid('An alias can point to two versions at most.');
    const main = this.#version(name, version);
    for (const [other, weight] of others) {
      if (other === version) throw invalid('The two versions of an alias must differ.');
      if (!(weight >= 0 && weight <= 1)) throw invalid(`${weight} is no weight from 0.0 to 1.0.`);
      const facts = this.#version(name, other);
      if (facts.role !== main.role) throw invalid('Both versions must have the same execution role.');
      if (facts.deadLetter !== main.deadLetter)
        throw invalid('Both versions must have the same dead-letter queue.');
    }
  }

  #configuration(input: Input): unknown {
    const {
      role,
      deadLetter,
      state = 'Active',
    } = this.#version(text(input, 'FunctionName'), text(input, 'Qualifier'));
    return {
      Role: role,
      State: state,
      ...(deadLetter === undefined ? {} : { DeadLetterConfig: { TargetArn: deadLetter } }),
      ...(state === 'Active' ? {} : { StateReason: 'The function is being created.' }),
    };
  }

  #deleteVersion(input: Input): unknown {
    const name = text(input, 'FunctionName');
    const version = text(input, 'Qualifier');
    for (const alias of this.#function(name).aliases.keys()) {
      const { version: main, weights } = this.alias(name, alias);
      if (main === version || Object.hasOwn(weights, version))
        throw new AwsError('ResourceConflictException', `The alias ${alias} names version ${version}.`, 409);
    }
    this.#version(name, version);
    this.#function(name).versions.delete(version);
    return {};
  }

  async #invoke(input: Input): Promise<unknown> {
    const name = text(input, 'FunctionName');
    const version = text(input, 'Qualifier');
    this.#version(name, version);
    const event = JSON.parse(Buffer.from(input['Payload'] as Uint8Array).toString('utf8')) as Record<
      string,
      unknown
    >;
    try {
      const payload = await this.#function(name).invoke(version, event);
      return { StatusCode: 200, Payload: Buffer.from(JSON.stringify(payload)) };
    } catch (error) {
      if (!(error instanceof FunctionFailure)) throw error;
      const payload = { errorType: 'Error', errorMessage: error.message, trace: [] };
      return { StatusCode: 200, FunctionError: 'Unhandled', Payload: Buffer.from(JSON.stringify(payload)) };
    }
  }

  #metricData(input: Input): unknown {
    const [query] = input['MetricDataQueries'] as {
      Id: string;
      MetricStat: { Metric: { MetricName: string; Dimensions: { Name: string; Value: string }[] } };
    }[];
    const { MetricName, Dimensions } = query!.MetricStat.Metric;
    const wanted = new Map(Dimensions.map(({ Name, Value }) => [Name, Value]));
    const within = minutesBetween(instant(input['StartTime']), instant(input['EndTime']));
    const values = this.counted.filter(
      (one) =>
        one.what === MetricName &&
        one.functionName === wanted.get('FunctionName') &&
        `${one.functionName}:${one.alias}` === wanted.get('Resource') &&
        (wanted.get('ExecutedVersion') ?? one.version) === one.version &&
        within(one.at.getTime()) &&
        one.at.getTime() + METRIC_LAG_MS <= this.#nowMs(),
    );
    return { MetricDataResults: [{ Id: query!.Id, Values: values.map(() => 1), StatusCode: 'Complete' }] };
  }

  #read(input: Input): AliasRecord {
    const records = this.#records(text(input, 'FunctionName'), text(input, 'Name'));
    if (this.#readsBehind > 0) {
      this.#readsBehind -= 1;
      return records.at(-2) ?? records.at(-1)!;
    }
    return records.at(-1)!;
  }

  #view(input: Input, record: AliasRecord): unknown {
    const name = text(input, 'FunctionName');
    const alias = text(input, 'Name');
    return {
      AliasArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${name}:${alias}`,
      Name: alias,
      FunctionVersion: record.version,
      Description: record.description,
      RevisionId: record.revision,
      ...(Object.keys(record.weights).length === 0
        ? {}
        : { RoutingConfig: { AdditionalVersionWeights: record.weights } }),
    };
  }

  #record(
    name: string,
    alias: string,
    change: Pick<AliasRecord, 'version' | 'weights' | 'description'>,
  ): AliasRecord {
    const { aliases } = this.#function(name);
    this.#revisions += 1;
    const record = { ...change, atMs: this.#nowMs(), revision: `revision-${this.#revisions}` };
    const records = aliases.get(alias) ?? [];
    records.push(record);
    aliases.set(alias, records);
    return record;
  }

  #nextFault(operation: string): 'throttle' | 'lose' | 'break' | undefined {
    const fault = this.#faults.get(operation);
    if (fault === undefined || fault.times === 0) return undefined;
    fault.times -= 1;
    return fault.kind;
  }

  #records(name: string, alias: string): AliasRecord[] {
    const records = this.#function(name).aliases.get(alias);
    if (records === undefined) throw notFound(`alias ${alias} of ${name}`);
    return records;
  }

  #function(name: string): DoubleFunction {
    const found = this.functions.get(name);
    if (found === undefined) throw notFound(`function ${name}`);
    return found;
  }

  #version(name: string, version: string): DoubleVersion {
    const found = this.#function(name).versions.get(version);
    if (found === undefined) throw notFound(`version ${version} of ${name}`);
    return found;
  }
}

function notFound(what: string): AwsError {
  return new AwsError('ResourceNotFoundException', `There is no ${what}.`, 404);
}

function brokenLine(): Error {
  return Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
}

function text(input: Input, field: string): string {
  const value = input[field];
  if (typeof value !== 'string') throw new AwsError('ValidationException', `${field} is missing`);
  return value;
}

/** The SDK has an instant as a Date, the wire as seconds since 1970. */
function instant(value: unknown): number {
  return value instanceof Date ? value.getTime() : Number(value) * 1000;
}

/** Data points stand at whole minutes: one counts when its minute begins in the range. */
function minutesBetween(fromMs: number, toMs: number): (atMs: number) => boolean {
  return (atMs) => {
    const minute = Math.floor(atMs / MINUTE_MS) * MINUTE_MS;
    return minute >= fromMs && minute < toMs;
  };
}
