import { z } from 'zod';

/** A key of a stack's configuration: what it may hold, an example for who got it wrong, and what it is for. */
export function key<Shape extends z.ZodType>(shape: Shape, example: unknown, description: string): Shape {
  return shape.meta({ example, description });
}

/** What a program's configuration looks like, and where a person reads about it. */
export interface ConfigShape<Shape extends z.ZodType> {
  /** The namespace of the program's own keys: the project's name in `Pulumi.yaml`. */
  readonly project: string;
  readonly shape: Shape;
  /** The file that tells what each key is for. */
  readonly describedIn: string;
  /** A file that shows a key whole, where one line cannot. */
  readonly wholeExample: string;
}

/**
 * Reads a program's own keys.
 *
 * @param config all that a stack's file holds, by key, as Pulumi hands it over: a group is its JSON.
 * @throws an error that names each key that is unknown, missing or makes no sense, with an example.
 */
export function readConfig<Shape extends z.ZodType>(
  of: ConfigShape<Shape>,
  config: Readonly<Record<string, string>>,
): z.output<Shape> {
  const own: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(config)) {
    const [namespace, rest] = splitKey(name);
    if (namespace === of.project) own[rest] = parsed(text);
  }
  const result = of.shape.safeParse(own);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue) => told(of, issue, own));
  throw new Error(
    `the stack's configuration cannot be used:\n${problems.map((problem) => `  ${problem}`).join('\n')}\n(${of.describedIn} tells what each key is for)`,
  );
}

function splitKey(name: string): [string, string] {
  const colon = name.indexOf(':');
  return [name.slice(0, colon), name.slice(colon + 1)];
}

/** Pulumi hands over texts: a group is JSON, and so are `true` and a number. A text that is no JSON is a text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** A problem as a person reads it. */
function told(of: ConfigShape<z.ZodType>, issue: z.core.$ZodIssue, own: unknown): string[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((unknown) => {
      const name = nameOf(of, [...issue.path, unknown]);
      return `${name} is unknown; remove it: pulumi config rm --path '${name}'`;
    });
  const name = nameOf(of, issue.path);
  const schema = schemaAt(of.shape, issue.path);
  if (issue.code !== 'custom' && valueAt(own, issue.path) === undefined) return missing(of, name, schema);
  return [`${name}: ${issue.message}; ${exampleOf(of, name, schema)}`];
}

/** A whole group that is missing is told key by key. */
function missing(of: ConfigShape<z.ZodType>, name: string, schema: z.ZodType | undefined): string[] {
  const inner = schema === undefined ? undefined : shapeOf(schema);
  if (inner === undefined) return [`${name} is missing; ${exampleOf(of, name, schema)}`];
  return Object.entries(inner)
    .filter(([, child]) => !child.safeParse(undefined).success)
    .flatMap(([child, shape]) => missing(of, `${name}.${child}`, shape));
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, step) =>
      typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[step] : undefined,
    value,
  );
}

function nameOf({ project }: ConfigShape<z.ZodType>, path: readonly PropertyKey[]): string {
  const [first, ...rest] = path.map(String);
  return `${project}:${[first, ...rest].join('.')}`;
}

function exampleOf(of: ConfigShape<z.ZodType>, name: string, schema: z.ZodType | undefined): string {
  const example = schema?.meta()?.['example'];
  const set = (key: string, value: unknown) =>
    `for example: pulumi config set --path '${key}' ${JSON.stringify(value)}`;
  if (example === undefined) return `${of.wholeExample} shows the whole of it`;
  return Array.isArray(example) ? set(`${name}[0]`, example[0]) : set(name, example);
}

/** The schema of a key, through what wraps it. */
function schemaAt(schema: z.ZodType, path: readonly PropertyKey[]): z.ZodType | undefined {
  let at: z.ZodType | undefined = schema;
  for (const step of path) {
    if (at === undefined || typeof step === 'number') break;
    at = shapeOf(at)?.[String(step)];
  }
  return at;
}

function shapeOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault)
    return shapeOf(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodDiscriminatedUnion)
    return Object.assign({}, ...schema.options.map((option) => shapeOf(option as z.ZodType))) as Record<
      string,
      z.ZodType
    >;
  return schema instanceof z.ZodObject ? schema.shape : undefined;
}
