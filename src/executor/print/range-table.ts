import { assert } from '../../base/index.ts';
import type { RangeTblEntry } from '../../analyzer/tree.ts';
import type { ColumnarType } from './columnar-type.ts';
import type { PrintedRelation, Dialect, Printer, Scope } from './dialect.ts';
import { Unprintable } from './dialect.ts';
import { wholeRowTargets } from './walk.ts';

interface PrintedItem {
  /** With its alias. */
  readonly sql: string;
  readonly names: readonly string[];
  readonly column: PrintedRelation['column'];
}

const lateralWord = (rte: RangeTblEntry): string => (rte.lateral ? 'LATERAL ' : '');

/** One RTE as a FROM item under `alias`. Joins and groups are no items of their own. */
export function printRte(
  rte: RangeTblEntry,
  rtindex: number,
  alias: string,
  scope: Scope,
  dialect: Dialect,
  printer: Printer,
): PrintedItem {
  const names = dialect.columnNames(rte);
  const item = (sql: string, types: readonly (ColumnarType | undefined)[]): PrintedItem => ({
    sql,
    names,
    column: (attno) => ({ name: names[attno - 1] ?? `c${attno}`, type: types[attno - 1] }),
  });
  switch (rte.rteKind) {
    case 'relation':
    case 'rows': {
      if (rte.rteKind === 'relation' && rte.tablesample) throw new Unprintable('TABLESAMPLE');
      const wholeRow = wholeRowTargets(scope.query).has(rtindex);
      const relation = printer.env.relation({ rte, wholeRow });
      return { sql: `${relation.sql} AS ${alias}`, names, column: relation.column };
    }
    case 'subquery': {
      const inner = printer.query(rte.query, scope, names);
      const barrier =
        rte.securityBarrier &&
        rte.query.limitOffset === undefined &&
        rte.query.limitCount === undefined
          ? dialect.barrier
          : '';
      return item(
        `${lateralWord(rte)}(${inner.sql}${barrier}) AS ${columns(alias, names)}`,
        inner.types,
      );
    }
    case 'function': {
      const inner = dialect.functionRte(rte, scope, printer);
      return item(`${lateralWord(rte)}${inner.sql} AS ${columns(alias, names)}`, inner.types);
    }
    case 'values': {
      const rows = rte.lists.map((list) => list.map((expr) => printer.expr(expr, scope)));
      const types = rte.columnTypes.map((_, at) =>
        dialect.commonType(
          rows.map((row) => row[at]?.type),
          'VALUES of numerics of unlike scale',
        ),
      );
      const list = rows.map((row) => `(${row.map((value) => value.sql).join(', ')})`).join(', ');
      return item(`${lateralWord(rte)}(VALUES ${list}) AS ${columns(alias, names)}`, types);
    }
    case 'cte': {
      let level: Scope | undefined = scope;
      for (let up = 0; up < rte.levelsUp; up++) level = level?.parent;
      const cte = level?.ctes.get(rte.cteName);
      if (!cte) throw new Unprintable(`a forward reference to "${rte.cteName}"`);
      const types =
        cte.columns ??
        rte.columnTypes.map((oid, at) => dialect.declaredType(oid, rte.columnTypmods[at] ?? -1));
      return item(`${cte.name} AS ${columns(alias, names)}`, types);
    }
    case 'result':
      return item(`(SELECT 1) AS ${alias}`, []);
    case 'other':
      throw new Unprintable(rte.what);
    case 'join':
    case 'group':
      assert(false, 'joins and groups are no FROM items');
  }
}

const columns = (alias: string, names: readonly string[]): string =>
  names.length > 0 ? `${alias}(${names.join(', ')})` : alias;
