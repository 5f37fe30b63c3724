import { InvalidArgumentError, type Command } from 'commander';
import { create, list, revoke, type ListedKey } from '../functions/operators/key.routes.ts';
import { parseBasisPoints } from '../functions/shared/money.ts';
import { acts, ask, reads, shopId, type ActOptions, type ReadOptions } from './person-command.ts';

interface CreateOptions extends ActOptions {
  readonly shop: string;
  readonly label: string;
  readonly name?: string;
  readonly feeBp?: number;
}

/** Shops' API keys: each is shown once, several may be in use at a time, and a revoked one is refused at once. */
export function addKeys(program: Command): void {
  const keys = program.command('keys').description("shops' API keys");
  acts(keys.command('create'))
    .description(create.summary)
    .requiredOption('--shop <id>', "the shop's id: lower case letters, digits and hyphens", shopId)
    .option('--label <text>', 'what the key is for', '')
    .option('--name <name>', 'the name of a shop that is not there yet')
    .option('--fee-bp <n>', 'its fee in basis points, 0 to 10000', basisPoints)
    .action(async (options: CreateOptions) => {
      const { shop: shop_id, label, name, feeBp: fee_bp } = options;
      await ask(
        options,
        create,
        { shop_id, label, name, fee_bp },
        ({ key_id, key, shop_added }) =>
          `${shop_added ? `Shop ${shop_id} is added. ` : ''}Key ${key_id} of shop ${shop_id}; it is not shown again:\n${key}`,
      );
    });
  reads(keys.command('list'))
    .description(list.summary)
    .option('--shop <id>', 'of this shop only', shopId)
    .action(async (options: ReadOptions & { readonly shop?: string }) => {
      await ask(options, list, { shop_id: options.shop }, (found) =>
        found.keys.length === 0
          ? 'There are no keys: keys create makes one.'
          : found.keys.map(line).join('\n'),
      );
    });
  acts(keys.command('revoke'))
    .description(revoke.summary)
    .argument('<key-id>', 'the twelve characters after st_')
    .action(async (key_id: string, options: ActOptions) => {
      await ask(options, revoke, { key_id }, () => `Key ${key_id} is revoked.`);
    });
}

function line(key: ListedKey): string {
  const state =
    key.revoked_at === null
      ? 'in use'
      : `revoked ${key.revoked_at.toISOString()} by ${key.revoked_by ?? '?'}`;
  return `${key.key_id}  ${key.shop_id}  ${state}  made ${key.created_at.toISOString()} by ${key.created_by}  ${key.label}`;
}

function basisPoints(text: string): number {
  const points = parseBasisPoints(text);
  if (points === undefined)
    throw new InvalidArgumentError(
      `"${text}" is no fee in basis points; write 0 to 10000, 250 is 2.5 per cent.`,
    );
  return points;
}
