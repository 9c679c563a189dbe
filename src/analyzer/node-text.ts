/**
 * Reads the text that PostgreSQL's nodeToString() makes (src/backend/nodes/outfuncs.c, read.c) into untyped records. The
 * text is given as one character per byte; names become UTF-8 only when they are asked for (nameOf).
 */
import { assert } from '../base/index.ts';

/** `{TAG :field value …}`. */
export interface NodeRecord {
  readonly tag: string;
  readonly fields: ReadonlyMap<string, NodeValue>;
}

/** A datum as printed: `4 [ 1 0 0 0 ]`. */
export interface NodeDatum {
  readonly datum: Uint8Array;
}

/** `(i 1 2)`, `(o 1 2)`, `(x 1 2)` and bitmap sets `(b 1 2)`. */
export interface NodeNumbers {
  readonly numbers: readonly number[];
}

/** null is `<>`; a string is one token as it stands in the text, escapes and quotes included. */
export type NodeValue = null | string | NodeRecord | NodeDatum | NodeNumbers | readonly NodeValue[];

const space = 0x20;
const newline = 0x0a;
const tab = 0x09;
const openParen = 0x28;
const closeParen = 0x29;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Bytes per line of format_node_dump(), which is what debug_print_rewritten goes through. */
const lineBytes = 78;

/**
 * Undoes format_node_dump(): lines end where a space was, or, in a token longer than a line, in its middle. Only tokens
 * with escapes can be so long (names have at most 63 bytes) or hold a newline of their own, so texts without a backslash
 * need nothing done: the reader takes newlines for spaces.
 */
export function unwrapLines(text: string): string {
  if (!text.includes('\\')) return text;
  let unwrapped = '';
  let start = 0;
  while (start < text.length) {
    const end = lineEnd(text, start);
    const line = text.slice(start, end);
    const hardBreak = line.length === lineBytes && line.indexOf(' ', 1) < 0;
    unwrapped += line;
    if (end < text.length && !hardBreak) unwrapped += ' ';
    start = end + 1;
  }
  return unwrapped;
}

function lineEnd(text: string, start: number): number {
  const windowEnd = start + lineBytes;
  let from = start;
  for (;;) {
    const at = text.indexOf('\n', from);
    if (at < 0 || at > windowEnd) return Math.min(windowEnd, text.length);
    if (text.charCodeAt(at - 1) !== backslash) return at;
    // An escaped newline, or a line that ended at an escaped space. The line would not have ended here if there were
    // another place to end it further on.
    const rest = text.slice(at + 1, windowEnd + 1);
    if (!rest.includes(' ') && !/[^\\]\n/.test(rest)) return at;
    from = at + 1;
  }
}

/**
 * Field names by tag and order, as seen last: comparing with what is expected is cheaper than cutting out every name. There
 * are as many as PostgreSQL has node types.
 */
const fieldNames = new Map<string, string[]>();

function namesOf(tag: string): string[] {
  let names = fieldNames.get(tag);
  if (names === undefined) {
    names = [];
    fieldNames.set(copyOf(tag), names);
  }
  return names;
}

/** A slice would keep the whole text in memory. */
function copyOf(ascii: string): string {
  return Buffer.from(ascii, 'latin1').toString('latin1');
}

/** Reads one value; anything after it is ignored. Text from debug_print_rewritten must be unwrapped first. */
export function readNodeText(text: string): NodeValue {
  const end = text.length;
  let at = 0;

  function skipSpaces(): number {
    let code = text.charCodeAt(at);
    while (code === space || code === newline || code === tab) code = text.charCodeAt(++at);
    return code;
  }

  /** Moves past a token that starts here. */
  function skipToken(): void {
    for (; at < end; at++) {
      const code = text.charCodeAt(at);
      if (code === backslash) at++;
      else if (
        code === space ||
        code === newline ||
        code === closeBrace ||
        code === closeParen ||
        code === openParen ||
        code === openBrace ||
        code === tab
      ) {
        return;
      }
    }
  }

  function readToken(): string {
    const start = at;
    skipToken();
    assert(at > start, `node text: a token is missing at ${start}`);
    return text.slice(start, at);
  }

  /** Digits with an optional sign, up to the next delimiter. */
  function readNumber(): number {
    const start = at;
    let negative = false;
    if (text.charCodeAt(at) === 0x2d) {
      negative = true;
      at++;
    }
    let number = 0;
    for (; at < end; at++) {
      const digit = text.charCodeAt(at) - 0x30;
      if (digit < 0 || digit > 9) break;
      number = number * 10 + digit;
    }
    assert(at > start, `node text: a number is missing at ${start}`);
    return negative ? -number : number;
  }

  /** The printed length may be less than the bytes: those by value come as a whole Datum (outDatum). */
  function readDatum(length: number): NodeDatum {
    at++;
    const bytes: number[] = [];
    while (skipSpaces() !== closeBracket) {
      assert(at < end, 'node text: a datum does not end');
      bytes.push(readNumber());
    }
    at++;
    assert(bytes.length >= length, 'node text: a datum is too short');
    return { datum: Uint8Array.from(bytes) };
  }

  function startsWithName(name: string): boolean {
    const after = text.charCodeAt(at + name.length);
    return (after === space || after === newline) && text.startsWith(name, at);
  }

  function readRecord(): NodeRecord {
    at++;
    const tag = readToken();
    const names = namesOf(tag);
    const fields = new Map<string, NodeValue>();
    for (let i = 0; ; i++) {
      const code = skipSpaces();
      if (code === closeBrace) {
        at++;
        return { tag, fields };
      }
      assert(code === colon, `node text: a field name is missing at ${at}`);
      at++;
      const expected = names[i];
      if (expected !== undefined && startsWithName(expected)) {
        at += expected.length;
        fields.set(expected, readValue());
      } else {
        const name = readToken();
        names[i] ??= copyOf(name);
        fields.set(name, readValue());
      }
    }
  }

  function readList(): NodeValue {
    at++;
    let code = skipSpaces();
    const next = text.charCodeAt(at + 1);
    // Strings in lists are quoted, so a lone letter is the list's type.
    if (
      (code === 0x69 || code === 0x6f || code === 0x62 || code === 0x78) &&
      (next === space || next === newline || next === closeParen)
    ) {
      at++;
      const numbers: number[] = [];
      while (skipSpaces() !== closeParen) numbers.push(readNumber());
      at++;
      return { numbers };
    }
    const values: NodeValue[] = [];
    while (code !== closeParen) {
      assert(at < end, 'node text: a list does not end');
      values.push(readValue());
      code = skipSpaces();
    }
    at++;
    return values;
  }

  function readValue(): NodeValue {
    const code = skipSpaces();
    if (code === openBrace) return readRecord();
    if (code === openParen) return readList();
    const token = readToken();
    if (token === '<>') return null;
    const first = token.charCodeAt(0);
    if (first >= 0x30 && first <= 0x39) {
      if (skipSpaces() === openBracket) return readDatum(Number(token));
    }
    return token;
  }

  return readValue();
}

/** The name that a token stands for: quotes and escapes taken off, UTF-8 decoded. */
export function nameOf(token: string): string {
  const bare = token.length >= 2 && token.charCodeAt(0) === 0x22 ? token.slice(1, -1) : token;
  const plain = bare.includes('\\') ? bare.replace(/\\([\s\S])/g, '$1') : bare;
  // Always a copy: a slice would keep the whole tree's text in memory.
  return Buffer.from(plain, 'latin1').toString('utf8');
}

export function isRecord(value: NodeValue | undefined): value is NodeRecord {
  return typeof value === 'object' && value !== null && 'tag' in value;
}
