import { divisionByZero } from '../../../types/numeric.ts';
import { outOfRange } from '../../../types/input-error.ts';
import { int2Max, int2Min, int4Max, int4Min, int8Max, int8Min } from '../../../types/integer.ts';
import { strictFunctions } from './definition.ts';
import type { FunctionEntry } from './definition.ts';

export function checkInt2(value: number): number {
  if (value > int2Max || value < int2Min) throw outOfRange('smallint');
  return value;
}

export function checkInt4(value: number): number {
  if (value > int4Max || value < int4Min) throw outOfRange('integer');
  return value;
}

export function checkInt8(value: bigint): bigint {
  if (value > int8Max || value < int8Min) throw outOfRange('bigint');
  return value;
}

/** Products beyond 2^53 lose low bits but stay far out of range, so the check still holds. */
const add4 = (l: number, r: number): number => checkInt4(l + r);
const sub4 = (l: number, r: number): number => checkInt4(l - r);
const mul4 = (l: number, r: number): number => checkInt4(l * r) + 0;
const add2 = (l: number, r: number): number => checkInt2(l + r);
const sub2 = (l: number, r: number): number => checkInt2(l - r);
const mul2 = (l: number, r: number): number => checkInt2(l * r) + 0;

type Integer = number | bigint;
const add8 = (l: Integer, r: Integer): bigint => checkInt8(BigInt(l) + BigInt(r));
const sub8 = (l: Integer, r: Integer): bigint => checkInt8(BigInt(l) - BigInt(r));
const mul8 = (l: Integer, r: Integer): bigint => checkInt8(BigInt(l) * BigInt(r));

function divide(l: number, r: number): number {
  if (r === 0) throw divisionByZero();
  // + 0 turns a negative zero into zero.
  return Math.trunc(l / r) + 0;
}

function remainder(l: number, r: number): number {
  if (r === 0) throw divisionByZero();
  return (l % r) + 0;
}

function div8(l: Integer, r: Integer): bigint {
  const divisor = BigInt(r);
  if (divisor === 0n) throw divisionByZero();
  return checkInt8(BigInt(l) / divisor);
}

function mod8(l: bigint, r: bigint): bigint {
  if (r === 0n) throw divisionByZero();
  return l % r;
}

const div4 = (l: number, r: number): number => checkInt4(divide(l, r));
const div2 = (l: number, r: number): number => checkInt2(divide(l, r));
const same = (value: number): number => value;
const absolute8 = (value: bigint): bigint => checkInt8(value < 0n ? -value : value);
const low64 = (value: bigint): bigint => BigInt.asIntN(64, value);

function gcd4(l: number, r: number): number {
  let [a, b] = [Math.abs(l), Math.abs(r)];
  while (b !== 0) [a, b] = [b, a % b];
  return checkInt4(a);
}

