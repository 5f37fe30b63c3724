import type { Migration } from 'kysely/migration';
import * as sellers from './0001-sellers.ts';
import * as orders from './0002-orders.ts';
import * as statement from './0003-statement.ts';
import * as transfers from './0004-transfers.ts';
import * as ledger from './0005-ledger.ts';
import * as operations from './0006-operations.ts';
import * as roles from './0007-roles.ts';
import * as people from './0008-people.ts';
import * as books from './0010-books.ts';
import * as reviews from './0012-reviews.ts';
import * as limits from './0013-limits.ts';
import * as restore from './0014-restore.ts';
import * as shops from './0030-shops.ts';
import * as events from './0031-events.ts';
import * as webhooks from './0032-webhooks.ts';
import * as requestKeys from './0033-request-keys.ts';
import * as schemaRights from './0034-schema-rights.ts';
import * as remitters from './0035-remitters.ts';
import * as statementSeams from './0036-statement-seams.ts';
import * as servingRelease from './0037-serving-release.ts';

/** Every migration in its order, imported by name so that the bundler takes them into the migration function. Append only. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-sellers': sellers,
  '0002-orders': orders,
  '0003-statement': statement,
  '0004-transfers': transfers,
  '0005-ledger': ledger,
  '0006-operations': operations,
  '0007-roles': roles,
  '0008-people': people,
  '0010-books': books,
  '0012-reviews': reviews,
  '0013-limits': limits,
  '0014-restore': restore,
  '0030-shops': shops,
  '0031-events': events,
  '0032-webhooks': webhooks,
  '0033-request-keys': requestKeys,
  '0034-schema-rights': schemaRights,
  '0035-remitters': remitters,
  '0036-statement-seams': statementSeams,
  '0037-serving-release': servingRelease,
};
