import { compareFloats } from '../../../types/float.ts';
import { compareUtf8 } from '../../../types/utf8.ts';
import { dateInfinity, dateMinusInfinity, timestampInfinity, timestampMinusInfinity } from '../../../types/value.ts';
import type { Value } from '../../../types/value.ts';
import { typeOf } from '../type-of.ts';
import { comparisonRows } from './comparison-table.ts';
import type { ComparisonOp } from './comparison-table.ts';
import { isByteCollation } from './definition.ts';
import type { Call, FunctionEntry, Implementation } from './definition.ts';

export type Comparator = (left: Value, right: Value) => number;

/** What a comparison function or operator tests; types by pg_type.typname. */
export interface Comparison {
  readonly funcId: number;
  readonly operatorId: number;
  readonly op: ComparisonOp;
  readonly left: string;
  readonly right: string;
}

const comparisons: readonly Comparison[] = comparisonRows.map(
  ([funcId, operatorId, op, left, right]) => ({ funcId, operatorId, op, left, right }),
);
const byFunction = new Map(comparisons.map((item) => [item.funcId, item]));
const byOperator = new Map(comparisons.map((item) => [item.operatorId, item]));

export function comparisonByFunction(oid: number): Comparison | undefined {
  return byFunction.get(oid);
}

export function comparisonByOperator(oid: number): Comparison | undefined {
  return byOperator.get(oid);
}

/** Mixed number and bigint operands compare by value. */
const compareIntegers = (left: number | bigint, right: number | bigint): number =>
  left < right ? -1 : left > right ? 1 : 0;

const dayMicros = 86_400_000_000n;

/** A date may lie past what a timestamp holds, but never past a timestamp's infinities. */
function compareDateTimestamp(date: number, timestamp: bigint): number {
  if (date === dateInfinity) return timestamp === timestampInfinity ? 0 : 1;
  if (date === dateMinusInfinity) return timestamp === timestampMinusInfinity ? 0 : -1;
  if (timestamp === timestampInfinity) return -1;
  if (timestamp === timestampMinusInfinity) return 1;
  return compareIntegers(BigInt(date) * dayMicros, timestamp);
}

const integers: ReadonlySet<string> = new Set(['int2', 'int4', 'int8', 'oid']);
const floats: ReadonlySet<string> = new Set(['float4', 'float8']);
const texts: ReadonlySet<string> = new Set(['text', 'name']);

function comparatorOf(comparison: Comparison, call: Call): Comparator | undefined {
  const { left, right } = comparison;
  if (!isByteCollation(call.collation)) return undefined;
  if (integers.has(left) && integers.has(right)) return compareIntegers as Comparator;
  if (floats.has(left) && floats.has(right)) return compareFloats as Comparator;
  if (texts.has(left) && texts.has(right)) return compareUtf8 as Comparator;
  if (left === 'date' && right === 'timestamp') return compareDateTimestamp as Comparator;
  if (left === 'timestamp' && right === 'date') {
    return (l, r) => -compareDateTimestamp(r as number, l as bigint);
  }
  // The rest mixes zones: it needs the session's time zone.
  if (left !== right) return undefined;
  return typeOf(call.argTypes[0]!).compare;
}

/** Types whose equal values are identical JavaScript primitives. */
const identical: ReadonlySet<string> = new Set([
  'bool', 'int2', 'int4', 'int8', 'oid', 'text', 'name', 'date', 'time', 'timestamp', 'timestamptz', 'uuid',
]);

const equal = (left: Value, right: Value): boolean => left === right;
const notEqual = (left: Value, right: Value): boolean => left !== right;

function bindComparison(comparison: Comparison, call: Call): Implementation | undefined {
  const { op, left, right } = comparison;
  if (left === right && identical.has(left) && isByteCollation(call.collation)) {
    if (op === '=') return equal as Implementation;
    if (op === '<>') return notEqual as Implementation;
  }
  const compare = comparatorOf(comparison, call);
  return compare && testOf(op, compare);
}

/** The test that `op` makes of a comparator's answer. */
export function testOf(op: ComparisonOp, compare: Comparator): (l: Value, r: Value) => boolean {
  switch (op) {
    case '<':
      return (l, r) => compare(l, r) < 0;
    case '<=':
      return (l, r) => compare(l, r) <= 0;
    case '=':
      return (l, r) => compare(l, r) === 0;
    case '>=':
      return (l, r) => compare(l, r) >= 0;
    case '>':
      return (l, r) => compare(l, r) > 0;
    default:
      return (l, r) => compare(l, r) !== 0;
  }
}

/** The functions behind comparison operators. */
export const comparisonFunctions: readonly FunctionEntry[] = comparisons.map((comparison) => ({
  oid: comparison.funcId,
  signature: `(${comparison.left},${comparison.right})`,
  strict: true,
  bind: (call) => bindComparison(comparison, call),
}));
