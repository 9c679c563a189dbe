import { PgError, SqlState, notSupported } from '../base/index.ts';
import { withVerifiers } from '../catalog/role-passwords.ts';
import type { RowValidator } from '../catalog/validate.ts';
import type { CatalogSnapshot, CatalogTable } from '../catalog/types.ts';
import type { DdlRequest, DdlTransaction } from '../catalog/catalog.ts';
import { validateRelations } from '../executor/dml/foreign-keys/validate.ts';
import { project } from '../executor/dml/projections.ts';
import { uniqueIndexViolation } from '../executor/dml/violations.ts';
import { planProjection } from '../planner/projection.ts';
import { noticesBefore, quoteIdentifier } from '../pglite/index.ts';
import type { DdlStatement, TableRecord } from '../sql/index.ts';
import {
  ddlLockTargets,
  isConcurrent,
  moveAllStatement,
  parse as parseStatements,
  tablespaceStatement,
} from '../sql/index.ts';
import type { StorageTransaction } from '../storage/types.ts';
import { enumOrList } from '../types/enum-type.ts';
import { createExecution } from './context.ts';
import { findTable, openDdlWith } from './ddl-locks.ts';
import { requireOwner } from './flush.ts';
import { endLiveQueries } from './live-drops.ts';
import { withMirror } from './mirror-access.ts';
import { inSource, qualified } from './names.ts';
import { prepareStatement } from './prepare.ts';
import { nullsPresent, rowRewriter, violated } from './row-rewriter.ts';
import { runQuery } from './run-query.ts';
import type { SessionState, StatementResult } from './state.ts';
import { ddlSettings, runTablespaceStatement } from './tablespaces.ts';
import type { Conversions } from './type-changes.ts';
import { conversionsOf } from './type-changes.ts';
import { refuseWaitingChecks } from './utility/set-constraints.ts';

/** Kinds of objects that pgtide keeps; PostgreSQL's others are 0A000 (docs/compatibility.md). */
const supportedObjects: ReadonlySet<string> = new Set([
  'schema',
  'table',
  'index',
  'view',
  'sequence',
  'role',
  'user',
  'group',
  'policy',
  'type',
  'domain',
  'column',
  'constraint',
  'owned',
  'default privileges',
  'tablespace',
]);

const emptyOptions: ReadonlyMap<string, string> = new Map();

/** Objects whose changes are nothing to those who use a table. */
const lockless: ReadonlySet<string> = new Set(['role', 'user', 'group', 'tablespace']);

export async function runDdl(session: SessionState, given: DdlStatement): Promise<StatementResult> {
  const statement = await withVerifiers(given, session.settings.forPostgres, session.engine.random);
  const { kind, objectType } = statement;
  const grants = kind === 'grant' || kind === 'comment';
  if (!grants && (kind === 'refresh' || kind === 'other' || !supportedObjects.has(objectType))) {
    throw notSupported(statement.tag);
  }
  const { transaction } = session;
  const { table, drop, alterTable } = statement;
  if (table?.temporary === true) throw notSupported('a temporary table');
  const tablespace = tablespaceStatement(statement);
  if (tablespace !== undefined) return runTablespaceStatement(session, statement, tablespace);
  if (isConcurrent(statement.node) && transaction.inBlock) {
    throw new PgError(
      SqlState.activeSqlTransaction,
      `${statement.tag} CONCURRENTLY cannot run inside a transaction block`,
    );
  }
  refuseWhileChecksWait(session, statement);
  const { ddl, locked } = await openDdlWith(session, ddlLockTargets(statement.node));
  // Those that were waited for may have written: the statement's snapshot comes after.
  const storage = transaction.statement();
  const settings = ddlSettings(session);
  const all = moveAllStatement(statement);

  let request: DdlRequest = {
    sql: all?.sql ?? withoutConcurrently(statement),
    ...(all?.noWait === true ? { noWait: true } : {}),
    settings,
    lockedTables: locked,
    locksTables: !grants && !lockless.has(objectType),
  };
  if (table !== undefined) {
    const options = new Map([...table.options, ['type', table.kind]]);
    const sql = table.inner === undefined ? request.sql : withoutRows(statement, table);
    request = { ...request, sql, tableOptions: options };
  }
  if (
    alterTable !== undefined &&
    (alterTable.setOptions.size > 0 || alterTable.resetOptions.length > 0)
  ) {
    request = { ...request, ...alteredOptions(session, alterTable) };
  }
  if (drop?.tableKind !== undefined) {
    const tables = drop.objects.flatMap((name) => findTable(session, name) ?? []);
    const tableIds = tables.map(({ stored }) => stored.tableId);
    request = { ...request, dropKind: { kind: drop.tableKind, tableIds } };
  }
  const conversions = await conversionsOf(session, ddl, statement, request.sql, storage);
  if (conversions?.computed === true) {
    request = { ...request, computesRowsOf: conversions.table.stored.tableId };
  }
  const before = transaction.catalog;
  const { tag, notices } = await ddl
    .run(request, storage, validator(session, storage, conversions))
    .catch((error: unknown) => {
      for (const notice of noticesBefore(error)) session.notice(notice);
      throw inSource(error, statement);
    });
  for (const notice of notices) session.notice(notice);
  await restartAlteredSequence(session, ddl, statement);
  endLiveQueries(session, statement, before);
  const changes = changesSince(before, transaction.catalog);
  await storage.newest(async () => {
    // Constraints between rows and tables that have come, or become valid.
    for (const [former, changed] of changes) {
      const execution = createExecution(session, transaction.statement(), [], [], '');
      await validateRelations(former, changed, execution);
    }
  });
  if (table?.inner !== undefined && !table.noData) {
    const ids = new Set(before.tables.map(({ stored }) => stored.tableId));
    const created = transaction.catalog.tables.find(({ stored }) => !ids.has(stored.tableId));
    if (created !== undefined) return fill(session, created, table.inner.text);
  }
  if (table?.inner !== undefined) return { kind: 'done', tag: 'CREATE TABLE AS' };
  // What the mirror answers is of the last statement that it was given.
  return { kind: 'done', tag: all === undefined ? tag : statement.tag };
}

