/**
 * Casts between types, by PostgreSQL's pg_cast: exact, without side effects. Length limits are not part of a cast here; apply
 * the target's applyTypmod afterwards. Casts that pg_cast leaves to text input and output (date to text, …) are the
 * caller's, with format and parse.
 */
import { PgError, SqlState } from '../base/index.ts';
import { byteaCasts } from './cast-bytea.ts';
import { datetimeCasts } from './cast-datetime.ts';
import { jsonCasts } from './cast-json.ts';
import { parseFloat4, parseFloat8 } from './float.ts';
import { outOfRange } from './input-error.ts';
import { int2Max, int2Min, int4Max, int4Min } from './integer.ts';
import { makeArray } from './array.ts';
import {
  numericFromFloat4,
  numericFromFloat8,
  numericToInt2,
  numericToInt4,
  numericToInt8,
} from './numeric.ts';
import { Oid } from './oid.ts';
import { pgType } from './registry.ts';
import { trimBpchar, truncateName } from './text.ts';
import type { TypeContext } from './type.ts';
import type { PgArray, Value } from './value.ts';

/** Never called with null; may return it (a jsonb null has no other value). */
export type CastFunction = (value: Value, context: TypeContext) => Value;

const identity: CastFunction = (value) => value;

function checkedInt2(value: number): number {
  if (!(value >= int2Min && value <= int2Max)) throw outOfRange('smallint');
  return value;
}

function checkedInt4(value: number): number {
  if (!(value >= int4Min && value <= int4Max)) throw outOfRange('integer');
  return value;
}

/** C's rint: to the nearest whole number, halves to the even one. */
export function roundHalfEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  // 0 + keeps out the negative zero that -0.3 rounds to.
  if (rest !== 0.5) return 0 + (rest < 0.5 ? down : down + 1);
  return 0 + (down % 2 === 0 ? down : down + 1);
}

const floatToInt2 = (value: number): number => checkedInt2(roundHalfEven(value));
const floatToInt4 = (value: number): number => checkedInt4(roundHalfEven(value));

function floatToInt8(value: number): bigint {
  const rounded = roundHalfEven(value);
  if (!(rounded >= -(2 ** 63) && rounded < 2 ** 63)) throw outOfRange('bigint');
  return BigInt(rounded);
}

function float8ToFloat4(value: number): number {
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded) && Number.isFinite(value)) {
    throw new PgError(SqlState.numericValueOutOfRange, 'value out of range: overflow');
  }
  if (rounded === 0 && value !== 0) {
    throw new PgError(SqlState.numericValueOutOfRange, 'value out of range: underflow');
  }
  return rounded;
}

function bigintToInt4(value: bigint): number {
  if (value < BigInt(int4Min) || value > BigInt(int4Max)) throw outOfRange('integer');
  return Number(value);
}

function bigintToInt2(value: bigint): number {
  if (value < BigInt(int2Min) || value > BigInt(int2Max)) throw outOfRange('smallint');
  return Number(value);
}

function bigintToOid(value: bigint): number {
  if (value < 0n || value > 4294967295n)
    throw new PgError(SqlState.numericValueOutOfRange, 'OID out of range');
  return Number(value);
}

const key = (source: number, target: number): string => `${source}>${target}`;

const casts = new Map<string, CastFunction>();

/** `V` is the source's shape in value.ts. */
function define<V extends Value>(
  source: number,
  target: number,
  cast: (value: V, context: TypeContext) => Value,
): void {
  casts.set(key(source, target), cast as unknown as CastFunction);
}

const { bool, int2, int4, int8, oid, float4, float8, numeric, text, varchar, bpchar, name } = Oid;

define(int2, int4, identity);
define<number>(int2, int8, (value) => BigInt(value));
define(int2, float4, identity);
define(int2, float8, identity);
define<number>(int2, numeric, String);
define<number>(int2, oid, (value) => value >>> 0);
define<number>(int4, int2, checkedInt2);
define<number>(int4, int8, (value) => BigInt(value));
define<number>(int4, float4, (value) => Math.fround(value));
define(int4, float8, identity);
define<number>(int4, numeric, String);
define<number>(int4, oid, (value) => value >>> 0);
define<number>(int4, bool, (value) => value !== 0);
define<boolean>(bool, int4, (value) => (value ? 1 : 0));
define<bigint>(int8, int2, bigintToInt2);
define<bigint>(int8, int4, bigintToInt4);
// Through text, as going through a double would round twice.
define<bigint>(int8, float4, (value) => parseFloat4(value.toString()));
define<bigint>(int8, float8, Number);
define<bigint>(int8, numeric, String);
define<bigint>(int8, oid, bigintToOid);
define<number>(oid, int4, (value) => value | 0);
define<number>(oid, int8, (value) => BigInt(value));
for (const float of [float4, float8]) {
  define<number>(float, int2, floatToInt2);
  define<number>(float, int4, floatToInt4);
  define<number>(float, int8, floatToInt8);
}
define(float4, float8, identity);
define<number>(float8, float4, float8ToFloat4);
define<number>(float4, numeric, numericFromFloat4);
define<number>(float8, numeric, numericFromFloat8);
define<string>(numeric, int2, numericToInt2);
define<string>(numeric, int4, numericToInt4);
define<string>(numeric, int8, numericToInt8);
define<string>(numeric, float4, parseFloat4);
define<string>(numeric, float8, parseFloat8);

for (const target of [text, varchar, bpchar]) {
  define<boolean>(bool, target, String);
  define(name, target, identity);
}
define(text, varchar, identity);
define(text, bpchar, identity);
define(varchar, text, identity);
define(varchar, bpchar, identity);
define<string>(bpchar, text, trimBpchar);
define<string>(bpchar, varchar, trimBpchar);
define<string>(text, name, truncateName);
define<string>(varchar, name, truncateName);
define<string>(bpchar, name, (value) => truncateName(trimBpchar(value)));

for (const [source, target, cast] of [...datetimeCasts, ...jsonCasts, ...byteaCasts]) {
  casts.set(key(source, target), cast);
}

/** An array is cast element by element and keeps its shape. */
function arrayCast(element: CastFunction): CastFunction {
  return (value, context) => {
    const array = value as PgArray;
    const elements = array.elements.map((item) => (item === null ? null : element(item, context)));
    return makeArray(elements, array.dims, array.lowerBounds);
  };
}

/** undefined where pg_cast has neither a function nor a relabelling. */
export function castFunction(source: number, target: number): CastFunction | undefined {
  if (source === target) return identity;
  const direct = casts.get(key(source, target));
  if (direct) return direct;
  const sourceElement = pgType(source)?.elementOid;
  const targetElement = pgType(target)?.elementOid;
  if (!sourceElement || !targetElement) return undefined;
  const element = castFunction(sourceElement, targetElement);
  return element && arrayCast(element);
}
