import type { TargetEntry } from '../../analyzer/tree.ts';
import type { ColumnarType, Printed } from '../../executor/print/index.ts';
import { Unprintable } from '../../executor/print/index.ts';
import { requireByteCollation } from './shippable.ts';

/** Grouping, distinct and ordering: only where DuckDB equates and orders as PostgreSQL does. */
export function checkKey(key: Printed, target: TargetEntry | undefined, ordered: boolean): void {
  const name = key.type?.name;
  if (name === 'TEXT_FORM')
    throw new Unprintable('grouping or ordering by a type that DuckDB lacks');
  if (name === 'INTERVAL' && !ordered) throw new Unprintable('grouping by interval');
  if (!target) return;
  const collation = 'collation' in target.expr ? target.expr.collation : 0;
  if (name === 'VARCHAR' || name === 'BPCHAR') requireByteCollation(collation);
}

/** Alternatives must agree; numerics of unlike scale would each keep their own in PostgreSQL. */
export function commonType(
  types: readonly (ColumnarType | undefined)[],
  what: string,
): ColumnarType | undefined {
  let common: ColumnarType | undefined;
  for (const type of types) {
    if (!type) continue;
    if (!common) {
      common = type;
    } else if (common.name === 'DECIMAL' && type.name === 'DECIMAL') {
      if (common.scale !== type.scale) throw new Unprintable(what);
      if (type.precision > common.precision) common = type;
    } else if (common.name !== type.name) {
      throw new Unprintable(what);
    }
  }
  return common;
}
