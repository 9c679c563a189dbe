/** Rows of a table as ALTER TABLE makes them: converted, filled in and judged as PostgreSQL's ATRewriteTable does, row by row. */
import { isDeepStrictEqual } from 'node:util';
import { PgError, SqlState, assert, notSupported } from '../base/index.ts';
import type { Expr } from '../analyzer/tree.ts';
import type { CatalogColumn, CatalogTable, CheckConstraint } from '../catalog/types.ts';
import { readsAs } from '../catalog/reads-as.ts';
import { project } from '../executor/dml/projections.ts';
import type { Execution } from '../executor/run-plan.ts';
import { quoteIdentifier } from '../pglite/index.ts';
import type { Projection } from '../planner/projection.ts';
import { planProjection } from '../planner/projection.ts';
import { walk } from '../planner/walk.ts';
import type { RowRewriter, StorageTransaction, StoredRow } from '../storage/types.ts';
import type { Row, Value } from '../types/value.ts';
import { createExecution } from './context.ts';
import type { SessionState } from './state.ts';
import type { Conversions } from './type-changes.ts';

/** Expressions that give columns their values, over rows that are laid out as a table's columns. */
interface Step {
  readonly projection: Projection;
  /** What each of the projection's slots reads. */
  readonly slots: readonly number[];
  /** Parallel to the expressions: the positions that they fill. */
  readonly fills: readonly number[];
}

/**
 * What makes rows of `before` rows of `after`; undefined when no value is computed. Conversions see the former row, defaults
 * nothing, generated columns the row that has come of both.
 */
export async function rowRewriter(
  session: SessionState,
  storage: StorageTransaction,
  before: CatalogTable,
  after: CatalogTable,
  conversions: Conversions | undefined,
): Promise<RowRewriter | undefined> {
  const exprs = conversions?.table.relid === before.relid ? conversions.exprs : undefined;
  const added = after.columns.filter(
    (column) => !before.columns.some(({ id }) => id === column.id),
  );
  const computed = added.filter((column) => column.missing === null);
  const retyped = after.columns.filter((column) => {
    const former = before.columns.find(({ id }) => id === column.id);
    return exprs?.has(column.id) === true || (former !== undefined && !readsAs(former, column));
  });
  const recomputed = after.columns.filter((column) => {
    const former = before.columns.find(({ id }) => id === column.id);
    if (former?.generated === undefined || column.generated === undefined) return false;
    return !retyped.includes(column) && !isDeepStrictEqual(former.defaultExpr, column.defaultExpr);
  });
  const fillIn = [
    ...(await fillers(session, after, computed)),
    ...recomputed.map(({ id, defaultExpr }): [number, Expr] => [id, defaultExpr!]),
  ];
  if (retyped.length === 0 && fillIn.length === 0) return undefined;

  const positionIn = (id: number): number => after.positionOf[id] ?? -1;
  const step = (of: CatalogTable, filled: readonly (readonly [number, Expr])[]): Step[] => {
    if (filled.length === 0) return [];
    const { catalog } = session.transaction;
    const { support } = session.engine;
    const projection = planProjection(
      filled.map(([, expr]) => expr),
      undefined,
      catalog,
      support,
      (variable) => rowParts(of, variable),
    );
    const slots = projection.slots.map(({ attno }) => of.positionOf[attno] ?? -1);
    // The row of a table of one column does not come apart into columns.
    if (slots.includes(-1)) throw notSupported('a reference to the whole row');
    return [{ projection, slots, fills: filled.map(([id]) => positionIn(id)) }];
  };
  const conversionsByColumn = retyped.map(({ id }): [number, Expr] => {
    const expr = exprs?.get(id);
    assert(expr !== undefined, 'a type change is analyzed before it is made');
    return [id, expr];
  });
  const convert = step(before, conversionsByColumn);
  const generated = new Set(after.columns.filter((one) => one.generated).map(({ id }) => id));
  const defaults = step(
    after,
    fillIn.filter(([id]) => !generated.has(id)),
  );
  const generate = step(
    after,
    fillIn.filter(([id]) => generated.has(id)),
  );
  const checks = newChecks(before, after, new Set([...retyped, ...recomputed].map(({ id }) => id)));
  const judge = step(
    after,
    checks.map((check) => [0, check.expr] as const),
  );
  const kept = after.columns.map(({ id }) => before.columns.findIndex((one) => one.id === id));
  const notNull = after.columns.flatMap((column, position) =>
    column.notNull ? [{ column, position }] : [],
  );
  const execution = createExecution(session, storage, [], [], '');

  /** Rows with the values that need no computing. */
  const plain = (rows: readonly StoredRow[]): Value[][] =>
    rows.map(({ values }) =>
      kept.map((position, i) => (position < 0 ? after.columns[i]!.missing : values[position]!)),
    );

  async function rewrite(rows: readonly StoredRow[]): Promise<Row[]> {
    const made = plain(rows);
    const former = rows.map(({ values }) => values);
    for (const one of convert) await apply(one, former, made, execution);
    for (const one of [...defaults, ...generate]) await apply(one, made, made, execution);
    for (const row of made) {
      const missing = notNull.find(({ position }) => row[position] === null);
      if (missing !== undefined) throw nullsPresent(after, missing.column);
    }
    for (const one of judge) {
      for (const results of await resultsOf(one, made, execution)) {
        const failed = results.indexOf(false);
        if (failed >= 0) throw violated(after, checks[failed]!);
      }
    }
    return made;
  }

  /** Nobody misses what a deleted row can't say any more: a value that has no form under the new type is null. */
  async function convertEach(
    rows: readonly StoredRow[],
    made: readonly Value[][],
    reason: unknown,
  ): Promise<void> {
    if (execution.signal?.aborted === true) throw reason;
    for (const column of conversionsByColumn) {
      for (const one of step(before, [column])) {
        for (const [i, { values }] of rows.entries()) {
          await apply(one, [values], [made[i]!], execution).catch((error: unknown) => {
            if (execution.signal?.aborted === true) throw error;
            for (const position of one.fills) made[i]![position] = null;
          });
        }
      }
    }
  }

  return {
    async live(rows) {
      try {
        return await rewrite(rows);
      } catch (error) {
        // The first row that is refused tells why, though a later one is refused for something that is looked at earlier.
        if (rows.length > 1) for (const row of rows) await rewrite([row]);
        throw error;
      }
    },
    async deleted(rows) {
      const made = plain(rows);
      const former = rows.map(({ values }) => values);
      for (const one of convert) {
        await apply(one, former, made, execution).catch((error: unknown) =>
          convertEach(rows, made, error),
        );
      }
      return made;
    },
  };
}

