import { assert } from '../base/index.ts';
import type { Expr, FromItem, Query, RangeTblEntry, VarExpr } from '../analyzer/tree.ts';
import type { CatalogSnapshot, CatalogTable } from '../catalog/types.ts';
import type { ScanNode } from './nodes.ts';
import { pushedPredicates } from './predicates.ts';
import { allQueries, resolveVar, walk } from './walk.ts';

/** attnos of each relation RTE that the query reads, system columns included. */
function columnUse(root: Query): Map<RangeTblEntry, Set<number>> {
  const use = new Map<RangeTblEntry, Set<number>>();
  const note = (variable: VarExpr, queries: readonly Query[]): void => {
    const target = resolveVar(variable, queries);
    if (target === undefined) return;
    if (target.rte.rteKind === 'relation') {
      const columns = use.get(target.rte) ?? new Set();
      columns.add(variable.attno);
      use.set(target.rte, columns);
    } else if (target.rte.rteKind === 'join') {
      // A merged USING column or a whole join row: what it stands for is at the join's own level.
      const { aliasVars } = target.rte;
      const wanted = variable.attno === 0 ? aliasVars : [aliasVars[variable.attno - 1]];
      const level = queries.slice(0, queries.indexOf(target.query) + 1);
      for (const expr of wanted) if (expr !== undefined) walkExpr(expr, level);
    }
  };
  const walkExpr = (expr: Expr, queries: readonly Query[]): void => {
    walk(expr, (inner, nested) => {
      if (inner.kind === 'var') note(inner, [...queries, ...nested]);
    });
  };
  walk(
    root,
    (expr, queries) => {
      if (expr.kind === 'var') note(expr, queries);
    },
    // What a join's columns stand for counts only where one is used.
    (node) => (node as { rteKind?: string }).rteKind === 'join',
  );
  return use;
}

function expandColumns(used: ReadonlySet<number>, table: CatalogTable): number[] {
  const columns = new Set<number>();
  for (const attno of used) {
    if (attno !== 0) columns.add(attno);
    else for (const column of table.columns) columns.add(column.id);
  }
  return [...columns].sort((a, b) => a - b);
}

/** rtindexes that FROM reaches; others are DML targets, views already expanded, EXCLUDED. */
export function referencedRtes(item: FromItem): number[] {
  switch (item.kind) {
    case 'ref':
      return [item.rtindex];
    case 'join':
      return [...referencedRtes(item.left), ...referencedRtes(item.right)];
    case 'from':
      return item.items.flatMap(referencedRtes);
  }
}

/** Every base relation of the query and its sub-queries that pgtide itself holds. */
export function findScans(root: Query, catalog: CatalogSnapshot): Map<RangeTblEntry, ScanNode> {
  const use = columnUse(root);
  const scans = new Map<RangeTblEntry, ScanNode>();
  for (const query of allQueries(root)) {
    const inFrom = new Set(referencedRtes(query.jointree));
    query.rtable.forEach((rte, i) => {
      if (rte.rteKind !== 'relation' || !inFrom.has(i + 1)) return;
      const table = catalog.table(rte.relid);
      if (table === undefined) return;
      assert(!scans.has(rte), 'an RTE belongs to one query');
      scans.set(rte, {
        kind: 'scan',
        rte,
        table,
        columns: expandColumns(use.get(rte) ?? new Set(), table),
        predicates: pushedPredicates(query, i + 1, rte, table),
      });
    });
  }
  return scans;
}

/** Relations of the query that only PostgreSQL's own catalog holds (pg_class and the like, sequences). */
export function catalogRelations(root: Query, catalog: CatalogSnapshot): number[] {
  const relids: number[] = [];
  for (const query of allQueries(root)) {
    for (const rtindex of referencedRtes(query.jointree)) {
      const rte = query.rtable[rtindex - 1];
      if (rte?.rteKind !== 'relation') continue;
      if (catalog.table(rte.relid) === undefined && catalog.virtual(rte.relid) === undefined) {
        relids.push(rte.relid);
      }
    }
  }
  return relids;
}

/** Names of the rows in memory that the query and its sub-queries read. */
export function rowSources(root: Query): string[] {
  const names = new Set<string>();
  for (const query of allQueries(root)) {
    for (const rtindex of referencedRtes(query.jointree)) {
      const rte = query.rtable[rtindex - 1];
      if (rte?.rteKind === 'rows') names.add(rte.source);
    }
  }
  return [...names];
}
