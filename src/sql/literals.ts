/** Takes numbers and strings out of a statement's text, so that statements that differ in nothing else have one key. */

/** What PostgreSQL's grammar makes of a number by its size (make_const in parse_node.c). */
export type NumberType = 'int4' | 'int8' | 'numeric';

/** A string's type is what its place asks for. */
export type LiteralType = NumberType | 'string';

/** A number as written, with the sign that the grammar makes part of it, or a string with its quotes. Offsets are JavaScript's. */
export interface Literal {
  readonly start: number;
  readonly end: number;
  readonly type: LiteralType;
}

interface NumberLiteral extends Literal {
  readonly type: NumberType;
}

export interface LiftedText {
  /** The text with a mark for each literal, which tells its type and whether it had a sign. */
  readonly key: string;
  readonly literals: readonly Literal[];
}

/** Longer texts are not looked at. Characters. */
export const liftedTextMax = 65_536;
/** Nor are those with more literals. */
export const literalsMax = 16_384;

/** One character for each type, which no statement can have; the second is for those with a sign. */
const marks: Readonly<Record<NumberType, readonly [string, string]>> = {
  int4: ['\u0000i', '\u0000I'],
  int8: ['\u0000l', '\u0000L'],
  numeric: ['\u0000n', '\u0000N'],
};
const stringMark = '\u0000s';

/** Words before a string that is an expression by itself; others may make one token or one constant with it (E'…', date '…'). */
const beforeString: ReadonlySet<string> = new Set(
  'select where and or not values then else when between in limit offset by returning on case like ilike having from is to similar distinct any all'.split(
    ' ',
  ),
);

/** Words after which a minus is a sign. A word missing here costs speed, no more. */
const beforeSign: ReadonlySet<string> = new Set(
  'select where and or not values then else when between in limit offset set by returning on case like having from as is to'.split(
    ' ',
  ),
);

const codes = {
  tab: 9,
  space: 32,
  doubleQuote: 34,
  dollar: 36,
  quote: 39,
  close: 41,
  star: 42,
  minus: 45,
  dot: 46,
  slash: 47,
  zero: 48,
  nine: 57,
  semicolon: 59,
  backslash: 92,
  closeBracket: 93,
} as const;

const isDigit = (code: number): boolean => code >= codes.zero && code <= codes.nine;
const isSpace = (code: number): boolean => code === codes.space || (code >= 9 && code <= 13);

/** 1: starts a word, 2: goes on in one, 4: part of an operator. */
const classes = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code);
  if (/[a-z_]/i.test(character)) classes[code] = 3;
  else if (/[0-9$]/.test(character)) classes[code] = 2;
  else if ('+-*/<>=~!@#%^&|`?'.includes(character)) classes[code] = 4;
}

const startsWord = (code: number): boolean => code > 127 || (classes[code]! & 1) !== 0;
const inWord = (code: number): boolean => code > 127 || (classes[code]! & 2) !== 0;
const inOperator = (code: number): boolean => code < 128 && (classes[code]! & 4) !== 0;

/**
 * Lifts plain whole numbers and plain decimal fractions and, if asked to, plain strings. Undefined for a text with anything that could make their places
 * unsure: comments, escapes in strings, dollar quotes, parameters, other forms of numbers, more than one statement. What it
 * says is only ever used after PostgreSQL has said the same of both texts (session/same-analysis.ts): a sign taken for an operator
 * or the other way round makes a template that is refused, not a wrong one.
 */
