#!/usr/bin/env node
import { program } from 'commander';
import { addChaos } from './chaos.ts';
import { addInvoke } from './invoke.ts';
import { addKeys } from './keys.ts';
import { addLedger } from './ledger.ts';
import { addStart } from './start.ts';

program
  .name('smart-transfer')
  .description(
    'Confirms bank transfers against orders by a one-time depositor name, and pays each seller exactly once.',
  )
  .showHelpAfterError('(--help tells what there is)');
addStart(program);
addInvoke(program);
addKeys(program);
addLedger(program);
addChaos(program);
await program.parseAsync();
