import { sql, type RawBuilder } from 'kysely';

/**
 * Which database this is, as one text that another copy of it does not share: the cluster, the database in it, and the table that remembers
 * it all. It is an expression, to be read beside what a statement reads anyway.
 *
 * Where the deployment names its cluster (Aurora's resource id), that names it. Otherwise it is Postgres's system identifier, which `initdb` makes
 * up, and the timeline, which a restore to a point in time and a promoted standby raise. Copying a cluster's files while it is stopped changes neither
 * (docs/restore.md). A dump that is loaded, into the same cluster too, makes tables with other object ids; an upgrade in place keeps them.
 */
export function databaseIdentity(cluster: string | undefined): RawBuilder<string> {
  const place =
    cluster === undefined
      ? sql`(select system_identifier::text from pg_control_system()) || '.' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)`
      : sql`${cluster}::text`;
  return sql<string>`(
    ${place} || '/' || (select oid::text from pg_database where datname = current_database()) || '/' || 'installation'::regclass::oid::text
  )`;
}
