import type { Expr, Query, RangeTblEntry, TargetEntry, VarExpr } from '../analyzer/tree.ts';

/** Two queries with the meaning of one: the lower one columnar, its rows being `source` of the upper one. */
export interface Split {
  readonly source: string;
  readonly lower: Query;
  readonly upper: Query;
}

export const sourceName = 'split';

/** The lower query's columns while they are being found, and the upper query's references to them. */
export interface Columns {
  readonly targets: TargetEntry[];
  /** A Var of the upper query, `levels` below it, for an expression of the lower one. */
  use(expr: Expr, levels: number): VarExpr;
  readonly rte: () => RangeTblEntry;
}

export const keyOf = (expr: Expr): string =>
  JSON.stringify(expr, (name, value: unknown) =>
    name === 'location' ? undefined : typeof value === 'bigint' ? `${value}n` : value,
  );

/** A column of a query of ours. */
export const targetOf = (expr: Expr, resno: number): TargetEntry => ({
  kind: 'target',
  expr,
  resno,
  name: `c${resno}`,
  sortGroupRef: 0,
  originTable: 0,
  originColumn: 0,
  junk: false,
});

export const collationOf = (expr: Expr): number => ('collation' in expr ? expr.collation : 0);
export const typmodOf = (expr: Expr): number => (expr.kind === 'var' ? expr.typmod : -1);

export function lowerColumns(): Columns {
  const targets: TargetEntry[] = [];
  const known = new Map<string, number>();
  return {
    targets,
    use(expr, levels) {
      const key = keyOf(expr);
      let at = known.get(key);
      if (at === undefined) {
        at = targets.push(targetOf(expr, targets.length + 1));
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
export function rewrite<T>(root: T, replace: (expr: Expr, levels: number) => Expr | undefined): T {
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
export class NoCut extends Error {}

/** The upper query: `query` above its FROM, WHERE and grouping. */
export function upperQuery(query: Query, columns: Columns, parts: Partial<Query>): Query {
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

export const lowerParts: Partial<Query> = {
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

export const from = (quals: Expr | undefined): Query['jointree'] => ({
  kind: 'from',
  items: [{ kind: 'ref', rtindex: 1 }],
  quals,
});

/** A Var for a grouping expression, by its place in the group RTE. */
export const groupVar = (expr: Expr, varno: number, attno: number): VarExpr => ({
  kind: 'var',
  varno,
  attno,
  typeOid: expr.typeOid,
  typmod: typmodOf(expr),
  collation: collationOf(expr),
  levelsUp: 0,
  returning: 'default',
  location: -1,
});
