/** Tablespaces as the mirror has them, with what Level adds: ids and locations. */
import { assert } from '../base/index.ts';
import type { StoredTable } from '../storage/types.ts';
import type { DdlState } from './ddl-state.ts';
import type { TablespaceRecord } from './level-records.ts';
import type { MirrorRelations, MirrorTablespace } from './read-mirror.ts';
import type { CatalogTablespace } from './types.ts';

/** What PostgreSQL has of its own: pg_default, pg_global. */
const own = (name: string): boolean => name.startsWith('pg_');

/**
 * In the mirror every tablespace is in place: a folder of its data directory. So the locations are in a table, from which
 * pg_tablespace_location answers.
 */
export const tablespaceSetup: readonly string[] = [
  `create table tide.tablespace_locations (oid oid not null, location text not null)`,
  // A built-in function keeps its code under its OID: only another of its name can answer something else.
  `alter function pg_catalog.pg_tablespace_location(oid) rename to pg_tablespace_link`,
  `create function pg_catalog.pg_tablespace_location(oid) returns text language sql stable strict security definer
    set search_path = pg_catalog as $$select coalesce((select location from tide.tablespace_locations l where l.oid = $1),
      (select '' from pg_tablespace t where t.oid = $1))$$`,
];

function withName(
  records: ReadonlyMap<number, TablespaceRecord>,
  name: string,
): TablespaceRecord | undefined {
  return [...records.values()].find((record) => record.name === name);
}

export function tablespacesOf(
  { tablespaces }: MirrorRelations,
  records: ReadonlyMap<number, TablespaceRecord>,
): CatalogTablespace[] {
  const found = tablespaces.map(({ oid, name, owner }: MirrorTablespace): CatalogTablespace => {
    const record = own(name) ? undefined : withName(records, name);
    assert(own(name) || record !== undefined, `the mirror has tablespace ${name}, Level has not`);
    return Object.freeze({
      oid,
      name,
      owner,
      tablespaceId: record?.tablespaceId,
      location: record?.location,
    });
  });
  assert(
    found.filter(({ tablespaceId }) => tablespaceId !== undefined).length === records.size,
    'Level has a tablespace that the mirror has not',
  );
  return found;
}

/** The records after a statement in a transaction, which can change no more of tablespaces than their names. */
export function renamedTablespaces(
  { snapshot, records }: DdlState,
  { tablespaces }: MirrorRelations,
): ReadonlyMap<number, TablespaceRecord> {
  const renamed = new Map(records.tablespaces);
  for (const { oid, name } of tablespaces) {
    const known = snapshot.tablespaces.find((one) => one.oid === oid);
    const record = renamed.get(known?.tablespaceId ?? 0);
    if (record !== undefined && record.name !== name)
      renamed.set(record.tablespaceId, { ...record, name });
  }
  return renamed;
}

/** The table with new files going to a tablespace. */
export function inTablespace<T extends { readonly stored: StoredTable }>(
  reconciled: T,
  tablespaceId: number | undefined,
): T {
  const { tablespaceId: _, ...stored } = reconciled.stored;
  return {
    ...reconciled,
    stored: Object.freeze(tablespaceId === undefined ? stored : { ...stored, tablespaceId }),
  };
}
