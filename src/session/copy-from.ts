import { PgError, SqlState, assert, notSupported } from '../base/index.ts';
import type { Expr } from '../analyzer/tree.ts';
import type { CatalogColumn, CatalogTable } from '../catalog/types.ts';
import { targetUser } from '../executor/dml/insert.ts';
import { project } from '../executor/dml/projections.ts';
import { applyRules } from '../executor/dml/rules.ts';
import { uniqueViolation } from '../executor/dml/violations.ts';
import type { Execution } from '../executor/run-plan.ts';
import type { InsertPlan } from '../planner/plan-dml.ts';
import type { Projection } from '../planner/projection.ts';
import { planProjection } from '../planner/projection.ts';
import { quoteIdentifier } from '../pglite/index.ts';
import { parse as parseStatements } from '../sql/index.ts';
import type { CopyStatement } from '../sql/index.ts';
import { requirePgType } from '../types/registry.ts';
import type { Row } from '../types/value.ts';
import { createExecution } from './context.ts';
import type { CopyDecoder } from './copy/index.ts';
import { checkForcedColumns, createCopyDecoder } from './copy/index.ts';
import { copyOptions } from './copy-options.ts';
import { qualified, tableOf } from './names.ts';
import { prepareStatement } from './prepare.ts';
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
  const columns = copyColumns(table, statement.columns);
  const plan = await insertPlan(session, statement, table, columns);
  const filled = fillPlan(session, plan, table, columns);
  const relation = table.stored.name;
  const copied = columns.map((column) => ({
    name: column.name,
    type: requirePgType(column.typeOid),
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
  const store = rowStore(plan, table, filled, decoder, execution);
  let count = 0;
  let lastLine = 0;
  return {
    kind: 'copyIn',
    copy: {
      format: options.format === 'binary' ? 1 : 0,
      columnCount: columns.length,
      push: (data) => {
        const rows = decoder.push(data);
        if (rows.length === 0) return undefined;
        lastLine = decoder.lineOf(rows.length - 1);
        count += rows.length;
        return store(rows);
      },
      finish: async () => {
        const rows = decoder.finish();
        count += rows.length;
        if (rows.length > 0) await store(rows);
        return `COPY ${count}`;
      },
      failed: (why) =>
        new PgError(SqlState.queryCanceled, `COPY from stdin failed: ${why}`, {
          where: `COPY ${relation}, line ${lastLine + 1}`,
        }),
    },
  };
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

interface FillPlan {
  /** Position in the table of each column of the data. */
  readonly positions: readonly number[];
  /** Defaults of the other columns: positions, and a projection over nothing. */
  readonly defaults:
    | { readonly positions: readonly number[]; readonly projection: Projection }
    | undefined;
}

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
  const others = plan.source.query.targetList
    .map((entry, i) => ({ expr: entry.expr, position: plan.positions[i] ?? -1 }))
    .filter(({ expr, position }) => !isParameter(expr) && !positions.includes(position));
  if (others.length === 0) return { positions, defaults: undefined };
  return {
    positions,
    defaults: {
      positions: others.map((other) => other.position),
      projection: planProjection(
        others.map((other) => other.expr),
        undefined,
        session.transaction.catalog,
        session.engine.support,
      ),
    },
  };
}

/** Stores batches of decoded rows; errors carry the line they come from. */
function rowStore(
  plan: InsertPlan,
  table: CatalogTable,
  fill: FillPlan,
  decoder: CopyDecoder,
  execution: Execution,
): (rows: readonly Row[]) => Promise<void> {
  const userId = targetUser(plan, execution);
  const width = table.columns.length;
  const inPlace =
    fill.defaults === undefined &&
    fill.positions.length === width &&
    fill.positions.every((p, i) => p === i);
  const { positions, defaults } = fill;
  const nothing: Row = [];
  return async (data) => {
    execution.signal.throwIfAborted();
    let rows = data;
    if (!inPlace) {
      const computed =
        defaults === undefined
          ? undefined
          : await project(
              defaults.projection,
              data.map(() => nothing),
              execution,
            );
      rows = data.map((source, r) => {
        const row: Row = new Array<null>(width).fill(null);
        for (let i = 0; i < positions.length; i++) row[positions[i]!] = source[i]!;
        if (computed !== undefined) {
          const values = computed[r]!;
          for (let i = 0; i < values.length; i++) row[defaults!.positions[i]!] = values[i]!;
        }
        return row;
      });
    }
    await judge(rows);
    const conflict = await execution.transaction.insertMany(table.stored, userId, rows);
    if (conflict === undefined) return;
    const { at } = conflict;
    const error = uniqueViolation(
      table,
      conflict.conflict.index,
      rows[at]!,
      execution.statement.types,
    );
    throw decoder.locate(error, at);
  };

  async function judge(rows: readonly Row[]): Promise<void> {
    try {
      await applyRules(plan.rules, table, rows, execution);
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      // One by one, to say which line it was.
      for (let i = 0; i < rows.length; i++) {
        try {
          await applyRules(plan.rules, table, [rows[i]!], execution);
        } catch (own) {
          throw own instanceof PgError ? decoder.locate(own, i) : own;
        }
      }
      throw error;
    }
  }
}
