import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../functions/shared/clock.ts';
import { lockFolder } from '../local/folder-lock.ts';
import { COLLECTION_ACCOUNT, openCollectionAccount, startSystem } from '../local/system.ts';

const FUNCTIONS = ['matcher', 'settlement', 'verification', 'rotation'] as const;

/** What `sam local invoke` did: one function, one event. */
export function addInvoke(program: Command): void {
  program
    .command('invoke')
    .description('run one function once, with an event from a file')
    .argument('<name>', `the function: ${FUNCTIONS.join(', ')}`)
    .argument('<event>', 'a file with the event (JSON)')
    .option('--folder <folder>', 'the local system whose data the function works on', '.smart-transfer')
    .action(async (name: string, eventFile: string, options: { folder: string }, command: Command) => {
      const known = FUNCTIONS.find((one) => one === name);
      if (known === undefined)
        command.error(`error: there is no function "${name}"; there are ${FUNCTIONS.join(', ')}`);
      const event = readEvent(eventFile, command);
      process.exitCode = await invoke(known, event, resolve(options.folder));
    });
}

function readEvent(file: string, command: Command): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as unknown;
  } catch (error) {
    return command.error(
      `error: ${file} holds no event: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

async function invoke(name: (typeof FUNCTIONS)[number], event: unknown, folder: string): Promise<number> {
  const locked = lockFolder(folder);
  if (locked.outcome === 'taken') {
    process.stderr.write(
      `smart-transfer runs in ${folder} (process ${locked.pid}); stop it first, or name another --folder\n`,
    );
    return 1;
  }
  try {
    const system = await startSystem({
      folder,
      clock: systemClock,
      payoutAccount: COLLECTION_ACCOUNT,
      cycleMinutes: 5,
      settlementConcurrency: 2,
      polling: 'short',
      durable: true,
      onLog: (line) => process.stderr.write(`${line.from}: ${line.text}\n`),
    });
    openCollectionAccount(system.bank);
    try {
      const result = await system[name].invoke(event);
      process.stdout.write(`${JSON.stringify(result.outcome === 'returned' ? result.payload : result)}\n`);
      return result.outcome === 'returned' ? 0 : 1;
    } finally {
      await system.stop();
    }
  } finally {
    locked.lock.release();
  }
}
