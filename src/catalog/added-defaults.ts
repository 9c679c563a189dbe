import type { Expr } from '../analyzer/tree.ts';
import type { Value } from '../types/value.ts';
import type { TableChange } from './ddl-state.ts';
import { missingName } from './reconcile.ts';
import type { RowValidator } from './validate.ts';

/**
 * What existing rows have in columns that came with a default which is no constant but one value for all rows: now(), current_user. The
 * mirror has computed it too, by a clock and in a transaction of its own.
 */
export async function addedDefaults(
  changed: readonly TableChange[],
  validate: RowValidator,
): Promise<ReadonlyMap<string, Value>> {
  const names: string[] = [];
  const exprs: Expr[] = [];
  for (const { before, after } of changed) {
    for (const { id, missing, defaultExpr } of after.columns) {
      if (missing === null || defaultExpr === undefined || defaultExpr.kind === 'const') continue;
      if (before.columns.some((column) => column.id === id)) continue;
      names.push(missingName(after.relid, id));
      exprs.push(defaultExpr);
    }
  }
  const values = exprs.length === 0 ? undefined : await validate.evaluate(exprs);
  return new Map(values?.map((value, i) => [names[i]!, value]));
}
