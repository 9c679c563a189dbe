import type { Expr, Query, VarExpr } from '../analyzer/tree.ts';
import { firstUserOid } from '../catalog/read-mirror.ts';
import type { CatalogSnapshot } from '../catalog/types.ts';
import { emptySelect, targetEntry } from './build-tree.ts';
import { isExpr, transform } from './walk.ts';

/**
 * What PostgreSQL's planner may compute before there is a row (eval_const_expressions, and estimate_expression_value for stable
 * functions): expressions of constants and parameters. Which of them it does compute depends on everything around them; one
 * that can be computed without an error is none at planning either.
 */
export interface ConstantParts {
  /** Of constants alone. */
  readonly fixed: readonly Expr[];
  /** With parameters in them. */
  readonly bound: readonly Expr[];
  /** A function among them is not immutable: what it gives may be another next time. */
  readonly stable: boolean;
  /** Something is there whose parts are not known to us. */
  readonly opaque: boolean;
  /** Running the statement computes all of them first, whatever its rows: what fails there would have failed in planning. */
  readonly runFirst: boolean;
}

interface Part {
  /** Nothing that comes with rows, and nothing volatile. */
  readonly closed: boolean;
  readonly params: boolean;
  /** Has something that might fail. */
  readonly computes: boolean;
  /** Reads the value of an enclosing CASE or array coercion. */
  readonly free: boolean;
}

/** Undefined: there is none. */
export function constantParts(query: Query, catalog: CatalogSnapshot): ConstantParts | undefined {
  const fixed: Expr[] = [];
  const bound: Expr[] = [];
  let opaque = false;
  let conditional = false;
  let stable = false;

  const queries: Query[] = [];
  /** Vars that stand for constants of sub-queries. */
  const standsFor = new Map<Expr, Expr>();
  const resolved = (expr: Expr): Expr =>
    standsFor.size === 0 ? expr : transform(expr, (inner) => standsFor.get(inner) ?? inner);

  const take = ({ expr, part }: Found): void => {
    if (part.closed && part.computes && !part.free)
      (part.params ? bound : fixed).push(resolved(expr));
  };

  /** The expressions right below a value, other than those of a query in it, which are taken. */
  const below = (value: unknown, into: Found[]): void => {
    if (Array.isArray(value)) {
      for (const item of value) below(item, into);
    } else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
      const node = value as { readonly kind?: string };
      if (isExpr(node)) into.push({ expr: node as Expr, part: partOf(node as Expr) });
      else if (node.kind === undefined) for (const child of Object.values(node)) below(child, into);
      else takeBelow(node);
    }
  };

  const takeBelow = (node: object): void => {
    const found: Found[] = [];
    const isQuery = (node as { readonly kind?: string }).kind === 'query';
    if (isQuery) queries.push(node as Query);
    for (const child of Object.values(node)) below(child, found);
    if (isQuery) queries.pop();
    found.forEach(take);
  };

  const columns = new Map<Expr, Part>();
  /** A column of a sub-query that PostgreSQL may pull up. */
  const columnPart = (variable: VarExpr): Part => {
    const level = queries.length - 1 - variable.levelsUp;
    const rte = queries[level]?.rtable[variable.varno - 1];
    const at = variable.attno - 1;
    const expr =
      rte?.rteKind === 'subquery'
        ? rte.query.targetList[at]?.expr
        : rte?.rteKind === 'join'
          ? rte.aliasVars[at]
          : rte?.rteKind === 'group'
            ? rte.groupExprs[at]
            : rte?.rteKind === 'values' && rte.lists.length === 1
              ? rte.lists[0]![at]
              : undefined;
    if (expr === undefined || rte === undefined) return open;
    let part = columns.get(expr);
    if (part === undefined) {
      const above = queries.splice(level + 1);
      if (rte.rteKind === 'subquery') queries.push(rte.query);
      columns.set(expr, (part = partOf(expr)));
      if (rte.rteKind === 'subquery') queries.pop();
      queries.push(...above);
    }
    if (!part.closed || part.free) return open;
    standsFor.set(variable, resolved(expr));
    // What it computes is looked at where it stands.
    return { ...part, computes: false };
  };

  const partOf = (expr: Expr): Part => {
    switch (expr.kind) {
      case 'const':
        return constant;
      case 'param':
        return expr.paramKind === 'extern' ? parameter : open;
      case 'caseTest':
        return caseValue;
      case 'var':
        return columnPart(expr);
      case 'other':
        opaque = true;
        return open;
      default:
    }
    const found: Found[] = [];
    for (const child of Object.values(expr)) below(child, found);
    const parts = found.map(({ part }) => part);
    const closed = !openKinds.has(expr.kind) && foldable(expr, catalog) && parts.every(isClosed);
    if (expr.kind === 'sqlValue' || ('funcId' in expr && isStable(expr.funcId, catalog)))
      stable = true;
    const branches = conditionalKinds.has(expr.kind);
    if (branches) conditional = true;
    // Of a conditional each branch may be computed by itself.
    if (!closed || branches) found.forEach(take);
    const binds = expr.kind === 'arrayCoerce' || (expr.kind === 'case' && expr.arg !== undefined);
    return {
      closed,
      params: parts.some(({ params }) => params),
      computes: computingKinds.has(expr.kind) || parts.some(({ computes }) => computes),
      free: !binds && parts.some(({ free }) => free),
    };
  };

  takeBelow(query);
  if (fixed.length + bound.length === 0 && !opaque) return undefined;
  return { fixed, bound, stable, opaque, runFirst: !opaque && !conditional && isOneList(query) };
}

