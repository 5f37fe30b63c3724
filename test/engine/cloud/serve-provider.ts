import * as grpc from '@grpc/grpc-js';
import plugin from '@pulumi/pulumi/proto/plugin_pb.js';
import providerGrpc from '@pulumi/pulumi/proto/provider_grpc_pb.js';
import provider from '@pulumi/pulumi/proto/provider_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';

/** One call of the engine, by its name in `provider.proto`. What it throws is what the engine tells the person. */
export type ProviderCalls = Readonly<Record<string, (request: never) => unknown>>;

export interface ProviderDouble {
  /** As the program's package has it, which the engine compares. */
  readonly version: string;
  /** Components get secrets as secrets; for others the engine takes them apart, and puts them together again. */
  readonly makesComponents: boolean;
  readonly calls: ProviderCalls;
}

export interface ServedProvider {
  /** For `PULUMI_DEBUG_PROVIDERS`. */
  readonly port: number;
  stop(): void;
}

/** Messages of a large stack; gRPC's own limit is 4 MB. */
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Serves a provider to engines that attach to it. It outlives them: what an engine cancels or closes is its own connection.
 *
 * Unlike `provider.main` of @pulumi/pulumi it says that it supports previews, so that what it makes is unknown in one.
 */
export async function serveProvider({
  version,
  makesComponents,
  calls,
}: ProviderDouble): Promise<ServedProvider> {
  const server = new grpc.Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
  });
  const service = providerGrpc.ResourceProviderService as unknown as grpc.ServiceDefinition;
  const all: ProviderCalls = {
    ...COMMON,
    getPluginInfo: () => new plugin.PluginInfo().setVersion(version),
    handshake: () =>
      new provider.ProviderHandshakeResponse()
        .setAcceptSecrets(makesComponents)
        .setAcceptResources(makesComponents),
    configure: () =>
      new provider.ConfigureResponse()
        .setSupportspreview(true)
        .setAcceptsecrets(makesComponents)
        .setAcceptresources(makesComponents),
    ...calls,
  };
  server.addService(
    service,
    Object.fromEntries(
      Object.keys(service).map((name) => [name, unary(name, all[name]?.bind(all) as never)]),
    ),
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { port, stop: () => server.forceShutdown() };
}

/** The configuration is the program's and the engine's own matter: every double takes any. */
const COMMON: ProviderCalls = {
  attach: () => new empty.Empty(),
  cancel: () => new empty.Empty(),
  checkConfig: (request: InstanceType<typeof provider.CheckRequest>) =>
    new provider.CheckResponse().setInputs(request.getNews()),
  diffConfig: () => new provider.DiffResponse().setChanges(provider.DiffResponse.DiffChanges.DIFF_NONE),
};

function unary(
  name: string,
  call: ((request: unknown) => unknown) | undefined,
): grpc.handleUnaryCall<unknown, unknown> {
  return (request, done) => {
    if (call === undefined) {
      done({ code: grpc.status.UNIMPLEMENTED, details: `the double has no ${name}` });
      return;
    }
    Promise.resolve()
      .then(() => call(request.request))
      .then(
        (response) => done(null, response),
        (error: unknown) => {
          const details = error instanceof Error ? error.message : String(error);
          done({ code: grpc.status.UNKNOWN, details });
        },
      );
  };
}
