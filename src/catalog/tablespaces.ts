/**
 * CREATE and DROP TABLESPACE. As in PostgreSQL they run outside of transactions, for folders can't be rolled back. The mirror,
 * which commits on its own here, is stamped as no version's before it is touched: whatever happens until its next stamp, the next
 * start makes it anew from Level.
 */
import { PgError, SqlState, assert } from '../base/index.ts';
import type { LockOwner } from '../locks/index.ts';
import { quoteIdentifier, quoteLiteral } from '../pglite/index.ts';
import { checkLocation } from '../storage/index.ts';
import type { StorageTransaction } from '../storage/types.ts';
import type { DdlResult } from './catalog.ts';
import type { CatalogCore } from './core.ts';
import { takeId } from './core.ts';
import type { Records } from './join.ts';
import type { CatalogState, JournalEntry, TablespaceRecord } from './level-records.ts';
import { keys } from './level-records.ts';
import { noSettings, stampSql } from './mirror-contents.ts';
import { readRelations } from './read-mirror.ts';
import { catalogSnapshot } from './snapshot.ts';
import { tablespacesOf } from './tablespace-records.ts';
import type { CatalogTablespace } from './types.ts';

interface Requested {
  readonly name: string;
  /** CREATE: with an empty LOCATION, which is how the mirror's tablespaces are. */
  readonly sql: string;
  readonly settings: ReadonlyMap<string, string>;
  readonly role: { readonly name: string; readonly superuser: boolean };
}

export type TablespaceRequest =
  | (Requested & { readonly kind: 'create'; readonly location: string })
  | (Requested & {
      readonly kind: 'drop';
      /** What to call a table that the catalog does not have any more. */
      readonly formerName: (tableId: number) => string;
    });

/** Tables and indexes named in one error's DETAIL at most. */
const namedMax = 100;

/** What the mirror stands for while a statement of ours is half done. */
const noVersion = -1;

export async function changeTablespaces(
  core: CatalogCore,
  request: TablespaceRequest,
  owner: LockOwner,
): Promise<DdlResult> {
  const leave = await core.turns.alone(owner.backend);
  try {
    assert(core.turns.shown === undefined, 'only who has the catalog lock has a view');
    return request.kind === 'create'
      ? await createTablespace(core, request, owner)
      : await dropTablespace(core, request, owner);
  } finally {
    leave();
  }
}

/** Runs a statement in the mirror, which stands for no version from then on; it is as before when the statement fails. */
async function change(core: CatalogCore, { sql, settings }: JournalEntry): Promise<DdlResult> {
  const { mirror, setup } = core;
  await mirror.exec(stampSql(setup, noVersion), noSettings);
  try {
    return await mirror.exec(sql, new Map(settings));
  } catch (error) {
    await mirror.exec(stampSql(setup, core.committed.state.version), noSettings);
    throw error;
  }
}

async function createTablespace(
  core: CatalogCore,
  request: TablespaceRequest & { readonly kind: 'create' },
  owner: LockOwner,
): Promise<DdlResult> {
  const { storage, mirror, setup, log } = core;
  const { name, location } = request;
  // Of others PostgreSQL says that they may not, whatever the location.
  if (request.role.superuser) checkLocation(location);
  const quoted = quoteIdentifier(name);
  const entry: JournalEntry = {
    sql: request.sql,
    settings: [...request.settings, ['allow_in_place_tablespaces', 'on']],
  };
  const result = await change(core, entry);
  const undoMirror = async (): Promise<void> => {
    await mirror.exec(`drop tablespace ${quoted}`, noSettings);
    await mirror.exec(stampSql(setup, core.committed.state.version), noSettings);
  };
  const tablespaceId = takeId(core);
  let made;
  try {
    made = await storage.locations.make(tablespaceId, location);
  } catch (error) {
    await undoMirror();
    throw error;
  }
  const located: JournalEntry = {
    sql: `insert into tide.tablespace_locations select oid, ${quoteLiteral(location)} from pg_tablespace where spcname = ${quoteLiteral(name)}`,
    settings: [],
  };
  try {
    await mirror.exec(located.sql, noSettings);
    const tablespaces = new Map(core.committed.records.tablespaces);
    tablespaces.set(tablespaceId, { tablespaceId, name, location });
    await commit(core, owner, tablespaces, [entry, located], (transaction) =>
      made.put(transaction),
    );
  } catch (error) {
    // Nothing of this is possible after a failed write; the storage is opened again then, and the mirror with it.
    await made.undo().catch((undoing: unknown) => {
      log.warn({ err: undoing }, `the location of tablespace ${quoted} was not taken back`);
    });
    await undoMirror().catch(() => undefined);
    throw error;
  }
  return result;
}

