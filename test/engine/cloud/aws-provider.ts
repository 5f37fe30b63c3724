import { createHash } from 'node:crypto';
import provider from '@pulumi/pulumi/proto/provider_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import type { AwsType, Making } from './aws-type.ts';
import { ACCOUNT, hex, REGION, type Cloud, type CloudResource } from './cloud.ts';
import { NotKnownYet, Reading } from './reading.ts';
import type { ProviderCalls } from './serve-provider.ts';
import { AWS_TYPES } from './types/aws-types.ts';
import { decode, encode, hasUnknown, isSame, UNKNOWN, type Properties } from './values.ts';

type Request<Kind extends abstract new (...args: never) => unknown> = InstanceType<Kind>;

/** Pulumi's `aws` provider over an account in memory. A type that is not in the table, or a value that AWS would refuse, is an error. */
export function awsProvider(cloud: Cloud): ProviderCalls {
  return {
    check(request: Request<typeof provider.CheckRequest>) {
      const [type, name] = [request.getType(), request.getName()];
      cloud.calls.push({ operation: 'check', type, name, preview: true });
      const given = decode(request.getNews());
      const olds = decode(request.getOlds());
      const inputs = named(typeOf(type), name, given, olds, request.getRandomseed_asU8());
      const failures = refusals(typeOf(type), inputs).map((reason) => {
        const failure = new provider.CheckFailure();
        failure.setReason(`${type} ${name}: ${reason}`);
        return failure;
      });
      return new provider.CheckResponse().setInputs(encode(inputs)).setFailuresList(failures);
    },
    diff(request: Request<typeof provider.DiffRequest>) {
      const of = typeOf(request.getType());
      cloud.calls.push({
        operation: 'diff',
        type: request.getType(),
        name: request.getName(),
        preview: true,
      });
      return differences(of, decode(request.getOldInputs()), decode(request.getNews()));
    },
    async create(request: Request<typeof provider.CreateRequest>) {
      const [type, name] = [request.getType(), request.getName()];
      const preview = request.getPreview();
      cloud.calls.push({ operation: 'create', type, name, preview });
      const inputs = decode(request.getProperties());
      if (preview) {
        const unknown = Object.fromEntries(
          Object.keys(typeOf(type).outputs ?? {}).map((output) => [output, UNKNOWN]),
        );
        return new provider.CreateResponse().setProperties(encode({ ...inputs, ...unknown, region: REGION }));
      }
      const made = await create(cloud, type, name, inputs);
      return new provider.CreateResponse().setId(made.id).setProperties(encode(made.outputs));
    },
    async update(request: Request<typeof provider.UpdateRequest>) {
      const [type, name] = [request.getType(), request.getName()];
      const preview = request.getPreview();
      cloud.calls.push({ operation: 'update', type, name, preview });
      const inputs = decode(request.getNews());
      const before = decode(request.getOldInputs());
      const olds = decode(request.getOlds());
      const renewed = typeOf(type).renewed?.(new Reading(before), new Reading(inputs)) ?? [];
      if (preview) {
        const unknown = Object.fromEntries(renewed.map((output) => [output, UNKNOWN]));
        return new provider.UpdateResponse().setProperties(
          encode({ ...computed(type, olds), ...inputs, ...unknown }),
        );
      }
      const changed = await update(cloud, cloud.byId(type, request.getId()), inputs, renewed);
      return new provider.UpdateResponse().setProperties(encode(changed.outputs));
    },
    delete(request: Request<typeof provider.DeleteRequest>) {
      const [type, name] = [request.getType(), request.getName()];
      cloud.calls.push({ operation: 'delete', type, name, preview: false });
      remove(cloud, cloud.byId(type, request.getId()));
      return new empty.Empty();
    },
    read(request: Request<typeof provider.ReadRequest>) {
      const [type, name] = [request.getType(), request.getName()];
      cloud.calls.push({ operation: 'read', type, name, preview: false });
      const found = cloud.resources.find((one) => one.type === type && one.id === request.getId());
      // Gone: an empty answer.
      if (found === undefined) return new provider.ReadResponse();
      const seen = typeOf(type).effects?.read?.(found, cloud) ?? {};
      const known = Object.fromEntries(Object.entries(seen).filter(([key]) => key in found.inputs));
      return new provider.ReadResponse()
        .setId(found.id)
        .setInputs(encode({ ...found.inputs, ...known }))
        .setProperties(encode({ ...found.outputs, ...seen }));
    },
    invoke(request: Request<typeof provider.InvokeRequest>) {
      const token = request.getTok();
      cloud.calls.push({ operation: 'invoke', type: token, name: '', preview: request.getPreview() });
      const answer = INVOKES[token];
      if (answer === undefined) throw new Error(`the account has no answer to ${token}`);
      return new provider.InvokeResponse().setReturn(encode(answer(decode(request.getArgs()), cloud)));
    },
  };
}

