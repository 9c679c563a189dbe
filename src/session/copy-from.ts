import { PgError, SqlState, assert, notSupported } from '../base/index.ts';
import type { Expr, TargetEntry } from '../analyzer/tree.ts';
import type { CatalogColumn, CatalogSnapshot, CatalogTable } from '../catalog/types.ts';
import { statementEvents } from '../executor/dml/constraint-events/statement.ts';
import type { InsertPlan } from '../planner/plan-dml.ts';
import type { Projection } from '../planner/projection.ts';
import { planProjection } from '../planner/projection.ts';
import { walk } from '../planner/walk.ts';
import { quoteIdentifier } from '../pglite/index.ts';
import { parse as parseStatements } from '../sql/index.ts';
import type { CopyStatement } from '../sql/index.ts';
import { Oid } from '../types/oid.ts';
import { requirePgType } from '../types/registry.ts';
import type { Row } from '../types/value.ts';
import { createExecution } from './context.ts';
import type { CopyDecoder } from './copy/index.ts';
import { checkForcedColumns, createCopyDecoder } from './copy/index.ts';
import { enumInput } from './enum-input.ts';
import { copyOptions } from './copy-options.ts';
import { rowStore } from './copy-store.ts';
import type { FillPlan } from './copy-store.ts';
import { lockTables } from './lock-tables.ts';
import { qualified, tableOf } from './names.ts';
import { requireNewTable } from './new-tables.ts';
import { prepareStatement } from './prepare.ts';
import { relatedToInsert } from './related-tables.ts';
import type { SessionState, StatementResult } from './state.ts';

/** Columns that COPY fills when it names none: all but generated ones. */
function copyColumns(table: CatalogTable, names: readonly string[] | undefined): CatalogColumn[] {
  if (names === undefined) return table.columns.filter((column) => column.generated === undefined);
  return names.map((name, i) => {
    const column = table.columns.find((candidate) => candidate.name === name);
    if (column === undefined) {
      throw new PgError(
        SqlState.undefinedColumn,
        `column "${name}" of relation "${table.stored.name}" does not exist`,
      );
    }
    if (names.indexOf(name) !== i) {
      throw new PgError(SqlState.duplicateColumn, `column "${name}" specified more than once`);
    }
    if (column.generated !== undefined) {
      throw new PgError(SqlState.invalidColumnReference, `column "${name}" is a generated column`, {
        detail: 'Generated columns cannot be used in COPY.',
      });
    }
    return column;
  });
}

/**
 * COPY … FROM STDIN. What a row gets besides its data (defaults, privileges, row security) is what `INSERT INTO t (columns)
 * VALUES ($1, …)` would give it: that statement is analyzed and its plan taken apart.
 */
export async function copyFrom(
  session: SessionState,
  statement: CopyStatement,
): Promise<StatementResult> {
  if (statement.filename !== undefined || statement.program) {
    throw notSupported('COPY from a file of the server', {
      hint: "Use COPY FROM STDIN or psql's \\copy.",
    });
  }
  if (statement.where !== undefined) throw notSupported('COPY FROM … WHERE');
  assert(statement.table !== undefined, 'COPY FROM names a table');
  const options = copyOptions(statement, 'from');
  if (options.default !== undefined) throw notSupported('COPY option DEFAULT');
  const table = await tableOf(session, statement.table);
  // Once more after a wait: the table may be another now.
  const related = relatedToInsert(table, session.transaction.catalog);
  if (await lockTables(session, [{ table, mode: 'rowExclusive' }, ...related]))
    return copyFrom(session, statement);
  if (options.freeze) requireNewTable(session, table);
  const columns = copyColumns(table, statement.columns);
  const plan = await insertPlan(session, statement, table, columns);
  const filled = fillPlan(session, plan, table, columns);
  const relation = table.stored.name;
  const copied = columns.map((column) => ({
    name: column.name,
    type: enumInput(session, column.typeOid) ?? requirePgType(column.typeOid),
    typmod: column.typmod,
  }));
  checkForcedColumns(
    options,
    { name: relation, columns: table.columns.map((column) => column.name) },
    copied.map((column) => column.name),
  );
  const decoder = createCopyDecoder(options, copied, session.settings.types, {
    relation,
    notice: session.notice,
  });
  const execution = createExecution(
    session,
    session.transaction.statement(),
    [],
    [],
    statement.text,
  );
  const events = statementEvents(table, execution);
  const store = rowStore(plan, table, filled, decoder, execution, events);
  let count = 0;
  let lastLine = 0;
  return {
    kind: 'copyIn',
    copy: {
      format: options.format === 'binary' ? 1 : 0,
      columnCount: columns.length,
      push: (data) => {
        const { rows, error } = decoded(decoder, () => decoder.push(data));
        if (error !== undefined) return store.failed(rows, error);
        if (rows.length === 0) return undefined;
        lastLine = decoder.lineOf(rows.length - 1);
        count += rows.length;
        return store.rows(rows);
      },
      finish: async () => {
        const { rows, error } = decoded(decoder, () => decoder.finish());
        if (error !== undefined) await store.failed(rows, error);
        count += rows.length;
        if (rows.length > 0) await store.rows(rows);
        store.finish();
        await events?.finish();
        return `COPY ${count}`;
      },
      failed: (why) =>
        new PgError(SqlState.queryCanceled, `COPY from stdin failed: ${why}`, {
          where: `COPY ${relation}, line ${lastLine + 1}`,
        }),
    },
  };
}

