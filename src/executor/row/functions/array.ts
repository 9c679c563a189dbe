import { charactersOf } from './characters.ts';
import { PgError, SqlState } from '../../../base/index.ts';
import { Oid } from '../../../types/oid.ts';
import type { PgArray, Value } from '../../../types/value.ts';
import type { Environment } from '../frame.ts';
import { typeOf } from '../type-of.ts';
import { makeArray } from './array-value.ts';
import {
  isByteCollation,
  nullableFunctions,
  strictFunctions,
  typedFunctions,
} from './definition.ts';
import type { Call, FunctionEntry, Implementation } from './definition.ts';

/** Length of a dimension counted from 1; NULL where there is none. */
function lengthOf(array: PgArray, dimension: number): number | null {
  return array.dims[dimension - 1] ?? null;
}

function lowerOf(array: PgArray, dimension: number): number | null {
  return array.lowerBounds[dimension - 1] ?? null;
}

function upperOf(array: PgArray, dimension: number): number | null {
  const length = lengthOf(array, dimension);
  return length === null ? null : array.lowerBounds[dimension - 1]! + length - 1;
}

function incompatible(detail: string): PgError {
  return new PgError(SqlState.arraySubscriptError, 'cannot concatenate incompatible arrays', {
    detail,
  });
}

const same = (left: readonly number[], right: readonly number[]): boolean =>
  left.length === right.length && left.every((item, i) => item === right[i]);

/** array || array: along the outer dimension, or one as a new element of the other. */
function concatenate(left: PgArray | null, right: PgArray | null): PgArray | null {
  if (left === null || right === null) return left ?? right;
  if (left.dims.length === 0) return right;
  if (right.dims.length === 0) return left;
  const [l, r] = [left.dims.length, right.dims.length];
  if (Math.abs(l - r) > 1) {
    throw incompatible(`Arrays of ${l} and ${r} dimensions are not compatible for concatenation.`);
  }
  const elements = [...left.elements, ...right.elements];
  const larger = r > l ? right : left;
  const smaller = r > l ? left : right;
  const inner = l === r ? 1 : 0;
  const fits =
    same(larger.dims.slice(1), smaller.dims.slice(inner)) &&
    same(larger.lowerBounds.slice(1), smaller.lowerBounds.slice(inner));
  if (!fits) {
    const what = l === r ? 'element dimensions' : 'dimensions';
    throw incompatible(`Arrays with differing ${what} are not compatible for concatenation.`);
  }
  const outer = l === r ? left.dims[0]! + right.dims[0]! : larger.dims[0]! + 1;
  return {
    kind: 'array',
    elements,
    dims: [outer, ...larger.dims.slice(1)],
    lowerBounds: larger.lowerBounds,
  };
}

function requireFlat(array: PgArray): void {
  if (array.dims.length > 1) {
    throw new PgError('22000', 'argument must be empty or one-dimensional array');
  }
}

function append(array: PgArray | null, element: Value): PgArray {
  const base = array ?? makeArray([]);
  requireFlat(base);
  const grown = makeArray([...base.elements, element]);
  return base.dims.length === 0 ? grown : { ...grown, lowerBounds: base.lowerBounds };
}

function prepend(element: Value, array: PgArray | null): PgArray {
  const base = array ?? makeArray([]);
  requireFlat(base);
  const grown = makeArray([element, ...base.elements]);
  return base.dims.length === 0 ? grown : { ...grown, lowerBounds: base.lowerBounds };
}

type Equal = (left: Value, right: Value) => boolean;

/** Equality of the array's elements; undefined where the type has none or the collation is not known. */
function elementEquality({ argTypes, collation }: Call): Equal | undefined {
  const { elementOid } = typeOf(argTypes[0]!);
  if (elementOid === 0 || !isByteCollation(collation)) return undefined;
  const { compare } = typeOf(elementOid);
  return compare && ((l, r) => compare(l, r) === 0);
}

function withEquality(
  make: (equal: Equal) => Implementation,
): (call: Call) => Implementation | undefined {
  return (call) => {
    const equal = elementEquality(call);
    return equal && make(equal);
  };
}

const notDistinct =
  (equal: Equal): Equal =>
  (l, r) =>
    l === null || r === null ? l === r : equal(l, r);

/** Every element of `part` is in `whole`; NULL is in none. */
function contains(equal: Equal, whole: PgArray, part: PgArray): boolean {
  return part.elements.every(
    (wanted) =>
      wanted !== null && whole.elements.some((item) => item !== null && equal(item, wanted)),
  );
}

function overlaps(equal: Equal, left: PgArray, right: PgArray): boolean {
  return left.elements.some(
    (item) => item !== null && right.elements.some((other) => other !== null && equal(item, other)),
  );
}

function multidimensional(doing: string): PgError {
  return new PgError(
    SqlState.featureNotSupported,
    `${doing} elements ${doing === 'searching for' ? 'in' : 'from'} multidimensional arrays is not supported`,
  );
}

