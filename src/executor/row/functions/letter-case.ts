import { lowerDifferences, upperDifferences } from './case-map.ts';
import type { CaseRange } from './case-map.ts';

function expand(ranges: readonly CaseRange[]): ReadonlyMap<number, number> {
  const map = new Map<number, number>();
  for (const [first, last, step, delta] of ranges) {
    for (let at = first; at <= last; at += step) map.set(at, at + delta);
  }
  return map;
}

const upperMap = expand(upperDifferences);
const lowerMap = expand(lowerDifferences);
const ascii = /^[\x00-\x7f]*$/;

/** Character by character: PostgreSQL's built-in locale never makes one character into several. */
function mapCharacters(
  text: string,
  differences: ReadonlyMap<number, number>,
  convert: (character: string) => string,
): string {
  let result = '';
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const own = differences.get(code);
    if (own !== undefined) {
      result += String.fromCodePoint(own);
      continue;
    }
    const converted = convert(character);
    const length = converted.codePointAt(0)! > 0xffff ? 2 : 1;
    result += converted.length === length ? converted : character;
  }
  return result;
}

const toUpper = (text: string): string => text.toUpperCase();
const toLower = (text: string): string => text.toLowerCase();

/** upper() in the default collation (C.UTF-8). */
export function upper(text: string): string {
  return ascii.test(text) ? text.toUpperCase() : mapCharacters(text, upperMap, toUpper);
}

export function lower(text: string): string {
  return ascii.test(text) ? text.toLowerCase() : mapCharacters(text, lowerMap, toLower);
}

/** The same in collation C: ASCII letters only. */
export function upperAscii(text: string): string {
  return text.replace(/[a-z]+/g, toUpper);
}

export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, toLower);
}
