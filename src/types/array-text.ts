/** The grammar of array literals, apart from what the elements mean. */
import { PgError, SqlState } from '../base/index.ts';
import type { PgArray } from './value.ts';

export interface ArrayText<T> {
  /** In row-major order; null is an unquoted NULL. */
  readonly items: readonly (T | null)[];
  readonly dims: readonly number[];
  readonly lowerBounds: readonly number[];
}

/** Most dimensions (MAXDIM). */
const dimensionsMax = 6;
const int32Max = 2147483647;

/** `[2:3][0:1]` */
export function shapeText(value: Pick<PgArray, 'dims' | 'lowerBounds'>): string {
  return value.dims
    .map((size, i) => `[${value.lowerBounds[i]}:${value.lowerBounds[i]! + size - 1}]`)
    .join('');
}

function malformed(text: string, detail: string): PgError {
  return new PgError(SqlState.invalidTextRepresentation, `malformed array literal: "${text}"`, {
    detail,
  });
}

function tooManyDimensions(): PgError {
  return new PgError(
    SqlState.programLimitExceeded,
    `number of array dimensions exceeds the maximum allowed (${dimensionsMax})`,
  );
}

const isSpace = (character: string | undefined): boolean =>
  character !== undefined && /^[ \t\n\v\f\r]$/.test(character);

interface Shape {
  readonly dims: number[];
  readonly lowerBounds: number[];
  /** Where the braces start. */
  readonly end: number;
}

function skipSpaces(text: string, at: number): number {
  let end = at;
  while (isSpace(text[end])) end++;
  return end;
}

const boundPattern = /[+-]?\d+/y;

function readBound(text: string, at: number): { value: number; end: number } | undefined {
  boundPattern.lastIndex = at;
  const match = boundPattern.exec(text);
  if (!match) return undefined;
  const value = Number(match[0]);
  if (value > int32Max || value < -int32Max - 1) {
    throw new PgError(SqlState.programLimitExceeded, 'array bound is out of integer range');
  }
  return { value, end: at + match[0].length };
}

/** The explicit dimensions before the braces, if any. */
function readShape(text: string): Shape {
  const dims: number[] = [];
  const lowerBounds: number[] = [];
  let at = skipSpaces(text, 0);
  while (text[at] === '[') {
    if (dims.length >= dimensionsMax) throw tooManyDimensions();
    const missing = malformed(text, '"[" must introduce explicitly-specified array dimensions.');
    const first = readBound(text, at + 1);
    if (!first) throw missing;
    let lower = 1;
    let upper = first;
    if (text[first.end] === ':') {
      const second = readBound(text, first.end + 1);
      if (!second) throw malformed(text, 'Missing array dimension value.');
      lower = first.value;
      upper = second;
    }
    if (text[upper.end] !== ']') throw malformed(text, 'Missing "]" after array dimensions.');
    if (upper.value === int32Max) {
      throw new PgError(
        SqlState.programLimitExceeded,
        `array upper bound is too large: ${upper.value}`,
      );
    }
    if (upper.value < lower) {
      throw new PgError(
        SqlState.arraySubscriptError,
        'upper bound cannot be less than lower bound',
      );
    }
    dims.push(upper.value - lower + 1);
    lowerBounds.push(lower);
    at = skipSpaces(text, upper.end + 1);
  }
  if (dims.length === 0) return { dims, lowerBounds, end: at };
  if (text[at] !== '=') throw malformed(text, 'Missing "=" after array dimensions.');
  at = skipSpaces(text, at + 1);
  if (text[at] !== '{') throw malformed(text, 'Array contents must start with "{".');
  return { dims, lowerBounds, end: at };
}

type Token =
  | { readonly kind: '{' | '}' | ','; readonly end: number }
  | { readonly kind: 'item'; readonly value: string | null; readonly end: number };

function unexpectedEnd(text: string): PgError {
  return malformed(text, 'Unexpected end of input.');
}

function quotedItem(text: string, at: number): Token {
  let value = '';
  let i = at + 1;
  for (;;) {
    const character = text[i];
    if (character === undefined) throw unexpectedEnd(text);
    if (character === '"') break;
    if (character === '\\') {
      i++;
      if (i >= text.length) throw unexpectedEnd(text);
    }
    value += text[i];
    i++;
  }
  const end = skipSpaces(text, i + 1);
  const next = text[end];
  if (next !== undefined && next !== ',' && next !== '}' && next !== '{') {
    throw malformed(text, 'Incorrectly quoted array element.');
  }
  return { kind: 'item', value, end };
}