function positionOf(
  equal: Equal,
  array: PgArray | null,
  wanted: Value,
  from?: number | null,
): Value {
  if (array === null) return null;
  if (array.dims.length > 1) throw multidimensional('searching for');
  if (from === null) {
    throw new PgError(SqlState.nullValueNotAllowed, 'initial position must not be null');
  }
  const lower = array.lowerBounds[0] ?? 1;
  const start = from === undefined ? 0 : Math.max(from - lower, 0);
  const at = array.elements.findIndex((item, i) => i >= start && notDistinct(equal)(item, wanted));
  return at < 0 ? null : at + lower;
}

function removed(equal: Equal, array: PgArray | null, unwanted: Value): PgArray | null {
  if (array === null) return null;
  if (array.dims.length > 1) throw multidimensional('removing');
  const elements = array.elements.filter((item) => !notDistinct(equal)(item, unwanted));
  return elements.length === 0
    ? makeArray([])
    : { ...makeArray(elements), lowerBounds: array.lowerBounds };
}

/** array_to_string: elements by their output function; NULLs are left out, or written as `nulls`. */
function bindJoin({ argTypes }: Call): Implementation {
  const type = typeOf(typeOf(argTypes[0]!).elementOid || Oid.text);
  const withNulls = argTypes.length > 2;
  const join = (
    array: PgArray | null,
    separator: string | null,
    third: Value | Environment,
    last: Environment,
  ): Value => {
    const environment = withNulls ? last : (third as Environment);
    const nulls = withNulls ? (third as string | null) : null;
    if (array === null || separator === null) return null;
    const { types } = environment.context.statement;
    const parts = array.elements.map((item) => (item === null ? nulls : type.format(item, types)));
    return parts.filter((part) => part !== null).join(separator);
  };
  return join as unknown as Implementation;
}

function splitText(text: string | null, separator: string | null, nulls: string | null): Value {
  if (text === null) return null;
  const parts =
    text === ''
      ? []
      : separator === null
        ? charactersOf(text)
        : separator === ''
          ? [text]
          : text.split(separator);
  return makeArray(parts.map((part) => (part === nulls ? null : part)));
}

function dimensionsText(array: PgArray): string | null {
  if (array.dims.length === 0) return null;
  return array.dims
    .map((length, i) => `[${array.lowerBounds[i]}:${array.lowerBounds[i]! + length - 1}]`)
    .join('');
}

export const arrayFunctions: readonly FunctionEntry[] = [
  ...strictFunctions([
    [2176, 'array_length(anyarray,int4)', lengthOf],
    [2091, 'array_lower(anyarray,int4)', lowerOf],
    [2092, 'array_upper(anyarray,int4)', upperOf],
    [748, 'array_ndims(anyarray)', (array: PgArray) => array.dims.length || null],
    [747, 'array_dims(anyarray)', dimensionsText],
    [3179, 'cardinality(anyarray)', (array: PgArray) => array.elements.length],
  ]),
  ...typedFunctions([
    [
      2748,
      'arraycontains(anyarray,anyarray)',
      withEquality((equal) => (l: PgArray, r: PgArray) => contains(equal, l, r)),
    ],
    [
      2749,
      'arraycontained(anyarray,anyarray)',
      withEquality((equal) => (l: PgArray, r: PgArray) => contains(equal, r, l)),
    ],
    [
      2747,
      'arrayoverlap(anyarray,anyarray)',
      withEquality((equal) => (l: PgArray, r: PgArray) => overlaps(equal, l, r)),
    ],
    [395, 'array_to_string(anyarray,text)', bindJoin],
  ]),
  ...nullableFunctions([
    [383, 'array_cat(anycompatiblearray,anycompatiblearray)', () => concatenate],
    [378, 'array_append(anycompatiblearray,anycompatible)', () => append],
    [379, 'array_prepend(anycompatible,anycompatiblearray)', () => prepend],
    [384, 'array_to_string(anyarray,text,text)', bindJoin],
    [
      394,
      'string_to_array(text,text)',
      () => (text: string | null, separator: string | null) => splitText(text, separator, null),
    ],
    [376, 'string_to_array(text,text,text)', () => splitText],
    [
      3277,
      'array_position(anycompatiblearray,anycompatible)',
      withEquality(
        (equal) => (array: PgArray | null, wanted: Value) => positionOf(equal, array, wanted),
      ),
    ],
    [
      3278,
      'array_position(anycompatiblearray,anycompatible,int4)',
      withEquality(
        (equal) => (array: PgArray | null, wanted: Value, from: number | null) =>
          positionOf(equal, array, wanted, from),
      ),
    ],
    [
      3167,
      'array_remove(anycompatiblearray,anycompatible)',
      withEquality(
        (equal) => (array: PgArray | null, unwanted: Value) => removed(equal, array, unwanted),
      ),
    ],
  ]),
];
