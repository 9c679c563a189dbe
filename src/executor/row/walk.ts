import type { Expr, FromItem, Query, RangeTblEntry } from '../../analyzer/tree.ts';

/** Direct sub-expressions, without those inside sub-queries. */
export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'aggref':
      return [
        ...expr.directArgs,
        ...expr.args.map((target) => target.expr),
        ...(expr.filter ? [expr.filter] : []),
      ];
    case 'windowFunc':
      return [...expr.args, ...(expr.filter ? [expr.filter] : [])];
    case 'func':
    case 'op':
    case 'distinct':
    case 'nullIf':
    case 'scalarArrayOp':
    case 'bool':
    case 'coalesce':
    case 'minMax':
    case 'row':
    case 'grouping':
      return expr.args;
    case 'subLink':
      return expr.testExpr ? [expr.testExpr] : [];
    case 'case':
      return [
        ...(expr.arg ? [expr.arg] : []),
        ...expr.whens.flatMap((branch) => [branch.when, branch.then]),
        ...(expr.otherwise ? [expr.otherwise] : []),
      ];
    case 'array':
      return expr.elements;
    case 'rowCompare':
      return [...expr.left, ...expr.right];
    case 'nullTest':
    case 'booleanTest':
    case 'relabel':
    case 'coerceViaIo':
    case 'convertRowtype':
    case 'collate':
    case 'coerceToDomain':
    case 'fieldSelect':
    case 'namedArg':
      return [expr.arg];
    case 'arrayCoerce':
      return [expr.arg, expr.elementExpr];
    case 'fieldStore':
      return [expr.arg, ...expr.values];
    case 'subscript':
      return [
        expr.container,
        ...[...expr.upper, ...expr.lower].filter((bound) => bound !== undefined),
        ...(expr.assign ? [expr.assign] : []),
      ];
    default:
      return [];
  }
}

/** Every expression of a query's own level (sub-queries in FROM and CTEs not included). */
function ownExpressions(query: Query): Expr[] {
  const found: Expr[] = query.targetList.map((target) => target.expr);
  const add = (expr: Expr | undefined): void => {
    if (expr) found.push(expr);
  };
  const fromItem = (item: FromItem): void => {
    if (item.kind === 'ref') return;
    add(item.quals);
    if (item.kind === 'join') {
      fromItem(item.left);
      fromItem(item.right);
    } else item.items.forEach(fromItem);
  };
  fromItem(query.jointree);
  add(query.havingQual);
  add(query.limitCount);
  add(query.limitOffset);
  return found;
}

function rteExpressions(rte: RangeTblEntry): Expr[] {
  const found = [...rte.securityQuals];
  if (rte.rteKind === 'function') found.push(...rte.functions.map((item) => item.expr));
  if (rte.rteKind === 'values') found.push(...rte.lists.flat());
  if (rte.rteKind === 'join') found.push(...rte.aliasVars);
  if (rte.rteKind === 'group') found.push(...rte.groupExprs);
  return found;
}

/** Calls `visit` for every node under `expr`, those inside sub-queries too; `level` is how many queries deep it is. */
export function walkDeep(expr: Expr, visit: (node: Expr, level: number) => void, level = 0): void {
  visit(expr, level);
  for (const child of childrenOf(expr)) walkDeep(child, visit, level);
  if (expr.kind === 'subLink') walkQuery(expr.query, visit, level + 1);
}

export function walkQuery(
  query: Query,
  visit: (node: Expr, level: number) => void,
  level: number,
): void {
  for (const expr of ownExpressions(query)) walkDeep(expr, visit, level);
  for (const cte of query.cteList) walkQuery(cte.query, visit, level + 1);
  for (const rte of query.rtable) {
    for (const expr of rteExpressions(rte)) walkDeep(expr, visit, level);
    if (rte.rteKind === 'subquery') walkQuery(rte.query, visit, level + 1);
  }
}

/** rtindexes of this level that the expression reads; join and grouping RTEs are looked through. */
export function varnosOf(expr: Expr, rtable: readonly RangeTblEntry[]): Set<number> {
  const found = new Set<number>();
  const addVar = (varno: number, attno: number): void => {
    const rte = rtable[varno - 1];
    if (rte?.rteKind === 'join' || rte?.rteKind === 'group') {
      const all = rte.rteKind === 'join' ? rte.aliasVars : rte.groupExprs;
      const used = attno > 0 ? all.slice(attno - 1, attno) : all;
      for (const alias of used) walkDeep(alias, visit);
    } else found.add(varno);
  };
  const visit = (node: Expr, level: number): void => {
    if (node.kind === 'var' && node.levelsUp === level) addVar(node.varno, node.attno);
  };
  walkDeep(expr, visit);
  return found;
}

/** Whether a node of this level or below matches. */
export function someNode(expr: Expr, test: (node: Expr) => boolean): boolean {
  let found = false;
  walkDeep(expr, (node) => {
    found ||= test(node);
  });
  return found;
}

/** The conjuncts of a qualification. */
export function conjunctsOf(expr: Expr | undefined): Expr[] {
  if (!expr) return [];
  if (expr.kind === 'bool' && expr.op === 'and') return expr.args.flatMap(conjunctsOf);
  return [expr];
}
