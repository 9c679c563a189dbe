import { assert } from '../../base/index.ts';
import type { GroupingSet, Query } from '../../analyzer/tree.ts';
import type { Dialect, Printer, Scope } from './dialect.ts';

/** ` GROUP BY …`, or '' when there is none. */
export function printGroupBy(
  query: Query,
  scope: Scope,
  dialect: Dialect,
  printer: Printer,
): string {
  const sets = query.groupingSets.length > 0;
  const key = (ref: number): string => {
    const target = query.targetList.find((entry) => entry.sortGroupRef === ref);
    assert(target, 'a grouping clause refers to a target');
    const printed = printer.expr(target.expr, scope);
    dialect.checkKey(printed, target, false);
    // GROUPING() must find its arguments among the keys as they are.
    return sets ? printed.sql : (printed.groupKey ?? printed.sql);
  };
  const distinct = query.groupDistinct ? 'DISTINCT ' : '';
  if (sets) {
    return ` GROUP BY ${distinct}${query.groupingSets.map((set) => printSet(set, key)).join(', ')}`;
  }
  if (query.groupClause.length === 0) return '';
  return ` GROUP BY ${distinct}${query.groupClause.map((clause) => key(clause.ref)).join(', ')}`;
}

function printSet(set: GroupingSet, key: (ref: number) => string): string {
  const content = (): string => set.content.map((inner) => printSet(inner, key)).join(', ');
  switch (set.setKind) {
    case 'empty':
      return '()';
    case 'simple': {
      const keys = set.refs.map(key);
      return keys.length === 1 ? keys[0]! : `(${keys.join(', ')})`;
    }
    case 'rollup':
      return `ROLLUP (${content()})`;
    case 'cube':
      return `CUBE (${content()})`;
    case 'sets':
      return `GROUPING SETS (${content()})`;
  }
}
