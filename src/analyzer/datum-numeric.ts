/** numeric's stored form (src/backend/utils/adt/numeric.c: NumericShort, NumericLong) to its text. */

const signMask = 0xc000;
const negative = 0x4000;
const short = 0x8000;
const special = 0xc000;

const specials: ReadonlyMap<number, string> = new Map([
  [0xc000, 'NaN'],
  [0xd000, 'Infinity'],
  [0xf000, '-Infinity'],
]);

/** `at` is past the varlena header, `end` past the last digit. */
export function numericText(bytes: Buffer, at: number, end: number): string {
  const header = bytes.readUInt16LE(at);
  if ((header & signMask) === special) return specials.get(header & 0xf000) ?? 'NaN';
  const isShort = (header & signMask) === short;
  const minus = isShort ? (header & 0x2000) !== 0 : (header & signMask) === negative;
  const scale = isShort ? (header & 0x1f80) >> 7 : header & 0x3fff;
  // The short form's weight has six bits and a sign bit.
  const weight = isShort ? (header & 0x3f) - (header & 0x40) : bytes.readInt16LE(at + 2);
  const digits: number[] = [];
  for (let from = at + (isShort ? 2 : 4); from < end; from += 2)
    digits.push(bytes.readInt16LE(from));

  let whole = '';
  for (let i = 0; i <= weight; i++) whole += String(digits[i] ?? 0).padStart(4, '0');
  whole = whole.replace(/^0+(?=\d)/, '') || '0';
  let fraction = '';
  for (let i = weight + 1; fraction.length < scale; i++) {
    fraction += String((i < 0 ? 0 : digits[i]) ?? 0).padStart(4, '0');
  }
  const text = scale === 0 ? whole : `${whole}.${fraction.slice(0, scale)}`;
  return minus ? `-${text}` : text;
}