/** What the program asks the provider without making anything. */
const INVOKES: Readonly<Record<string, (args: Properties, cloud: Cloud) => Properties>> = {
  'aws:index/getCallerIdentity:getCallerIdentity': () => ({
    accountId: ACCOUNT,
    arn: `arn:aws:iam::${ACCOUNT}:user/kim`,
    userId: 'AIDAKIM',
    id: ACCOUNT,
  }),
  'aws:secretsmanager/getSecretVersions:getSecretVersions': ({ secretId }, cloud) => {
    const secret = cloud.byId('aws:secretsmanager/secret:Secret', String(secretId));
    const filled = cloud.secretValues.has(secret.id);
    return {
      id: secret.id,
      secretId: secret.id,
      arn: secret.id,
      name: secret.outputs['name'],
      region: REGION,
      versions: filled ? [{ versionId: hex(32), versionStages: ['AWSCURRENT'] }] : [],
    };
  },
};

function typeOf(type: string): AwsType {
  const found = AWS_TYPES[type];
  if (found === undefined)
    throw new Error(
      `${type} is no type that the stacks have (test/program/names.*.txt): add its rules to test/engine/cloud/types/`,
    );
  return found;
}

/** The inputs with a name, and with the region that every resource of the provider carries. */
function named(
  { autoName }: AwsType,
  name: string,
  given: Properties,
  olds: Properties,
  seed: Uint8Array,
): Properties {
  if (autoName === undefined || given[autoName.input] !== undefined) return given;
  const { input, lowerCase = false } = autoName;
  const before = olds[input];
  if (before !== undefined) return { ...given, [input]: before };
  const suffix = createHash('sha256').update(seed).update(name).digest('hex').slice(0, 7);
  return { ...given, [input]: `${lowerCase ? name.toLowerCase() : name}-${suffix}` };
}

/** Why AWS would refuse inputs for their own sake, as far as they are known. */
function refusals(of: AwsType, inputs: Properties): string[] {
  const reading = new Reading(inputs);
  const missing = of.required
    .filter((input) => inputs[input] === undefined)
    .map((input) => `${input} is missing`);
  const tooLong =
    of.autoName !== undefined && reading.text(of.autoName.input).length > of.autoName.charactersMax
      ? [`${of.autoName.input} has more than ${of.autoName.charactersMax} characters`]
      : [];
  return [...missing, ...tooLong, ...(of.rules ?? []).flatMap((rule) => told(() => rule(reading)))];
}

function told(ask: () => string | undefined): string[] {
  try {
    const answer = ask();
    return answer === undefined ? [] : [answer];
  } catch (error) {
    if (error instanceof NotKnownYet) return [];
    throw error;
  }
}

/** A name of the program's own cannot be had twice: what has one is deleted before it is made again. */
function differences(of: AwsType, before: Properties, after: Properties) {
  const { DIFF_NONE, DIFF_SOME } = provider.DiffResponse.DiffChanges;
  const inputs = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const changed = inputs.filter((input) => hasUnknown(after[input]) || !isSame(before[input], after[input]));
  const replaces = changed.filter((input) => of.fixed?.includes(input));
  const keepsName = (of.unique ?? []).some(
    (input) => isSame(before[input], after[input]) && input !== of.autoName?.input,
  );
  return new provider.DiffResponse()
    .setChanges(changed.length === 0 ? DIFF_NONE : DIFF_SOME)
    .setDiffsList(changed)
    .setReplacesList(replaces)
    .setDeletebeforereplace(replaces.length > 0 && keepsName);
}

function computed(type: string, outputs: Properties): Properties {
  const names = Object.keys(typeOf(type).outputs ?? {});
  return Object.fromEntries(names.map((name) => [name, outputs[name]]));
}

