import type { World, WorldOptions } from './world.ts';

/** Something that breaks, at a moment that is chosen for the harm it can do. */
export interface Fault {
  readonly name: string;
  /** What is done, in one line for a person. */
  readonly what: string;
  /** What the system is started with, where this fault needs something else than usual. */
  readonly world?: Omit<WorldOptions, 'onLog'>;
  /** The seconds from the fault within which a cycle must be complete again. */
  readonly recoversWithinS: number;
  /** Arranges the moment, calls `struck` right before the blow, and strikes. What has an end is ended, too. */
  strike(world: World, struck: () => Promise<void>): Promise<void>;
  /** What must be so of this fault alone once the system has come to rest. Answers in words what is not. */
  check?(world: World): Promise<string[]>;
}
