import { stopCluster } from './database.ts';

/** Mocha's root hooks: what the run started, it ends. */
export const mochaHooks = {
  async afterAll(): Promise<void> {
    await stopCluster();
  },
};
