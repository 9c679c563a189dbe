import {
  leftToRight,
  mappedToNothing,
  mappedToSpace,
  prohibited,
  rightToLeft,
  unassigned,
} from './stringprep-tables.ts';

/**
 * A password prepared by RFC 4013 as PostgreSQL does it (saslprep.c): what is prohibited is looked for before the normal form is
 * made, not after it. undefined: it holds what SASLprep does not allow, or nothing else than what it leaves out.
 */
export function saslprep(password: string): string | undefined {
  // All ASCII.
  if (Buffer.byteLength(password) === password.length) return password;
  const codes: number[] = [];
  for (const char of password) {
    const code = char.codePointAt(0)!;
    if (mappedToSpace.has(code)) codes.push(0x20);
    else if (!mappedToNothing.has(code)) codes.push(code);
  }
  const [first] = codes;
  const last = codes.at(-1);
  if (first === undefined || last === undefined) return undefined;
  if (codes.some((code) => prohibited.has(code) || unassigned.has(code))) return undefined;
  if (codes.some((code) => rightToLeft.has(code))) {
    if (codes.some((code) => leftToRight.has(code))) return undefined;
    if (!rightToLeft.has(first) || !rightToLeft.has(last)) return undefined;
  }
  return codes
    .map((code) => String.fromCodePoint(code))
    .join('')
    .normalize('NFKC');
}
