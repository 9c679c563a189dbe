/** Nodes of PostgreSQL's tree that the planner makes itself. */
import { assert } from '../base/index.ts';
import type { Expr, Query, TargetEntry, VarExpr } from '../analyzer/tree.ts';
import type { CatalogTable } from '../catalog/types.ts';

export function targetEntry(expr: Expr, resno: number): TargetEntry {
  return {
    kind: 'target',
    expr,
    resno,
    name: undefined,
    sortGroupRef: 0,
    originTable: 0,
    originColumn: 0,
    junk: false,
  };
}

export function columnVar(table: CatalogTable, varno: number, position: number): VarExpr {
  const column = table.columns[position];
  assert(column !== undefined, 'position is a column of the table');
  return {
    kind: 'var',
    varno,
    attno: column.id,
    typeOid: column.typeOid,
    typmod: column.typmod,
    collation: 0,
    levelsUp: 0,
    returning: 'default',
    location: -1,
  };
}

export function systemVar(varno: number, attno: number, typeOid: number): VarExpr {
  return {
    kind: 'var',
    varno,
    attno,
    typeOid,
    typmod: -1,
    collation: 0,
    levelsUp: 0,
    returning: 'default',
    location: -1,
  };
}

/** A SELECT of nothing from nothing, to build others on. */
export const emptySelect: Query = Object.freeze({
  kind: 'query',
  commandType: 'select',
  resultRelation: 0,
  hasAggs: false,
  hasWindowFuncs: false,
  hasTargetSRFs: false,
  hasSubLinks: false,
  hasDistinctOn: false,
  hasRecursive: false,
  hasModifyingCTE: false,
  hasForUpdate: false,
  hasRowSecurity: false,
  cteList: [],
  rtable: [],
  permissions: [],
  jointree: { kind: 'from', items: [], quals: undefined },
  targetList: [],
  override: 'default',
  onConflict: undefined,
  returningOldAlias: undefined,
  returningNewAlias: undefined,
  returningList: [],
  groupClause: [],
  groupDistinct: false,
  groupingSets: [],
  havingQual: undefined,
  windowClause: [],
  distinctClause: [],
  sortClause: [],
  limitOffset: undefined,
  limitCount: undefined,
  limitOption: 'count',
  rowMarks: [],
  setOperations: undefined,
  withCheckOptions: [],
} satisfies Query);
