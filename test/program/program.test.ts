import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as pulumi from '@pulumi/pulumi';
import { stackShape } from '../../cli/cost/stack-shape.ts';
import { probeTargetsShape } from '../../cli/probe/targets.ts';
import { KEY_USES, type KeyPurpose } from '../../components/keys.ts';
import { migrationsHash } from '../../components/migration.ts';
import { SCHEMA } from '../../functions/migrations/schema.ts';
import { environments, type FunctionKind } from '../../functions/shared/environment.ts';
import { ACCOUNT, deployStack, REGION, stackConfig, type DeployedStack } from '../support/deployed-stack.ts';
import type { RecordedResource } from '../support/pulumi-mocks.ts';
import { brokenRules, statementsOf, type ParsedStatement } from '../support/stack-rules.ts';

/** Each function's kind of environment, by its name. What is not listed here must not exist. */
const FUNCTIONS: Readonly<Record<string, FunctionKind>> = {
  matcher: 'matcher',
  settlement: 'settlement',
  verification: 'verification',
  migration: 'migration',
  rotation: 'rotation',
  api: 'api',
  operators: 'operators',
  'webhooks-fan-out': 'webhookQueueing',
  'webhooks-delivery-fast': 'webhookDelivery',
  'webhooks-delivery-slow': 'webhookDelivery',
  'webhooks-record': 'webhookQueueing',
};

/** Dev has a function that plays the bank, too. */
function functionsOf(stack: 'dev' | 'prod'): Readonly<Record<string, FunctionKind>> {
  return stack === 'dev' ? { ...FUNCTIONS, bank: 'simulatedBank' } : FUNCTIONS;
}

/** The keys of the stack's rollouts, where they are not the function's name. */
const ROLLOUT_KEYS: Readonly<Record<string, string>> = {
  'webhooks-fan-out': 'webhookFanOut',
  'webhooks-delivery-fast': 'webhookDelivery',
  'webhooks-delivery-slow': 'webhookDelivery',
  'webhooks-record': 'webhookRecord',
};

/** Read by the runtime, the SDK and the libraries, of every function. */
const RUNTIME_VARIABLES = ['NODE_OPTIONS', 'POWERTOOLS_LOG_LEVEL', 'POWERTOOLS_METRICS_NAMESPACE'];
const DUAL_STACK_VARIABLES = ['AWS_ENDPOINT_URL_EVENTBRIDGE', 'AWS_USE_DUALSTACK_ENDPOINT'];

/** Which secrets a role reads. */
const READERS: Readonly<Record<string, readonly string[]>> = {
  matcher: ['bankCredentials', 'dataKeys', 'database'],
  settlement: ['bankCredentials', 'bankPayout', 'dataKeys', 'database'],
  verification: ['database'],
  migration: ['database', 'rds!cluster'],
  rotation: ['database', 'rds!cluster'],
  api: ['dataKeys', 'database', 'webhookKeys'],
  operators: ['dataKeys', 'database'],
  'webhooks-fan-out': ['database'],
  'webhooks-delivery-fast': ['webhookKeys'],
  'webhooks-delivery-slow': ['webhookKeys'],
  'webhooks-record': ['database'],
  'matcher-schedule': [],
  'verification-schedule': [],
  'webhooks-sweep-schedule': [],
};

/** Which roles may ask for a key's use; its policy then lets them, through the services that it names. */
const KEY_USERS: Readonly<Record<KeyPurpose, readonly string[]>> = {
  database: [],
  secrets: [
    'api',
    'matcher',
    'migration',
    'operators',
    'rotation',
    'settlement',
    'verification',
    'webhooks-delivery-fast',
    'webhooks-delivery-slow',
    'webhooks-fan-out',
    'webhooks-record',
  ],
  messages: [
    'matcher',
    'matcher-schedule',
    'rotation',
    'settlement',
    'verification',
    'verification-schedule',
    'webhooks-delivery-fast',
    'webhooks-delivery-slow',
    'webhooks-fan-out',
    'webhooks-record',
    'webhooks-sweep-schedule',
  ],
  logs: [],
  functions: Object.keys(FUNCTIONS),
};

/** Services that use a key in their own name, with what for. */
const KEY_SERVICES: Readonly<Record<KeyPurpose, readonly string[]>> = {
  database: [],
  secrets: [],
  messages: ['cloudwatch.amazonaws.com', 'events.amazonaws.com', 'sns.amazonaws.com'],
  logs: [`logs.${REGION}.amazonaws.com`],
  functions: [],
};

