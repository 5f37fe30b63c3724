import type { Cloud, CloudResource } from './cloud.ts';
import type { Reading } from './reading.ts';
import type { Properties } from './values.ts';

/** What AWS knows of a type of resources, as far as this project uses it. */
export interface AwsType {
  /** Inputs without which AWS makes nothing. */
  readonly required: readonly string[];
  /** The input that gets a name of its own where the program gives none. */
  readonly autoName?: {
    readonly input: string;
    readonly charactersMax: number;
    readonly lowerCase?: boolean;
  };
  /** Inputs that cannot be changed: another value makes another resource. */
  readonly fixed?: readonly string[];
  /** Inputs that no other resource of the type may have the same of. */
  readonly unique?: readonly string[];
  /** What an input alone, or with others, must be like. Each says what AWS says, or nothing. */
  readonly rules?: readonly Rule[];
  /** What an input names must exist. */
  readonly names?: readonly Named[];
  /** What must be true in the account beside that. */
  readonly demands?: readonly ((
    inputs: Reading,
    cloud: Cloud,
    self: CloudResource | undefined,
  ) => string | undefined)[];
  readonly id: (making: Making) => string;
  /** Outputs beside the inputs. All of them are unknown until the resource is made. */
  readonly outputs?: Readonly<Record<string, (making: Making & { readonly id: string }) => unknown>>;
  /** Outputs that a change makes anew. */
  readonly renewed?: (before: Reading, after: Reading) => readonly string[];
  /** Why it cannot be deleted as it is, beside being named by others. */
  readonly keeps?: (resource: CloudResource, cloud: Cloud) => string | undefined;
  /** What happens outside the table: in Lambda's and CloudWatch's double. */
  readonly effects?: Effects;
}

export type Rule = (inputs: Reading) => string | undefined;

/** An input whose value is an output of another resource. */
export interface Named {
  readonly input: string;
  readonly type: string;
  readonly by: string;
  /** Whether the other one cannot be deleted as long as it is named. */
  readonly holds?: boolean;
}

/** A resource about to be made or changed. */
export interface Making {
  /** The name in the program. */
  readonly name: string;
  readonly inputs: Reading;
  readonly cloud: Cloud;
  /** As it was, where it is changed. */
  readonly before?: Properties;
}

export interface Effects {
  readonly create?: (resource: CloudResource, cloud: Cloud) => Promise<Properties | undefined>;
  readonly update?: (resource: CloudResource, before: Properties, cloud: Cloud) => Promise<void>;
  readonly remove?: (resource: CloudResource, cloud: Cloud) => void;
  /** What somebody may have changed by hand. */
  readonly read?: (resource: CloudResource, cloud: Cloud) => Properties;
}
