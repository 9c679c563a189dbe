import { PgError, SqlState } from '../../../base/index.ts';
import { roundHalfEven } from '../../../types/cast.ts';
import { divisionByZero } from '../../../types/numeric.ts';
import { strictFunctions } from './definition.ts';
import type { FunctionEntry } from './definition.ts';

const overflow = (): PgError =>
  new PgError(SqlState.numericValueOutOfRange, 'value out of range: overflow');
const underflow = (): PgError =>
  new PgError(SqlState.numericValueOutOfRange, 'value out of range: underflow');

const isInfinite = (value: number): boolean => value === Infinity || value === -Infinity;

/** An infinity out of finite operands is an overflow. */
export function checkFloat8(result: number, ...operands: number[]): number {
  if (isInfinite(result) && !operands.some(isInfinite)) throw overflow();
  return result;
}

export function checkFloat4(result: number, ...operands: number[]): number {
  return checkFloat8(Math.fround(result), ...operands);
}

type Round = (value: number) => number;
const float8: Round = (value) => value;
const float4: Round = Math.fround;

function add(round: Round): (l: number, r: number) => number {
  return (l, r) => {
    const result = round(l + r);
    return isInfinite(result) && !isInfinite(l) && !isInfinite(r) ? fail(overflow()) : result;
  };
}

function subtract(round: Round): (l: number, r: number) => number {
  return (l, r) => {
    const result = round(l - r);
    return isInfinite(result) && !isInfinite(l) && !isInfinite(r) ? fail(overflow()) : result;
  };
}

function multiply(round: Round): (l: number, r: number) => number {
  return (l, r) => {
    const result = round(l * r);
    if (isInfinite(result) && !isInfinite(l) && !isInfinite(r)) throw overflow();
    if (result === 0 && l !== 0 && r !== 0) throw underflow();
    return result;
  };
}

function divide(round: Round): (l: number, r: number) => number {
  return (l, r) => {
    if (r === 0 && !Number.isNaN(l)) throw divisionByZero();
    const result = round(l / r);
    if (isInfinite(result) && !isInfinite(l)) throw overflow();
    if (result === 0 && l !== 0 && !isInfinite(r)) throw underflow();
    return result;
  };
}

function fail(error: PgError): never {
  throw error;
}

function squareRoot(value: number): number {
  if (value < 0) {
    throw new PgError(
      SqlState.invalidArgumentForPowerFunction,
      'cannot take square root of a negative number',
    );
  }
  return Math.sqrt(value);
}

/** rint(), which keeps the sign of a zero. */
function roundEven(value: number): number {
  const rounded = roundHalfEven(value);
  return rounded === 0 && (value < 0 || Object.is(value, -0)) ? -0 : rounded;
}

const sign = (value: number): number => (value > 0 ? 1 : value < 0 ? -1 : 0);
const same = (value: number): number => value;

export const floatFunctions: readonly FunctionEntry[] = strictFunctions([
  [204, 'float4pl(float4,float4)', add(float4)],
  [205, 'float4mi(float4,float4)', subtract(float4)],
  [202, 'float4mul(float4,float4)', multiply(float4)],
  [203, 'float4div(float4,float4)', divide(float4)],
  [218, 'float8pl(float8,float8)', add(float8)],
  [219, 'float8mi(float8,float8)', subtract(float8)],
  [216, 'float8mul(float8,float8)', multiply(float8)],
  [217, 'float8div(float8,float8)', divide(float8)],
  [281, 'float48pl(float4,float8)', add(float8)],
  [282, 'float48mi(float4,float8)', subtract(float8)],
  [279, 'float48mul(float4,float8)', multiply(float8)],
  [280, 'float48div(float4,float8)', divide(float8)],
  [285, 'float84pl(float8,float4)', add(float8)],
  [286, 'float84mi(float8,float4)', subtract(float8)],
  [283, 'float84mul(float8,float4)', multiply(float8)],
  [284, 'float84div(float8,float4)', divide(float8)],
  [206, 'float4um(float4)', (value: number) => -value],
  [220, 'float8um(float8)', (value: number) => -value],
  [1913, 'float4up(float4)', same],
  [1914, 'float8up(float8)', same],
  [207, 'float4abs(float4)', (value: number) => Math.abs(value)],
  [221, 'float8abs(float8)', (value: number) => Math.abs(value)],
  [1394, 'abs(float4)', (value: number) => Math.abs(value)],
  [1395, 'abs(float8)', (value: number) => Math.abs(value)],
  [2308, 'ceil(float8)', (value: number) => Math.ceil(value)],
  [2320, 'ceiling(float8)', (value: number) => Math.ceil(value)],
  [2309, 'floor(float8)', (value: number) => Math.floor(value)],
  [1342, 'round(float8)', roundEven],
  [228, 'dround(float8)', roundEven],
  [1343, 'trunc(float8)', (value: number) => Math.trunc(value)],
  [229, 'dtrunc(float8)', (value: number) => Math.trunc(value)],
  [2310, 'sign(float8)', sign],
  [1344, 'sqrt(float8)', squareRoot],
  [230, 'dsqrt(float8)', squareRoot],
  [1610, 'pi()', () => Math.PI],
]);
