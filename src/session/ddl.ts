import { PgError, SqlState, notSupported } from '../base/index.ts';
import type { RowValidator } from '../catalog/validate.ts';
import type { CatalogTable } from '../catalog/types.ts';
import type { DdlRequest } from '../catalog/catalog.ts';
import { project } from '../executor/dml/projections.ts';
import { uniqueIndexViolation } from '../executor/dml/violations.ts';
import { planProjection } from '../planner/projection.ts';
import { quoteIdentifier } from '../pglite/index.ts';
import type { DdlStatement } from '../sql/index.ts';
import { parse as parseStatements } from '../sql/index.ts';
import { sharedScope } from '../storage/types.ts';
import type { StoredRow } from '../storage/types.ts';
import { createExecution } from './context.ts';
import { requireOwner } from './flush.ts';
import { inSource, qualified } from './names.ts';
import { prepareStatement } from './prepare.ts';
import { runQuery } from './run-query.ts';
import type { SessionState, StatementResult } from './state.ts';

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
]);

const emptyOptions: ReadonlyMap<string, string> = new Map();

export async function runDdl(
  session: SessionState,
  statement: DdlStatement,
): Promise<StatementResult> {
  const { kind, objectType } = statement;
  const grants = kind === 'grant' || kind === 'comment';
  if (!grants && (kind === 'refresh' || kind === 'other' || !supportedObjects.has(objectType))) {
    throw notSupported(statement.tag);
  }
  const { transaction } = session;
  const { table, drop, alterTable } = statement;
  if (table?.temporary === true) throw notSupported('a temporary table');
  if (table?.tablespace !== undefined) throw notSupported('TABLESPACE');
  const ddl = await transaction.openDdl(session.signal);
  const storage = transaction.statement();
  const settings = session.settings.forPostgres;

  let request: DdlRequest = { sql: withoutConcurrently(statement), settings };
  if (table !== undefined) {
    const options = new Map([...table.options, ['type', table.kind]]);
    // CREATE TABLE AS fills the mirror's table too; the rows belong in ours alone.
    const sql =
      table.inner === undefined ? request.sql : `${request.sql}; truncate ${qualified(table.name)}`;
    request = { ...request, sql, tableOptions: options };
  }
  if (
    alterTable !== undefined &&
    (alterTable.setOptions.size > 0 || alterTable.resetOptions.length > 0)
  ) {
    request = { ...request, ...(await alteredOptions(session, alterTable)) };
  }
  if (drop?.tableKind !== undefined) {
    const relids = await knownRelids(session, drop.objects.map(qualified));
    request = { ...request, dropKind: { kind: drop.tableKind, relids } };
  }
  const before = transaction.catalog;
  const { tag, notices } = await ddl
    .run(request, storage, validator(session))
    .catch((error: unknown) => {
      throw inSource(error, statement);
    });
  for (const notice of notices) session.notice(notice);
  await restartAlteredSequence(session, statement);
  for (const changed of transaction.catalog.tables) {
    const former = before.table(changed.relid);
    if (former !== undefined) await fillNewColumns(session, former, changed);
  }
  if (table?.inner !== undefined && !table.noData) {
    const created = transaction.catalog.tables.find(
      (candidate) => before.table(candidate.relid) === undefined,
    );
    if (created !== undefined) return fill(session, created, table.inner.text);
  }
  return { kind: 'done', tag: table?.inner === undefined ? tag : 'CREATE TABLE AS' };
}

/** There are no long locks to avoid: CONCURRENTLY builds as plain CREATE INDEX does. */
function withoutConcurrently(statement: DdlStatement): string {
  if (statement.objectType !== 'index') return statement.text;
  return statement.text.replace(/\bconcurrently\b/i, '');
}

async function knownRelids(session: SessionState, names: readonly string[]): Promise<number[]> {
  const { rows } = await session.engine.mirror.query(
    `select ${names.map((_, i) => `to_regclass($${i + 1})::oid::text`).join(', ')}`,
    names,
    session.settings.forPostgres,
  );
  return (rows[0] ?? []).flatMap((oid) => (oid === null ? [] : [Number(oid)]));
}

