/** Rounding to the fractional seconds that a typmod allows: time(3), timestamp(0), … */

/** Most fractional digits (MAX_TIMESTAMP_PRECISION). */
export const precisionMax = 6;

/** Half away from zero, as AdjustTimestampForTypmod does. */
export function roundMicrosBig(micros: bigint, precision: number): bigint {
  if (precision < 0 || precision >= precisionMax) return micros;
  const unit = 10n ** BigInt(precisionMax - precision);
  const half = unit / 2n;
  return micros >= 0n ? ((micros + half) / unit) * unit : -((-micros + half) / unit) * unit;
}

export function roundMicros(micros: number, precision: number): number {
  if (precision < 0 || precision >= precisionMax) return micros;
  const unit = 10 ** (precisionMax - precision);
  return Math.floor((micros + unit / 2) / unit) * unit;
}
