import type { AggrefExpr } from '../../analyzer/tree.ts';
import { PgError, SqlState } from '../../base/index.ts';
import {
  decimalText,
  isSpecial,
  numericAdd,
  numericDiv,
  powerOfTen,
  toDecimal,
} from '../../types/numeric.ts';
import type { Value } from '../../types/value.ts';
import { functionLabel } from './compile-call.ts';
import type { Environment } from './frame.ts';
import type { Scope } from './scope.ts';
import { makeArray } from './functions/array-value.ts';
import { checkFloat4, checkFloat8 } from './functions/float.ts';
import { checkInt8 } from './functions/integer.ts';
import { isByteCollation } from './functions/definition.ts';
import { tooManyRows, workRowsMax } from './limits.ts';
import { typeOf } from './type-of.ts';
import { unsupported } from './unsupported.ts';

/** The state of one aggregate over one group; `add` gets every row's arguments, NULLs included. */
export interface Accumulator {
  add(value: Value, second: Value): void;
  result(): Value;
}

type Make = (environment: Environment) => Accumulator;

function counting(all: boolean): Make {
  return () => {
    let count = 0;
    return {
      add(value) {
        if (all || value !== null) count++;
      },
      result: () => BigInt(count),
    };
  };
}

/** Sums of int2 and int4 stay exact doubles for 2^21 rows and more; beyond, they move to a bigint. */
function integerSum(): { add(value: number): void; total(): bigint; count: number } {
  let high = 0n;
  let low = 0;
  return {
    count: 0,
    add(value) {
      low += value;
      this.count++;
      if (low > 4e15 || low < -4e15) {
        high += BigInt(low);
        low = 0;
      }
    },
    total: () => high + BigInt(low),
  };
}

const sumSmall: Make = () => {
  const sum = integerSum();
  return {
    add(value) {
      if (value !== null) sum.add(value as number);
    },
    result: () => (sum.count === 0 ? null : checkInt8(sum.total())),
  };
};

const averageSmall: Make = () => {
  const sum = integerSum();
  return {
    add(value) {
      if (value !== null) sum.add(value as number);
    },
    result: () => (sum.count === 0 ? null : numericDiv(String(sum.total()), String(sum.count))),
  };
};

function bigSum(finish: (sum: bigint, count: number) => string): Make {
  return () => {
    let sum = 0n;
    let count = 0;
    return {
      add(value) {
        if (value === null) return;
        sum += value as bigint;
        count++;
      },
      result: () => (count === 0 ? null : finish(sum, count)),
    };
  };
}

/** Keeps one common scale; NaN and the infinities are summed apart. */
function numericTotal(finish: (sum: string, count: number) => string): Make {
  return () => {
    let unscaled = 0n;
    let scale = 0;
    let special: string | undefined;
    let count = 0;
    return {
      add(value) {
        if (value === null) return;
        const text = value as string;
        count++;
        if (isSpecial(text)) {
          special = special === undefined ? text : numericAdd(special, text);
          return;
        }
        const decimal = toDecimal(text);
        if (decimal.scale === scale) unscaled += decimal.unscaled;
        else if (decimal.scale < scale) {
          unscaled += decimal.unscaled * powerOfTen(scale - decimal.scale);
        } else {
          unscaled = unscaled * powerOfTen(decimal.scale - scale) + decimal.unscaled;
          scale = decimal.scale;
        }
      },
      // Added to '0' so that what overflows the format fails as PostgreSQL's does.
      result: () =>
        count === 0
          ? null
          : finish(special ?? numericAdd(decimalText(unscaled, scale), '0'), count),
    };
  };
}

function floatSum(check: (value: number, ...operands: number[]) => number): Make {
  return () => {
    let sum: number | undefined;
    return {
      add(value) {
        if (value === null) return;
        const next = value as number;
        sum = sum === undefined ? next : check(sum + next, sum, next);
      },
      result: () => sum ?? null,
    };
  };
}

/** float8_accum's Youngs-Cramer step: the squares are kept only because their overflow is an error. */
const averageFloat: Make = () => {
  let count = 0;
  let sum = 0;
  let squares = 0;
  return {
    add(value) {
      if (value === null) return;
      const next = value as number;
      const before = sum;
      count++;
      sum += next;
      if (count === 1) {
        if (!Number.isFinite(next)) squares = NaN;
        return;
      }
      const delta = next * count - sum;
      squares += (delta * delta) / (count * (count - 1));
      const infinite = (x: number): boolean => x === Infinity || x === -Infinity;
      if (infinite(sum) || infinite(squares)) {
        if (!infinite(before) && !infinite(next)) {
          throw new PgError(SqlState.numericValueOutOfRange, 'value out of range: overflow');
        }
        squares = NaN;
      }
    },
    result: () => (count === 0 ? null : sum / count),
  };
};

function extreme(sign: 1 | -1): (expr: AggrefExpr) => Make {
  return (expr) => {
    if (!isByteCollation(expr.inputCollation)) unsupported('an aggregate by this collation');
    const typeOid = expr.args[0]!.expr.typeOid;
    const { compare } = typeOf(typeOid);
    if (!compare) unsupported(`ordering by type ${typeOid}`);
    return () => {
      let best: Value = null;
      return {
        add(value) {
          if (value === null) return;
          if (best === null || compare(value, best) * sign > 0) best = value;
        },
        result: () => best,
      };
    };
  };
}

