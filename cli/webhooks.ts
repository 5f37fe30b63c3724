import { Option, type Command } from 'commander';
import { listTheDeliveries, resend, type Delivery } from '../functions/operators/webhook.routes.ts';
import { linesOr, wallClock } from './lines.ts';
import {
  acts,
  ask,
  atMost,
  reads,
  rowNumber,
  shopId,
  type ActOptions,
  type ReadOptions,
} from './person-command.ts';

interface ListOptions extends ReadOptions {
  readonly shop?: string;
  readonly state?: Delivery['state'];
  readonly limit: string;
}

/** Adds `webhooks`, with which people see what did not reach a shop, and send it again. */
export function addWebhooks(program: Command): void {
  const webhooks = program
    .command('webhooks')
    .description('what shops are told of, and what did not reach them');
  reads(webhooks.command('list'))
    .description(listTheDeliveries.summary)
    .option('--shop <id>', 'of this shop only', shopId)
    .addOption(
      new Option('--state <state>', 'only those in this state').choices(['pending', 'delivered', 'parked']),
    )
    .option('--limit <n>', 'how many at most', atMost, '50')
    .action(async (options: ListOptions) => {
      const { shop: shop_id, state, limit } = options;
      await ask(options, listTheDeliveries, { shop_id, state, limit }, (found) =>
        linesOr('There is no such delivery.', found.deliveries.map(lineOf)),
      );
    });
  acts(webhooks.command('resend'))
    .description(resend.summary)
    .argument('<id>', 'the delivery', rowNumber)
    .action(async (delivery_id: string, options: ActOptions) => {
      await ask(
        options,
        resend,
        { delivery_id },
        () => `Delivery ${delivery_id} is due, and is sent within a minute or so.`,
      );
    });
}

function lineOf(delivery: Delivery): string[] {
  const { last_status, last_error, last_attempt_at } = delivery;
  return [
    delivery.delivery_id.toString(),
    delivery.shop_id,
    delivery.state,
    delivery.type,
    `attempts ${delivery.attempts}`,
    delivery.url,
    last_attempt_at === null
      ? ''
      : `${wallClock(last_attempt_at)}: ${last_status ?? ''} ${last_error ?? ''}`.trim(),
  ];
}