const NO_TRACE_ARNS = 'X-Ray has no ARNs for traces';
const NO_INTERFACE_YET =
  'Lambda makes the interfaces, looks for these rights on everything, and the code itself is refused them';

/** Actions that are allowed on everything, with the reason. */
const ON_EVERYTHING: Readonly<Record<string, string>> = {
  'xray:PutTraceSegments': NO_TRACE_ARNS,
  'xray:PutTelemetryRecords': NO_TRACE_ARNS,
  'ec2:CreateNetworkInterface': NO_INTERFACE_YET,
  'ec2:DescribeNetworkInterfaces': NO_INTERFACE_YET,
  'ec2:DescribeSubnets': NO_INTERFACE_YET,
  'ec2:DeleteNetworkInterface': NO_INTERFACE_YET,
  'ec2:AssignPrivateIpAddresses': NO_INTERFACE_YET,
  'ec2:UnassignPrivateIpAddresses': NO_INTERFACE_YET,
};

/** Wildcards at the end of an ARN: names that are made at run time, in a place of ours. */
const MADE_AT_RUN_TIME = [/:log-group:\/smart-transfer-\w+\/[\w-]+:log-stream:\*$/, /\/ledger-heads\/\*$/];

const FUNCTION = 'aws:lambda/function:Function';
const ROLE_POLICY = 'aws:iam/rolePolicy:RolePolicy';
const QUEUE = 'aws:sqs/queue:Queue';

/** Where what reaches a function is said, and how it names it. */
const TARGETS: Readonly<Record<string, (inputs: Readonly<Record<string, unknown>>) => unknown>> = {
  'aws:scheduler/schedule:Schedule': ({ target }) => (target as { arn: unknown }).arn,
  'aws:lambda/eventSourceMapping:EventSourceMapping': ({ functionName }) => functionName,
  'aws:apigatewayv2/integration:Integration': ({ integrationUri }) => integrationUri,
  'aws:secretsmanager/secretRotation:SecretRotation': ({ rotationLambdaArn }) => rotationLambdaArn,
};