async function resultsOf(step: Step, rows: readonly Row[], execution: Execution): Promise<Row[]> {
  const { projection, slots } = step;
  const laidOut = rows.map((row) => slots.map((position) => row[position] ?? null));
  return await project(projection, laidOut, execution);
}

/** Puts what the step computes over `from` into the rows of `to`, which is parallel to it. */
async function apply(
  step: Step,
  from: readonly Row[],
  to: readonly Value[][],
  execution: Execution,
): Promise<void> {
  const computed = await resultsOf(step, from, execution);
  to.forEach((row, i) =>
    step.fills.forEach((position, k) => {
      row[position] = computed[i]?.[k] ?? null;
    }),
  );
}

/** A whole-row reference as its columns. */
function rowParts(
  of: CatalogTable,
  variable: Extract<Expr, { kind: 'var' }>,
): readonly Extract<Expr, { kind: 'var' }>[] {
  if (variable.attno !== 0) return [variable];
  return of.columns.map(({ id, typeOid, typmod }) => ({
    ...variable,
    attno: id,
    typeOid,
    typmod,
    collation: 0,
  }));
}

/** The expressions of columns that come with a value of its own for each row. */
async function fillers(
  session: SessionState,
  after: CatalogTable,
  computed: readonly CatalogColumn[],
): Promise<[number, Expr][]> {
  const identities = computed.some((column) => column.identity !== undefined)
    ? await insertedDefaults(session, after)
    : undefined;
  return computed.flatMap((column): [number, Expr][] => {
    const expr = column.identity === undefined ? column.defaultExpr : identities?.get(column.id);
    return expr === undefined || (expr.kind === 'const' && expr.isNull) ? [] : [[column.id, expr]];
  });
}

/** What INSERT … DEFAULT VALUES gives the columns, by attnum: the one place that names an identity column's sequence. */
async function insertedDefaults(
  session: SessionState,
  { relid }: CatalogTable,
): Promise<ReadonlyMap<number, Expr>> {
  const { engine, settings, transaction } = session;
  const { ddl } = transaction;
  assert(ddl !== undefined, 'DDL is open');
  return await ddl.hold(async () => {
    const { namespace, name } = transaction.catalog.table(relid)!.stored;
    const { queries } = await engine.analyzer.analyze(
      `insert into ${quoteIdentifier(namespace)}.${quoteIdentifier(name)} default values`,
      [],
      settings.forPostgres,
      { cache: false },
    );
    return new Map((queries[0]?.targetList ?? []).map(({ resno, expr }) => [resno, expr]));
  });
}

/** CHECK constraints that existing rows have not been judged by: new ones, and those over columns with new values. */
function newChecks(
  before: CatalogTable,
  after: CatalogTable,
  changed: ReadonlySet<number>,
): CheckConstraint[] {
  return after.checks.filter((check) => {
    if (!check.validated) return false;
    if (!before.checks.some(({ name, validated }) => name === check.name && validated)) return true;
    let touched = false;
    walk(check.expr, (expr) => {
      if (expr.kind === 'var' && (expr.attno === 0 || changed.has(expr.attno))) touched = true;
    });
    return touched && changed.size > 0;
  });
}

export function nullsPresent({ stored }: CatalogTable, column: CatalogColumn): PgError {
  return new PgError(
    SqlState.notNullViolation,
    `column "${column.name}" of relation "${stored.name}" contains null values`,
    { schema: stored.namespace, table: stored.name, column: column.name },
  );
}

export function violated({ stored }: CatalogTable, { name: constraint }: CheckConstraint): PgError {
  return new PgError(
    SqlState.checkViolation,
    `check constraint "${constraint}" of relation "${stored.name}" is violated by some row`,
    { schema: stored.namespace, table: stored.name, constraint },
  );
}
