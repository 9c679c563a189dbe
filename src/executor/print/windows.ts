import { assert } from '../../base/index.ts';
import type { Query, SortGroupClause } from '../../analyzer/tree.ts';
import type { Dialect, Printer, Scope } from './dialect.ts';
import { printFrame } from './frame.ts';

/** ` WINDOW w1 AS (…), …`: every window is named by its winref. */
export function printWindows(
  query: Query,
  scope: Scope,
  dialect: Dialect,
  printer: Printer,
): string {
  const key = (clause: SortGroupClause, ordered: boolean): string => {
    const target = query.targetList.find((entry) => entry.sortGroupRef === clause.ref);
    assert(target, 'a window clause refers to a target');
    const printed = printer.expr(target.expr, scope);
    dialect.checkKey(printed, target, ordered);
    return dialect.keyApart(printed);
  };
  const windows = query.windowClause.map((clause) => {
    const parts: string[] = [];
    if (clause.partition.length > 0) {
      parts.push(`PARTITION BY ${clause.partition.map((part) => key(part, false)).join(', ')}`);
    }
    if (clause.order.length > 0) {
      const keys = clause.order.map(
        (part) =>
          `${dialect.sortKey(key(part, true), part, printer)} NULLS ${part.nullsFirst ? 'FIRST' : 'LAST'}`,
      );
      parts.push(`ORDER BY ${keys.join(', ')}`);
    }
    const start = clause.startOffset && printer.expr(clause.startOffset, scope).sql;
    const end = clause.endOffset && printer.expr(clause.endOffset, scope).sql;
    const frame = printFrame(clause, start, end);
    if (frame !== '') parts.push(frame);
    return `${printer.windowName(clause.winref)} AS (${parts.join(' ')})`;
  });
  return windows.length > 0 ? ` WINDOW ${windows.join(', ')}` : '';
}
