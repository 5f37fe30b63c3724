import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import awsPackage from '@pulumi/aws/package.json' with { type: 'json' };
import awsxPackage from '@pulumi/awsx/package.json' with { type: 'json' };
import { parse, stringify } from 'yaml';
import { stackConfig } from '../support/deployed-stack.ts';
import { serveAws } from '../support/aws-double/http.ts';
import { until } from '../support/until.ts';
import { awsProvider } from './cloud/aws-provider.ts';
import { awsxProvider } from './cloud/awsx-provider.ts';
import { Cloud } from './cloud/cloud.ts';
import { serveProvider } from './cloud/serve-provider.ts';
import { findEngine } from './find-engine.ts';

/** What a checkout holds that the program needs. */
const PROGRAM = [
  'index.ts',
  'Pulumi.yaml',
  'Pulumi.dev.yaml',
  'Pulumi.prod.yaml',
  'package.json',
  'components',
  'functions',
  'local',
];

const PROJECT = join(import.meta.dirname, '..', '..');

/** A run of the CLI that has ended. */
export interface Ran {
  readonly status: number | null;
  /** Standard output and error, as they came. */
  readonly said: string;
  readonly ms: number;
}

/** A run of the CLI that goes on. */
export interface Running {
  readonly said: () => string;
  /** Waits for a line that the person would see. */
  readonly sees: (text: string | RegExp, withinMs?: number) => Promise<void>;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<Ran>;
}

export type Environment = Readonly<Record<string, string>>;

/** What the CLI says, and nothing that asks or fetches. */
const QUIET: Environment = {
  PULUMI_SKIP_UPDATE_CHECK: '1',
  PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
  PULUMI_CONFIG_PASSPHRASE: 'of a stack for tests',
  NO_COLOR: '1',
};

/** Credentials that the doubles believe, and the SDK's clients do not look for elsewhere. */
const CREDENTIALS: Environment = {
  AWS_ACCESS_KEY_ID: 'double',
  AWS_SECRET_ACCESS_KEY: 'the double believes it',
};

/**
 * One stack under the real engine: a checkout of its own, whose files a test may change, a backend of files, and an AWS account in memory behind doubles of the
 * providers.
 */
export class Stack {
  readonly cloud: Cloud;
  /** The program's folder. */
  readonly folder: string;
  readonly name: string;
  readonly #root: string;
  readonly #environment: Environment;
  readonly #cli: string;
  readonly #stops: (() => unknown)[];
  readonly #running = new Set<ChildProcess>();

  private constructor(args: {
    readonly name: string;
    readonly root: string;
    readonly folder: string;
    readonly cloud: Cloud;
    readonly cli: string;
    readonly environment: Environment;
    readonly stops: (() => unknown)[];
  }) {
    this.name = args.name;
    this.#root = args.root;
    this.folder = args.folder;
    this.cloud = args.cloud;
    this.#cli = args.cli;
    this.#environment = args.environment;
    this.#stops = args.stops;
  }

