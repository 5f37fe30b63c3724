import assert from 'node:assert/strict';
import { z } from 'zod';

export interface ConfigKey {
  /** Such as `bank.collection.holder`; a part that people name themselves is `*`. */
  readonly path: string;
  readonly schema: z.ZodType;
}

/** The keys of a configuration, those of all variants together. */
export function keysOf(schema: z.ZodType, path: readonly string[] = []): ConfigKey[] {
  const inner = schema instanceof z.ZodOptional || schema instanceof z.ZodDefault ? schema.unwrap() : schema;
  if (inner instanceof z.ZodObject)
    return Object.entries(inner.shape).flatMap(([name, child]) =>
      keysOf(child as z.ZodType, [...path, name]),
    );
  if (inner instanceof z.ZodDiscriminatedUnion)
    return inner.options.flatMap((option) => keysOf(option as z.ZodType, path));
  if (inner instanceof z.ZodRecord) return keysOf(inner.valueType as z.ZodType, [...path, '*']);
  return [{ path: path.join('.'), schema }];
}

/** Whether a configuration has a key or a group of this path. */
export function hasKey(schema: z.ZodType, path: string): boolean {
  return keysOf(schema).some((key) => key.path === path || key.path.startsWith(`${path}.`));
}

/** Fails when a key is not described, or has an example that it does not take itself. What tells variants apart is described by them. */
export function assertDescribed(schema: z.ZodType): void {
  for (const key of keysOf(schema)) {
    if (key.schema instanceof z.ZodLiteral && key.path.endsWith('kind')) continue;
    const meta = key.schema.meta();
    assert.ok((meta?.description ?? '').length > 10, `${key.path} has no description`);
    assert.ok(key.schema.safeParse(meta?.['example']).success, `${key.path}: ${String(meta?.['example'])}`);
  }
}