/** Tables that were there before and are not as they were: neither their storage ids nor their OIDs need be the same. */
function changesSince(
  before: CatalogSnapshot,
  now: CatalogSnapshot,
): [former: CatalogTable, changed: CatalogTable][] {
  return before.tables.flatMap((former): [CatalogTable, CatalogTable][] => {
    const changed = now.table(former.relid);
    return changed === undefined || changed === former ? [] : [[former, changed]];
  });
}

/** tablecmds.c, CheckTableNotInUse. @throws 55006 */
function refuseWhileChecksWait(session: SessionState, statement: DdlStatement): void {
  if (!session.constraints.waiting) return;
  const { alterTable, drop } = statement;
  const names = alterTable === undefined ? (drop?.objects ?? []) : [alterTable.name];
  for (const name of names) {
    const table = findTable(session, name);
    if (table === undefined) continue;
    refuseWaitingChecks(session, table.relid, statement.tag, table.stored.name);
  }
  const { AlterEnumStmt: alterEnum } = statement.node as { AlterEnumStmt?: { oldVal?: string } };
  if (alterEnum?.oldVal === undefined) return;
  // What waits has keys by the labels that they had.
  const { enums, tables } = session.transaction.catalog;
  for (const { relid, stored, columns } of tables) {
    if (!columns.some(({ typeOid }) => enumOrList(enums, typeOid) !== undefined)) continue;
    refuseWaitingChecks(session, relid, statement.tag, stored.name);
  }
}

/** CREATE TABLE AS must not fill the mirror's table: the rows belong in ours alone. */
function withoutRows(statement: DdlStatement, table: TableRecord): string {
  const { text } = statement;
  if (table.noData) return text;
  const query = table.inner?.text ?? '';
  const at = text.lastIndexOf(query);
  // SELECT INTO has no such clause; EXECUTE is not known to the mirror, which says so.
  return statement.tag === 'CREATE TABLE AS' && at >= 0
    ? `${text.slice(0, at + query.length)}\nwith no data`
    : `${text}\n; truncate ${qualified(table.name)}`;
}

/** There are no long locks to avoid: CONCURRENTLY builds as plain CREATE INDEX does. */
function withoutConcurrently(statement: DdlStatement): string {
  if (statement.objectType !== 'index') return statement.text;
  return statement.text.replace(/\bconcurrently\b/i, '');
}

function alteredOptions(
  session: SessionState,
  alter: NonNullable<DdlStatement['alterTable']>,
): Pick<DdlRequest, 'tableOptions' | 'alters'> {
  const table = findTable(session, alter.name);
  if (table === undefined) {
    if (alter.missingOk) return {};
    throw new PgError(SqlState.undefinedTable, `relation "${alter.name.name}" does not exist`);
  }
  requireOwner(table, session.roles);
  if (alter.setOptions.has('type') && alter.setOptions.get('type') !== table.stored.kind) {
    throw notSupported('changing the kind of a table');
  }
  const options = new Map([...table.options, ...alter.setOptions]);
  for (const name of alter.resetOptions) options.delete(name);
  const { namespace, name } = table.stored;
  return { tableOptions: options, alters: { namespace, name } };
}

