import {
  divisionByZero,
  isSpecial,
  numericAbs,
  numericAdd,
  numericCeil,
  numericDiv,
  numericFloor,
  numericMod,
  numericMul,
  numericNeg,
  numericRound,
  numericSign,
  numericSub,
  numericTrunc,
  toDecimal,
} from '../../../types/numeric.ts';
import { strictFunctions } from './definition.ts';
import type { FunctionEntry } from './definition.ts';

/** numeric_div_trunc: the quotient cut to a whole number. */
function divTrunc(left: string, right: string): string {
  if (isSpecial(left) || isSpecial(right)) {
    const quotient = numericDiv(left, right);
    return isSpecial(quotient) ? quotient : '0';
  }
  const l = toDecimal(left);
  const r = toDecimal(right);
  if (r.unscaled === 0n) throw divisionByZero();
  const scale = Math.max(l.scale, r.scale);
  const scaled = (decimal: typeof l): bigint =>
    decimal.unscaled * 10n ** BigInt(scale - decimal.scale);
  return String(scaled(l) / scaled(r));
}

/** trim_scale: without trailing zeros after the point. */
function trimScale(value: string): string {
  if (isSpecial(value) || !value.includes('.')) return value;
  return value.replace(/\.?0+$/, '');
}

const scaleOf = (value: string): number | null =>
  isSpecial(value) ? null : toDecimal(value).scale;
const round = (value: string): string => numericRound(value, 0);
const trunc = (value: string): string => numericTrunc(value, 0);
const signOf = (value: string): string =>
  value === 'NaN' ? value : String(Math.sign(numericSign(value)));

export const numericFunctions: readonly FunctionEntry[] = strictFunctions([
  [1724, 'numeric_add(numeric,numeric)', numericAdd],
  [1725, 'numeric_sub(numeric,numeric)', numericSub],
  [1726, 'numeric_mul(numeric,numeric)', numericMul],
  [1727, 'numeric_div(numeric,numeric)', numericDiv],
  [1729, 'numeric_mod(numeric,numeric)', numericMod],
  [1728, 'mod(numeric,numeric)', numericMod],
  [1973, 'div(numeric,numeric)', divTrunc],
  [1980, 'numeric_div_trunc(numeric,numeric)', divTrunc],
  [1771, 'numeric_uminus(numeric)', numericNeg],
  [1915, 'numeric_uplus(numeric)', (value: string) => value],
  [1704, 'numeric_abs(numeric)', numericAbs],
  [1705, 'abs(numeric)', numericAbs],
  [1706, 'sign(numeric)', signOf],
  [1711, 'ceil(numeric)', numericCeil],
  [2167, 'ceiling(numeric)', numericCeil],
  [1712, 'floor(numeric)', numericFloor],
  [1707, 'round(numeric,int4)', (value: string, scale: number) => numericRound(value, scale)],
  [1708, 'round(numeric)', round],
  [1709, 'trunc(numeric,int4)', (value: string, scale: number) => numericTrunc(value, scale)],
  [1710, 'trunc(numeric)', trunc],
  [3281, 'scale(numeric)', scaleOf],
  [5042, 'min_scale(numeric)', (value: string) => scaleOf(trimScale(value))],
  [5043, 'trim_scale(numeric)', trimScale],
]);