async function alteredOptions(
  session: SessionState,
  alter: NonNullable<DdlStatement['alterTable']>,
): Promise<Pick<DdlRequest, 'tableOptions' | 'alters'>> {
  const [relid] = await knownRelids(session, [qualified(alter.name)]);
  const table = relid === undefined ? undefined : session.transaction.catalog.table(relid);
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
  statement: DdlStatement,
): Promise<void> {
  if (statement.kind !== 'alter' || statement.objectType !== 'sequence') return;
  if (!/\brestart\b/i.test(statement.text)) return;
  const name = /sequence\s+(?:if\s+exists\s+)?((?:"(?:[^"]|"")+"|[\w$.])+)/i.exec(
    statement.text,
  )?.[1];
  if (name === undefined) return;
  const [relid] = await knownRelids(session, [name]);
  const sequence = relid === undefined ? undefined : session.transaction.catalog.sequence(relid);
  if (sequence === undefined) return;
  const { rows } = await session.engine.mirror.query(
    `select last_value::text, is_called::text from ${quoteIdentifier(sequence.namespace)}.${quoteIdentifier(sequence.name)}`,
    undefined,
    emptyOptions,
  );
  const [last, called] = rows[0] ?? [];
  session.engine.storage.sequences.setval(
    sequence.sequenceId,
    BigInt(last ?? '1'),
    called === 'true',
  );
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

/** How DDL judges existing rows. */
function validator(session: SessionState): RowValidator {
  const { types } = session.settings;
  return {
    uniqueViolation: (table, index, existing) =>
      uniqueIndexViolation(table, index, existing, types),
    nullsPresent: (table, column) =>
      new PgError(
        SqlState.notNullViolation,
        `column "${column.name}" of relation "${table.stored.name}" contains null values`,
        { schema: table.stored.namespace, table: table.stored.name, column: column.name },
      ),
    check: async (table, checks, rows) => {
      const { engine, transaction } = session;
      const projection = planProjection(
        checks.map((check) => check.expr),
        undefined,
        transaction.catalog,
        engine.support,
      );
      const positions = projection.slots.map((slot) => table.positionOf[slot.attno] ?? -1);
      const execution = createExecution(session, transaction.statement(), [], [], '');
      const laidOut = rows.map((row) => positions.map((position) => row.values[position] ?? null));
      for (const results of await project(projection, laidOut, execution)) {
        const failed = results.indexOf(false);
        if (failed < 0) continue;
        const constraint = checks[failed]!.name;
        throw new PgError(
          SqlState.checkViolation,
          `check constraint "${constraint}" of relation "${table.stored.name}" is violated by some row`,
          { schema: table.stored.namespace, table: table.stored.name, constraint },
        );
      }
    },
  };
}

/**
 * ADD COLUMN whose values differ by row (a stored generated column, a volatile default): PostgreSQL rewrites the table; here
 * every row gets a new version. Constant defaults need none: older rows read as the column's missing value.
 */
async function fillNewColumns(
  session: SessionState,
  before: CatalogTable,
  after: CatalogTable,
): Promise<void> {
  const added = after.columns.flatMap((column, position) => {
    if (before.columns.some((former) => former.id === column.id)) return [];
    const { defaultExpr } = column;
    if (defaultExpr === undefined || column.missing !== null) return [];
    return [{ position, expr: defaultExpr }];
  });
  const differ = added.filter(({ expr }) => !(expr.kind === 'const' && expr.isNull));
  if (differ.length === 0) return;
  const { engine, transaction } = session;
  const projection = planProjection(
    differ.map((one) => one.expr),
    undefined,
    transaction.catalog,
    engine.support,
  );
  const positions = projection.slots.map((slot) => after.positionOf[slot.attno] ?? -1);
  const storage = transaction.statement();
  const execution = createExecution(session, storage, [], [], '');
  const scope = after.stored.kind === 'user' ? ({ kind: 'all' } as const) : sharedScope;
  const rows: StoredRow[] = [];
  for await (const batch of storage.scan(after.stored, { scope })) rows.push(...batch);
  const laidOut = rows.map((row) => positions.map((position) => row.values[position] ?? null));
  const computed = await project(projection, laidOut, execution);
  for (const [i, row] of rows.entries()) {
    const values = [...row.values];
    differ.forEach(({ position }, k) => {
      const column = after.columns[position]!;
      values[position] = computed[i]?.[k] ?? null;
      if (column.notNull && values[position] === null) {
        throw validator(session).nullsPresent(after, column);
      }
    });
    const result = await storage.update(after.stored, row, values);
    if ('conflict' in result) {
      throw uniqueIndexViolation(after, result.conflict.index!, row, session.settings.types);
    }
  }
}
