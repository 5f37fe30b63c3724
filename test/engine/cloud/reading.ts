import { hasUnknown, UNKNOWN, type Properties } from './values.ts';

/** A rule asked for what a preview does not know yet: it is asked again when it is known. */
export class NotKnownYet extends Error {}

/** Reads properties by paths such as `vpcConfig.subnetIds`, for rules. */
export class Reading {
  readonly properties: Properties;

  constructor(properties: Properties) {
    this.properties = properties;
  }

  /** @throws NotKnownYet */
  value(path: string): unknown {
    let at: unknown = this.properties;
    for (const step of path.split('.')) {
      if (at === UNKNOWN) throw new NotKnownYet(path);
      at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[step] : undefined;
    }
    if (hasUnknown(at)) throw new NotKnownYet(path);
    return at;
  }

  has(path: string): boolean {
    return this.value(path) !== undefined;
  }

  /** `''` where there is none. */
  text(path: string): string {
    const value = this.value(path);
    if (value === undefined || value === null) return '';
    return typeof value === 'string' ? value : JSON.stringify(value);
  }

  number(path: string): number | undefined {
    const value = this.value(path);
    return value === undefined ? undefined : Number(value);
  }

  list(path: string): readonly unknown[] {
    const value = this.value(path);
    return Array.isArray(value) ? value : [];
  }

  texts(path: string): readonly string[] {
    return this.list(path).map(String);
  }

  /** @throws a SyntaxError that the rule of the property tells. */
  json(path: string): unknown {
    return JSON.parse(this.text(path));
  }
}
