import { runtime, type Inputs, type Output } from '@pulumi/pulumi';
import resources_pb, {
  type RegisterResourceHookRequest,
  type RegisterResourceRequest,
  type ResourceHookRequest,
  type ResourceHookResponse,
} from '@pulumi/pulumi/proto/resource_pb.js';
import struct_pb from 'google-protobuf/google/protobuf/struct_pb.js';

const { Struct } = struct_pb;

/** A resource that the program registered. */
export interface RecordedResource {
  /** Such as `aws:lambda/alias:Alias`. */
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  /** As the engine gets them, secrets laid open. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Where an input is marked as a secret: its path, such as `environment`. */
  readonly secretInputs: readonly string[];
  readonly parent: string;
  readonly dependsOn: readonly string[];
  readonly protect: boolean;
  readonly ignoreChanges: readonly string[];
  /** The names of the hooks that are bound to it, by when they run. */
  readonly hooks: { readonly beforeCreate: readonly string[]; readonly beforeUpdate: readonly string[] };
}

/** A call of a provider's function that the program made. */
export interface RecordedCall {
  readonly token: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

export interface PulumiMocks {
  /**
   * What a type's resources have as outputs beside their inputs. A resource of a type that is not listed has its inputs, an id and an ARN.
   */
  readonly outputs?: Readonly<Record<string, (resource: { name: string; inputs: Inputs }) => Inputs>>;
  /** What a provider's functions answer, by token. A call of one that is not listed fails. */
  readonly calls?: Readonly<Record<string, (inputs: Inputs) => Inputs>>;
  readonly project?: string;
  readonly stack?: string;
  readonly preview?: boolean;
  /** The stack's configuration, with keys such as `aws:region`. */
  readonly config?: Readonly<Record<string, string>>;
}

/** What the engine tells a hook. */
export interface HookArguments {
  readonly urn?: string;
  readonly newInputs?: Inputs;
  readonly oldInputs?: Inputs;
  readonly oldOutputs?: Inputs;
}

export interface MockedProgram {
  readonly resources: readonly RecordedResource[];
  readonly calls: readonly RecordedCall[];
  /** The one resource of a type and, where there are several, of a name. */
  resource(type: string, name?: string): RecordedResource;
  /** Runs a hook as the engine does: by its callback, with serialised arguments. It answers the hook's error, if it had one. */
  runHook(name: string, args: HookArguments): Promise<{ readonly error: string | undefined }>;
}

/** The part of Pulumi's mock monitor that is wrapped here. */
interface Monitor {
  registerResource(request: RegisterResourceRequest, done: (error: unknown, response: unknown) => void): void;
  registerResourceHook?(request: RegisterResourceHookRequest, done: (error: unknown) => void): void;
}

/**
 * Puts mocks in the engine's place, until the next call: once a stack, before the program's modules make resources.
 *
 * Pulumi's own mock monitor knows no resource hooks: registering a resource with one would fail. Here hooks are recorded, and can be run.
 */
export async function mockPulumi(mocks: PulumiMocks = {}): Promise<MockedProgram> {
  const resources: RecordedResource[] = [];
  const calls: RecordedCall[] = [];
  const hookTokens = new Map<string, string>();
  runtime.setAllConfig({ ...mocks.config });
  await runtime.setMocks(
    {
      newResource({ type, name, inputs, id }) {
        const given = inputs as Inputs;
        const made = mocks.outputs?.[type]?.({ name, inputs: given });
        return {
          id: id === undefined || id === '' ? `${name}-id` : id,
          state: { arn: `arn:mock:${type}:${name}`, ...given, ...made },
        };
      },
      call({ token, inputs }) {
        calls.push({ token, inputs: inputs as Inputs });
        const answer = mocks.calls?.[token];
        if (answer === undefined)
          throw notAnswered(
            `the program called ${token}, which this test has no answer for: add it to calls`,
          );
        return answer(inputs as Inputs);
      },
    },
    mocks.project ?? 'smart-transfer',
    mocks.stack ?? 'test',
    mocks.preview ?? false,
  );
  const monitor = runtime.getMonitor() as unknown as Monitor;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, done) => {
    register(request, (error, response) => {
      if (error === null) resources.push(recorded(request, response as { getUrn(): string }));
      done(error, response);
    });
  };
  monitor.registerResourceHook = (request, done) => {
    hookTokens.set(request.getName(), request.getCallback()?.getToken() ?? '');
    done(null);
  };
  return {
    resources,
    calls,
    resource(type, name) {
      const found = resources.filter((one) => one.type === type && (name === undefined || one.name === name));
      const [only] = found;
      if (only === undefined || found.length > 1)
        throw new Error(
          `${found.length} resources are ${type} ${name ?? ''}: ${resources.map((one) => `${one.type} ${one.name}`).join(', ')}`,
        );
      return only;
    },
    async runHook(name, args) {
      const token = hookTokens.get(name);
      if (token === undefined)
        throw new Error(`there is no hook ${name}: ${[...hookTokens.keys()].join(', ')}`);
      const answer = await callbackOf(token)(hookRequest(args).serializeBinary());
      const error = answer.getError();
      return { error: error === '' ? undefined : error };
    },
  };
}