/** ALTER SEQUENCE … RESTART: the position is ours, PostgreSQL's mirror says where to. */
async function restartAlteredSequence(
  session: SessionState,
  ddl: DdlTransaction,
  statement: DdlStatement,
): Promise<void> {
  if (statement.kind !== 'alter' || statement.objectType !== 'sequence') return;
  if (!/\brestart\b/i.test(statement.text)) return;
  const name = /sequence\s+(?:if\s+exists\s+)?((?:"(?:[^"]|"")+"|[\w$.])+)/i.exec(
    statement.text,
  )?.[1];
  if (name === undefined) return;
  await withMirror(session, async () => {
    const { mirror } = session.engine;
    const found = await mirror.query(
      'select to_regclass($1)::oid::text',
      [name],
      session.settings.forPostgres,
    );
    const relid = found.rows[0]?.[0] ?? null;
    const sequence =
      relid === null ? undefined : session.transaction.catalog.sequence(Number(relid));
    if (sequence === undefined) return;
    const { rows } = await mirror.query(
      `select last_value::text, is_called::text from ${quoteIdentifier(sequence.namespace)}.${quoteIdentifier(sequence.name)}`,
      undefined,
      emptyOptions,
    );
    const [last, called] = rows[0] ?? [];
    restartSequence(session, ddl, sequence.sequenceId, BigInt(last ?? '1'), called === 'true');
  });
}

/** Moves a sequence for as long as the transaction is not rolled back. */
export function restartSequence(
  session: SessionState,
  ddl: DdlTransaction,
  sequenceId: number,
  value: bigint,
  isCalled: boolean,
): void {
  const { sequences } = session.engine.storage;
  const former = sequences.state(sequenceId);
  ddl.undoWith(() => sequences.setval(sequenceId, former.lastValue, former.isCalled));
  sequences.setval(sequenceId, value, isCalled);
}

/** CREATE TABLE AS: the query's rows, in the new table's column order. */
async function fill(
  session: SessionState,
  table: CatalogTable,
  query: string,
): Promise<StatementResult> {
  const { namespace, name } = table.stored;
  const [insert] = parseStatements(
    `insert into ${quoteIdentifier(namespace)}.${quoteIdentifier(name)} ${query}`,
  );
  const prepared = await prepareStatement(session, '', insert, []);
  const result = await runQuery(session, prepared, {
    raw: { formats: [], values: [] },
    params: [],
    resultFormats: [],
  });
  const count = result.kind === 'done' ? /\d+$/.exec(result.tag)?.[0] : undefined;
  return { kind: 'done', tag: `SELECT ${count ?? '0'}` };
}

/** How DDL judges existing rows, and what it makes of them. */
function validator(
  session: SessionState,
  storage: StorageTransaction,
  conversions: Conversions | undefined,
): RowValidator {
  const { types } = session.settings;
  return {
    uniqueViolation: (table, index, existing) =>
      uniqueIndexViolation(table, index, existing, types),
    nullsPresent,
    check: async (table, checks, rows) => {
      const { engine, transaction } = session;
      const projection = planProjection(
        checks.map((check) => check.expr),
        undefined,
        transaction.catalog,
        engine.support,
      );
      const positions = projection.slots.map((slot) => table.positionOf[slot.attno] ?? -1);
      const execution = createExecution(session, storage, [], [], '');
      const laidOut = rows.map((row) => positions.map((position) => row.values[position] ?? null));
      for (const results of await project(projection, laidOut, execution)) {
        const failed = results.indexOf(false);
        if (failed >= 0) throw violated(table, checks[failed]!);
      }
    },
    evaluate: async (exprs) => {
      const { engine, transaction } = session;
      const projection = planProjection(exprs, undefined, transaction.catalog, engine.support);
      const [values] = await project(
        projection,
        [[]],
        createExecution(session, storage, [], [], ''),
      );
      return values;
    },
    rewriter: (before, after) => rowRewriter(session, storage, before, after, conversions),
    rewriting: (table, work) => {
      const { engine, roles, signal } = session;
      const request = { table: table.stored, requestedBy: roles.name, signal };
      return engine.jobs.track('rewrite', request, async (tracked) => {
        let count = 0;
        const value = await work({
          signal: tracked.signal,
          onProgress: (fraction, rows) => {
            count = rows;
            tracked.onProgress(fraction);
          },
        });
        return { value, result: { rows_read: count }, summary: `${count} rows` };
      });
    },
  };
}
