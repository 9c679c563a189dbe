import type { Expr, RelabelType, VarExpr } from '../../analyzer/tree.ts';
import type { ScanPredicate } from '../../storage/types.ts';
import { advisoryFunctions } from '../../planner/advisory-functions.ts';
import { Oid } from '../../types/oid.ts';
import type { PgArray, Value } from '../../types/value.ts';
import { compileElements } from './compile-array.ts';
import { compileExpr } from './compile-expr.ts';
import type { Evaluator, Frame } from './frame.ts';
import { comparisonByFunction } from './functions/comparison.ts';
import type { ComparisonOp } from './functions/comparison-table.ts';
import { isByteCollation } from './functions/definition.ts';
import { resolveJoinVar } from './scope.ts';
import type { RelationLeaf, Scope } from './scope.ts';
import { sourceList, sourceValue } from './source-values.ts';
import { someNode } from './walk.ts';

/** A conjunct `column op value` whose value depends on no row: what storage can use. */
export interface StaticPredicate {
  readonly columnId: number;
  readonly op: ScanPredicate['op'];
  /** One value, or for `in` an array. */
  readonly value: Evaluator;
  /** Turns the value into the column's own type; undefined when it fits none, so that nothing can equal it. */
  readonly convert: (value: Value) => Value | undefined;
}

/** Strips what leaves a value's representation as it is. */
function bare(expr: Expr): Expr {
  let at = expr;
  while (at.kind === 'collate' || (at.kind === 'relabel' && keepsValue(at))) at = at.arg;
  return at;
}

const texts: readonly number[] = [Oid.text, Oid.varchar];

function keepsValue(expr: RelabelType): boolean {
  return texts.includes(expr.typeOid) && texts.includes(expr.arg.typeOid);
}

const mirrored: Record<ComparisonOp, ComparisonOp> = {
  '<': '>',
  '<=': '>=',
  '=': '=',
  '>=': '<=',
  '>': '<',
  '<>': '<>',
};

/** Functions whose answer may differ between two calls of one statement. */
const volatileFunctions: ReadonlySet<number> = new Set([
  1574,
  1575,
  1576,
  1765,
  2559,
  2649,
  1598,
  6339,
  6340,
  3432,
  6428,
  6429,
  6430,
  2561,
  ...advisoryFunctions.keys(),
]);

export function isVolatile(node: Expr): boolean {
  if (node.kind === 'nextValue') return true;
  if (node.kind !== 'func') return false;
  // Functions made by the user or by us may do anything.
  return volatileFunctions.has(node.funcId) || node.funcId >= firstUserOid;
}

/** FirstNormalObjectId: OIDs from here on were not there at initdb. */
export const firstUserOid = 16384;

/** Whether the value is the same for every row of every level. */
function isStatic(expr: Expr): boolean {
  return !someNode(
    expr,
    (node) =>
      node.kind === 'var' ||
      node.kind === 'subLink' ||
      node.kind === 'aggref' ||
      node.kind === 'caseTest' ||
      (node.kind === 'param' && node.paramKind !== 'extern') ||
      isVolatile(node),
  );
}

const int2Range = [-32768n, 32767n] as const;
const int4Range = [-2147483648n, 2147483647n] as const;

/** Storage compares values of the column's type only; a whole number of another width is brought there. */
export function conversion(
  columnType: number,
  valueType: number,
  op: ComparisonOp,
): ((value: Value) => Value | undefined) | undefined {
  const keep = (value: Value): Value => value;
  if (columnType === valueType) return columnType === Oid.bpchar ? undefined : keep;
  if (texts.includes(columnType) && texts.includes(valueType)) return keep;
  const whole: readonly number[] = [Oid.int2, Oid.int4, Oid.int8];
  if (!whole.includes(columnType) || !whole.includes(valueType)) return undefined;
  if (columnType === Oid.int8) return (value) => BigInt(value as number);
  // Out of the column's range only equality is decided: nothing equals it.
  if (op !== '=' && valueType === Oid.int8) return undefined;
  const [min, max] = columnType === Oid.int2 ? int2Range : int4Range;
  if (op !== '=' && columnType === Oid.int2) return undefined;
  return (value) => {
    const number = BigInt(value as number | bigint);
    return number < min || number > max ? undefined : Number(number);
  };
}

interface ColumnTest {
  readonly column: VarExpr;
  readonly op: ComparisonOp;
  readonly value: Expr;
  readonly valueType: number;
}