/** Pulumi tells a failed call's `details`, as gRPC has them. */
function notAnswered(message: string): Error {
  return Object.assign(new Error(message), { details: message });
}

function recorded(request: RegisterResourceRequest, response: { getUrn(): string }): RecordedResource {
  const hooks = request.getHooks();
  const secretInputs: string[] = [];
  const inputs = laidOpen(
    runtime.deserializeProperties(request.getObject() ?? new Struct()),
    '',
    secretInputs,
  ) as Record<string, unknown>;
  return {
    type: request.getType(),
    name: request.getName(),
    urn: response.getUrn(),
    inputs,
    secretInputs,
    parent: request.getParent(),
    dependsOn: request.getDependenciesList(),
    protect: request.getProtect() ?? false,
    ignoreChanges: request.getIgnorechangesList(),
    hooks: {
      beforeCreate: hooks?.getBeforeCreateList() ?? [],
      beforeUpdate: hooks?.getBeforeUpdateList() ?? [],
    },
  };
}

/** A value without its marks of secrecy; where there was one is noted. */
function laidOpen(value: unknown, path: string, secrets: string[]): unknown {
  if (runtime.isRpcSecret(value)) {
    secrets.push(path);
    return laidOpen(runtime.unwrapRpcSecret(value), path, secrets);
  }
  if (Array.isArray(value)) return value.map((one, index) => laidOpen(one, `${path}[${index}]`, secrets));
  // What has a class of its own, such as an archive, is no part of a tree of values.
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      laidOpen(inner, path === '' ? name : `${path}.${name}`, secrets),
    ]),
  );
}

function hookRequest(args: HookArguments): ResourceHookRequest {
  const request = new resources_pb.ResourceHookRequest();
  if (args.urn !== undefined) request.setUrn(args.urn);
  const struct = (values: Inputs) => Struct.fromJavaScript(values);
  if (args.newInputs !== undefined) request.setNewInputs(struct(args.newInputs));
  if (args.oldInputs !== undefined) request.setOldInputs(struct(args.oldInputs));
  if (args.oldOutputs !== undefined) request.setOldOutputs(struct(args.oldOutputs));
  return request;
}

/** What the engine reaches over gRPC at the program's callback server; here it is the same process. */
function callbackOf(token: string): (request: Uint8Array) => Promise<ResourceHookResponse> {
  const server = runtime.getCallbacks() as unknown as {
    _callbacks: Map<string, (request: Uint8Array) => Promise<ResourceHookResponse>>;
  };
  const callback = server._callbacks.get(token);
  if (callback === undefined)
    throw new Error('the hook belongs to a program that was mocked before this one');
  return callback;
}

/** An output's value, once the program has made it. */
export function valueOf<T>(value: Output<T>): Promise<T> {
  return new Promise((resolve) => void value.apply((known) => resolve(known)));
}

/** Waits until everything that the program makes is registered, also what waits for outputs of something else. */
export async function allRegistered(): Promise<void> {
  await runtime.disconnect();
}
