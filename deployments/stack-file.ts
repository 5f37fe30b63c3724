import { settingsShape as stackShape, PROJECT } from '../components/settings.ts';
import { readStackFile } from '../components/stack-file.ts';
import type { LongSettings } from './session-length.ts';

/** What of a deployed stack's own settings decides how it may be deployed. What only its owner knows need not be there yet. */
export interface DeployedSettings extends LongSettings {
  readonly protection: boolean;
}

/** @throws when the stack has no file, or one that cannot be used. */
export function readDeployedSettings(stack: string): DeployedSettings {
  const config = readStackFile(stack);
  const { rollout, schedule, protection } = stackShape.shape;
  return {
    rollout: rollout.parse(config[`${PROJECT}:rollout`]),
    schedule: schedule.parse(config[`${PROJECT}:schedule`]),
    protection: protection.parse(config[`${PROJECT}:protection`]),
  };
}