  /** Makes a stack with the configuration that its file has, complete with what only a person knows. Nothing is deployed. */
  static async open(name: 'dev' | 'prod'): Promise<Stack> {
    const { cli, hostFolder } = findEngine();
    const root = mkdtempSync(join(tmpdir(), 'smart-transfer-engine-'));
    const folder = join(root, 'checkout');
    for (const path of PROGRAM) cpSync(join(PROJECT, path), join(folder, path), { recursive: true });
    symlinkSync(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
    for (const made of ['backend', 'home']) mkdirSync(join(root, made));
    const cloud = new Cloud(folder);
    const aws = await serveProvider({
      version: awsPackage.version,
      makesComponents: false,
      calls: awsProvider(cloud),
    });
    const awsx = await serveProvider({
      version: awsxPackage.version,
      makesComponents: true,
      calls: awsxProvider(cloud),
    });
    const live = await serveAws(cloud.live);
    const bin = join(PROJECT, 'node_modules', '.bin');
    const path = [bin, ...(hostFolder === undefined ? [] : [hostFolder]), process.env['PATH']].join(
      delimiter,
    );
    const stack = new Stack({
      name,
      root,
      folder,
      cloud,
      cli,
      environment: {
        ...QUIET,
        PATH: path,
        HOME: join(root, 'home'),
        PULUMI_HOME: join(root, 'home', '.pulumi'),
        PULUMI_BACKEND_URL: `file://${join(root, 'backend')}`,
        PULUMI_DEBUG_PROVIDERS: `aws:${aws.port},awsx:${awsx.port}`,
      },
      stops: [() => aws.stop(), () => awsx.stop(), () => live.stop()],
    });
    stack.configure({
      ...stackConfig(name),
      'aws:endpoints': [{ lambda: live.endpoint, cloudwatch: live.endpoint, sts: live.endpoint }],
    });
    const made = await stack.pulumi(['stack', 'init', name]);
    if (made.status !== 0) throw new Error(`the stack could not be made: ${made.said}`);
    return stack;
  }

  /** Changes keys of the stack's file; what is `undefined` is taken out. */
  configure(keys: Readonly<Record<string, unknown>>): void {
    const content = parse(readFileSync(this.#file, 'utf8')) as { config: Record<string, unknown> };
    Object.assign(content.config, keys);
    writeFileSync(this.#file, stringify(content));
  }

  /** A group of keys as the stack's file has it. */
  configured(key: string): object {
    const { config } = parse(readFileSync(this.#file, 'utf8')) as { config: Record<string, object> };
    const group = config[key];
    if (group === undefined) throw new Error(`${this.#file} has no ${key}`);
    return group;
  }

  get #file(): string {
    return join(this.folder, `Pulumi.${this.name}.yaml`);
  }

  /** What a run is given and no state may hold, by name. */
  secrets(): Environment {
    return {
      passphrase: QUIET['PULUMI_CONFIG_PASSPHRASE'] ?? '',
      key: CREDENTIALS['AWS_SECRET_ACCESS_KEY'] ?? '',
    };
  }

  /** Changes a file of the program. */
  edit(path: string, change: (text: string) => string): void {
    const file = join(this.folder, path);
    const before = readFileSync(file, 'utf8');
    const after = change(before);
    if (after === before) throw new Error(`${path} is as it was`);
    writeFileSync(file, after);
  }

  /** Runs the CLI to its end. */
  async pulumi(args: readonly string[], environment: Environment = CREDENTIALS): Promise<Ran> {
    return await this.start(args, environment).ended;
  }

  start(args: readonly string[], environment: Environment = CREDENTIALS): Running {
    const begun = performance.now();
    const child = spawn(this.#cli, [...args, '--non-interactive', '--color', 'never'], {
      cwd: this.folder,
      env: { ...this.#environment, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#running.add(child);
    let said = '';
    const hear = (chunk: Buffer): void => void (said += chunk.toString('utf8'));
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    const ended = once(child, 'exit').then(([status]): Ran => {
      this.#running.delete(child);
      return { status: status as number | null, said, ms: Math.round(performance.now() - begun) };
    });
    return {
      said: () => said,
      sees: async (text, withinMs = 60_000) => {
        await until(
          `"${String(text)}" is said`,
          () => {
            if (typeof text === 'string' ? said.includes(text) : text.test(said)) return true;
            if (!this.#running.has(child))
              throw new Error(`the run ended and never said "${String(text)}": ${said}`);
            return false;
          },
          withinMs,
        ).catch((error: unknown) => {
          throw new Error(`${String(error)}; it said:\n${said}`);
        });
      },
      kill: (signal) => void child.kill(signal),
      ended,
    };
  }

  preview(...args: string[]): Promise<Ran> {
    return this.pulumi(['preview', '--stack', this.name, ...args]);
  }

  up(environment: Environment = {}, ...args: string[]): Promise<Ran> {
    return this.startUp(environment, ...args).ended;
  }

  startUp(environment: Environment = {}, ...args: string[]): Running {
    return this.start(['up', '--yes', '--skip-preview', '--stack', this.name, ...args], {
      ...CREDENTIALS,
      ...environment,
    });
  }

  /** What the engine keeps, secrets decrypted. */
  async state(): Promise<ExportedState> {
    const exported = await this.pulumi(['stack', 'export', '--show-secrets', '--stack', this.name]);
    const { deployment } = JSON.parse(exported.said) as { deployment: Partial<ExportedState['deployment']> };
    // A stack with nothing in it has no list.
    return { deployment: { ...deployment, resources: deployment.resources ?? [] } };
  }

  async stop(): Promise<void> {
    for (const child of this.#running) child.kill('SIGKILL');
    for (const stop of this.#stops) await stop();
    rmSync(this.#root, { recursive: true, force: true });
  }
}

export interface ExportedState {
  readonly deployment: {
    readonly resources: readonly {
      readonly urn: string;
      readonly type: string;
      readonly id?: string;
      readonly inputs?: Readonly<Record<string, unknown>>;
      readonly outputs?: Readonly<Record<string, unknown>>;
      readonly protect?: boolean;
      readonly delete?: boolean;
    }[];
    readonly pending_operations?: readonly {
      readonly type: string;
      readonly resource: { readonly urn: string };
    }[];
  };
}
