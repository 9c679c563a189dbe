/** What a cursor's query allows: reading it backwards, and changing the row that it stands on. */
import type { Query, SetOperation, RangeTblRef, TargetEntry, VarExpr } from '../analyzer/tree.ts';
import type { CatalogSnapshot, CatalogTable } from '../catalog/types.ts';
import { Oid } from '../types/oid.ts';
import { systemVar, targetEntry } from './build-tree.ts';
import { SystemColumn } from './nodes.ts';

/**
 * Whether PostgreSQL would let a cursor go backwards that was declared neither SCROLL nor NO SCROLL: its plan would be of
 * nodes that run backwards (execAmi.c, ExecSupportsBackwardScan). What follows from the query alone: a sort, one relation,
 * function or list of values, UNION ALL of such; no join, aggregate, window, DISTINCT, locked rows.
 */
export function scansBackward(query: Query): boolean {
  if (query.rowMarks.length > 0 || query.hasTargetSRFs) return false;
  if (query.sortClause.length > 0) return true;
  if (query.setOperations !== undefined) return unionAllBackward(query, query.setOperations);
  if (groups(query)) return false;
  const [item] = query.jointree.items;
  if (query.jointree.items.length !== 1 || item?.kind !== 'ref') return false;
  const rte = query.rtable[item.rtindex - 1];
  switch (rte?.rteKind) {
    case 'relation':
    case 'function':
    case 'cte':
    case 'rows':
      return true;
    case 'values':
      // A lone row of values needs no scan.
      return rte.lists.length > 1;
    case 'subquery':
      return scansBackward(rte.query);
    default:
      return false;
  }
}

function unionAllBackward(query: Query, operation: SetOperation | RangeTblRef): boolean {
  if (operation.kind === 'ref') {
    const rte = query.rtable[operation.rtindex - 1];
    return rte?.rteKind === 'subquery' && scansBackward(rte.query);
  }
  return (
    operation.op === 'union' &&
    operation.all &&
    unionAllBackward(query, operation.left) &&
    unionAllBackward(query, operation.right)
  );
}

function groups(query: Query): boolean {
  return (
    query.hasAggs ||
    query.hasWindowFuncs ||
    query.groupClause.length > 0 ||
    query.groupingSets.length > 0 ||
    query.havingQual !== undefined ||
    query.distinctClause.length > 0
  );
}

/** A table of the query whose row WHERE CURRENT OF may mean. */
export interface CursorTarget {
  readonly relid: number;
  /** Where in the query's rows the row's storage key stands. */
  readonly position: number;
}

export interface UpdatableQuery {
  /** The query with the storage keys behind its own columns. */
  readonly query: Query;
  readonly targets: readonly CursorTarget[];
  /** FOR UPDATE and the like decide which tables are meant. */
  readonly locked: boolean;
}

/**
 * The query with the storage key of each row that WHERE CURRENT OF may mean: of the tables that it locks or, where it locks
 * none, of the only table when the query is a simple scan of it (execCurrent.c).
 */
export function withRowKeys(query: Query, catalog: CatalogSnapshot): UpdatableQuery {
  const locked = query.rowMarks.length > 0;
  if (!locked) {
    const simple = simpleScan(query, catalog);
    if (simple === undefined) return { query, targets: [], locked };
    const position = visibleColumns(query);
    return { query: simple.query, targets: [{ relid: simple.relid, position }], locked };
  }
  const entries: TargetEntry[] = [...query.targetList];
  const targets: CursorTarget[] = [];
  let position = visibleColumns(query);
  for (const { rtindex } of query.rowMarks) {
    const rte = query.rtable[rtindex - 1];
    if (rte?.rteKind !== 'relation' || !isChangeable(catalog.table(rte.relid))) continue;
    entries.push(targetEntry(keyVar(rtindex), entries.length + 1));
    targets.push({ relid: rte.relid, position: position++ });
  }
  return { query: { ...query, targetList: entries }, targets, locked };
}

function visibleColumns(query: Query): number {
  return query.targetList.filter((entry) => !entry.junk).length;
}

const keyVar = (rtindex: number): VarExpr => systemVar(rtindex, SystemColumn.rowKey, Oid.bytea);

function isChangeable(table: CatalogTable | undefined): table is CatalogTable {
  return table !== undefined && table.stored.kind !== 'stream';
}

/** The query with its only table's storage key as last column; undefined: it is no simple scan of a table. */
function simpleScan(
  query: Query,
  catalog: CatalogSnapshot,
): { readonly query: Query; readonly relid: number } | undefined {
  if (query.setOperations !== undefined || query.hasTargetSRFs || groups(query)) return undefined;
  const [item] = query.jointree.items;
  if (query.jointree.items.length !== 1 || item?.kind !== 'ref') return undefined;
  const { rtindex } = item;
  const rte = query.rtable[rtindex - 1];
  const withKey = (key: VarExpr): readonly TargetEntry[] => [
    ...query.targetList,
    targetEntry(key, query.targetList.length + 1),
  ];
  if (rte?.rteKind === 'relation') {
    const table = catalog.table(rte.relid);
    if (!isChangeable(table) || !inKeyOrder(query, rtindex, table)) return undefined;
    return { query: { ...query, targetList: withKey(keyVar(rtindex)) }, relid: rte.relid };
  }
  if (rte?.rteKind !== 'subquery' || query.sortClause.length > 0) return undefined;
  const inner = simpleScan(rte.query, catalog);
  if (inner === undefined) return undefined;
  const attno = inner.query.targetList.length;
  const rtable = query.rtable.with(rtindex - 1, {
    ...rte,
    query: inner.query,
    columnNames: [...rte.columnNames, '_key'],
  });
  const key = systemVar(rtindex, attno, Oid.bytea);
  return { query: { ...query, rtable, targetList: withKey(key) }, relid: inner.relid };
}

/** ORDER BY needs no sort that would part a row from its table: the order is that of the primary key or an index. */
function inKeyOrder(query: Query, rtindex: number, table: CatalogTable): boolean {
  const { sortClause } = query;
  if (sortClause.length === 0) return true;
  const columns: number[] = [];
  for (const { ref, descending } of sortClause) {
    const entry = query.targetList.find((candidate) => candidate.sortGroupRef === ref);
    const expr = entry?.expr;
    if (expr?.kind !== 'var' || expr.varno !== rtindex || expr.levelsUp !== 0) return false;
    if (descending !== sortClause[0]!.descending) return false;
    columns.push(expr.attno);
  }
  const { primaryKey, indexes } = table.stored;
  const leads = (key: readonly number[]): boolean => columns.every((id, i) => key[i] === id);
  return leads(primaryKey) || indexes.some((index) => leads(index.columns));
}
