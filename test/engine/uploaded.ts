import type { FunctionDefinition } from '../../local/function-host/function-host.ts';
import type { Cloud } from './cloud/cloud.ts';

/** Where things are, and how to log in there: on this machine they are not where they are on AWS. All else is the program's. */
const ADDRESSES =
  /^(AWS_REGION|AWS_ACCESS_KEY_ID|AWS_SECRET_ACCESS_KEY|AWS_ENDPOINT_URL_.+|DATABASE_(HOST|PORT|TLS)|.+_SECRET_ID|.+_BASE_URL|.+_QUEUE_URL|HEAD_FOLDER)$/;

/** What there is on AWS alone: its authorities, its dual-stack addresses, a bucket. */
const ON_AWS_ALONE = ['AWS_USE_DUALSTACK_ENDPOINT', 'DATABASE_CA_FILE', 'HEAD_BUCKET'];

/**
 * A function of the local system as the account got it: the files out of the archive that the engine was given, and the variables that the program gave, addresses
 * aside.
 */
export function uploaded(cloud: Cloud, definition: FunctionDefinition): FunctionDefinition {
  const found = cloud.named('aws:lambda/function:Function', definition.name);
  const { variables } = found.inputs['environment'] as { variables: Readonly<Record<string, string>> };
  const files = cloud.uploads.get(found.id);
  const code = files?.['index.mjs'];
  const sourceMap = files?.['index.mjs.map'];
  if (code === undefined || sourceMap === undefined)
    throw new Error(`the archive of ${definition.name} holds ${Object.keys(files ?? {}).join(', ')}`);
  const given = Object.entries(variables).filter(([name]) => !ON_AWS_ALONE.includes(name));
  const here = Object.entries(definition.environment).filter(([name]) => ADDRESSES.test(name));
  return {
    ...definition,
    bundle: { code, sourceMap },
    environment: { ...Object.fromEntries(given), ...Object.fromEntries(here) },
    timeoutMs: Number(found.inputs['timeout']) * 1000,
    memoryMb: Number(found.inputs['memorySize']),
  };
}