/** The rows before an error too. */
function decoded(
  decoder: CopyDecoder,
  decode: () => Row[],
): { readonly rows: readonly Row[]; readonly error: PgError | undefined } {
  try {
    return { rows: decode(), error: undefined };
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    return { rows: decoder.completed, error };
  }
}

async function insertPlan(
  session: SessionState,
  statement: CopyStatement,
  table: CatalogTable,
  columns: readonly CatalogColumn[],
): Promise<InsertPlan> {
  const names = columns.map((column) => quoteIdentifier(column.name)).join(', ');
  const overriding = columns.some((column) => column.identity === 'always')
    ? 'overriding system value'
    : '';
  const values =
    columns.length === 0
      ? 'default values'
      : `values (${columns.map((_, i) => `$${i + 1}`).join(', ')})`;
  const list = columns.length === 0 ? '' : `(${names})`;
  const [insert] = parseStatements(
    `insert into ${qualified(statement.table!)} ${list} ${overriding} ${values}`,
  );
  const types = columns.map((column) => column.typeOid);
  const prepared = await prepareStatement(session, '', insert, types);
  const planned = prepared.plan?.planned;
  assert(planned?.kind === 'dml' && planned.plan.kind === 'insert', 'an INSERT is planned as one');
  assert(planned.plan.table.relid === table.relid, 'COPY and INSERT name the same table');
  return planned.plan;
}

/** The sequence of a default that is its next value and nothing else. */
function sequenceOf(expr: Expr, catalog: CatalogSnapshot): number | undefined {
  if (expr.kind === 'nextValue' && expr.typeOid === Oid.int8) return expr.sequenceRelid;
  if (expr.kind !== 'func' || expr.funcId !== nextvalOid) return undefined;
  const [arg] = expr.args;
  if (arg?.kind !== 'const' || typeof arg.value !== 'number') return undefined;
  return catalog.sequence(arg.value) === undefined ? undefined : arg.value;
}

/** pg_proc's nextval(regclass). */
const nextvalOid = 1574;

function isParameter(expr: Expr): boolean {
  switch (expr.kind) {
    case 'param':
      return true;
    case 'func':
      // The column's own length coercion, which the data's type input has applied already.
      return (
        expr.format === 'implicitCast' && expr.args[0] !== undefined && isParameter(expr.args[0])
      );
    case 'relabel':
    case 'coerceToDomain':
      return isParameter(expr.arg);
    default:
      return false;
  }
}

function fillPlan(
  session: SessionState,
  plan: InsertPlan,
  table: CatalogTable,
  columns: readonly CatalogColumn[],
): FillPlan {
  const positions = columns.map((column) => table.positionOf[column.id] ?? -1);
  const { catalog } = session.transaction;
  const sequences: { position: number; relid: number }[] = [];
  const defaults: { positions: number[]; projection: Projection }[] = [];
  let volatile = false;
  const add = (targets: readonly TargetEntry[], at: readonly number[]): void => {
    const others: { expr: Expr; position: number }[] = [];
    targets.forEach(({ expr }, i) => {
      const position = at[i] ?? -1;
      if (isParameter(expr) || positions.includes(position)) return;
      const relid = sequenceOf(expr, catalog);
      if (relid === undefined) others.push({ expr, position });
      else sequences.push({ position, relid });
    });
    if (others.length === 0) return;
    walk(
      others.map((other) => other.expr),
      (expr) => {
        if (!('funcId' in expr) || expr.funcId === nextvalOid) return;
        if (catalog.volatility(expr.funcId) === 'volatile') volatile = true;
      },
    );
    const projection = planProjection(
      others.map((other) => other.expr),
      undefined,
      catalog,
      session.engine.support,
    );
    defaults.push({ positions: others.map((other) => other.position), projection });
  };
  add(plan.source.query.targetList, plan.positions);
  // Apart, as another executor may run the rest.
  if (plan.own !== undefined) add(plan.own.projection.plan.query.targetList, plan.own.positions);
  return { positions, sequences, defaults, volatile };
}
