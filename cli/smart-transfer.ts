#!/usr/bin/env node
import { program } from 'commander';
import { addChaos } from './chaos.ts';
import { addAccounts } from './accounts.ts';
import { addInvoke } from './invoke.ts';
import { addCost } from './cost.ts';
import { addKeys } from './keys.ts';
import { addLedger } from './ledger.ts';
import { addPayouts } from './payouts.ts';
import { addProbe } from './probe.ts';
import { addRollout } from './rollout.ts';
import { addRules } from './rules.ts';
import { addReview } from './review.ts';
import { addStart } from './start.ts';
import { addTransfers } from './transfers.ts';
import { addWebhooks } from './webhooks.ts';

program
  .name('smart-transfer')
  .description(
    'Confirms bank transfers against orders by a one-time depositor name, and pays each seller exactly once.',
  )
  .showHelpAfterError('(--help tells what there is)');
addStart(program);
addInvoke(program);
addCost(program);
addKeys(program);
addLedger(program);
addChaos(program);
addTransfers(program);
addPayouts(program);
addProbe(program);
addRules(program);
addRollout(program);
addAccounts(program);
addReview(program);
addWebhooks(program);
await program.parseAsync();
