import type { PgError } from '../base/index.ts';
import type { Expr } from '../analyzer/tree.ts';
import { sharedScope } from '../storage/types.ts';
import type {
  RewriteOptions,
  RowRewriter,
  StorageTransaction,
  StoredIndex,
  StoredRow,
} from '../storage/types.ts';
import type { Value } from '../types/value.ts';
import type { CatalogColumn, CatalogTable, CheckConstraint } from './types.ts';

/** How DDL judges rows that are there already; the executors' part, handed in by the session. */
export interface RowValidator {
  uniqueViolation(table: CatalogTable, index: StoredIndex, existing: StoredRow): PgError;
  /** `column "x" of relation "t" contains null values` (23502). */
  nullsPresent(table: CatalogTable, column: CatalogColumn): PgError;
  /** Throws 23514 `check constraint "c" of relation "t" is violated by some row`. */
  check(
    table: CatalogTable,
    checks: readonly CheckConstraint[],
    rows: readonly StoredRow[],
  ): Promise<void>;
  /** The values of expressions without columns, in the statement's own time and settings; undefined: PostgreSQL's mirror knows. */
  evaluate(exprs: readonly Expr[]): Promise<readonly Value[] | undefined>;
  /**
   * What makes rows of the table as it was rows of the table as it is, and judges them by NOT NULL and CHECK: where values are computed
   * row by row. Undefined: none are.
   */
  rewriter(before: CatalogTable, after: CatalogTable): Promise<RowRewriter | undefined>;
  /** Runs the rewrite of a table's rows, telling others how far it is. */
  rewriting<T>(
    table: CatalogTable,
    work: (options: Pick<RewriteOptions, 'onProgress' | 'signal'>) => Promise<T>,
  ): Promise<T>;
}

/** Checks existing rows against NOT NULL and CHECK constraints that the table did not have before. */
export async function validateRows(
  before: CatalogTable,
  after: CatalogTable,
  transaction: StorageTransaction,
  validate: RowValidator,
  /** Ids of columns that are known to have a value in every row. */
  proved: readonly number[] = [],
): Promise<void> {
  const notNull = after.columns.filter((column) => {
    if (!column.notNull || proved.includes(column.id)) return false;
    const former = before.columns.find((candidate) => candidate.id === column.id);
    // A column whose values are computed row by row is judged when they are (the session's fillNewColumns).
    if (former === undefined) return column.defaultExpr === undefined;
    return !former.notNull;
  });
  const checks = after.checks.filter(
    (check) =>
      check.validated &&
      !before.checks.some((former) => former.name === check.name && former.validated),
  );
  if (notNull.length === 0 && checks.length === 0) return;
  const scope = after.stored.kind === 'user' ? ({ kind: 'all' } as const) : sharedScope;
  for await (const rows of transaction.scan(after.stored, { scope })) {
    for (const column of notNull) {
      const position = after.positionOf[column.id] ?? -1;
      if (rows.some((row) => row.values[position] === null))
        throw validate.nullsPresent(after, column);
    }
    if (checks.length > 0) await validate.check(after, checks, rows);
  }
}
