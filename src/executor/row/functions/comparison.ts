import { compareFloats } from '../../../types/float.ts';
import { splitTimestamp } from '../../../types/datetime/civil.ts';
import { localOffset } from '../../../types/datetime/timestamp-type.ts';
import type { Zone } from '../../../types/datetime/zone.ts';
import { compareUtf8 } from '../../../types/utf8.ts';
import {
  dateInfinity,
  dateMinusInfinity,
  timestampInfinity,
  timestampMinusInfinity,
} from '../../../types/value.ts';
import type { Value } from '../../../types/value.ts';
import type { Environment } from '../frame.ts';
import { sessionZone } from './zone-time.ts';
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
  if (left !== right) return undefined;
  return typeOf(call.argTypes[0]!).compare;
}

/** Types whose equal values are identical JavaScript primitives. */
const identical: ReadonlySet<string> = new Set([
  'anyenum',
  'bool',
  'int2',
  'int4',
  'int8',
  'oid',
  'text',
  'name',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'uuid',
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
  return compare ? testOf(op, compare) : zonedTest(comparison);
}

/** What a date or timestamp means as an instant in the session's zone; not bounded by timestamptz's range. */
const instants: Readonly<Record<string, (value: never, zone: Zone) => bigint>> = {
  timestamptz: (value: bigint) => value,
  timestamp: localInstant,
  date: (value: number, zone: Zone) =>
    value === dateInfinity
      ? timestampInfinity
      : value === dateMinusInfinity
        ? timestampMinusInfinity
        : localInstant(BigInt(value) * dayMicros, zone),
};

function localInstant(local: bigint, zone: Zone): bigint {
  if (local === timestampInfinity || local === timestampMinusInfinity) return local;
  const { days, micros } = splitTimestamp(local);
  const instant = local - BigInt(localOffset(zone, days, micros)) * 1_000_000n;
  // Finite values stay between the infinities, however far out.
  if (instant >= timestampInfinity) return timestampInfinity - 1n;
  return instant <= timestampMinusInfinity ? timestampMinusInfinity + 1n : instant;
}

/** Comparisons between timestamptz and what has no zone. */
function zonedTest({ op, left, right }: Comparison): Implementation | undefined {
  const [l, r] = [instants[left], instants[right]];
  if (!l || !r) return undefined;
  const test = testOf(op, compareIntegers as Comparator);
  return (a: never, b: never, environment: Environment) => {
    const zone = sessionZone(environment);
    return test(l(a, zone), r(b, zone));
  };
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
