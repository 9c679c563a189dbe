import { assert } from '../base/index.ts';
import type {
  AggrefExpr,
  Expr,
  FuncCall,
  Query,
  RangeTblEntry,
  SortGroupClause,
  TargetEntry,
  VarExpr,
} from '../analyzer/tree.ts';
import type { CatalogSnapshot } from '../catalog/types.ts';
import { Oid } from '../types/oid.ts';
import { columnarSupports } from './shippable/index.ts';

/** Two queries with the meaning of one: the lower one columnar, its rows being `source` of the upper one. */
export interface Split {
  readonly source: string;
  readonly lower: Query;
  readonly upper: Query;
}

const sourceName = 'split';

/**
 * Cuts a query of which DuckDB can compute the lower part only: grouping and aggregates below an unshippable select list,
 * HAVING or ORDER BY; or scans, joins and WHERE below an unshippable select list. undefined: no such cut helps.
 */
export function splitQuery(query: Query, catalog: CatalogSnapshot): Split | undefined {
  if (
    query.commandType !== 'select' ||
    query.setOperations ||
    query.hasTargetSRFs ||
    query.groupingSets.length > 0 ||
    query.rowMarks.length > 0 ||
    query.jointree.items.length === 0 ||
    // The upper part could not reach them.
    (query.cteList.length > 0 && query.hasSubLinks)
  ) {
    return undefined;
  }
  const candidates =
    query.hasAggs || query.groupClause.length > 0
      ? [splitGrouped(query)]
      : query.hasWindowFuncs || query.distinctClause.length > 0
        ? [splitPlain(query, false)]
        : [splitPlain(query, true), splitPlain(query, false)];
  return candidates.find(
    (split) => split !== undefined && columnarSupports(split.lower, catalog) === undefined,
  );
}

/** The lower query's columns while they are being found, and the upper query's references to them. */
interface Columns {
  readonly targets: TargetEntry[];
  /** A Var of the upper query, `levels` below it, for an expression of the lower one. */
  use(expr: Expr, levels: number): VarExpr;
  readonly rte: () => RangeTblEntry;
}

const keyOf = (expr: Expr): string =>
  JSON.stringify(expr, (name, value: unknown) =>
    name === 'location' ? undefined : typeof value === 'bigint' ? `${value}n` : value,
  );

function lowerColumns(): Columns {
  const targets: TargetEntry[] = [];
  const known = new Map<string, number>();
  const collationOf = (expr: Expr): number => ('collation' in expr ? expr.collation : 0);
  const typmodOf = (expr: Expr): number => (expr.kind === 'var' ? expr.typmod : -1);
  return {
    targets,
    use(expr, levels) {
      const key = keyOf(expr);
      let at = known.get(key);
      if (at === undefined) {
        at = targets.push({
          kind: 'target',
          expr,
          resno: targets.length + 1,
          name: `c${targets.length + 1}`,
          sortGroupRef: 0,
          originTable: 0,
          originColumn: 0,
          junk: false,
        });
        known.set(key, at);
      }
      return {
        kind: 'var',
        varno: 1,
        attno: at,
        typeOid: expr.typeOid,
        typmod: typmodOf(expr),
        collation: collationOf(expr),
        levelsUp: levels,
        returning: 'default',
        location: -1,
      };
    },
    rte: () => ({
      kind: 'rte',
      rteKind: 'rows',
      alias: undefined,
      name: sourceName,
      columnNames: targets.map((target) => target.name!),
      lateral: false,
      inFromClause: true,
      securityQuals: [],
      source: sourceName,
      columnTypes: targets.map((target) => target.expr.typeOid),
      columnTypmods: targets.map((target) => typmodOf(target.expr)),
      columnCollations: targets.map((target) => collationOf(target.expr)),
    }),
  };
}

/** Replaces expressions from the outside in: what `replace` answers is not looked into. */
function rewrite<T>(root: T, replace: (expr: Expr, levels: number) => Expr | undefined): T {
  const visit = (node: unknown, levels: number): unknown => {
    if (typeof node !== 'object' || node === null || ArrayBuffer.isView(node)) return node;
    if (node instanceof Map) return node;
    if (Array.isArray(node)) return node.map((item) => visit(item, levels));
    const kind = 'kind' in node ? node.kind : undefined;
    if (kind === 'var' || kind === 'aggref' || kind === 'grouping') {
      const replaced = replace(node as Expr, levels);
      if (replaced) return replaced;
    }
    if (kind === 'const' || kind === 'other') return node;
    const inner = kind === 'query' ? levels + 1 : levels;
    return Object.fromEntries(
      Object.entries(node).map(([name, value]) => [name, visit(value, inner)]),
    );
  };
  return visit(root, 0) as T;
}

