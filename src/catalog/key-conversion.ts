import { castFunction } from '../types/cast.ts';
import { Oid } from '../types/oid.ts';
import { defaultTypeContext } from '../types/type.ts';
import type { Value } from '../types/value.ts';

/**
 * How values of a referencing column are compared with those of the referenced one: each as a value of the other's type.
 * Undefined: no value of that type is equal to it. Neither is called with null.
 */
export interface KeyConversion {
  readonly toParent: (value: Value) => Value | undefined;
  readonly toChild: (value: Value) => Value | undefined;
}

const same: KeyConversion = { toParent: (value) => value, toChild: (value) => value };

const integerTypes: ReadonlySet<number> = new Set([Oid.int2, Oid.int4, Oid.int8]);
const textTypes: ReadonlySet<number> = new Set([Oid.text, Oid.varchar]);

/** A whole number between the integer types; undefined when it does not fit. */
function integerCast(from: number, to: number): (value: Value) => Value | undefined {
  const cast = castFunction(from, to)!;
  const ranges: Readonly<Record<number, readonly [bigint, bigint]>> = {
    [Oid.int2]: [-(2n ** 15n), 2n ** 15n - 1n],
    [Oid.int4]: [-(2n ** 31n), 2n ** 31n - 1n],
    [Oid.int8]: [-(2n ** 63n), 2n ** 63n - 1n],
  };
  const [min, max] = ranges[to]!;
  return (value) => {
    const whole = BigInt(value as number | bigint);
    return whole < min || whole > max ? undefined : cast(value, defaultTypeContext);
  };
}

/** A numeric as a whole number; undefined when it is none. */
function numericToInteger(to: number): (value: Value) => Value | undefined {
  const fit = integerCast(Oid.int8, to);
  return (value) => {
    const match = /^(-?\d+)(?:\.0*)?$/.exec(value as string);
    if (match === null) return undefined;
    const whole = BigInt(match[1]!);
    if (whole < -(2n ** 63n) || whole > 2n ** 63n - 1n) return undefined;
    return fit(whole);
  };
}

/**
 * The conversion for a foreign key from a column of type `child` to one of type `parent`; undefined where PostgreSQL compares
 * them in a way that no value of the other type stands for (a date with a timestamptz).
 */
export function keyConversion(child: number, parent: number): KeyConversion | undefined {
  if (child === parent) return same;
  if (textTypes.has(child) && textTypes.has(parent)) return same;
  if (integerTypes.has(child) && integerTypes.has(parent)) {
    return { toParent: integerCast(child, parent), toChild: integerCast(parent, child) };
  }
  if (integerTypes.has(child) && parent === Oid.numeric) {
    return {
      toParent: (value) => String(value as number | bigint),
      toChild: numericToInteger(child),
    };
  }
  if (child === Oid.float4 && parent === Oid.float8) {
    return {
      toParent: (value) => value,
      toChild: (value) =>
        Object.is(Math.fround(value as number), value as number) || value === 0 ? value : undefined,
    };
  }
  if (child === Oid.float8 && parent === Oid.float4) {
    return {
      toParent: (value) =>
        Object.is(Math.fround(value as number), value as number) || value === 0 ? value : undefined,
      toChild: (value) => value,
    };
  }
  return undefined;
}