for (const stack of ['dev', 'prod'] as const) {
  describe(`the program, as ${stack}`, function () {
    this.timeout(300_000);
    let deployed: DeployedStack;
    const functions = functionsOf(stack);
    const bank = stack === 'dev' ? ['bank'] : [];

    before(async () => {
      deployed = await deployStack(stack, stackConfig(stack));
    });

    const all = (type: string): readonly RecordedResource[] =>
      deployed.resources.filter((one) => one.type === type);
    const settings = () => stackConfig(stack) as Record<string, Record<string, unknown>>;
    const statementsOfRoles = (): { role: string; statement: ParsedStatement }[] =>
      all(ROLE_POLICY).flatMap(({ name, inputs }) =>
        statementsOf(inputs['policy']).map((statement) => ({ role: name, statement })),
      );
    const variablesOf = ({ inputs }: RecordedResource): Record<string, string> =>
      (inputs['environment'] as { variables: Record<string, string> }).variables;

    it('makes what it made before, under the same names', () => {
      const file = join(import.meta.dirname, `names.${stack}.txt`);
      const names = deployed.resources.map(({ urn }) => urn.split('::').slice(2).join(' ')).sort();
      if (process.env['UPDATE_NAMES'] === '1') writeFileSync(file, `${names.join('\n')}\n`);
      const known = readFileSync(file, 'utf8').trimEnd().split('\n');
      const gone = known.filter((name) => !names.includes(name));
      const added = names.filter((name) => !known.includes(name));
      assert.deepEqual(
        { gone, added },
        { gone: [], added: [] },
        'a resource that is renamed is deleted and made anew: give it an alias, or, where that is meant, run this test with UPDATE_NAMES=1',
      );
      assert.equal(new Set(names).size, names.length, 'two resources have one name');
    });

    it('has nothing unencrypted, kept for ever, without a dead letter queue, open to plain HTTP or watched by nobody', () => {
      const broken = brokenRules(
        deployed.resources,
        (name) => name.endsWith('-dlq') || name === 'failures' || name === 'probe',
      );
      assert.deepEqual(broken, []);
    });

    it('allows no action by a wildcard, and none on everything but those that know nothing smaller', () => {
      for (const { role, statement } of statementsOfRoles()) {
        if (statement.effect === 'Deny') continue;
        for (const action of statement.actions) {
          assert.match(action, /^[a-z0-9]+:[A-Za-z]+$/, `${role}: ${action}`);
          for (const resource of statement.resources) {
            if (resource === '*') assert.ok(action in ON_EVERYTHING, `${role}: ${action} on everything`);
            else if (resource.includes('*'))
              assert.ok(
                MADE_AT_RUN_TIME.some((shape) => shape.test(resource)),
                `${role}: ${action} on ${resource}`,
              );
            else assert.match(resource, /^arn:/, `${role}: ${action} on ${resource}`);
          }
        }
      }
    });

    it('gives each statement a name of its own within its policy', () => {
      for (const { name, inputs } of all(ROLE_POLICY)) {
        const { Statement } = JSON.parse(inputs['policy'] as string) as { Statement: { Sid?: string }[] };
        const names = Statement.map(({ Sid }) => Sid);
        assert.ok(!names.includes(undefined), name);
        assert.equal(new Set(names).size, names.length, `${name}: ${names.join()}`);
      }
    });

    it("lets one service assume each role: Lambda a function's, the scheduler its schedules' for its own group alone", () => {
      for (const { name, inputs } of all('aws:iam/role:Role')) {
        const [statement, ...others] = statementsOf(inputs['assumeRolePolicy']);
        assert.deepEqual(
          [statement?.effect, statement?.actions, others],
          ['Allow', ['sts:AssumeRole'], []],
          name,
        );
        const { Service } = statement?.principal as { Service: string[] };
        const schedule = name.endsWith('-schedule');
        assert.deepEqual(Service, [schedule ? 'scheduler.amazonaws.com' : 'lambda.amazonaws.com'], name);
        const group = `arn:aws:scheduler:${REGION}:${ACCOUNT}:schedule-group/smart-transfer-${stack}`;
        assert.deepEqual(
          statement?.condition,
          schedule ? { StringEquals: { 'aws:SourceAccount': ACCOUNT, 'aws:SourceArn': group } } : {},
          name,
        );
      }
    });

    it("refuses the functions' code what Lambda does with their network interfaces", () => {
      for (const one of all(FUNCTION).filter(({ inputs }) => inputs['vpcConfig'] !== undefined)) {
        const statements = statementsOfRoles().filter(({ role }) => role === one.name);
        const deny = statements.find(({ statement }) => statement.effect === 'Deny')?.statement;
        const allow = statements.find(({ statement }) =>
          statement.actions.includes('ec2:CreateNetworkInterface'),
        )?.statement;
        assert.deepEqual(deny?.actions, allow?.actions, one.name);
        assert.deepEqual(deny?.condition, { Null: { 'lambda:SourceFunctionArn': 'false' } });
      }
    });

    it('lets each role read the secrets of its table and no other, the payout secret by settlement alone', () => {
      const read: Record<string, string[]> = Object.fromEntries(
        all(ROLE_POLICY).map(({ name }) => [name, []]),
      );
      for (const { role, statement } of statementsOfRoles())
        if (statement.actions.includes('secretsmanager:GetSecretValue'))
          read[role] = statement.resources.map((arn) => /secret:([A-Za-z!]+)/.exec(arn)?.[1] ?? arn).sort();
      assert.deepEqual(read, stack === 'dev' ? { ...READERS, bank: ['bankCredentials'] } : READERS);
      const [statement] = statementsOf(
        deployed.resource('aws:secretsmanager/secretPolicy:SecretPolicy', 'bankPayout').inputs['policy'],
      );
      assert.equal(statement?.effect, 'Deny');
      assert.deepEqual(statement.condition, {
        ArnNotEquals: { 'aws:PrincipalArn': `arn:aws:iam::${ACCOUNT}:role/settlement-1a2b3c4` },
      });
    });

    it('lets the rotation and the migration alone write a secret, and only the login', () => {
      const writers = statementsOfRoles()
        .filter(({ statement }) => statement.actions.includes('secretsmanager:PutSecretValue'))
        .map(({ role, statement }) => [role, statement.actions.length, statement.resources.length]);
      assert.deepEqual(writers.sort(), [
        ['migration', 1, 1],
        ['rotation', 3, 1],
      ]);
    });

    for (const purpose of Object.keys(KEY_USES) as KeyPurpose[]) {
      it(`lets those use the key for ${purpose} that its table names`, () => {
        const key = deployed.resource('aws:kms/key:Key', purpose);
        assert.equal(key.inputs['enableKeyRotation'], true);
        const keyArn = `arn:aws:kms:${REGION}:${ACCOUNT}:key/${purpose}`;
        const roles = statementsOfRoles()
          .filter(({ statement }) => statement.resources.includes(keyArn))
          .map(({ role }) => role);
        const users = [
          ...KEY_USERS[purpose],
          ...(purpose === 'secrets' || purpose === 'functions' ? bank : []),
        ];
        assert.deepEqual([...new Set(roles)].sort(), users.sort());
        const policy = statementsOf(key.inputs['policy']);
        const services = policy.flatMap(
          ({ principal }) => (principal as { Service?: string[] }).Service ?? [],
        );
        assert.deepEqual(services.sort(), KEY_SERVICES[purpose]);
        for (const { principal, actions, condition } of policy) {
          assert.ok(actions.every((action) => /^kms:[A-Za-z]+$/.test(action)));
          if ('Service' in (principal as object)) {
            const [names] = Object.values(condition['ArnLike'] ?? {}) as string[][];
            assert.ok(
              names?.every((name) => name.includes(`smart-transfer-${stack}`)),
              JSON.stringify(names),
            );
            assert.ok(names?.every((name) => name.includes(`:${ACCOUNT}:`)));
          } else {
            assert.deepEqual(principal, { AWS: `arn:aws:iam::${ACCOUNT}:root` });
            // Whoever may decrypt may do it through the service alone.
            if (actions.includes('kms:Decrypt'))
              assert.deepEqual(condition['StringEquals']?.['kms:ViaService'], [
                ...KEY_USES[purpose].via.map((service) => `${service}.${REGION}.amazonaws.com`),
              ]);
          }
        }
      });
    }

    it("names every log group, queue, rule and alarm so that its key's policy knows it", () => {
      const prefix = `smart-transfer-${stack}`;
      for (const { name, inputs } of all('aws:cloudwatch/logGroup:LogGroup'))
        assert.match(
          String(inputs['name']),
          new RegExp(`^(/${prefix}/|/aws/rds/cluster/${prefix}/|/aws/vendedlogs/${prefix}/)`),
          name,
        );
      const rules = all('aws:cloudwatch/eventRule:EventRule').map(({ inputs }) => String(inputs['name']));
      const alarms = all('aws:cloudwatch/metricAlarm:MetricAlarm').map(({ inputs }) =>
        String(inputs['name']),
      );
      for (const name of [...rules, ...alarms]) assert.ok(name.startsWith(`${prefix}-`), name);
    });

    it('makes each function alike: arm64, Node 24, traced, logged, published, its variables encrypted', () => {
      assert.deepEqual(
        all(FUNCTION)
          .map(({ name }) => name)
          .sort(),
        Object.keys(functions).sort(),
      );
      for (const { name, inputs } of all(FUNCTION)) {
        const { runtime, architectures, tracingConfig, publish, handler, kmsKeyArn, loggingConfig } = inputs;
        assert.deepEqual(
          { runtime, architectures, tracingConfig, publish, handler, kmsKeyArn, loggingConfig },
          {
            runtime: 'nodejs24.x',
            architectures: ['arm64'],
            tracingConfig: { mode: 'Active' },
            publish: true,
            handler: 'index.handler',
            kmsKeyArn: `arn:aws:kms:${REGION}:${ACCOUNT}:key/functions`,
            loggingConfig: { logFormat: 'JSON', logGroup: `/smart-transfer-${stack}/${name}` },
          },
        );
        assert.equal(inputs['role'], `arn:aws:iam::${ACCOUNT}:role/${name}-1a2b3c4`, 'a role of its own');
      }
    });

    it('gives each function the variables that it reads, and no other', () => {
      for (const one of all(FUNCTION)) {
        const kind = functions[one.name]!;
        const variables = variablesOf(one);
        const parsed = environments[kind].safeParse(variables);
        assert.deepEqual(parsed.error?.issues ?? [], [], one.name);
        const known = [
          ...Object.keys(environments[kind].shape),
          ...RUNTIME_VARIABLES,
          ...(one.inputs['vpcConfig'] !== undefined &&
          settings()['smart-transfer:network']?.['egress'] === 'none'
            ? DUAL_STACK_VARIABLES
            : []),
        ];
        assert.deepEqual(
          Object.keys(variables).filter((name) => !known.includes(name)),
          [],
          one.name,
        );
      }
    });

    it('holds no secret in any input: secrets are named, and made empty', () => {
      const made = new Set(deployed.resources.map(({ type }) => type));
      assert.ok(!made.has('aws:secretsmanager/secretVersion:SecretVersion'));
      const suspicious = /password|passphrase|secretstring|privatekey|accesskey|token$/i;
      const visit = (value: unknown, path: string): void => {
        if (typeof value !== 'object' || value === null) return;
        for (const [key, inner] of Object.entries(value)) {
          const here = `${path}.${key}`;
          if (typeof inner === 'string' && suspicious.test(key)) assert.fail(`${here} is ${inner}`);
          if (/_SECRET_ID$/.test(key)) assert.match(String(inner), /^arn:aws:secretsmanager:/, here);
          visit(inner, here);
        }
      };
      for (const { urn, inputs, secretInputs } of deployed.resources) {
        visit(inputs, urn);
        assert.deepEqual(
          secretInputs,
          [],
          `${urn}: a value that is marked as a secret is in the state all the same`,
        );
      }
      assert.equal(deployed.resource('aws:rds/cluster:Cluster').inputs['manageMasterUserPassword'], true);
    });

    it('calls aliases, never functions, and each permission is for the alias', () => {
      for (const { type, name, inputs } of deployed.resources) {
        const target = TARGETS[type]?.(inputs);
        if (target !== undefined) assert.match(target as string, /:function:[\w-]+:live$/, `${type} ${name}`);
        if (type === 'aws:cloudwatch/eventTarget:EventTarget' && String(inputs['arn']).includes(':lambda:'))
          assert.match(String(inputs['arn']), /:live$/, name);
        if (type === 'aws:lambda/permission:Permission' || type.endsWith(':FunctionEventInvokeConfig'))
          assert.equal(inputs['qualifier'], 'live', `${type} ${name}`);
      }
      assert.equal(
        deployed.resource('aws:lambda/invocation:Invocation', 'migration').inputs['qualifier'],
        '7',
      );
    });

    it('notes that the release serves once every alias names it, and again with another schema', () => {
      const { inputs, dependsOn } = deployed.resource(
        'aws:lambda/invocation:Invocation',
        'migration-serving',
      );
      assert.equal(
        inputs['functionName'],
        deployed.resource('aws:lambda/invocation:Invocation', 'migration').inputs['functionName'],
      );
      assert.equal(inputs['qualifier'], '7');
      assert.deepEqual(JSON.parse(String(inputs['input'])), { step: 'serving' });
      assert.deepEqual(inputs['triggers'], { schema: SCHEMA });
      const shifted = all('aws:lambda/alias:Alias').filter(({ name }) => name !== 'bank');
      for (const { urn, name } of shifted) assert.ok(dependsOn.includes(urn), name);
    });

    it('names an alias nowhere before it exists', () => {
      const aliases = all('aws:lambda/alias:Alias');
      for (const { type, name, inputs, dependsOn } of deployed.resources) {
        if (inputs['qualifier'] !== 'live') continue;
        const of = String(inputs['function'] ?? inputs['functionName']);
        const alias = aliases.find(({ inputs: made }) => made['functionName'] === of);
        assert.ok(dependsOn.includes(alias?.urn ?? ''), `${type} ${name}`);
      }
    });

    it('migrates before any alias names a version, and after the database and the network are there', () => {
      const { urn: invocation, dependsOn } = deployed.resource(
        'aws:lambda/invocation:Invocation',
        'migration',
      );
      const aliases = all('aws:lambda/alias:Alias');
      assert.equal(aliases.length, Object.keys(functions).length - 1, 'all but the migration have one');
      for (const alias of aliases) assert.ok(alias.dependsOn.includes(invocation), alias.name);
      const writer = deployed.resource('aws:rds/clusterInstance:ClusterInstance', 'database-writer');
      assert.ok(dependsOn.includes(writer.urn));
      const ways = deployed.resources.filter(({ type }) =>
        /^aws:(ec2\/route|vpc\/securityGroup(In|E)gressRule):/.test(type),
      );
      assert.ok(ways.length >= 4);
      for (const { urn } of ways) assert.ok(dependsOn.includes(urn), urn);
      const { triggers } = deployed.resource('aws:lambda/invocation:Invocation', 'migration').inputs;
      assert.deepEqual(triggers, { migrations: migrationsHash() });
    });

    it('keeps what fails of every function that is called without being waited for', () => {
      const kept = new Set(
        all('aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig').map(({ inputs }) =>
          String(inputs['functionName']),
        ),
      );
      const called = [
        ...all('aws:scheduler/schedule:Schedule').map(
          ({ inputs }) => (inputs['target'] as { arn: string }).arn,
        ),
        ...all('aws:cloudwatch/eventTarget:EventTarget').map(({ inputs }) => String(inputs['arn'])),
        ...all('aws:secretsmanager/secretRotation:SecretRotation').map(({ inputs }) =>
          String(inputs['rotationLambdaArn']),
        ),
      ].filter((arn) => arn.includes(':lambda:'));
      for (const arn of called) assert.ok(kept.has(arn.split(':')[6]!), arn);
    });

    it('tries nothing again that a later beat does anyway, and an event that becomes no delivery twice', () => {
      const retries = all('aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig').map(
        ({ name, inputs }) => [name, inputs['maximumRetryAttempts'], inputs['maximumEventAgeInSeconds']],
      );
      assert.deepEqual(retries.sort(), [
        ['matcher', 0, 300],
        ['rotation', 0, 300],
        ['verification', 0, 300],
        ['webhooks-fan-out', 2, 3600],
      ]);
    });

    it('rotates the login once it is written, and not at once', () => {
      const { inputs, dependsOn } = deployed.resource('aws:secretsmanager/secretRotation:SecretRotation');
      assert.equal(inputs['rotateImmediately'], false);
      assert.ok(dependsOn.includes(deployed.resource('aws:lambda/invocation:Invocation', 'migration').urn));
    });

    it("tells each function that reaches the database which cluster it is, by TLS that knows Amazon's authorities", () => {
      for (const one of all(FUNCTION).filter(({ inputs }) => inputs['vpcConfig'] !== undefined)) {
        const { DATABASE_IDENTITY, DATABASE_TLS, DATABASE_CA_FILE, DATABASE_HOST } = variablesOf(one);
        assert.deepEqual(
          [DATABASE_IDENTITY, DATABASE_TLS, DATABASE_CA_FILE, DATABASE_HOST],
          [
            'cluster-ABC',
            'verify',
            '/var/runtime/ca-cert.pem',
            `smart-transfer-${stack}.cluster-x.${REGION}.rds.amazonaws.com`,
          ],
          one.name,
        );
      }
    });

    it('calls AWS by IPv6 first, at dual-stack names, from where there is no other way out', () => {
      const byIpv6 = settings()['smart-transfer:network']?.['egress'] === 'none';
      const names = {
        AWS_USE_DUALSTACK_ENDPOINT: 'true',
        AWS_ENDPOINT_URL_EVENTBRIDGE: `https://events.${REGION}.api.aws`,
      };
      for (const one of all(FUNCTION)) {
        const vpc = one.inputs['vpcConfig'] as { ipv6AllowedForDualStack: boolean } | undefined;
        if (vpc !== undefined) assert.equal(vpc.ipv6AllowedForDualStack, byIpv6, one.name);
        const variables = variablesOf(one);
        const ipv6 = byIpv6 && vpc !== undefined;
        const said = DUAL_STACK_VARIABLES.map((name) => [name, variables[name]] as const);
        assert.deepEqual(
          Object.fromEntries(said.filter(([, value]) => value !== undefined)),
          ipv6 ? names : {},
          one.name,
        );
        assert.equal(variables['NODE_OPTIONS']?.includes('--dns-result-order=ipv6first'), ipv6, one.name);
      }
    });

    it('keeps secrets under their key, and for a time after they are deleted', () => {
      for (const { name, inputs } of all('aws:secretsmanager/secret:Secret'))
        assert.deepEqual(
          [inputs['kmsKeyId'], inputs['recoveryWindowInDays']],
          [`arn:aws:kms:${REGION}:${ACCOUNT}:key/secrets`, stack === 'prod' ? 30 : 7],
          name,
        );
    });

    it('has an alarm on the errors and throttles of each function and on the depth of each dead letter queue', () => {
      const watched = all('aws:cloudwatch/metricAlarm:MetricAlarm').map(
        ({ inputs }) => `${String(inputs['metricName'])} ${JSON.stringify(inputs['dimensions'])}`,
      );
      for (const { name } of all(FUNCTION))
        for (const metric of ['Errors', 'Throttles'])
          assert.ok(
            watched.some((one) => one.startsWith(`${metric} `) && one.includes(`"${name}-1a2b3c4"`)),
            `${metric} of ${name}`,
          );
      const deadLetters = all(QUEUE).filter(({ name }) => name.endsWith('-dlq') || name === 'failures');
      assert.equal(deadLetters.length, 6);
      for (const { inputs } of deadLetters)
        assert.ok(
          watched.some((one) => one.includes(`"${String(inputs['name'])}"`)),
          String(inputs['name']),
        );
    });

    it("hides a message six times its function's limit, and a transfer's for less than a cycle", () => {
      const mappings = all('aws:lambda/eventSourceMapping:EventSourceMapping');
      assert.equal(mappings.length, 4);
      for (const { name, inputs } of mappings) {
        const queue = all(QUEUE).find(({ inputs: queue }) =>
          String(inputs['eventSourceArn']).endsWith(`:${String(queue['name'])}`),
        );
        const target = all(FUNCTION).find(({ name: of }) =>
          String(inputs['functionName']).includes(`:${of}-1a2b3c4:`),
        );
        const visibility = Number(queue?.inputs['visibilityTimeoutSeconds']);
        assert.equal(visibility, 6 * Number(target?.inputs['timeout']), name);
        assert.deepEqual(inputs['functionResponseTypes'], ['ReportBatchItemFailures']);
        const { maximumConcurrency } = inputs['scalingConfig'] as { maximumConcurrency: number };
        assert.ok(maximumConcurrency >= 2);
        const reserved = target?.inputs['reservedConcurrentExecutions'];
        assert.ok(reserved === undefined || Number(reserved) >= maximumConcurrency + 2, name);
        if (name === 'settlement')
          assert.ok(visibility < Number(settings()['smart-transfer:schedule']?.['cycleMinutes']) * 60);
      }
    });

    it('runs nothing before it is started', () => {
      for (const { inputs } of all('aws:scheduler/schedule:Schedule'))
        assert.equal(inputs['state'], 'DISABLED');
      for (const { inputs } of all('aws:lambda/eventSourceMapping:EventSourceMapping'))
        assert.equal(inputs['enabled'], false);
    });

    it("beats in Korean time, and an event is never older than a cycle's worth", () => {
      for (const { name, inputs } of all('aws:scheduler/schedule:Schedule')) {
        assert.equal(inputs['scheduleExpressionTimezone'], 'Asia/Seoul', name);
        assert.deepEqual(inputs['flexibleTimeWindow'], { mode: 'OFF' });
        const { retryPolicy, deadLetterConfig } = inputs['target'] as {
          retryPolicy: { maximumEventAgeInSeconds: number };
          deadLetterConfig: { arn: string };
        };
        assert.ok(retryPolicy.maximumEventAgeInSeconds <= 300);
        assert.match(deadLetterConfig.arn, /-failures$/);
      }
    });

    it('names each route, and lets operators in by their signature alone', () => {
      const routes = all('aws:apigatewayv2/route:Route').map(({ inputs }) => inputs);
      assert.ok(routes.length > 40);
      for (const { routeKey, authorizationType } of routes) {
        assert.match(String(routeKey), /^(GET|POST|PUT|PATCH|DELETE) \/[^$*+]*$/);
        const operators = String(routeKey).includes(' /operators/');
        assert.equal(authorizationType, operators ? 'AWS_IAM' : 'NONE', String(routeKey));
      }
    });

    it('runs on a database that is encrypted, reached by TLS, and not from outside', () => {
      const { inputs, protect } = deployed.resource('aws:rds/cluster:Cluster');
      assert.equal(inputs['storageEncrypted'], true);
      assert.equal(inputs['engine'], 'aurora-postgresql');
      assert.match(String(inputs['engineVersion']), /^17\./);
      const guarded = stack === 'prod';
      assert.deepEqual(
        [inputs['deletionProtection'], inputs['skipFinalSnapshot'], protect],
        [guarded, !guarded, guarded],
      );
      const parameters = deployed.resource('aws:rds/clusterParameterGroup:ClusterParameterGroup').inputs;
      assert.ok(
        (parameters['parameters'] as { name: string; value: string }[]).some(
          ({ name, value }) => name === 'rds.force_ssl' && value === '1',
        ),
      );
      for (const { inputs: instance } of all('aws:rds/clusterInstance:ClusterInstance'))
        assert.equal(instance['publiclyAccessible'], false);
      const [ingress, ...others] = all('aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule');
      assert.deepEqual(
        [ingress?.inputs['referencedSecurityGroupId'], ingress?.inputs['fromPort'], others.length],
        ['functions-id', 5432, 0],
      );
    });

    it('says of each alias which function, version and strategy it has, for the person on call', async () => {
      const { valueOf } = await import('../support/pulumi-mocks.ts');
      const said = await valueOf(pulumi.output(deployed.outputs['rollouts']));
      const wanted = Object.fromEntries(
        all('aws:lambda/alias:Alias').map(({ name }) => {
          const strategy =
            name === 'bank'
              ? 'AllAtOnce'
              : settings()['smart-transfer:rollout']?.[ROLLOUT_KEYS[name] ?? name];
          const arn = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${name}-1a2b3c4:live`;
          return [name, { function: `${name}-1a2b3c4`, version: '7', strategy, alias: arn }];
        }),
      );
      assert.deepEqual(said, wanted);
    });

    it('says where the probe finds its paths: queues, functions, and a route that wants a signature', async () => {
      const { valueOf } = await import('../support/pulumi-mocks.ts');
      const said = await valueOf(pulumi.output(deployed.outputs['probe']));
      const { operatorsPath, functions, queues, probeQueueUrl } = probeTargetsShape.parse(said);
      const route = all('aws:apigatewayv2/route:Route').find(
        ({ inputs }) => inputs['routeKey'] === `GET ${operatorsPath}`,
      );
      assert.equal(route?.inputs['authorizationType'], 'AWS_IAM', operatorsPath);
      // The simulated bank knows no dry run: it is the bank that the matcher's and the settlement's ask.
      const aliases = all('aws:lambda/alias:Alias').filter(({ name }) => name !== 'bank');
      assert.deepEqual(Object.keys(functions).sort(), aliases.map(({ name }) => name).sort());
      for (const arn of Object.values(functions)) assert.match(arn, /:live$/);
      const urls = Object.values(queues).flatMap(({ url, deadLettersUrl }) => [url, deadLettersUrl]);
      assert.equal(new Set([...urls, probeQueueUrl]).size, 9);
    });

    it('has as many alarms, secrets, keys and addresses as its price is reckoned with', () => {
      const { alarms, secrets, keys, natGateways } = stackShape(stack);
      // The probe's own is not on the dashboard.
      const shown = all('aws:cloudwatch/metricAlarm:MetricAlarm').length - 1;
      assert.deepEqual(
        { alarms, secrets, keys, natGateways },
        {
          // Once the stack is started, each alias has one more that its rollouts watch.
          alarms: shown + 1 + all('aws:lambda/alias:Alias').length,
          // And the master's, which RDS makes.
          secrets: all('aws:secretsmanager/secret:Secret').length + 1,
          keys: all('aws:kms/key:Key').length,
          natGateways: all('aws:ec2/eip:Eip').length,
        },
      );
      assert.ok(shown <= 50, 'a dashboard of more than fifty metrics costs, and its price is not reckoned');
    });

    it('says which secrets are to be filled, with the command, and reads none', async () => {
      const { valueOf } = await import('../support/pulumi-mocks.ts');
      const toFill = await valueOf(deployed.outputs['secretsToFill'] as Parameters<typeof valueOf>[0]);
      assert.deepEqual(Object.keys(toFill as object), [
        'dataKeys',
        'bankCredentials',
        'bankPayout',
        'webhookKeys',
      ]);
      for (const command of Object.values(toFill as Record<string, string>))
        assert.match(command, /put-secret-value --secret-id arn:aws:secretsmanager:/);
      assert.deepEqual([...new Set(deployed.calls.map(({ token }) => token))].sort(), [
        'aws:index/getCallerIdentity:getCallerIdentity',
        'aws:secretsmanager/getSecretVersions:getSecretVersions',
      ]);
    });
  });
}

describe('the program, once prod is started', function () {
  this.timeout(300_000);
  let deployed: DeployedStack;

  before(async () => {
    deployed = await deployStack('prod', { ...stackConfig('prod'), 'smart-transfer:started': true });
  });

  it('lets schedules and mappings run', () => {
    for (const { type, name, inputs } of deployed.resources) {
      if (type === 'aws:scheduler/schedule:Schedule') assert.equal(inputs['state'], 'ENABLED', name);
      if (type === 'aws:lambda/eventSourceMapping:EventSourceMapping')
        assert.equal(inputs['enabled'], true, name);
    }
  });

  it('moves each alias by a hook, watched by an alarm of its own version that calls nobody', () => {
    const aliases = deployed.resources.filter(({ type }) => type === 'aws:lambda/alias:Alias');
    for (const { name, hooks, protect, dependsOn } of aliases) {
      assert.deepEqual(hooks.beforeUpdate, [`rollout-${name}`]);
      assert.equal(protect, true);
      const gate = deployed.resource('aws:cloudwatch/metricAlarm:MetricAlarm', `${name}-rollout-errors`);
      assert.ok(dependsOn.includes(gate.urn));
      assert.equal(gate.inputs['alarmActions'], undefined);
    }
  });
});