/** A construct that only one query as a whole can compute. */
class NoCut extends Error {}

/** The upper query: `query` above its FROM, WHERE and grouping. */
function upperQuery(query: Query, columns: Columns, parts: Partial<Query>): Query {
  return {
    ...query,
    hasAggs: false,
    hasRecursive: false,
    cteList: [],
    permissions: [],
    groupClause: [],
    groupDistinct: false,
    havingQual: undefined,
    ...parts,
    rtable: [columns.rte()],
  };
}

const lowerParts: Partial<Query> = {
  havingQual: undefined,
  hasWindowFuncs: false,
  hasDistinctOn: false,
  windowClause: [],
  distinctClause: [],
  sortClause: [],
  limitCount: undefined,
  limitOffset: undefined,
  limitOption: 'count',
};

const from = (quals: Expr | undefined): Query['jointree'] => ({
  kind: 'from',
  items: [{ kind: 'ref', rtindex: 1 }],
  quals,
});

/** Lower: group keys and aggregates. Upper: all that is made of them. */
function splitGrouped(query: Query): Split | undefined {
  const columns = lowerColumns();
  const groupIndex = query.rtable.findIndex((rte) => rte.rteKind === 'group');
  const group = query.rtable[groupIndex];
  const groupExprs: Expr[] = group?.rteKind === 'group' ? [...group.groupExprs] : [];
  const dependent: VarExpr[] = [];

  const groupVar = (expr: Expr, attno: number): VarExpr => ({
    kind: 'var',
    varno: groupIndex + 1,
    attno,
    typeOid: expr.typeOid,
    typmod: expr.kind === 'var' ? expr.typmod : -1,
    collation: 'collation' in expr ? expr.collation : 0,
    levelsUp: 0,
    returning: 'default',
    location: -1,
  });

  const replace = (expr: Expr, levels: number): Expr | undefined => {
    if (expr.kind === 'aggref') {
      if (expr.levelsUp < levels) return undefined;
      if (expr.levelsUp > levels || levels > 0) throw new NoCut();
      return upperAggregate(expr, columns);
    }
    if (expr.kind === 'grouping') throw new NoCut();
    if (expr.kind !== 'var' || expr.levelsUp !== levels) return undefined;
    if (expr.varno === groupIndex + 1) {
      return columns.use({ ...expr, levelsUp: 0 }, levels);
    }
    // Functionally dependent on the grouping columns: grouping by it too changes nothing.
    if (groupIndex < 0) throw new NoCut();
    const own: VarExpr = { ...expr, levelsUp: 0 };
    let at = dependent.findIndex((known) => keyOf(known) === keyOf(own));
    if (at < 0) at = dependent.push(own) - 1;
    return columns.use(groupVar(own, groupExprs.length + at + 1), levels);
  };

  try {
    const targetList = rewrite(query.targetList, replace);
    const having = query.havingQual && rewrite(query.havingQual, replace);
    const windowClause = rewrite(query.windowClause, replace);
    const keys = lowerKeys(query, dependent, groupExprs.length, groupVar);
    // Keys come behind what the upper part uses, when it does not use them.
    const targets = columns.targets.map((target) => ({ ...target }));
    const groupClause: SortGroupClause[] = keys.map(({ expr, clause }, at) => {
      const used = targets.findIndex((target) => keyOf(target.expr) === keyOf(expr));
      const ref = at + 1;
      if (used >= 0) targets[used] = { ...targets[used]!, sortGroupRef: ref };
      else {
        targets.push({
          kind: 'target',
          expr,
          resno: targets.length + 1,
          name: undefined,
          sortGroupRef: ref,
          originTable: 0,
          originColumn: 0,
          junk: true,
        });
      }
      return { ...clause, ref };
    });
    if (targets.every((target) => target.junk)) return undefined;
    const rtable = query.rtable.map((rte) =>
      rte.rteKind === 'group' ? { ...rte, groupExprs: [...groupExprs, ...dependent] } : rte,
    );
    return {
      source: sourceName,
      lower: { ...query, ...lowerParts, rtable, targetList: targets, groupClause },
      upper: upperQuery(query, columns, { targetList, windowClause, jointree: from(having) }),
    };
  } catch (error) {
    if (error instanceof NoCut) return undefined;
    throw error;
  }
}

