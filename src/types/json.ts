/** JSON text as PostgreSQL reads it: its grammar, and its errors with DETAIL and context line. */
import { PgError, SqlState } from '../base/index.ts';
import { defineType } from './define-type.ts';
import { Oid } from './oid.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

/** A parsed document. Numbers keep their text; object pairs are as written, duplicates included. */
export type JsonNode =
  | { readonly kind: 'null' }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'array'; readonly items: readonly JsonNode[] }
  | { readonly kind: 'object'; readonly pairs: readonly JsonPair[] };

export interface JsonPair {
  readonly key: string;
  readonly value: JsonNode;
}

/** Nesting that is surely within our own stack; PostgreSQL's depends on max_stack_depth. */
const depthMax = 5000;

/** Bytes of the offending line that the context shows before the error. */
const contextBytes = 50;

type TokenKind =
  | '{'
  | '}'
  | '['
  | ']'
  | ','
  | ':'
  | 'string'
  | 'number'
  | 'true'
  | 'false'
  | 'null'
  | 'end'
  /** Nothing read yet. */
  | 'start';

const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** What PostgreSQL skips to show the whole of a bad word. */
const wordPattern = /[A-Za-z0-9_\u0080-\uffff]*/y;
const numberPrefix = /-?(?:0|[1-9][0-9]*)?(?:\.[0-9]*)?(?:[eE][+-]?[0-9]*)?/y;
const plainString = /[ !#-[\]-\uffff]*/y;

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

interface Reader {
  readonly text: string;
  /** json keeps escapes unread; jsonb turns them into characters, which some cannot be. */
  readonly unescape: boolean;
  /** The current token. */
  kind: TokenKind;
  start: number;
  end: number;
  value: string;
  depth: number;
}

/** Characters as the lexer steps: never half of a surrogate pair. */
function characterEnd(text: string, at: number): number {
  if (at >= text.length) return text.length;
  return at + (text.codePointAt(at)! > 0xffff ? 2 : 1);
}

/** "JSON data, line N: …" around the error, as report_json_context builds it. */
function contextLine(text: string, end: number, atEnd: boolean): string {
  const before = text.slice(0, end);
  const lineStart = before.lastIndexOf('\n') + 1;
  const line = before.split('\n').length;
  const shown = Array.from(before.slice(lineStart));
  let bytes = shown.reduce((sum, character) => sum + Buffer.byteLength(character), 0);
  let skipped = 0;
  let skippedBytes = 0;
  while (bytes >= contextBytes) {
    const size = Buffer.byteLength(shown[skipped++]!);
    bytes -= size;
    skippedBytes += size;
  }
  if (skippedBytes <= 3) skipped = 0;
  const next = text[end];
  const suffix = !atEnd && next !== undefined && next !== '\n' && next !== '\r' ? '...' : '';
  const excerpt = shown.slice(skipped).join('');
  return `JSON data, line ${line}: ${skipped > 0 ? '...' : ''}${excerpt}${suffix}`;
}

function syntaxError(reader: Reader, detail: string, end: number): PgError {
  return new PgError(SqlState.invalidTextRepresentation, 'invalid input syntax for type json', {
    detail,
    where: contextLine(reader.text, end, reader.kind === 'end'),
  });
}

function invalidToken(reader: Reader, end: number): PgError {
  return syntaxError(reader, `Token "${reader.text.slice(reader.start, end)}" is invalid.`, end);
}

function unexpected(reader: Reader, expected: string): PgError {
  if (reader.kind === 'end') {
    return syntaxError(reader, 'The input string ended unexpectedly.', reader.text.length);
  }
  const found = reader.text.slice(reader.start, reader.end);
  return syntaxError(reader, `Expected ${expected}, but found "${found}".`, reader.end);
}

function readEscape(reader: Reader, at: number): { text: string; end: number } {
  const { text } = reader;
  const letter = text[at + 1];
  if (letter === undefined) throw invalidToken(reader, text.length);
  if (letter !== 'u') {
    const plain = escapes[letter];
    const end = characterEnd(text, at + 1);
    if (plain !== undefined) return { text: plain, end };
    throw syntaxError(reader, `Escape sequence "\\${text.slice(at + 1, end)}" is invalid.`, end);
  }
  for (let i = at + 2; i < at + 6; i++) {
    if (i >= text.length) throw invalidToken(reader, text.length);
    if (!/[0-9a-fA-F]/.test(text[i]!)) {
      const detail = '"\\u" must be followed by four hexadecimal digits.';
      throw syntaxError(reader, detail, characterEnd(text, i));
    }
  }
  return { text: String.fromCharCode(parseInt(text.slice(at + 2, at + 6), 16)), end: at + 6 };
}

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

const lowSurrogateDetail = 'Unicode low surrogate must follow a high surrogate.';

function checkEscaped(reader: Reader, unit: number, pendingHigh: boolean, end: number): void {
  if (unit === 0) {
    throw new PgError(SqlState.untranslatableCharacter, 'unsupported Unicode escape sequence', {
      detail: '\\u0000 cannot be converted to text.',
      where: contextLine(reader.text, end, false),
    });
  }
  if (isHigh(unit) && pendingHigh) {
    throw syntaxError(reader, 'Unicode high surrogate must not follow a high surrogate.', end);
  }
  if (isLow(unit) !== pendingHigh) throw syntaxError(reader, lowSurrogateDetail, end);
}

function readString(reader: Reader): void {
  const { text } = reader;
  let value = '';
  let pendingHigh = false;
  let at = reader.start + 1;
  for (;;) {
    const run = matchAt(plainString, text, at);
    if (run !== '' && pendingHigh) {
      throw syntaxError(reader, lowSurrogateDetail, characterEnd(text, at));
    }
    value += run;
    at += run.length;
    const character = text[at];
    if (character === undefined) throw invalidToken(reader, text.length);
    if (character === '\\') {
      if (pendingHigh && text[at + 1] !== undefined && text[at + 1] !== 'u') {
        throw syntaxError(reader, lowSurrogateDetail, characterEnd(text, at + 1));
      }
      const escape = readEscape(reader, at);
      if (reader.unescape) {
        const unit = escape.text.charCodeAt(0);
        if (text[at + 1] === 'u') checkEscaped(reader, unit, pendingHigh, escape.end);
        pendingHigh = isHigh(unit);
      }
      value += escape.text;
      at = escape.end;
    } else if (character === '"') {
      if (pendingHigh) throw syntaxError(reader, lowSurrogateDetail, at + 1);
      reader.kind = 'string';
      reader.value = value;
      reader.end = at + 1;
      return;
    } else {
      const hex = character.charCodeAt(0).toString(16).padStart(2, '0');
      throw syntaxError(reader, `Character with value 0x${hex} must be escaped.`, at);
    }
  }
}

function readNumber(reader: Reader): void {
  const { text, start } = reader;
  const number = matchAt(numberPattern, text, start);
  const prefix = matchAt(numberPrefix, text, start);
  const end = start + prefix.length;
  const word = matchAt(wordPattern, text, end);
  if (number !== prefix || word !== '') throw invalidToken(reader, end + word.length);
  reader.kind = 'number';
  reader.value = number;
  reader.end = end;
}

function advance(reader: Reader): void {
  const { text } = reader;
  let at = reader.end;
  while (at < text.length && ' \t\n\r'.includes(text[at]!)) at++;
  reader.start = at;
  const character = text[at];
  if (character === undefined) {
    reader.kind = 'end';
    reader.end = at;
  } else if ('{}[],:'.includes(character)) {
    reader.kind = character as TokenKind;
    reader.end = at + 1;
  } else if (character === '"') {
    readString(reader);
  } else if (character === '-' || (character >= '0' && character <= '9')) {
    readNumber(reader);
  } else {
    const word = matchAt(wordPattern, text, at);
    if (word !== 'true' && word !== 'false' && word !== 'null') {
      throw invalidToken(reader, at + Math.max(word.length, 1));
    }
    reader.kind = word;
    reader.end = at + word.length;
  }
}

function enter(reader: Reader): void {
  if (++reader.depth > depthMax) {
    throw new PgError(SqlState.statementTooComplex, 'stack depth limit exceeded');
  }
  advance(reader);
}

function readObject(reader: Reader): JsonNode {
  enter(reader);
  const pairs: JsonPair[] = [];
  let expected = 'string or "}"';
  while ((reader.kind as TokenKind) !== '}' || pairs.length > 0) {
    if ((reader.kind as TokenKind) !== 'string') throw unexpected(reader, expected);
    const key = reader.value;
    advance(reader);
    if ((reader.kind as TokenKind) !== ':') throw unexpected(reader, '":"');
    advance(reader);
    pairs.push({ key, value: readValue(reader) });
    if ((reader.kind as TokenKind) === '}') break;
    if ((reader.kind as TokenKind) !== ',') throw unexpected(reader, '"," or "}"');
    advance(reader);
    expected = 'string';
  }
  reader.depth--;
  advance(reader);
  return { kind: 'object', pairs };
}

function readArray(reader: Reader): JsonNode {
  enter(reader);
  const items: JsonNode[] = [];
  while ((reader.kind as TokenKind) !== ']' || items.length > 0) {
    items.push(readValue(reader));
    if ((reader.kind as TokenKind) === ']') break;
    if ((reader.kind as TokenKind) !== ',') throw unexpected(reader, '"," or "]"');
    advance(reader);
  }
  reader.depth--;
  advance(reader);
  return { kind: 'array', items };
}

function readValue(reader: Reader): JsonNode {
  const { kind, value } = reader;
  switch (kind) {
    case '{':
      return readObject(reader);
    case '[':
      return readArray(reader);
    case 'string':
      advance(reader);
      return { kind: 'string', value };
    case 'number':
      advance(reader);
      return { kind: 'number', text: value };
    case 'true':
    case 'false':
      advance(reader);
      return { kind: 'bool', value: kind === 'true' };
    case 'null':
      advance(reader);
      return { kind: 'null' };
    default:
      throw unexpected(reader, 'JSON value');
  }
}

/** Parses a whole document; errors are 22P02 with DETAIL and context. `unescape` as jsonb needs it. */
export function parseJson(text: string, unescape: boolean): JsonNode {
  const reader: Reader = { text, unescape, kind: 'start', start: 0, end: 0, value: '', depth: 0 };
  advance(reader);
  const node = readValue(reader);
  if (reader.kind !== 'end') throw unexpected(reader, 'end of input');
  return node;
}

/** Throws unless `text` is a JSON document. */
export function validateJson(text: string): void {
  try {
    // JavaScript accepts the same grammar, and faster; only its errors differ.
    JSON.parse(text);
  } catch {
    parseJson(text, false);
  }
}

function checkedJson(text: string): string {
  validateJson(text);
  return text;
}

export const jsonType = defineType<string>({
  oid: Oid.json,
  name: 'json',
  sqlName: 'json',
  size: -1,
  parse: checkedJson,
  format: (value) => value,
  decode: (bytes) => checkedJson(decodeUtf8(bytes)),
  encode: encodeUtf8,
});