function gcd(l: bigint, r: bigint): bigint {
  let [a, b] = [l < 0n ? -l : l, r < 0n ? -r : r];
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

function lcm8(l: bigint, r: bigint): bigint {
  if (l === 0n || r === 0n) return 0n;
  const product = (l / checkInt8(gcd(l, r))) * r;
  return checkInt8(product < 0n ? -product : product);
}

function lcm4(l: number, r: number): number {
  const result = lcm8(BigInt(l), BigInt(r));
  return checkInt4(Number(result));
}

const toBase = (base: number, bits: 32 | 64) => (value: Integer) =>
  BigInt.asUintN(bits, BigInt(value)).toString(base);

export const integerFunctions: readonly FunctionEntry[] = strictFunctions([
  [176, 'int2pl(int2,int2)', add2],
  [180, 'int2mi(int2,int2)', sub2],
  [152, 'int2mul(int2,int2)', mul2],
  [153, 'int2div(int2,int2)', div2],
  [155, 'int2mod(int2,int2)', remainder],
  [177, 'int4pl(int4,int4)', add4],
  [181, 'int4mi(int4,int4)', sub4],
  [141, 'int4mul(int4,int4)', mul4],
  [154, 'int4div(int4,int4)', div4],
  [156, 'int4mod(int4,int4)', remainder],
  [178, 'int24pl(int2,int4)', add4],
  [182, 'int24mi(int2,int4)', sub4],
  [170, 'int24mul(int2,int4)', mul4],
  [172, 'int24div(int2,int4)', div4],
  [179, 'int42pl(int4,int2)', add4],
  [183, 'int42mi(int4,int2)', sub4],
  [171, 'int42mul(int4,int2)', mul4],
  [173, 'int42div(int4,int2)', div4],
  [463, 'int8pl(int8,int8)', add8],
  [464, 'int8mi(int8,int8)', sub8],
  [465, 'int8mul(int8,int8)', mul8],
  [466, 'int8div(int8,int8)', div8],
  [945, 'int8mod(int8,int8)', mod8],
  [1278, 'int48pl(int4,int8)', add8],
  [1279, 'int48mi(int4,int8)', sub8],
  [1280, 'int48mul(int4,int8)', mul8],
  [1281, 'int48div(int4,int8)', div8],
  [1274, 'int84pl(int8,int4)', add8],
  [1275, 'int84mi(int8,int4)', sub8],
  [1276, 'int84mul(int8,int4)', mul8],
  [1277, 'int84div(int8,int4)', div8],
  [837, 'int82pl(int8,int2)', add8],
  [838, 'int82mi(int8,int2)', sub8],
  [839, 'int82mul(int8,int2)', mul8],
  [840, 'int82div(int8,int2)', div8],
  [841, 'int28pl(int2,int8)', add8],
  [942, 'int28mi(int2,int8)', sub8],
  [943, 'int28mul(int2,int8)', mul8],
  [948, 'int28div(int2,int8)', div8],
  [940, 'mod(int2,int2)', remainder],
  [941, 'mod(int4,int4)', remainder],
  [947, 'mod(int8,int8)', mod8],
  [213, 'int2um(int2)', (value: number) => checkInt2(0 - value)],
  [212, 'int4um(int4)', (value: number) => checkInt4(0 - value)],
  [462, 'int8um(int8)', (value: bigint) => checkInt8(-value)],
  [1911, 'int2up(int2)', same],
  [1912, 'int4up(int4)', same],
  [1910, 'int8up(int8)', (value: bigint) => value],
  [1253, 'int2abs(int2)', (value: number) => checkInt2(Math.abs(value))],
  [1251, 'int4abs(int4)', (value: number) => checkInt4(Math.abs(value))],
  [1230, 'int8abs(int8)', absolute8],
  [1398, 'abs(int2)', (value: number) => checkInt2(Math.abs(value))],
  [1397, 'abs(int4)', (value: number) => checkInt4(Math.abs(value))],
  [1396, 'abs(int8)', absolute8],
  [1892, 'int2and(int2,int2)', (l: number, r: number) => l & r],
  [1893, 'int2or(int2,int2)', (l: number, r: number) => l | r],
  [1894, 'int2xor(int2,int2)', (l: number, r: number) => l ^ r],
  [1895, 'int2not(int2)', (value: number) => ~value],
  [1898, 'int4and(int4,int4)', (l: number, r: number) => l & r],
  [1899, 'int4or(int4,int4)', (l: number, r: number) => l | r],
  [1900, 'int4xor(int4,int4)', (l: number, r: number) => l ^ r],
  [1901, 'int4not(int4)', (value: number) => ~value],
  [1904, 'int8and(int8,int8)', (l: bigint, r: bigint) => l & r],
  [1905, 'int8or(int8,int8)', (l: bigint, r: bigint) => l | r],
  [1906, 'int8xor(int8,int8)', (l: bigint, r: bigint) => l ^ r],
  [1907, 'int8not(int8)', (value: bigint) => ~value],
  // The machine takes a shift count modulo the width of the (promoted) operand.
  [1902, 'int4shl(int4,int4)', (l: number, r: number) => l << (r & 31)],
  [1903, 'int4shr(int4,int4)', (l: number, r: number) => l >> (r & 31)],
  [1908, 'int8shl(int8,int4)', (l: bigint, r: number) => low64(l << BigInt(r & 63))],
  [1909, 'int8shr(int8,int4)', (l: bigint, r: number) => l >> BigInt(r & 63)],
  [5044, 'gcd(int4,int4)', gcd4],
  [5045, 'gcd(int8,int8)', (l: bigint, r: bigint) => checkInt8(gcd(l, r))],
  [5046, 'lcm(int4,int4)', lcm4],
  [5047, 'lcm(int8,int8)', lcm8],
  [2089, 'to_hex(int4)', toBase(16, 32)],
  [2090, 'to_hex(int8)', toBase(16, 64)],
  [6330, 'to_bin(int4)', toBase(2, 32)],
  [6331, 'to_bin(int8)', toBase(2, 64)],
  [6332, 'to_oct(int4)', toBase(8, 32)],
  [6333, 'to_oct(int8)', toBase(8, 64)],
]);
