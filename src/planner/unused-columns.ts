import type { Expr, Query, RangeTblEntry, TargetEntry } from '../analyzer/tree.ts';
import type { CatalogSnapshot } from '../catalog/types.ts';
import { walk } from './walk.ts';

/**
 * Columns of sub-queries in FROM, and of EXISTS, that nobody reads are not computed: NULL stands in their place
 * (remove_unused_subquery_outputs). One that would fail is no error then, as in PostgreSQL.
 */
export function withoutUnusedColumns(root: Query, catalog: CatalogSnapshot): Query {
  if (!hasSubqueries(root)) return root;
  const used = usedColumns(root);
  const replaced = new Map<object, object>();
  const prune = (query: Query, reads: (attno: number) => boolean): void => {
    if (query.setOperations !== undefined || query.distinctClause.length > 0) return;
    const targetList = query.targetList.map((entry, i) =>
      reads(i + 1) || !mayGo(entry, catalog) ? entry : { ...entry, expr: nullOf(entry.expr) },
    );
    if (targetList.some((entry, i) => entry !== query.targetList[i]))
      replaced.set(query, { targetList });
  };
  const seeQuery = (query: Query): void => {
    // The operands of a set operation give all of their columns.
    if (query.setOperations !== undefined) return;
    query.rtable.forEach((rte) => {
      if (rte.rteKind !== 'subquery') return;
      const columns = used.get(rte);
      if (columns?.has(0) !== true) prune(rte.query, (attno) => columns?.has(attno) === true);
    });
  };
  eachQuery(root, seeQuery, (query) => prune(query, () => false));
  return replaced.size === 0 ? root : (rebuild(root, replaced) as Query);
}

/** Which columns of which RTE are read, 0 standing for all. */
function usedColumns(root: Query): ReadonlyMap<RangeTblEntry, ReadonlySet<number>> {
  const used = new Map<RangeTblEntry, Set<number>>();
  const note = (expr: Expr, queries: readonly Query[]): void => {
    if (expr.kind !== 'var') return;
    const query = queries[queries.length - 1 - expr.levelsUp];
    const rte = query?.rtable[expr.varno - 1];
    if (rte === undefined) return;
    let columns = used.get(rte);
    if (columns === undefined) used.set(rte, (columns = new Set()));
    if (columns.has(expr.attno)) return;
    columns.add(expr.attno);
    if (rte.rteKind !== 'join') return;
    // A join's column stands for those below it.
    const outer = queries.slice(0, queries.length - expr.levelsUp);
    const below = expr.attno === 0 ? rte.aliasVars : [rte.aliasVars[expr.attno - 1]];
    for (const item of below)
      if (item !== undefined) walk(item, (inner, more) => note(inner, [...outer, ...more]));
  };
  const isJoin = (node: object): boolean =>
    'rteKind' in node && (node as RangeTblEntry).rteKind === 'join';
  walk(root, note, isJoin);
  return used;
}

function hasSubqueries(root: Query): boolean {
  return (
    root.hasSubLinks ||
    root.rtable.some((rte) => rte.rteKind === 'subquery') ||
    root.cteList.length > 0
  );
}

/** Something that neither counts rows, nor makes them, nor does anything else than give its value. */
function mayGo({ expr, junk, sortGroupRef }: TargetEntry, catalog: CatalogSnapshot): boolean {
  if (junk || sortGroupRef !== 0 || expr.kind === 'var' || expr.kind === 'const') return false;
  let pure = true;
  walk(expr, (inner) => {
    switch (inner.kind) {
      case 'aggref':
      case 'windowFunc':
      case 'grouping':
      case 'nextValue':
      case 'other':
        pure = false;
        break;
      case 'func':
        if (inner.returnsSet) pure = false;
        break;
      default:
    }
    if ('funcId' in inner && catalog.volatility(inner.funcId) === 'volatile') pure = false;
  });
  return pure;
}

function nullOf(expr: Expr): Expr {
  return {
    kind: 'const',
    typeOid: expr.typeOid,
    typmod: -1,
    collation: 'collation' in expr ? expr.collation : 0,
    isNull: true,
    value: null,
    datum: undefined,
    location: -1,
  };
}

/** Every query, and apart those of EXISTS. */
function eachQuery(
  root: Query,
  see: (query: Query) => void,
  seeExists: (query: Query) => void,
): void {
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item);
      return;
    }
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
    const node = value as { readonly kind?: string };
    if (node.kind === 'const' || node.kind === 'other') return;
    if (node.kind === 'query') see(node as Query);
    if (node.kind === 'subLink') {
      const link = node as Extract<Expr, { kind: 'subLink' }>;
      if (link.linkKind === 'exists') seeExists(link.query);
    }
    for (const child of Object.values(node)) visit(child);
  };
  visit(root);
}

/** The tree with the fields of some nodes exchanged. */
function rebuild(value: unknown, replaced: ReadonlyMap<object, object>): unknown {
  if (Array.isArray(value)) {
    let copy: unknown[] | undefined;
    for (let i = 0; i < value.length; i++) {
      const is = rebuild(value[i], replaced);
      if (is !== value[i]) (copy ??= [...(value as unknown[])])[i] = is;
    }
    return copy ?? value;
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (value instanceof Map) return value;
  const fields = replaced.get(value);
  const source: object = fields === undefined ? value : { ...value, ...fields };
  let copy: Record<string, unknown> | undefined =
    fields === undefined ? undefined : (source as Record<string, unknown>);
  for (const [key, was] of Object.entries(source)) {
    if (typeof was !== 'object' || was === null) continue;
    const is = rebuild(was, replaced);
    if (is !== was) (copy ??= { ...value } as Record<string, unknown>)[key] = is;
  }
  return copy === undefined ? value : Object.freeze(copy);
}
