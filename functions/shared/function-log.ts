import type { Logger } from '@aws-lambda-powertools/logger';
import type { CycleLog } from '../cycle/cycle-context.ts';

/** A function's log: what its steps say, under keys that stay for the rest of the invocation. */
export interface FunctionLog extends CycleLog {
  appendKeys(keys: Record<string, string>): void;
}

/** Writes by Powertools' logger, whose lines are JSON. */
export function logBy(logger: Logger): FunctionLog {
  return {
    info: (message, detail) => logger.info(message, detail ?? {}),
    warn: (message, detail) => logger.warn(message, detail ?? {}),
    error: (message, detail) => logger.error(message, detail ?? {}),
    appendKeys: (keys) => logger.appendKeys(keys),
  };
}
