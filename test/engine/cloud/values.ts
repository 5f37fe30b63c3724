import struct_pb from 'google-protobuf/google/protobuf/struct_pb.js';

/** A resource's properties as the engine has them, secrets laid open. */
export type Properties = Readonly<Record<string, unknown>>;

/** What nobody knows before it is made: what a preview has in place of most outputs. */
export const UNKNOWN = Symbol('unknown');

/** By these the engine tells what JSON has no words for (@pulumi/pulumi, runtime/rpc.ts). */
const UNKNOWN_TEXT = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';
const SIGNATURE_KEY = '4dabf18193072939515e22adb298388d';
const ARCHIVE_SIGNATURE = '0def7320c3a5731c473e5ecbe6d01bc7';
const SECRET_SIGNATURE = '1b47061264138c4ac30d75fd1eb44270';
const RESOURCE_SIGNATURE = '5cf8f73096256a8f31e491e813e4eb8e';

/** Reads what the engine sent. */
export function decode(struct: struct_pb.Struct | undefined): Properties {
  return replaced(struct?.toJavaScript() ?? {}, (value) =>
    value === UNKNOWN_TEXT ? UNKNOWN : value,
  ) as Properties;
}

/** Writes what the engine takes. What is `undefined` is left out. */
export function encode(properties: Properties): struct_pb.Struct {
  const plain = replaced(properties, (value) => (value === UNKNOWN ? UNKNOWN_TEXT : value));
  return struct_pb.Struct.fromJavaScript(plain as Parameters<typeof struct_pb.Struct.fromJavaScript>[0]);
}

function replaced(value: unknown, replace: (leaf: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => replaced(item, replace));
  if (typeof value !== 'object' || value === null) return replace(value);
  if ((value as Properties)[SIGNATURE_KEY] === SECRET_SIGNATURE)
    return replaced((value as Properties)['value'], replace);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([key, inner]) => [key, replaced(inner, replace)]),
  );
}

/** Whether something in a value is not known yet. */
export function hasUnknown(value: unknown): boolean {
  if (value === UNKNOWN) return true;
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(hasUnknown);
}

/** A resource that a component hands over as a whole. */
export function resourceReference(urn: string, id: unknown): Properties {
  return { [SIGNATURE_KEY]: RESOURCE_SIGNATURE, urn, id };
}

/** The files of an archive, by their names in it: paths below the program's folder. */
export function archiveFiles(archive: unknown): Readonly<Record<string, string>> {
  const { [SIGNATURE_KEY]: signature, assets } = archive as Record<string, unknown>;
  if (signature !== ARCHIVE_SIGNATURE || typeof assets !== 'object')
    throw new Error(`no archive of files: ${JSON.stringify(archive)}`);
  return Object.fromEntries(
    Object.entries(assets as Record<string, { path?: string }>).map(([name, { path }]) => {
      if (path === undefined) throw new Error(`${name} is in the archive without being a file`);
      return [name, path];
    }),
  );
}

/** Whether two values are the same to AWS: an archive is its content, wherever its files lie. */
export function isSame(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item, index) => isSame(item, other[index]));
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null)
    return one === other;
  const [a, b] = [one, other] as [Record<string, unknown>, Record<string, unknown>];
  if (SIGNATURE_KEY in a && 'hash' in a) return a['hash'] === b['hash'];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => isSame(a[key], b[key]));
}