function plainItem(text: string, at: number): Token {
  let value = '';
  // Trailing white space is dropped, unless it was escaped.
  let keep = 0;
  let escaped = false;
  let i = at;
  for (;;) {
    const character = text[i];
    if (character === undefined) throw unexpectedEnd(text);
    if (character === ',' || character === '}') break;
    if (character === '{') throw malformed(text, 'Unexpected "{" character.');
    if (character === '"') throw malformed(text, 'Incorrectly quoted array element.');
    if (character === '\\') {
      i++;
      if (i >= text.length) throw unexpectedEnd(text);
      escaped = true;
      value += text[i];
      keep = value.length;
    } else {
      value += character;
      if (!isSpace(character)) keep = value.length;
    }
    i++;
  }
  value = value.slice(0, keep);
  const isNull = !escaped && value.toLowerCase() === 'null';
  return { kind: 'item', value: isNull ? null : value, end: i };
}

function nextToken(text: string, from: number): Token {
  const at = skipSpaces(text, from);
  const character = text[at];
  if (character === undefined) throw unexpectedEnd(text);
  if (character === '{' || character === '}' || character === ',')
    return { kind: character, end: at + 1 };
  return character === '"' ? quotedItem(text, at) : plainItem(text, at);
}

const ragged = 'Multidimensional arrays must have sub-arrays with matching dimensions.';

/** `convert` reads an unquoted element; it is called as the elements come, so that its errors come in order. */
export function parseArrayText<T>(text: string, convert: (item: string) => T): ArrayText<T> {
  const shape = readShape(text);
  if (text[shape.end] !== '{') {
    throw malformed(text, 'Array value must start with "{" or dimension information.');
  }
  const items: (T | null)[] = [];
  // Per level: how many entries were seen at the current place, and how many the level has (-1: not known yet).
  const counts: number[] = [];
  const sizes: number[] = shape.dims.length > 0 ? [...shape.dims] : [];
  const explicit = shape.dims.length > 0;
  const mismatch = (): PgError =>
    malformed(text, explicit ? 'Specified array dimensions do not match array contents.' : ragged);
  /** Depth at which elements stand, once one has been seen. */
  let leafDepth = explicit ? shape.dims.length : 0;
  let expectDelimiter = false;
  let at = shape.end;
  do {
    const token = nextToken(text, at);
    at = token.end;
    switch (token.kind) {
      case '{':
        if (expectDelimiter) throw malformed(text, 'Unexpected "{" character.');
        if (counts.length > 0) counts[counts.length - 1]!++;
        if (counts.length >= dimensionsMax) throw tooManyDimensions();
        if (leafDepth > 0 && counts.length >= leafDepth) throw mismatch();
        counts.push(0);
        if (sizes.length < counts.length) sizes.push(-1);
        break;
      case '}': {
        const level = counts.length - 1;
        const count = counts[level]!;
        // A brace may close after an element or right after it opened, not after a comma.
        if (!expectDelimiter && count > 0) throw malformed(text, 'Unexpected "}" character.');
        counts.pop();
        if (sizes[level] === -1) sizes[level] = count;
        else if (sizes[level] !== count) throw mismatch();
        expectDelimiter = true;
        break;
      }
      case ',':
        if (!expectDelimiter) throw malformed(text, 'Unexpected "," character.');
        expectDelimiter = false;
        break;
      case 'item':
        if (expectDelimiter) throw malformed(text, 'Unexpected array element.');
        if (leafDepth === 0) leafDepth = counts.length;
        if (counts.length !== leafDepth || counts.length !== sizes.length) throw mismatch();
        counts[counts.length - 1]!++;
        items.push(token.value === null ? null : convert(token.value));
        expectDelimiter = true;
        break;
    }
  } while (counts.length > 0);
  if (skipSpaces(text, at) !== text.length)
    throw malformed(text, 'Junk after closing right brace.');
  if (items.length === 0) {
    if (explicit) throw mismatch();
    return { items, dims: [], lowerBounds: [] };
  }
  return { items, dims: sizes, lowerBounds: explicit ? shape.lowerBounds : sizes.map(() => 1) };
}
