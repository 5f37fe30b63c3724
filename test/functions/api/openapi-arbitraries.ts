import fc from 'fast-check';

/** What of JSON Schema the API's document uses. Whatever else appears is refused, so that no part of the document goes untried. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly pattern?: string;
  readonly format?: string;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly example?: unknown;
}

export interface Surroundings {
  readonly schemas: Readonly<Record<string, Schema>>;
  /** Times are chosen from here to there. */
  readonly from: Date;
  readonly to: Date;
}

/** Values that fit a schema of a request: the document's own example as often as all others. */
export function fitting(schema: Schema, around: Surroundings): fc.Arbitrary<unknown> {
  const any = fittingAny(schema, around);
  return schema.example === undefined ? any : fc.oneof(fc.constant(schema.example), any);
}

function fittingAny(schema: Schema, around: Surroundings): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) return fitting(named(schema.$ref, around), around);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'string':
      return text(schema, around);
    case 'integer':
      return fc.bigInt(BigInt(schema.minimum ?? -1_000_000), BigInt(schema.maximum ?? 1_000_000)).map(Number);
    case 'array':
      return fc.array(fitting(schema.items ?? {}, around), { maxLength: Math.min(schema.maxItems ?? 5, 5) });
    case 'object': {
      const properties = Object.entries(schema.properties ?? {});
      return fc.record(
        Object.fromEntries(properties.map(([name, property]) => [name, fitting(property, around)])),
        { requiredKeys: [...(schema.required ?? [])], noNullPrototype: true },
      );
    }
    default:
      throw new Error(`this test cannot make a value for ${JSON.stringify(schema)}; teach it`);
  }
}

function text({ format, pattern, maxLength }: Schema, { from, to }: Surroundings): fc.Arbitrary<string> {
  if (format === 'date-time')
    return fc.date({ min: from, max: to, noInvalidDate: true }).map((date) => date.toISOString());
  const any = fc.string({ minLength: 1, maxLength: maxLength ?? 60, unit: 'binary' });
  if (pattern === undefined) return any;
  const whole = new RegExp(pattern, 'u');
  // fast-check makes no text for a lookahead: there it is picked from all texts.
  const made = pattern.includes('(?=') ? any : fc.stringMatching(whole);
  return made.filter((value) => whole.test(value));
}

export function named($ref: string, { schemas }: Surroundings): Schema {
  const found = schemas[$ref.replace('#/components/schemas/', '')];
  if (found === undefined) throw new Error(`the document has no ${$ref}`);
  return found;
}

/** What comes in the place of a value, most of it where it does not belong. */
const MISPLACED: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  1e300,
  '',
  ' ',
  '0',
  '-1',
  'null',
  '\u0000',
  '\ud800',
  '김\u202e수',
  "'; drop table shop_order; --",
  '../../etc/passwd',
  'x'.repeat(300),
  '9'.repeat(18),
  '9'.repeat(40),
  '2026-02-30T00:00:00Z',
  [],
  {},
  [null],
  { toString: 1 },
];

/** Bodies beside a schema: one that fits with a field changed, left out or added, or something else altogether. Few of them fit all the same. */
export function besideBody(schema: Schema, around: Surroundings): fc.Arbitrary<unknown> {
  const whole = schema.$ref === undefined ? schema : named(schema.$ref, around);
  const names = Object.keys(whole.properties ?? {});
  const fits = fitting(whole, around) as fc.Arbitrary<Record<string, unknown>>;
  const anything = fc.oneof(fc.constantFrom(...MISPLACED), fc.jsonValue({ maxDepth: 2 }));
  return fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fits, fc.constantFrom(...names), anything).map(replaced) },
    { weight: 2, arbitrary: fc.tuple(fits, fc.constantFrom(...names)).map(left) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fits, fc.constantFrom('__proto__', 'ordered_at', 'state', 'shop_id'), anything)
        .map(replaced),
    },
    { weight: 1, arbitrary: anything },
  );
}

function replaced([body, name, value]: [Record<string, unknown>, string, unknown]): unknown {
  // Written as JSON writes it: `__proto__` is a name like any other.
  return Object.fromEntries([...Object.entries(body).filter(([other]) => other !== name), [name, value]]);
}

function left([body, name]: [Record<string, unknown>, string]): unknown {
  return Object.fromEntries(Object.entries(body).filter(([other]) => other !== name));
}

/** Texts in the place of a parameter. */
export const besideText = fc.oneof(
  fc.constantFrom(...MISPLACED.filter((value): value is string => typeof value === 'string')),
  fc.string({ unit: 'binary', maxLength: 40 }),
);
