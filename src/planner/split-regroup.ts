import type { Expr, Query, RangeTblEntry } from '../analyzer/tree.ts';
import type { CatalogSnapshot } from '../catalog/types.ts';
import { Oid } from '../types/oid.ts';
import { joinedAggregate } from './split-aggregates.ts';
import type { Split } from './split-columns.ts';
import {
  NoCut,
  from,
  groupVar,
  lowerColumns,
  lowerParts,
  rewrite,
  sourceName,
  upperQuery,
} from './split-columns.ts';
import type { ShippableParts } from './split-conjuncts.ts';
import { conjunction } from './conjuncts.ts';

/** Types whose equal values may differ, so that a function of one of them is none of its group. */
const inexactKeys: ReadonlySet<number> = new Set([Oid.float4, Oid.float8, Oid.bpchar]);

const group: Omit<Extract<RangeTblEntry, { rteKind: 'group' }>, 'groupExprs' | 'columnNames'> = {
  kind: 'rte',
  rteKind: 'group',
  alias: undefined,
  name: '*GROUP*',
  lateral: false,
  inFromClause: false,
  securityQuals: [],
};

const groupRte = (groupExprs: readonly Expr[]): RangeTblEntry => ({
  ...group,
  groupExprs,
  columnNames: groupExprs.map((_, at) => `c${at + 1}`),
});

/**
 * Lower: groups by the shippable sub-expressions of what is grouped by and of conditions that don't ship. Upper: the
 * conditions, and grouping again. `to_char(date_trunc('day', at), 'Dy')` goes by days below.
 */
export function splitRegrouped(
  query: Query,
  catalog: CatalogSnapshot,
  { ships, where }: ShippableParts,
): Split | undefined {
  const groupIndex = query.rtable.findIndex((rte) => rte.rteKind === 'group');
  const grouped = query.rtable[groupIndex];
  const groupExprs = grouped?.rteKind === 'group' ? grouped.groupExprs : [];
  const columns = lowerColumns();

  const plainOf = (expr: Expr): Expr | undefined =>
    expr.kind === 'var' && expr.varno === groupIndex + 1 && expr.levelsUp === 0
      ? groupExprs[expr.attno - 1]
      : undefined;
  const replace = (expr: Expr, levels: number): Expr | undefined => {
    if (expr.kind === 'aggref') {
      if (expr.levelsUp < levels) return undefined;
      if (expr.levelsUp > levels || levels > 0) throw new NoCut();
      return joinedAggregate(inside(expr), columns, groupIndex < 0);
    }
    if (expr.kind === 'grouping') throw new NoCut();
    if (expr.kind !== 'var' || expr.levelsUp !== levels) return undefined;
    // Others are functionally dependent on the grouping columns.
    if (expr.varno !== groupIndex + 1) throw new NoCut();
    return { ...expr, varno: 2 };
  };
  /** The aggregate over FROM's own columns. */
  const inside = (expr: Extract<Expr, { kind: 'aggref' }>): typeof expr => ({
    ...expr,
    args: rewrite(expr.args, plainOf),
    filter: expr.filter && rewrite(expr.filter, plainOf),
  });

  try {
    const decompose = (expr: Expr): Expr =>
      overKeys(expr, catalog, ships, (key) => columns.use(key, 0));
    const upperExprs = groupExprs.map(decompose);
    const quals = conjunction(where.kept.map(decompose));
    const keys = columns.targets.map((target) => target.expr);
    if (keys.length === 0) return undefined;
    const targetList = rewrite(query.targetList, replace);
    const havingQual = query.havingQual && rewrite(query.havingQual, replace);
    const windowClause = rewrite(query.windowClause, replace);
    const varno = groupIndex < 0 ? query.rtable.length + 1 : groupIndex + 1;
    const targets = columns.targets.map((target, at) =>
      at < keys.length
        ? { ...target, expr: groupVar(target.expr, varno, at + 1), sortGroupRef: at + 1 }
        : target,
    );
    const lower: Query = {
      ...query,
      ...lowerParts,
      hasAggs: targets.length > keys.length,
      rtable: [...query.rtable.slice(0, varno - 1), groupRte(keys), ...query.rtable.slice(varno)],
      jointree: { ...query.jointree, quals: where.shipped },
      targetList: targets,
      // Grouping needs no operators to be printed.
      groupClause: keys.map((_, at) => ({
        kind: 'sortGroup',
        ref: at + 1,
        eqOperator: 0,
        sortOperator: 0,
        descending: false,
        nullsFirst: false,
      })),
    };
    const { hasAggs, groupClause, groupDistinct } = query;
    const upper = upperQuery(query, columns, {
      targetList,
      windowClause,
      hasAggs,
      groupClause,
      groupDistinct,
      havingQual,
      jointree: from(quals),
    });
    const rtable = groupIndex < 0 ? upper.rtable : [...upper.rtable, groupRte(upperExprs)];
    return { source: sourceName, lower, upper: { ...upper, rtable } };
  } catch (error) {
    if (error instanceof NoCut) return undefined;
    throw error;
  }
}

/** What PostgreSQL computes once a row, or over more than its row: not a function of the group. */
const beyondKeys: ReadonlySet<string> = new Set([
  'subLink',
  'aggref',
  'windowFunc',
  'grouping',
  'nextValue',
  'other',
]);

type Node = Readonly<Record<string, unknown>>;

/** `expr` with its greatest shippable parts replaced by `use`. @throws NoCut when that is no function of them. */
function overKeys(
  expr: Expr,
  catalog: CatalogSnapshot,
  ships: (expr: Expr) => boolean,
  use: (key: Expr) => Expr,
): Expr {
  const visit = (node: unknown, inCase: boolean): unknown => {
    if (typeof node !== 'object' || node === null || ArrayBuffer.isView(node)) return node;
    if (Array.isArray(node)) return node.map((item) => visit(item, inCase));
    const kind = 'kind' in node ? (node.kind as string) : undefined;
    if (kind === undefined) return mapped(node as Node, inCase);
    const found = node as unknown as Expr;
    if (found.kind === 'const' || found.kind === 'caseTest') return found;
    if (found.kind === 'param') {
      if (found.paramKind !== 'extern') throw new NoCut();
      return found;
    }
    if (beyondKeys.has(kind)) throw new NoCut();
    const contents = kindsIn(found);
    const closed = !contents.has('caseTest') || (kind === 'case' && !inCase);
    const key = closed && contents.has('var') && !inexactKeys.has(found.typeOid) && ships(found);
    if (key) return use(found);
    if (found.kind === 'var') throw new NoCut();
    if ('funcId' in found && catalog.volatility(found.funcId) === 'volatile') throw new NoCut();
    return mapped(node as Node, inCase || kind === 'case');
  };
  const mapped = (node: Node, inCase: boolean): Node =>
    Object.fromEntries(Object.entries(node).map(([name, value]) => [name, visit(value, inCase)]));
  return visit(expr, false) as Expr;
}

function kindsIn(root: unknown, into = new Set<string>()): ReadonlySet<string> {
  if (typeof root !== 'object' || root === null || ArrayBuffer.isView(root)) return into;
  if ('kind' in root && typeof root.kind === 'string') into.add(root.kind);
  if ('kind' in root && root.kind === 'const') return into;
  for (const value of Object.values(root)) kindsIn(value, into);
  return into;
}