export function liftLiterals(
  text: string,
  { strings }: { readonly strings: boolean },
): LiftedText | undefined {
  const { length } = text;
  if (length > liftedTextMax) return undefined;
  const literals: Literal[] = [];
  let key = '';
  let copied = 0;
  /** What came before, but for spaces, is something that a minus would subtract from. */
  let operand = false;
  /** What came before, but for spaces, leaves a string to be an expression by itself. */
  let alone = false;
  let at = 0;
  while (at < length) {
    const code = text.charCodeAt(at);
    if (isSpace(code)) {
      at++;
    } else if (startsWord(code)) {
      const start = at;
      do at++;
      while (at < length && inWord(text.charCodeAt(at)));
      const word = text.slice(start, at).toLowerCase();
      operand = !beforeSign.has(word);
      alone = beforeString.has(word);
    } else if (isDigit(code) || (code === codes.minus && !operand && signsNumber(text, at))) {
      const literal = numberAt(text, at);
      if (literal === undefined) return undefined;
      key += text.slice(copied, at) + marks[literal.type][isDigit(code) ? 0 : 1];
      literals.push(literal);
      at = literal.end;
      copied = at;
      operand = true;
      alone = false;
    } else if (code === codes.quote || code === codes.doubleQuote) {
      const start = at;
      at = quotedEnd(text, start, code);
      if (at < 0) return undefined;
      if (strings && alone && code === codes.quote) {
        key += text.slice(copied, start) + stringMark;
        literals.push({ start, end: at, type: 'string' });
        copied = at;
      }
      operand = true;
      alone = false;
    } else if (code === codes.semicolon) {
      if (text.slice(at + 1).trim() !== '') return undefined;
      at = length;
    } else {
      const next = text.charCodeAt(at + 1);
      if (code === codes.dollar || code === codes.backslash || code === 0) return undefined;
      if (code === codes.minus && next === codes.minus) return undefined;
      if (code === codes.slash && next === codes.star) return undefined;
      if (code === codes.dot && isDigit(next)) return undefined;
      operand = code === codes.close || code === codes.closeBracket;
      alone = !operand;
      at++;
    }
  }
  if (literals.length > literalsMax) return undefined;
  return { key: key + text.slice(copied), literals };
}

/** A minus right before a digit, and no part of a longer operator. */
function signsNumber(text: string, at: number): boolean {
  return isDigit(text.charCodeAt(at + 1)) && (at === 0 || !inOperator(text.charCodeAt(at - 1)));
}

const int4Digits = 10;
const int8Digits = 19;
const int4Max = '2147483647';
const int8Max = '9223372036854775807';

function numberAt(text: string, start: number): NumberLiteral | undefined {
  let at = isDigit(text.charCodeAt(start)) ? start : start + 1;
  while (text.charCodeAt(at) === codes.zero && isDigit(text.charCodeAt(at + 1))) at++;
  const first = at;
  while (isDigit(text.charCodeAt(at))) at++;
  let type = typeOf(text.slice(first, at));
  if (text.charCodeAt(at) === codes.dot) {
    const fraction = ++at;
    while (isDigit(text.charCodeAt(at))) at++;
    if (at === fraction) return undefined;
    type = 'numeric';
  }
  if (type === undefined || text.charCodeAt(at) === codes.dot || inWord(text.charCodeAt(at)))
    return undefined;
  return { start, end: at, type };
}

/** Undefined: the type depends on the sign, while the scanner does not know of it. */
function typeOf(digits: string): NumberType | undefined {
  if (digits === '2147483648' || digits === '9223372036854775808') return undefined;
  if (digits.length < int4Digits || (digits.length === int4Digits && digits <= int4Max))
    return 'int4';
  if (digits.length < int8Digits || (digits.length === int8Digits && digits <= int8Max))
    return 'int8';
  return 'numeric';
}

/** After the closing quote; -1 when there is none, or a backslash, which may be an escape. */
function quotedEnd(text: string, start: number, quote: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === codes.backslash) return -1;
    if (code !== quote) continue;
    if (text.charCodeAt(at + 1) !== quote) return at + 1;
    at++;
  }
  return -1;
}

/** The text with $1, $2 … in place of its literals. */
export function withParameters(text: string, literals: readonly Literal[]): string {
  let out = '';
  let copied = 0;
  literals.forEach(({ start, end }, i) => {
    out += `${text.slice(copied, start)}$${i + 1}`;
    copied = end;
  });
  return out + text.slice(copied);
}

/** What a string literal says. */
export function stringValue(text: string, { start, end }: Literal): string {
  return text.slice(start + 1, end - 1).replaceAll("''", "'");
}
