import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import languageGrpc from '@pulumi/pulumi/proto/language_grpc_pb.js';
import language from '@pulumi/pulumi/proto/language_pb.js';
import plugin from '@pulumi/pulumi/proto/plugin_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';

/**
 * Runs a Node program for Pulumi's engine, where Pulumi's own host is not to be had: it comes with the CLI's download only, and no registry has it. It does what
 * a program of this project takes, and nothing for installing, generating or packing.
 *
 * The engine starts it beside the program's `Pulumi.yaml`, reads the port from its first line, and stops it by SIGINT. As with Pulumi's own, a program whose run
 * is cancelled, or whose engine is gone, gets SIGINT, and SIGKILL five seconds later.
 */

/** What a program has to end by itself, ms. */
const END_MS = 5_000;

/** The status of a program that has told its errors itself (@pulumi/pulumi, cmd/run). */
const ERRORS_WERE_TOLD = 32;

const program: { process?: ChildProcess; ended?: Promise<unknown> } = {};

const [engineAddress = ''] = process.argv.slice(2).filter((arg) => !arg.startsWith('-'));
const server = new grpc.Server();
server.addService(languageGrpc.LanguageRuntimeService, {
  handshake: answering(() => new language.LanguageHandshakeResponse()),
  getPluginInfo: answering(() => new plugin.PluginInfo().setVersion('0.0.0')),
  // The doubles of the providers are attached: the engine needs to load none.
  getRequiredPackages: answering(() => new language.GetRequiredPackagesResponse()),
  getRequiredPlugins: answering(() => new language.GetRequiredPluginsResponse()),
  cancel: answering(() => {
    stopProgram();
    return new empty.Empty();
  }),
  run: answering(run, endWithoutEngine),
});

server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  console.log(port);
});

/** The engine sends it to the program as well, which may have traffic to send back. */
process.on('SIGINT', exitAfterProgram);

function stopProgram(): void {
  program.process?.kill('SIGINT');
  setTimeout(() => program.process?.kill('SIGKILL'), END_MS).unref();
}

/** A call that is cut off in the middle: the CLI was killed. */
function endWithoutEngine(): void {
  stopProgram();
  exitAfterProgram();
}

function exitAfterProgram(): void {
  void Promise.resolve(program.ended).then(() => process.exit(0));
}

async function run(
  request: InstanceType<typeof language.RunRequest>,
): Promise<InstanceType<typeof language.RunResponse>> {
  const info = request.getInfo();
  const programFolder = info?.getProgramDirectory() ?? request.getPwd();
  const entry = info?.getEntryPoint() ?? request.getProgram();
  const resolve = createRequire(join(programFolder, 'package.json')).resolve;
  const child = spawn(
    'node',
    [
      ...nodeArgs(info?.getOptions()?.toJavaScript()),
      join(dirname(resolve('@pulumi/pulumi/package.json')), 'cmd', 'run'),
      ...flags(request),
      entry,
    ],
    { cwd: programFolder, stdio: ['ignore', 'inherit', 'inherit'], env: environment(request) },
  );
  program.process = child;
  program.ended = once(child, 'exit');
  const [status, signal] = (await program.ended) as [number | null, NodeJS.Signals | null];
  const response = new language.RunResponse();
  if (status === ERRORS_WERE_TOLD) return response.setBail(true);
  if (status === 0) return response;
  return response.setError(`the program ended with ${signal ?? `status ${status ?? 'unknown'}`}`);
}

function flags(request: InstanceType<typeof language.RunRequest>): string[] {
  return [
    ['monitor', request.getMonitorAddress()],
    ['engine', engineAddress],
    ['organization', request.getOrganization()],
    ['project', request.getProject()],
    ['stack', request.getStack()],
    ['pwd', request.getPwd()],
    ['root-directory', request.getInfo()?.getRootDirectory() ?? request.getPwd()],
    ['parallel', request.getParallel().toString()],
  ]
    .map(([name, value]) => `--${name}=${value}`)
    .concat(request.getDryrun() ? ['--dry-run'] : []);
}

function environment(request: InstanceType<typeof language.RunRequest>): NodeJS.ProcessEnv {
  const config = Object.fromEntries(request.getConfigMap().getEntryList());
  return {
    ...process.env,
    PULUMI_CONFIG: JSON.stringify(config),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
  };
}

/** `nodeargs` of Pulumi.yaml's runtime options: none of ours has a blank in it. */
function nodeArgs(options: Record<string, unknown> | undefined): string[] {
  const args = options?.['nodeargs'];
  return typeof args === 'string' ? args.split(' ') : [];
}

function answering<Request, Response>(
  handler: (request: Request) => Response | Promise<Response>,
  cutOff: () => void = () => undefined,
): grpc.handleUnaryCall<Request, Response> {
  return (call, done) => {
    let answered = false;
    // It is also told when a call that was answered is closed.
    call.on('cancelled', () => {
      if (!answered) cutOff();
    });
    const answer: typeof done = (error, response) => {
      answered = true;
      done(error, response);
    };
    Promise.resolve(handler(call.request)).then(
      (response) => answer(null, response),
      (error: unknown) => answer({ code: grpc.status.INTERNAL, details: String(error) }),
    );
  };
}
