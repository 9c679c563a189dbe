import type { Query, VarExpr } from '../analyzer/tree.ts';
import type { CatalogSnapshot, CatalogTable } from '../catalog/types.ts';
import { columnVar } from './build-tree.ts';
import type { ExecutorSupport } from './plan-select.ts';
import type { Projection } from './projection.ts';
import { planProjection } from './projection.ts';

/** What every write checks and computes for a row of the table. */
export interface RowRules {
  /** Stored generated columns: positions, and their expressions over the row. */
  readonly generated:
    | { readonly positions: readonly number[]; readonly projection: Projection }
    | undefined;
  /** CHECK constraints, in PostgreSQL's order (by name). */
  readonly checks:
    | { readonly names: readonly string[]; readonly projection: Projection }
    | undefined;
  /** WITH CHECK of views and row-security policies. */
  readonly withCheck:
    | {
        readonly options: readonly Query['withCheckOptions'][number][];
        readonly projection: Projection;
      }
    | undefined;
}

/** The rules for one statement: the table's, and WITH CHECK of the view or the policies it goes through. */
export function rowRules(
  query: Query,
  table: CatalogTable,
  target: number,
  catalog: CatalogSnapshot,
  executors: ExecutorSupport,
): RowRules {
  if (query.commandType === 'delete') {
    return { generated: undefined, checks: undefined, withCheck: undefined };
  }
  const base = tableRules(table, catalog, executors);
  const options = query.withCheckOptions.filter((option) => option.qual !== undefined);
  if (options.length === 0) return base;
  const expandRow = (variable: VarExpr): readonly VarExpr[] =>
    variable.attno === 0
      ? table.columns.map((_, position) => columnVar(table, target, position))
      : [variable];
  const projection = planProjection(
    options.map((option) => option.qual!),
    query,
    catalog,
    executors,
    expandRow,
  );
  return { ...base, withCheck: { options, projection } };
}

/** The rules that the table itself has, for INSERT, UPDATE and COPY alike. Their Vars have varno 1. */
export function tableRules(
  table: CatalogTable,
  catalog: CatalogSnapshot,
  executors: ExecutorSupport,
): RowRules {
  const generated = table.columns.flatMap((column, position) =>
    column.generated === 'stored' && column.defaultExpr !== undefined
      ? [{ position, expr: column.defaultExpr }]
      : [],
  );
  const checks = [...table.checks].sort((a, b) => (a.name < b.name ? -1 : 1));
  const expandRow = (variable: VarExpr): readonly VarExpr[] =>
    variable.attno === 0
      ? table.columns.map((_, position) => columnVar(table, variable.varno, position))
      : [variable];
  return {
    generated:
      generated.length === 0
        ? undefined
        : {
            positions: generated.map((item) => item.position),
            projection: planProjection(
              generated.map((item) => item.expr),
              undefined,
              catalog,
              executors,
              expandRow,
            ),
          },
    checks:
      checks.length === 0
        ? undefined
        : {
            names: checks.map((check) => check.name),
            projection: planProjection(
              checks.map((check) => check.expr),
              undefined,
              catalog,
              executors,
              expandRow,
            ),
          },
    withCheck: undefined,
  };
}