function folding(step: (state: Value, value: Value) => Value): Make {
  return () => {
    let state: Value = null;
    return {
      add(value) {
        if (value !== null) state = state === null ? value : step(state, value);
      },
      result: () => state,
    };
  };
}

const joinText: Make = () => {
  const parts: string[] = [];
  let started = false;
  return {
    add(value, delimiter) {
      if (value === null) return;
      if (started && delimiter !== null) parts.push(delimiter as string);
      started = true;
      parts.push(value as string);
    },
    result: () => (started ? parts.join('') : null),
  };
};

const collect: Make = () => {
  const elements: Value[] = [];
  let started = false;
  return {
    add(value) {
      if (elements.length >= workRowsMax) throw tooManyRows('array_agg');
      started = true;
      elements.push(value);
    },
    result: () => (started ? makeArray(elements) : null),
  };
};

function collectTyped(expr: AggrefExpr): Make {
  typeOf(expr.typeOid);
  return collect;
}

const both = (l: Value, r: Value): Value => l === true && r === true;
const either = (l: Value, r: Value): Value => l === true || r === true;
const and4 = folding((l, r) => (l as number) & (r as number));
const or4 = folding((l, r) => (l as number) | (r as number));
const xor4 = folding((l, r) => (l as number) ^ (r as number));
const average = (sum: string, count: number): string => numericDiv(sum, String(count));

/** By pg_proc OID: signature (checked by a test) and the state's maker. */
export const aggregates: readonly (readonly [
  oid: number,
  signature: string,
  make: (expr: AggrefExpr) => Make,
])[] = [
  [2803, 'count()', () => counting(true)],
  [2147, 'count(any)', () => counting(false)],
  [2109, 'sum(int2)', () => sumSmall],
  [2108, 'sum(int4)', () => sumSmall],
  [2107, 'sum(int8)', () => bigSum(String)],
  [2114, 'sum(numeric)', () => numericTotal((sum) => sum)],
  [2111, 'sum(float8)', () => floatSum(checkFloat8)],
  [2110, 'sum(float4)', () => floatSum(checkFloat4)],
  [2102, 'avg(int2)', () => averageSmall],
  [2101, 'avg(int4)', () => averageSmall],
  [2100, 'avg(int8)', () => bigSum((sum, count) => average(String(sum), count))],
  [2103, 'avg(numeric)', () => numericTotal(average)],
  [2105, 'avg(float8)', () => averageFloat],
  [2104, 'avg(float4)', () => averageFloat],
  ...(
    [
      [2050, 'anyarray'],
      [2115, 'int8'],
      [6395, 'bytea'],
      [2244, 'bpchar'],
      [2122, 'date'],
      [2120, 'float8'],
      [2116, 'int4'],
      [2128, 'interval'],
      [2130, 'numeric'],
      [2118, 'oid'],
      [2119, 'float4'],
      [2117, 'int2'],
      [2129, 'text'],
      [2124, 'timetz'],
      [2123, 'time'],
      [2127, 'timestamptz'],
      [2126, 'timestamp'],
      [3526, 'anyenum'],
    ] as const
  ).map(([oid, type]) => [oid, `max(${type})`, extreme(1)] as const),
  ...(
    [
      [2051, 'anyarray'],
      [2131, 'int8'],
      [6396, 'bytea'],
      [2245, 'bpchar'],
      [2138, 'date'],
      [2136, 'float8'],
      [2132, 'int4'],
      [2144, 'interval'],
      [2146, 'numeric'],
      [2134, 'oid'],
      [2135, 'float4'],
      [2133, 'int2'],
      [2145, 'text'],
      [2140, 'timetz'],
      [2139, 'time'],
      [2143, 'timestamptz'],
      [2142, 'timestamp'],
      [3527, 'anyenum'],
    ] as const
  ).map(([oid, type]) => [oid, `min(${type})`, extreme(-1)] as const),
  [2517, 'bool_and(bool)', () => folding(both)],
  [2519, 'every(bool)', () => folding(both)],
  [2518, 'bool_or(bool)', () => folding(either)],
  [2236, 'bit_and(int2)', () => and4],
  [2238, 'bit_and(int4)', () => and4],
  [2240, 'bit_and(int8)', () => folding((l, r) => (l as bigint) & (r as bigint))],
  [2237, 'bit_or(int2)', () => or4],
  [2239, 'bit_or(int4)', () => or4],
  [2241, 'bit_or(int8)', () => folding((l, r) => (l as bigint) | (r as bigint))],
  [6164, 'bit_xor(int2)', () => xor4],
  [6165, 'bit_xor(int4)', () => xor4],
  [6166, 'bit_xor(int8)', () => folding((l, r) => (l as bigint) ^ (r as bigint))],
  [6291, 'any_value(anyelement)', () => folding((state) => state)],
  [3538, 'string_agg(text,text)', () => joinText],
  [2335, 'array_agg(anynonarray)', collectTyped],
];

const byOid = new Map(aggregates.map(([oid, , make]) => [oid, make]));

export function accumulatorFor(expr: AggrefExpr, scope: Scope): Make {
  const make = byOid.get(expr.funcId) ?? unsupported(functionLabel(expr.funcId, scope));
  return make(expr);
}
