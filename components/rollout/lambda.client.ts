import {
  DeleteFunctionCommand,
  GetAliasCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  ListAliasesCommand,
  ListVersionsByFunctionCommand,
  UpdateAliasCommand,
  type AliasConfiguration,
  type InvocationResponse,
  type LambdaClient,
} from '@aws-sdk/client-lambda';
import { GetCallerIdentityCommand, type STSClient } from '@aws-sdk/client-sts';
import { callAws } from './aws-calls.ts';
import type { AliasView, Invoked, LambdaPort, VersionFacts } from './ports.ts';

/** Listing and deleting old versions hurries nobody, ms. */
const UNHURRIED_MS = 10_000;

export interface AliasAddress {
  readonly functionName: string;
  readonly aliasName: string;
}

/** Reaches one alias by the Lambda API. */
export function createLambdaPort(
  lambda: Pick<LambdaClient, 'send'>,
  sts: Pick<STSClient, 'send'>,
  { functionName, aliasName }: AliasAddress,
): LambdaPort {
  const alias = { FunctionName: functionName, Name: aliasName };
  return {
    async readAlias(signal) {
      return viewOf(
        await callAws('GetAlias', (options) => lambda.send(new GetAliasCommand(alias), options), signal),
      );
    },
    async writeAlias(change, revision, signal) {
      const command = new UpdateAliasCommand({
        ...alias,
        FunctionVersion: change.version,
        Description: change.description,
        // An empty list takes a weight away; none at all would leave it.
        RoutingConfig: {
          AdditionalVersionWeights:
            change.shifted === undefined ? {} : { [change.shifted.version]: change.shifted.percent / 100 },
        },
        RevisionId: revision,
      });
      try {
        const written = await callAws('UpdateAlias', (options) => lambda.send(command, options), signal);
        return { outcome: 'written', alias: viewOf(written) };
      } catch (error) {
        if ((error as { name?: unknown }).name === 'PreconditionFailedException')
          return { outcome: 'conflict' };
        throw error;
      }
    },
    async readVersion(version, signal): Promise<VersionFacts> {
      const command = new GetFunctionConfigurationCommand({ FunctionName: functionName, Qualifier: version });
      const facts = await callAws(
        'GetFunctionConfiguration',
        (options) => lambda.send(command, options),
        signal,
      );
      return {
        role: facts.Role ?? '',
        deadLetter: facts.DeadLetterConfig?.TargetArn,
        state: facts.State === 'Failed' ? 'failed' : facts.State === 'Pending' ? 'pending' : 'active',
        reason: facts.StateReason,
      };
    },
    async invoke(version, event, signal) {
      const command = new InvokeCommand({
        FunctionName: functionName,
        Qualifier: version,
        InvocationType: 'RequestResponse',
        Payload: Buffer.from(JSON.stringify(event)),
      });
      try {
        // Its time is the caller's to set: no limit of ours is shorter.
        return invokedOf(
          await callAws('Invoke', (options) => lambda.send(command, options), signal, 900_000),
        );
      } catch (error) {
        if ((signal.reason as { name?: unknown } | undefined)?.name === 'TimeoutError')
          return { outcome: 'failed', message: 'it did not answer in the time that it has' };
        throw error;
      }
    },
    async callerAccount(signal) {
      const caller = await callAws(
        'GetCallerIdentity',
        (options) => sts.send(new GetCallerIdentityCommand({}), options),
        signal,
        UNHURRIED_MS,
      );
      return caller.Account ?? '';
    },
    async listVersions() {
      const pages = await everyPage(async (Marker) => {
        const command = new ListVersionsByFunctionCommand({ FunctionName: functionName, Marker });
        const page = await callAws(
          'ListVersionsByFunction',
          (options) => lambda.send(command, options),
          undefined,
          UNHURRIED_MS,
        );
        return { items: page.Versions ?? [], next: page.NextMarker };
      });
      return pages.flatMap(({ Version: version = '' }) => (/^\d+$/.test(version) ? [version] : []));
    },
    async versionsInUse() {
      const aliases = await everyPage(async (Marker) => {
        const command = new ListAliasesCommand({ FunctionName: functionName, Marker });
        const page = await callAws(
          'ListAliases',
          (options) => lambda.send(command, options),
          undefined,
          UNHURRIED_MS,
        );
        return { items: page.Aliases ?? [], next: page.NextMarker };
      });
      return new Set(
        aliases.flatMap((one) => [
          one.FunctionVersion ?? '',
          ...Object.keys(one.RoutingConfig?.AdditionalVersionWeights ?? {}),
        ]),
      );
    },
    async deleteVersion(version) {
      const command = new DeleteFunctionCommand({ FunctionName: functionName, Qualifier: version });
      await callAws('DeleteFunction', (options) => lambda.send(command, options), undefined, UNHURRIED_MS);
    },
  };
}

function viewOf(alias: AliasConfiguration): AliasView {
  const [shifted] = Object.entries(alias.RoutingConfig?.AdditionalVersionWeights ?? {});
  return {
    arn: alias.AliasArn ?? '',
    version: alias.FunctionVersion ?? '',
    // A weight is a fraction: 0.3 × 100 is not 30.
    shifted:
      shifted === undefined
        ? undefined
        : { version: shifted[0], percent: Math.round(shifted[1] * 10_000) / 100 },
    description: alias.Description ?? '',
    revision: alias.RevisionId ?? '',
  };
}

function invokedOf(answer: InvocationResponse): Invoked {
  const text = Buffer.from(answer.Payload ?? []).toString('utf8');
  let payload: unknown;
  try {
    payload = text === '' ? null : (JSON.parse(text) as unknown);
  } catch {
    return { outcome: 'failed', message: `it answered no JSON: ${text.slice(0, 200)}` };
  }
  if (answer.FunctionError === undefined) return { outcome: 'returned', payload };
  const { errorMessage } = (payload ?? {}) as { errorMessage?: unknown };
  return { outcome: 'failed', message: typeof errorMessage === 'string' ? errorMessage : text.slice(0, 500) };
}

async function everyPage<Item>(
  read: (marker: string | undefined) => Promise<{ items: Item[]; next: string | undefined }>,
): Promise<Item[]> {
  const all: Item[] = [];
  let marker: string | undefined;
  do {
    const page = await read(marker);
    all.push(...page.items);
    marker = page.next;
  } while (marker !== undefined && marker !== '');
  return all;
}
