import { join } from 'node:path';
import { bundleFunction, type FunctionBundle } from '../../../components/function-bundle.ts';
import {
  createFunctionHost,
  type FunctionDefinition,
  type FunctionHost,
  type FunctionLogLine,
  type LocalFunction,
} from '../../../local/function-host/function-host.ts';
import type { SandboxExit } from '../../../local/function-host/sandbox.ts';

const bundles = new Map<string, Promise<FunctionBundle>>();

/** The bundle of a fixture, made once a run. */
export function fixtureBundle(name: string): Promise<FunctionBundle> {
  const entry = join(import.meta.dirname, '..', 'fixtures', 'functions', `${name}.handler.ts`);
  const bundle = bundles.get(name) ?? bundleFunction({ entry, name });
  bundles.set(name, bundle);
  return bundle;
}

export interface HostForTest {
  readonly lines: FunctionLogLine[];
  readonly exits: SandboxExit[];
  /** Defines a fixture on the host, with one sandbox and two seconds unless given. */
  define(fixture: string, definition?: Partial<FunctionDefinition>): Promise<LocalFunction>;
  stop(): Promise<void>;
}

/** A host whose functions' files lie in the given folder. */
export function createHostForTest(workFolder: string, options: { freeze?: boolean } = {}): HostForTest {
  const lines: FunctionLogLine[] = [];
  const exits: SandboxExit[] = [];
  const host: FunctionHost = createFunctionHost({
    log: (line) => lines.push(line),
    onSandboxExit: (exit) => exits.push(exit),
    ...options,
  });
  return {
    lines,
    exits,
    async define(fixture, definition = {}) {
      const bundle = await fixtureBundle(fixture);
      const defaults = { name: fixture, environment: {}, timeoutMs: 10_000, maximumConcurrency: 1 };
      return host.define({ ...defaults, bundle, workFolder, ...definition });
    },
    stop: () => host.stop(),
  };
}