interface Found {
  readonly expr: Expr;
  readonly part: Part;
}

const isClosed = ({ closed }: Part): boolean => closed;
const constant: Part = { closed: true, params: false, computes: false, free: false };
const parameter: Part = { ...constant, params: true };
const caseValue: Part = { ...constant, free: true };
const open: Part = { ...constant, closed: false };

const openKinds: ReadonlySet<Expr['kind']> = new Set([
  'aggref',
  'windowFunc',
  'grouping',
  'subLink',
  'domainValue',
  'nextValue',
  'setToDefault',
  'currentOf',
  'convertRowtype',
]);

const conditionalKinds: ReadonlySet<Expr['kind']> = new Set(['bool', 'case', 'coalesce']);

const computingKinds: ReadonlySet<Expr['kind']> = new Set([
  'func',
  'op',
  'distinct',
  'nullIf',
  'scalarArrayOp',
  'coerceViaIo',
  'arrayCoerce',
  'coerceToDomain',
  'array',
  'minMax',
  'rowCompare',
  'subscript',
  'fieldSelect',
  'fieldStore',
]);

const isStable = (funcId: number, catalog: CatalogSnapshot): boolean =>
  catalog.volatility(funcId) !== 'immutable';

/** Functions of the server's own are stubs to PostgreSQL. */
function foldable(expr: Expr, catalog: CatalogSnapshot): boolean {
  if (expr.kind === 'func' && expr.returnsSet) return false;
  if (!('funcId' in expr)) return true;
  return expr.funcId < firstUserOid && catalog.volatility(expr.funcId) !== 'volatile';
}

/** SELECT or INSERT of a list, or of lists of VALUES, and nothing around it. */
function isOneList(query: Query): boolean {
  const [item, more] = query.jointree.items;
  const plain =
    query.jointree.quals === undefined &&
    more === undefined &&
    !query.hasSubLinks &&
    query.limitCount === undefined &&
    query.limitOffset === undefined &&
    query.cteList.length === 0 &&
    query.setOperations === undefined &&
    query.havingQual === undefined &&
    query.groupClause.length + query.distinctClause.length + query.sortClause.length === 0 &&
    query.onConflict === undefined &&
    query.returningList.length === 0 &&
    query.withCheckOptions.length === 0;
  if (!plain || (query.commandType !== 'select' && query.commandType !== 'insert')) return false;
  if (item === undefined) return true;
  return item.kind === 'ref' && query.rtable[item.rtindex - 1]?.rteKind === 'values';
}

/** The expressions as a SELECT of them. */
export function selectOfConstants(exprs: readonly Expr[]): Query {
  return { ...emptySelect, targetList: exprs.map((expr, i) => targetEntry(expr, i + 1)) };
}
