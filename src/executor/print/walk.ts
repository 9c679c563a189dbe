import type { Expr, Query } from '../../analyzer/tree.ts';

type Visit = (node: { readonly kind: string }, depth: number) => void;

/**
 * Every node under `root`, `root` included; depth counts query levels entered. Walks by shape, so that a new field of the
 * tree can't be forgotten.
 */
export function walkTree(root: Query | Expr | readonly unknown[], visit: Visit): void {
  walk(root, 0, visit);
}

function walk(node: unknown, depth: number, visit: Visit): void {
  if (typeof node !== 'object' || node === null || ArrayBuffer.isView(node)) return;
  if (Array.isArray(node)) {
    for (const item of node) walk(item, depth, visit);
    return;
  }
  let inner = depth;
  if ('kind' in node && typeof node.kind === 'string') {
    visit(node as { kind: string }, depth);
    if (node.kind === 'query') inner = depth + 1;
  }
  for (const value of Object.values(node)) {
    if (typeof value === 'object') walk(value, inner, visit);
  }
}

/** rtindexes of the query's own RTEs that a whole-row Var points to, at any depth below. */
export function wholeRowTargets(query: Query): ReadonlySet<number> {
  const found = new Set<number>();
  walkTree(query, (node, depth) => {
    if (node.kind !== 'var') return;
    const { attno, varno, levelsUp } = node as Extract<Expr, { kind: 'var' }>;
    // The walk enters `query` itself first, so its own Vars are at depth 1.
    if (attno === 0 && levelsUp === depth - 1) found.add(varno);
  });
  return found;
}
