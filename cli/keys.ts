import { InvalidArgumentError, type Command } from 'commander';
import { parseBasisPoints } from '../functions/shared/money.ts';
import { parseShopId, type ShopId } from '../functions/shops/api-key.ts';
import { createApiKey, endApiKey } from '../functions/shops/api-keys.step.ts';
import { listApiKeys, type ListedKey } from '../functions/shops/shop.repository.ts';
import { actingNow, acts, answer, reads, type ActOptions, type ReadOptions } from './person-command.ts';

const ORDER_LIFE_MINUTES = 24 * 60;

interface CreateOptions extends ActOptions {
  readonly shop: ShopId;
  readonly label: string;
  readonly name?: string;
  readonly feeBp?: number;
}

/** Shops' API keys: each is shown once, several may be in use at a time, and a revoked one is refused at once. */
export function addKeys(program: Command): void {
  const keys = program.command('keys').description("shops' API keys");
  acts(keys.command('create'))
    .description(
      'make a key for a shop, and show it this once; with --name and --fee-bp the shop is added, too',
    )
    .requiredOption('--shop <id>', "the shop's id: lower case letters, digits and hyphens", shopId)
    .option('--label <text>', 'what the key is for', '')
    .option('--name <name>', 'the name of a shop that is not there yet')
    .option('--fee-bp <n>', 'its fee in basis points, 0 to 10000', basisPoints)
    .action(async (options: CreateOptions) => {
      await answer(options, async ({ db }) => {
        const { shop, label, name, feeBp } = options;
        const newShop =
          name === undefined || feeBp === undefined
            ? {}
            : { newShop: { name, feeBp, orderLifeMinutes: ORDER_LIFE_MINUTES } };
        const created = await createApiKey(db, actingNow(options), { shopId: shop, label, ...newShop });
        if (created.outcome === 'refused') return { text: created.message, json: created, failed: true };
        const { keyId, key, shopAdded } = created.result;
        const text = `${shopAdded ? `Shop ${shop} is added. ` : ''}Key ${keyId} of shop ${shop}; it is not shown again:\n${key}`;
        return { text, json: { outcome: 'created', shop_id: shop, key_id: keyId, key } };
      });
    });
  reads(keys.command('list'))
    .description('list keys, the youngest first')
    .option('--shop <id>', 'of this shop only', shopId)
    .action(async (options: ReadOptions & { readonly shop?: ShopId }) => {
      await answer(options, async ({ db }) => {
        const found = await listApiKeys(db, options.shop);
        const text =
          found.length === 0 ? 'There are no keys: keys create makes one.' : found.map(line).join('\n');
        return { text, json: { keys: found } };
      });
    });
  acts(keys.command('revoke'))
    .description('end a key at once')
    .argument('<key-id>', 'the twelve characters after st_')
    .action(async (keyId: string, options: ActOptions) => {
      await answer(options, async ({ db }) => {
        const ended = await endApiKey(db, actingNow(options), keyId);
        if (ended.outcome === 'refused') return { text: ended.message, json: ended, failed: true };
        return { text: `Key ${keyId} is revoked.`, json: { outcome: 'revoked', key_id: keyId } };
      });
    });
}

function line(key: ListedKey): string {
  const state =
    key.revoked_at === null
      ? 'in use'
      : `revoked ${key.revoked_at.toISOString()} by ${key.revoked_by ?? '?'}`;
  return `${key.key_id}  ${key.shop_id}  ${state}  made ${key.created_at.toISOString()} by ${key.created_by}  ${key.label}`;
}

function shopId(text: string): ShopId {
  const id = parseShopId(text);
  if (id === undefined)
    throw new InvalidArgumentError(
      `"${text}" is no shop's id; write lower case letters, digits and hyphens.`,
    );
  return id;
}

function basisPoints(text: string): number {
  const points = parseBasisPoints(text);
  if (points === undefined)
    throw new InvalidArgumentError(
      `"${text}" is no fee in basis points; write 0 to 10000, 250 is 2.5 per cent.`,
    );
  return points;
}
