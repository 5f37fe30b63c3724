import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/**
 * What a stack's file configures, by key as it stands there, such as `smart-transfer:database`.
 *
 * @throws when there is no such file, or when it is none of Pulumi's.
 */
export function readStackFile(stack: string): Record<string, unknown> {
  const file = new URL(`../Pulumi.${stack}.yaml`, import.meta.url);
  const { config } = parse(readFileSync(file, 'utf8')) as { config?: Record<string, unknown> };
  if (config === undefined) throw new Error(`Pulumi.${stack}.yaml has no config`);
  return config;
}
