/**
 * SELECT … FOR UPDATE and the like. PostgreSQL's plan is Limit over LockRows over the rest, so here: a query without LIMIT whose rows
 * carry, behind the result's own columns, what it takes to find the rows of its tables again; the executor locks those one by one
 * and counts up to the limit (executor/lock-rows.ts).
 */
import { PgError, SqlState, notSupported } from '../base/index.ts';
import type { Expr, Query, RangeTblEntry, RowMark, VarExpr } from '../analyzer/tree.ts';
import type { CatalogSnapshot, CatalogTable } from '../catalog/types.ts';
import { Oid } from '../types/oid.ts';
import { emptySelect, systemVar, targetEntry } from './build-tree.ts';
import type { LockRows, MarkedRelation, SelectPlan } from './nodes.ts';
import { SystemColumn } from './nodes.ts';
import { referencedRtes } from './scans.ts';
import { locksRows, withoutMarks } from './take-steps.ts';
import { walk } from './walk.ts';

/** A base relation of FROM, and columns of the query that tell of its row. */
interface ExposedRelation {
  readonly rte: RangeTblEntry;
  readonly table: CatalogTable;
  readonly mark: RowMark | undefined;
  readonly key: VarExpr;
  /** Where there is a mark. */
  readonly seq: VarExpr | undefined;
}

interface Exposed {
  /** Sub-queries in FROM yield the columns of theirs. */
  readonly query: Query;
  readonly relations: readonly ExposedRelation[];
  /** Columns of FROM's other items. */
  readonly identity: readonly VarExpr[];
}

/** Plans a query whose nested locks have been taken out; `plan` plans one that locks nothing. */
export function planOwnLocks(
  query: Query,
  catalog: CatalogSnapshot,
  plan: (query: Query) => SelectPlan,
): SelectPlan {
  if (!locksRows(query)) return plan(withoutMarks(query));
  if (query.limitOption === 'withTies') throw notSupported('WITH TIES and a locking clause');
  const { query: exposing, relations, identity } = expose(query, catalog);
  const visible = query.targetList.filter((entry) => !entry.junk);
  const hidden: VarExpr[] = [];
  const position = (column: VarExpr): number => visible.length + hidden.push(column) - 1;
  const marks = relations.flatMap(({ rte, table, mark, key, seq }): MarkedRelation[] => {
    if (mark === undefined || seq === undefined) return [];
    const { strength, wait } = mark;
    return [{ rte, table, strength, wait, key: position(key), seq: position(seq) }];
  });
  const others = relations
    .filter(({ mark }) => mark === undefined)
    .map(({ rte, table, key }) => ({ rte, table, key: position(key) }));
  const locks: LockRows = {
    width: visible.length,
    marks,
    others,
    identity: identity.map(position),
    limit: planLimit(query, plan),
  };
  const targetList = [
    ...visible,
    ...hidden.map((column) => targetEntry(column, 0)),
    ...query.targetList.filter((entry) => entry.junk),
  ].map((entry, i) => ({ ...entry, resno: i + 1 }));
  const inner = plan({ ...exposing, targetList, limitCount: undefined, limitOffset: undefined });
  if (inner.usesCatalog) throw notSupported('a locking clause on PostgreSQL’s own catalog');
  return Object.freeze({ ...inner, locks });
}

function expose(query: Query, catalog: CatalogSnapshot): Exposed {
  const relations: ExposedRelation[] = [];
  const identity: VarExpr[] = [];
  let { rtable } = query;
  for (const rtindex of referencedRtes(query.jointree)) {
    const rte = query.rtable[rtindex - 1]!;
    const mark = query.rowMarks.find((each) => each.rtindex === rtindex);
    if (rte.rteKind === 'relation') {
      const table = catalog.table(rte.relid);
      if (table === undefined) throw notSupported('a locking clause on PostgreSQL’s own catalog');
      relations.push({
        rte,
        table,
        mark,
        key: systemVar(rtindex, SystemColumn.rowKey, Oid.bytea),
        seq: mark && systemVar(rtindex, SystemColumn.seq, Oid.int8),
      });
    } else if (rte.rteKind === 'subquery' && locksRows(rte.query)) {
      const inner = expose(rte.query, catalog);
      const targetList = [...inner.query.targetList];
      const columnNames = [...rte.columnNames];
      const outside = (column: VarExpr): VarExpr => {
        const resno = targetList.length + 1;
        targetList.push({ ...targetEntry(column, resno), name: `lock${resno}` });
        columnNames.push(`lock${resno}`);
        return { ...column, varno: rtindex, attno: resno };
      };
      for (const relation of inner.relations) {
        const { key, seq } = relation;
        relations.push({ ...relation, key: outside(key), seq: seq && outside(seq) });
      }
      identity.push(...inner.identity.map(outside));
      const lower = { ...inner.query, targetList };
      rtable = rtable.with(rtindex - 1, { ...rte, columnNames, query: lower });
    } else {
      if (mark !== undefined && rte.rteKind === 'rows') throw notLockable(rte);
      identity.push(...columnsOf(query, rtindex));
    }
  }
  const ofTables = relations.toSorted((a, b) => orderOf(a, query) - orderOf(b, query));
  return { query: withoutMarks({ ...query, rtable }), relations: ofTables, identity };
}

/** The query's own marks in their order, then those of its sub-queries. */
function orderOf({ mark }: ExposedRelation, { rowMarks }: Query): number {
  const at = mark === undefined ? -1 : rowMarks.indexOf(mark);
  return at < 0 ? rowMarks.length : at;
}

function notLockable(rte: Extract<RangeTblEntry, { rteKind: 'rows' }>): PgError {
  const kind = rte.source.startsWith('sequence.') ? 'sequence' : 'relation';
  return new PgError(SqlState.wrongObjectType, `cannot lock rows in ${kind} "${rte.name}"`);
}

/** The columns that the query uses of one item. */
function columnsOf(query: Query, rtindex: number): VarExpr[] {
  const found = new Map<number, VarExpr>();
  walk(query, (expr, queries) => {
    if (expr.kind !== 'var' || expr.varno !== rtindex || expr.attno <= 0) return;
    if (expr.levelsUp === queries.length - 1) found.set(expr.attno, { ...expr, levelsUp: 0 });
  });
  return [...found.values()];
}

const none: Expr = Object.freeze({
  kind: 'const',
  typeOid: Oid.int8,
  typmod: -1,
  collation: 0,
  isNull: true,
  value: null,
  datum: undefined,
  location: -1,
});

/** OFFSET and LIMIT as a row. */
function planLimit(query: Query, plan: (query: Query) => SelectPlan): SelectPlan | undefined {
  const { limitOffset, limitCount, cteList } = query;
  if (limitOffset === undefined && limitCount === undefined) return undefined;
  const exprs = [limitOffset ?? none, limitCount ?? none];
  let hasSubLinks = false;
  walk(exprs, (expr) => {
    if (expr.kind === 'subLink') hasSubLinks = true;
  });
  return plan({
    ...emptySelect,
    hasSubLinks,
    cteList: hasSubLinks ? cteList : [],
    targetList: exprs.map((expr, i) => targetEntry(expr, i + 1)),
  });
}