function lowerKeys(
  query: Query,
  dependent: readonly VarExpr[],
  known: number,
  groupVar: (expr: Expr, attno: number) => VarExpr,
): { readonly expr: Expr; readonly clause: SortGroupClause }[] {
  const keys = query.groupClause.map((clause) => {
    const target = query.targetList.find((entry) => entry.sortGroupRef === clause.ref);
    assert(target, 'a grouping clause refers to a target');
    return { expr: target.expr, clause };
  });
  const extra = dependent.map((expr, at) => ({
    expr: groupVar(expr, known + at + 1),
    // The operators are looked up by name of the type when printed: grouping needs none.
    clause: {
      kind: 'sortGroup',
      ref: 0,
      eqOperator: 0,
      sortOperator: 0,
      descending: false,
      nullsFirst: false,
    } as const,
  }));
  return [...keys, ...extra];
}

/** avg of exact numbers, by pg_proc OID: the sum, its type, and how that becomes numeric. */
const averages: ReadonlyMap<number, { readonly sum: number; readonly sumType: number }> = new Map([
  [2100, { sum: 2107, sumType: Oid.numeric }],
  [2101, { sum: 2108, sumType: Oid.int8 }],
  [2102, { sum: 2109, sumType: Oid.int8 }],
  [2103, { sum: 2114, sumType: Oid.numeric }],
]);

const countAny = 2147;
const numericOfInt8 = 1781;
const numericDiv = { operatorId: 1761, funcId: 1727 } as const;

/** What stands for an aggregate above: its value, or for avg PostgreSQL's own division of sum by count. */
function upperAggregate(expr: AggrefExpr, columns: Columns): Expr {
  const average = averages.get(expr.funcId);
  if (!average) return columns.use(expr, 0);
  const sum = columns.use({ ...expr, funcId: average.sum, typeOid: average.sumType }, 0);
  const count = columns.use({ ...expr, funcId: countAny, typeOid: Oid.int8 }, 0);
  const numeric = (arg: Expr): Expr => {
    if (arg.typeOid === Oid.numeric) return arg;
    const cast: FuncCall = {
      kind: 'func',
      funcId: numericOfInt8,
      args: [arg],
      typeOid: Oid.numeric,
      returnsSet: false,
      variadic: false,
      format: 'implicitCast',
      collation: 0,
      inputCollation: 0,
      location: -1,
    };
    return cast;
  };
  // avg computes numeric_div(sum, count) itself; of no rows the sum is NULL, and so is the quotient.
  return {
    kind: 'op',
    ...numericDiv,
    args: [numeric(sum), numeric(count)],
    typeOid: Oid.numeric,
    collation: 0,
    inputCollation: 0,
    location: -1,
  };
}

/**
 * Lower: FROM and WHERE, with `ordered` also ORDER BY and LIMIT; it yields the columns that the select list uses. Upper: the
 * rest.
 */
function splitPlain(query: Query, ordered: boolean): Split | undefined {
  const columns = lowerColumns();
  const replace = (expr: Expr, levels: number): Expr | undefined => {
    if (expr.kind !== 'var' || expr.levelsUp !== levels) return undefined;
    return columns.use({ ...expr, levelsUp: 0 }, levels);
  };
  const outputs = ordered ? query.targetList.filter((target) => !target.junk) : query.targetList;
  const targetList = rewrite(outputs, replace);
  const windowClause = rewrite(query.windowClause, replace);
  if (columns.targets.length === 0) return undefined;
  const limits = [query.limitCount, query.limitOffset];
  if (ordered && query.sortClause.length === 0 && limits.every((limit) => limit === undefined)) {
    // Nothing that the other cut would not do as well.
    return undefined;
  }
  const sortTargets = ordered
    ? query.sortClause.map((clause, at): TargetEntry => {
        const target = query.targetList.find((entry) => entry.sortGroupRef === clause.ref);
        assert(target, 'a sort clause refers to a target');
        return { ...target, junk: true, resno: columns.targets.length + at + 1 };
      })
    : [];
  const lower: Query = {
    ...query,
    ...lowerParts,
    targetList: [...columns.targets, ...sortTargets],
    ...(ordered
      ? {
          sortClause: query.sortClause,
          limitCount: query.limitCount,
          limitOffset: query.limitOffset,
          limitOption: query.limitOption,
        }
      : {}),
  };
  const upper = upperQuery(query, columns, {
    targetList,
    windowClause,
    jointree: from(undefined),
    // The rows come in order, and the projection keeps it.
    ...(ordered
      ? {
          sortClause: [],
          limitCount: undefined,
          limitOffset: undefined,
          limitOption: 'count' as const,
        }
      : {}),
  });
  return { source: sourceName, lower, upper };
}