/** Reads a conjunct as `column op value` with the column of range table entry `varno`. */
export function columnTest(qual: Expr, varno: number, scope: Scope): ColumnTest | undefined {
  if (qual.kind !== 'op' || qual.args.length !== 2) return undefined;
  const comparison = comparisonByFunction(qual.funcId);
  if (!comparison || comparison.op === '<>' || !isByteCollation(qual.inputCollation))
    return undefined;
  // Storage has the labels of enums in an order of their own.
  if (comparison.left === 'anyenum' && comparison.op !== '=') return undefined;
  const [left, right] = [bare(qual.args[0]!), bare(qual.args[1]!)];
  for (const [columnSide, value, op] of [
    [left, qual.args[1]!, comparison.op],
    [right, qual.args[0]!, mirrored[comparison.op]],
  ] as const) {
    const column = resolveJoinVar(scope.rtable, columnSide);
    if (column.kind !== 'var' || column.varno !== varno || column.levelsUp !== 0) continue;
    if (column.attno <= 0 || column.returning !== 'default') continue;
    return { column, op, value, valueType: bare(value).typeOid };
  }
  return undefined;
}

/** The conjuncts that storage can use for a leaf, in their order. */
export function staticPredicates(
  quals: readonly Expr[],
  varno: number,
  leaf: RelationLeaf,
  scope: Scope,
): StaticPredicate[] {
  const found: StaticPredicate[] = [];
  for (const qual of quals) {
    const test = columnTest(qual, varno, scope);
    const fromSource = test && sourceValue(test.value);
    if (test && (fromSource !== undefined || isStatic(test.value))) {
      const convert = conversion(test.column.typeOid, test.valueType, test.op);
      if (!convert || test.op === '<>') continue;
      found.push({
        columnId: test.column.attno,
        op: test.op,
        value: fromSource ?? compileExpr(test.value, scope),
        convert,
      });
    } else {
      const list = inPredicate(qual, varno, scope);
      if (list) found.push(list);
    }
  }
  return found.filter((item) => (leaf.table.positionOf[item.columnId] ?? -1) >= 0);
}

/** `column = ANY (array)`. */
function inPredicate(qual: Expr, varno: number, scope: Scope): StaticPredicate | undefined {
  if (qual.kind === 'subLink') return inSource(qual, varno, scope);
  if (qual.kind !== 'scalarArrayOp' || !qual.useOr) return undefined;
  const comparison = comparisonByFunction(qual.funcId);
  const [columnExpr, list] = qual.args;
  if (comparison?.op !== '=' || comparison.left !== comparison.right) return undefined;
  if (!columnExpr || !list || !isStatic(list) || !isByteCollation(qual.inputCollation))
    return undefined;
  const column = resolveJoinVar(scope.rtable, bare(columnExpr));
  if (column.kind !== 'var' || column.varno !== varno || column.levelsUp !== 0) return undefined;
  if (column.attno <= 0 || column.typeOid === Oid.bpchar) return undefined;
  return {
    columnId: column.attno,
    op: 'in',
    value: list.kind === 'array' ? compileElements(list, scope) : compileExpr(list, scope),
    convert: (value) => value,
  };
}

/** `column IN (SELECT …)` over rows in memory. */
function inSource(qual: Expr, varno: number, scope: Scope): StaticPredicate | undefined {
  const of = sourceList(qual);
  if (!of) return undefined;
  const { funcId, inputCollation, args } = of.test;
  const comparison = comparisonByFunction(funcId);
  if (comparison?.op !== '=' || comparison.left !== comparison.right) return undefined;
  if (!isByteCollation(inputCollation)) return undefined;
  const column = resolveJoinVar(scope.rtable, bare(args[0]!));
  if (column.kind !== 'var' || column.varno !== varno || column.levelsUp !== 0) return undefined;
  if (column.attno <= 0 || column.typeOid === Oid.bpchar) return undefined;
  return { columnId: column.attno, op: 'in', value: of.list, convert: (value) => value };
}

/**
 * The predicates' values for one execution; undefined: one of them can be true of no row. One that fails to compute is
 * left out: the filter fails on the first row, as PostgreSQL would.
 */
export function predicateValues(
  predicates: readonly StaticPredicate[],
  frame: Frame,
): ScanPredicate[] | undefined {
  const found: ScanPredicate[] = [];
  for (const { columnId, op, value, convert } of predicates) {
    let computed: Value;
    try {
      computed = value(frame);
    } catch {
      continue;
    }
    if (computed === null) return undefined;
    if (op === 'in') {
      const values = (computed as PgArray).elements.filter((element) => element !== null);
      if (values.length === 0) return undefined;
      found.push({ columnId, op, values });
      continue;
    }
    const converted = convert(computed);
    if (converted === undefined) return undefined;
    found.push({ columnId, op, values: [converted] });
  }
  return found;
}
