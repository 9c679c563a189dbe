import type { Expr, OpCall, Query } from '../../analyzer/tree.ts';
import type { PgArray, Value } from '../../types/value.ts';
import type { Evaluator, Frame } from './frame.ts';
import { unsupported } from './unsupported.ts';

/** A sub-query that only reads one column of rows in memory: what is left of one that has been run before (planner/take-steps.ts). */
interface SourceColumn {
  readonly source: string;
  readonly position: number;
}

function sourceColumn(query: Query): SourceColumn | undefined {
  const [rte, other] = query.rtable;
  const [item] = query.jointree.items;
  const [entry, more] = query.targetList;
  if (rte?.rteKind !== 'rows' || other !== undefined || item?.kind !== 'ref') return undefined;
  if (entry?.expr.kind !== 'var' || more !== undefined || entry.expr.levelsUp !== 0)
    return undefined;
  const plain =
    query.jointree.quals === undefined &&
    query.limitCount === undefined &&
    query.limitOffset === undefined &&
    query.distinctClause.length === 0 &&
    query.groupClause.length === 0 &&
    query.havingQual === undefined &&
    query.cteList.length === 0;
  return plain ? { source: rte.source, position: entry.expr.attno - 1 } : undefined;
}

function valuesOf({ source, position }: SourceColumn, frame: Frame): Value[] {
  const { rows } = frame.environment.context.sources.get(source) ?? { rows: [] };
  return rows.map((row) => row[position] ?? null);
}

/** `(SELECT …)` as a value that depends on no row of this query. Fails for several rows, as the sub-query itself will. */
export function sourceValue(expr: Expr): Evaluator | undefined {
  if (expr.kind !== 'subLink' || expr.linkKind !== 'expr') return undefined;
  const column = sourceColumn(expr.query);
  if (column === undefined) return undefined;
  return (frame) => {
    const values = valuesOf(column, frame);
    return values.length > 1 ? unsupported('more than one row') : (values[0] ?? null);
  };
}

/** `x IN (SELECT …)`: x and the values, as an array. */
export function sourceList(
  expr: Expr,
): { readonly test: OpCall; readonly list: Evaluator } | undefined {
  if (expr.kind !== 'subLink' || expr.linkKind !== 'any' || expr.testExpr?.kind !== 'op')
    return undefined;
  const [, param] = expr.testExpr.args;
  const column = sourceColumn(expr.query);
  if (column === undefined || param?.kind !== 'param' || param.paramKind !== 'sublink')
    return undefined;
  const list = (frame: Frame): PgArray => {
    const elements = valuesOf(column, frame);
    return { kind: 'array', elements, dims: [elements.length], lowerBounds: [1] };
  };
  return { test: expr.testExpr, list };
}