async function dropTablespace(
  core: CatalogCore,
  request: TablespaceRequest & { readonly kind: 'drop' },
  owner: LockOwner,
): Promise<DdlResult> {
  const { storage, log } = core;
  const { name, role } = request;
  const space = core.committed.snapshot.tablespaces.find((one) => one.name === name);
  if (space?.tablespaceId === undefined || !(await owns(core, space, role.name))) {
    const result = await core.mirror.exec(request.sql, request.settings);
    assert(space?.tablespaceId === undefined, 'PostgreSQL refuses a role that does not own it');
    return result;
  }
  await requireUnused(core, space, request.formerName);
  const entry: JournalEntry = { sql: request.sql, settings: [...request.settings] };
  const result = await change(core, entry);
  const cleared: JournalEntry = {
    sql: 'delete from tide.tablespace_locations where oid not in (select oid from pg_tablespace)',
    settings: [],
  };
  await core.mirror.exec(cleared.sql, noSettings);
  const tablespaces = new Map(core.committed.records.tablespaces);
  tablespaces.delete(space.tablespaceId);
  const removed = storage.locations.remove(space.tablespaceId);
  try {
    await commit(core, owner, tablespaces, [entry, cleared], (transaction) =>
      removed.put(transaction),
    );
  } catch (error) {
    // The mirror can not have it back as it was: it is made anew.
    await core.rebuild(core.committed.state, core.committed.records).catch(() => undefined);
    throw error;
  }
  try {
    await removed.finish();
  } catch (error) {
    log.warn({ err: error }, `the folder of dropped tablespace "${name}" still has its marker`);
  }
  return result;
}

/** As PostgreSQL's object_ownercheck. */
async function owns(
  { mirror }: CatalogCore,
  { oid }: CatalogTablespace,
  role: string,
): Promise<boolean> {
  const [row] = await mirror.rows(
    `select (r.rolsuper or pg_has_role(r.oid, t.spcowner, 'USAGE'))::text from pg_tablespace t, pg_roles r
     where t.oid = ${oid} and r.rolname = ${quoteLiteral(role)}`,
  );
  return row?.[0] === 'true';
}

/** @throws 55006 naming what is in the tablespace, or still has files there */
async function requireUnused(
  core: CatalogCore,
  { oid, name, tablespaceId }: CatalogTablespace,
  formerName: (tableId: number) => string,
): Promise<void> {
  const { mirror, storage, committed } = core;
  assert(tablespaceId !== undefined, 'it has a location');
  const inMirror = await mirror.rows(
    `select case relkind when 'i' then 'index ' else 'table ' end || n.nspname || '.' || c.relname
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.reltablespace = ${oid} and n.nspname <> 'pg_toast' order by 1`,
  );
  const lines = new Set(inMirror.map((row) => row[0]!));
  const use = (await storage.locations.uses()).get(tablespaceId);
  for (const tableId of use?.tableIds ?? []) {
    const table = committed.records.tables.get(tableId)?.stored;
    if (table?.tablespaceId === tablespaceId) continue;
    lines.add(
      table === undefined
        ? `table ${formerName(tableId)}, which has been dropped, whose files are being removed`
        : `table ${table.namespace}.${table.name}, whose files are being moved`,
    );
  }
  const more = lines.size - namedMax;
  if (lines.size === 0 && !storage.locations.inUse(tablespaceId)) return;
  const named = [...lines].slice(0, namedMax);
  if (lines.size === 0) named.push('Files there are still being written or read.');
  if (more > 0) named.push(`and ${more} more`);
  throw new PgError(SqlState.objectInUse, `tablespace "${name}" is not empty`, {
    detail: named.join('\n'),
  });
}

/** Puts the new catalog and what `put` adds on disk; then the mirror, which has it all already, stands for it. */
async function commit(
  core: CatalogCore,
  owner: LockOwner,
  tablespaces: ReadonlyMap<number, TablespaceRecord>,
  entries: readonly JournalEntry[],
  put: (transaction: StorageTransaction) => void,
): Promise<void> {
  const { storage, mirror, setup, committed } = core;
  const former = committed.state;
  const state: CatalogState = {
    ...former,
    version: former.version + 1,
    nextId: core.nextId,
    nextJournal: former.nextJournal + entries.length,
  };
  const records: Records = { ...committed.records, tablespaces };
  const transaction = storage.begin({ owner });
  try {
    const json = (value: object): Uint8Array => Buffer.from(JSON.stringify(value));
    entries.forEach((entry, i) =>
      transaction.putMeta(keys.journal(former.nextJournal + i), json(entry)),
    );
    for (const [id, record] of tablespaces) transaction.putMeta(keys.tablespace(id), json(record));
    for (const id of committed.records.tablespaces.keys())
      if (!tablespaces.has(id)) transaction.putMeta(keys.tablespace(id), undefined);
    transaction.putMeta(keys.state, json(state));
    put(transaction);
    await transaction.commit({ sync: true });
  } catch (error) {
    if (!transaction.ended) await transaction.rollback();
    throw error;
  }
  try {
    await mirror.exec(stampSql(setup, state.version), noSettings);
    const relations = await readRelations(mirror, committed.relations);
    const { names, snapshot } = committed;
    core.committed = {
      state,
      records,
      relations,
      names,
      snapshot: catalogSnapshot({
        version: core.versionOf(state),
        tables: snapshot.tables,
        sequences: snapshot.sequences,
        virtuals: snapshot.virtuals,
        tablespaces: tablespacesOf(relations, tablespaces),
        names,
      }),
    };
  } catch {
    // The commit stands in Level; a mirror that could not follow is made anew from there.
    await core.rebuild(state, records);
  }
  core.changed(entries);
}