/** @throws what AWS says: nothing is made then. */
async function create(cloud: Cloud, type: string, name: string, inputs: Properties): Promise<CloudResource> {
  const of = typeOf(type);
  if (hasUnknown(inputs)) throw new Error(`${type} ${name} is made of what is not known`);
  const making: Making = { name, inputs: new Reading(inputs), cloud };
  refuseIfAny(type, name, [...refusals(of, inputs), ...accountRefusals(of, type, making, undefined)]);
  const id = of.id(making);
  const resource: CloudResource = {
    type,
    id,
    name,
    inputs,
    outputs: outputsOf(of, { ...making, id }, inputs),
  };
  const made = await of.effects?.create?.(resource, cloud);
  resource.outputs = { ...resource.outputs, ...made };
  cloud.resources.push(resource);
  return resource;
}

async function update(
  cloud: Cloud,
  resource: CloudResource,
  inputs: Properties,
  renewed: readonly string[],
): Promise<CloudResource> {
  const { type, name, id } = resource;
  const of = typeOf(type);
  const making: Making = { name, inputs: new Reading(inputs), cloud, before: resource.outputs };
  refuseIfAny(type, name, [...refusals(of, inputs), ...accountRefusals(of, type, making, resource)]);
  const before = resource.outputs;
  const anew = outputsOf(of, { ...making, id }, {});
  const changed = Object.fromEntries(renewed.map((output) => [output, anew[output]]));
  resource.inputs = inputs;
  resource.outputs = { ...computed(type, before), ...inputs, ...changed, region: REGION };
  await of.effects?.update?.(resource, before, cloud);
  return resource;
}

function remove(cloud: Cloud, resource: CloudResource): void {
  const { type, name } = resource;
  const of = typeOf(type);
  const holders = cloud.resources
    .filter((other) => other !== resource)
    .flatMap((other) =>
      (AWS_TYPES[other.type]?.names ?? [])
        .filter(({ holds, type: named }) => holds === true && named === type)
        .filter(({ input, by }) => valuesAt(other.inputs, input).includes(resource.outputs[by]))
        .map(() => `${other.type} ${other.name} still uses it (DependencyViolation)`),
    );
  const kept = of.keeps?.(resource, cloud);
  refuseIfAny(type, name, [...holders, ...(kept === undefined ? [] : [kept])]);
  of.effects?.remove?.(resource, cloud);
  cloud.resources.splice(cloud.resources.indexOf(resource), 1);
}

/** Why the account, as it is, does not let it be made. */
function accountRefusals(
  of: AwsType,
  type: string,
  { inputs, cloud }: Making,
  self: CloudResource | undefined,
) {
  const taken = (of.unique ?? [])
    .filter((input) => inputs.has(input))
    .filter((input) =>
      cloud.all(type).some((other) => other !== self && other.inputs[input] === inputs.value(input)),
    )
    .map((input) => `${input} "${inputs.text(input)}" is taken (ResourceAlreadyExists)`);
  const absent = (of.names ?? []).flatMap(({ input, type: wanted, by }) =>
    valuesAt(inputs.properties, input)
      .filter((value) => cloud.find(wanted, by, value) === undefined)
      .map((value) => `${input} names ${String(value)}, and there is no such ${wanted} (ResourceNotFound)`),
  );
  const demanded = (of.demands ?? []).flatMap((demand) => demand(inputs, cloud, self) ?? []);
  return [...taken, ...absent, ...demanded];
}

/** The values at a path, each of a list on its own; what is absent names nothing. */
function valuesAt(properties: Properties, path: string): unknown[] {
  const value = new Reading(properties).value(path);
  if (value === undefined || value === '') return [];
  return Array.isArray(value) ? value : [value];
}

function outputsOf(of: AwsType, making: Making & { readonly id: string }, inputs: Properties): Properties {
  const made = Object.entries(of.outputs ?? {}).map(([output, make]) => [output, make(making)]);
  return { ...inputs, ...Object.fromEntries(made), region: REGION } as Properties;
}

function refuseIfAny(type: string, name: string, reasons: readonly string[]): void {
  if (reasons.length > 0) throw new Error(`${type} ${name}: ${reasons.join('; ')}`);
}
