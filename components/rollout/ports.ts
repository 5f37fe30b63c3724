/** What a rollout needs of the world. `lambda.client.ts` and `cloudwatch.client.ts` give it by AWS, tests by a double. */
export interface RolloutPorts {
  readonly lambda: LambdaPort;
  readonly watch: WatchPort;
  readonly clock: RolloutClock;
  /** Tells people: each line as it happens. */
  readonly say: (line: string) => void;
}

/** An alias as it is. */
export interface AliasView {
  readonly arn: string;
  /** The version that gets what is not shifted. */
  readonly version: string;
  /** The other version and its share, in percent. */
  readonly shifted: { readonly version: string; readonly percent: number } | undefined;
  readonly description: string;
  /** Changes with every change of the alias. */
  readonly revision: string;
}

export type AliasChange = Pick<AliasView, 'version' | 'shifted' | 'description'>;

export type WriteAnswer =
  | { readonly outcome: 'written'; readonly alias: AliasView }
  /** The alias has another revision than the one named: nothing was changed. */
  | { readonly outcome: 'conflict' };

/** What two versions must have in common before an alias may name both (AWS Lambda, "Weighted aliases"). */
export interface VersionFacts {
  readonly role: string;
  readonly deadLetter: string | undefined;
  readonly state: 'active' | 'pending' | 'failed';
  /** Why it is not active. */
  readonly reason: string | undefined;
}

export type Invoked =
  | { readonly outcome: 'returned'; readonly payload: unknown }
  | { readonly outcome: 'failed'; readonly message: string };

/**
 * One alias of one function.
 *
 * Every call throws {@link TryAgain} when the same call may work in a moment, and any other error when it will not. An abort signal ends a call at once: a
 * write may then have happened or not, and a later write that names the revision before it cannot overlook it.
 */
export interface LambdaPort {
  readAlias(signal?: AbortSignal): Promise<AliasView>;
  writeAlias(change: AliasChange, revision: string, signal?: AbortSignal): Promise<WriteAnswer>;
  readVersion(version: string, signal?: AbortSignal): Promise<VersionFacts>;
  invoke(version: string, event: object, signal: AbortSignal): Promise<Invoked>;
  /** The account that the calls are made as. */
  callerAccount(signal?: AbortSignal): Promise<string>;
  listVersions(): Promise<readonly string[]>;
  /** All versions that any alias of the function names. */
  versionsInUse(): Promise<ReadonlySet<string>>;
  deleteVersion(version: string): Promise<void>;
}

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

export interface WatchPort {
  /** The states of the alarms that exist and can be read; the others are missing from the answer. */
  alarmStates(names: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, AlarmState>>;
  /**
   * How often the alias was called, or failed, in the whole minutes between two instants; only by one version where it is named. Lambda's numbers come a
   * minute late.
   */
  count(
    what: 'Invocations' | 'Errors',
    of: { readonly version?: string; readonly from: Date; readonly to: Date },
    signal?: AbortSignal,
  ): Promise<number>;
}

export interface RolloutClock {
  now(): Date;
  /** Runs something once after so many milliseconds, and answers how to call that off. */
  after(ms: number, run: () => void): () => void;
}

/** The call was throttled, timed out, or broke on the way: it may work in a moment. */
export class TryAgain extends Error {
  override readonly name = 'TryAgain';
}
