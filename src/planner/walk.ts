import type { Expr, Query, RangeTblEntry, VarExpr } from '../analyzer/tree.ts';

type Node = { readonly kind?: string };

function isNode(value: unknown): value is Node {
  return (
    typeof value === 'object' &&
    value !== null &&
    !(value instanceof Uint8Array) &&
    !(value instanceof Map)
  );
}

/**
 * Rebuilds a tree bottom-up, calling `change` on each expression; parts where nothing changed keep their identity.
 * `levels` is how many queries lie between the root and the expression.
 */
export function transform<T>(root: T, change: (expr: Expr, levels: number) => Expr): T {
  const visit = (value: unknown, levels: number): unknown => {
    if (Array.isArray(value)) {
      let copy: unknown[] | undefined;
      for (let i = 0; i < value.length; i++) {
        const was: unknown = value[i];
        const is = visit(was, levels);
        if (is !== was) (copy ??= [...(value as unknown[])])[i] = is;
      }
      return copy ?? value;
    }
    if (!isNode(value)) return value;
    if (value.kind === 'const' || value.kind === 'other') return change(value as Expr, levels);
    const inner = value.kind === 'query' && value !== root ? levels + 1 : levels;
    let copy: Record<string, unknown> | undefined;
    for (const [key, was] of Object.entries(value)) {
      if (typeof was !== 'object' || was === null) continue;
      const is = visit(was, inner);
      if (is !== was) (copy ??= { ...value })[key] = is;
    }
    const rebuilt = copy === undefined ? value : Object.freeze(copy);
    return isExpr(rebuilt) ? change(rebuilt as Expr, levels) : rebuilt;
  };
  return visit(root, 0) as T;
}

/** Calls `see` on every expression (outermost first); `queries` are the enclosing queries, innermost last. */
export function walk(
  root: Query | Expr | readonly Expr[],
  see: (expr: Expr, queries: readonly Query[]) => void,
  skip?: (node: object) => boolean,
): void {
  const stack: Query[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item);
      return;
    }
    if (!isNode(value) || skip?.(value) === true) return;
    if (isExpr(value)) see(value as Expr, stack);
    if (value.kind === 'const' || value.kind === 'other') return;
    const isQuery = value.kind === 'query';
    if (isQuery) stack.push(value as Query);
    for (const child of Object.values(value)) {
      if (typeof child === 'object' && child !== null) visit(child);
    }
    if (isQuery) stack.pop();
  };
  visit(root);
}

const notExpressions: ReadonlySet<string> = new Set([
  'query',
  'cte',
  'rte',
  'from',
  'join',
  'ref',
  'target',
  'sortGroup',
  'groupingSet',
  'window',
  'setOperation',
  'onConflict',
  'withCheck',
]);

export function isExpr(node: Node): boolean {
  return typeof node.kind === 'string' && !notExpressions.has(node.kind);
}

/** Every query in the tree, outermost first. */
export function allQueries(root: Query): Query[] {
  const found: Query[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item);
      return;
    }
    if (!isNode(value) || value.kind === 'const' || value.kind === 'other') return;
    if (value.kind === 'query') found.push(value as Query);
    for (const child of Object.values(value)) {
      if (typeof child === 'object' && child !== null) visit(child);
    }
  };
  visit(root);
  return found;
}

/** The query level and RTE that a Var stands for, `queries` being the enclosing queries, innermost last. */
export function resolveVar(
  variable: VarExpr,
  queries: readonly Query[],
): { readonly query: Query; readonly rte: RangeTblEntry } | undefined {
  const query = queries[queries.length - 1 - variable.levelsUp];
  const rte = query?.rtable[variable.varno - 1];
  return query === undefined || rte === undefined ? undefined : { query, rte };
}

/** Rebuilds every query of the tree, innermost first; parts where nothing changed keep their identity. */
export function transformQueries(root: Query, change: (query: Query) => Query): Query {
  const visit = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (value instanceof Uint8Array || value instanceof Map) return value;
    if (Array.isArray(value)) {
      const copy: unknown[] = value.map(visit);
      return copy.some((item, i) => item !== value[i]) ? copy : value;
    }
    const { kind } = value as Node;
    if (kind === 'const' || kind === 'other') return value;
    let copy: Record<string, unknown> | undefined;
    for (const [key, was] of Object.entries(value)) {
      const is = visit(was);
      if (is !== was) (copy ??= { ...value })[key] = is;
    }
    const rebuilt = copy === undefined ? value : Object.freeze(copy);
    return kind === 'query' ? change(rebuilt as Query) : rebuilt;
  };
  return visit(root) as Query;
}
