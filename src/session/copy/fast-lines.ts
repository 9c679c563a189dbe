/** The fast way through text and csv data: lines without escapes, doubled quotes or anything else out of the ordinary. */
import type { Row } from '../../types/value.ts';
import type { FieldParser } from './field-parsers.ts';
import type { FieldSyntax } from './split-line.ts';

const newline = 0x0a;
const carriageReturn = 0x0d;
const backslash = 0x5c;

/** How a scan ended, other than by an ordinary byte. */
const ordinary = 0;
const atDelimiter = 1;
const atNewline = 2;
/** A quote, a backslash, a carriage return: needs a look. */
const atOther = 3;

/** Takes the field's bytes, which the column's parser did not know; null where the type's input function refuses them. */
export type ParseText = (column: number, text: string) => Row[number] | undefined;

export interface FastLines {
  /**
   * Appends the rows of lines that start at `start` to `rows` and returns where the first line starts that it can't
   * take (or `end`). `end` is just after a line end; the bytes are UTF-8. Nothing of that line has been stored. `lengths` gets
   * the bytes of each line without its end.
   */
  read(
    bytes: Buffer,
    start: number,
    end: number,
    lineEnd: 'nl' | 'crnl',
    rows: Row[],
    lengths: number[],
  ): number;
}

/**
 * A reader of lines of `parsers.length` fields. Lines that it refuses go to the general way, which finds the error, if there is one.
 */
export function createFastLines(
  format: 'text' | 'csv',
  syntax: FieldSyntax,
  parsers: readonly FieldParser[],
  parseText: ParseText,
): FastLines {
  const csv = format === 'csv';
  const { delimiter, quote, escape, nullMarker } = syntax;
  const nullLength = nullMarker.length;
  const columns = parsers.length;
  const stops = new Uint8Array(256).fill(ordinary);
  const quotedStops = new Uint8Array(256).fill(ordinary);
  stops[csv ? quote : backslash] = atOther;
  stops[carriageReturn] = atOther;
  stops[newline] = atNewline;
  stops[delimiter] = atDelimiter;
  for (const byte of [quote, escape, newline, carriageReturn]) quotedStops[byte] = atOther;

  function isNull(bytes: Buffer, start: number, end: number): boolean {
    if (end - start !== nullLength) return false;
    for (let i = 0; i < nullLength; i++) if (bytes[start + i] !== nullMarker[i]) return false;
    return true;
  }

  /** `\N`, or whatever marker begins with a backslash: where it ends, or -1. */
  function markerEnd(bytes: Buffer, start: number): number {
    if (nullMarker[0] !== backslash || !isNull(bytes, start, start + nullLength)) return -1;
    return start + nullLength;
  }

  /** Start of the next line, or -1. */
  function readLine(bytes: Buffer, start: number, crnl: boolean, row: Row): number {
    let at = start;
    for (let column = 0; column < columns; column++) {
      let fieldStart = at;
      let fieldEnd: number;
      let maybeNull = true;
      // The bytes end with a newline, so that each scan ends.
      while (stops[bytes[at]!] === ordinary) at++;
      fieldEnd = at;
      if (stops[bytes[at]!] === atOther) {
        const byte = bytes[at]!;
        if (csv && byte === quote) {
          if (at !== fieldStart) return -1;
          at++;
          while (quotedStops[bytes[at]!] === ordinary) at++;
          if (bytes[at] !== quote) return -1;
          fieldStart++;
          fieldEnd = at++;
          maybeNull = false;
          // A doubled quote, or text after the quoted part.
          if (bytes[at] === carriageReturn) {
            if (!crnl || bytes[at + 1] !== newline) return -1;
            at++;
          } else if (stops[bytes[at]!] !== atDelimiter && stops[bytes[at]!] !== atNewline) {
            return -1;
          }
        } else if (byte === carriageReturn) {
          if (!crnl || bytes[at + 1] !== newline) return -1;
          at++;
        } else {
          at = markerEnd(bytes, fieldStart);
          if (at < 0) return -1;
          fieldEnd = at;
          if (crnl && bytes[at] === carriageReturn && bytes[at + 1] === newline) at++;
          const stop = stops[bytes[at]!]!;
          if (stop !== atDelimiter && stop !== atNewline) return -1;
        }
      }
      const atLineEnd = stops[bytes[at]!] === atNewline;
      if (atLineEnd && crnl && bytes[at - 1] !== carriageReturn) return -1;
      if (atLineEnd !== (column === columns - 1)) return -1;
      at++;
      if (maybeNull && isNull(bytes, fieldStart, fieldEnd)) {
        row[column] = null;
        continue;
      }
      let value = parsers[column]!(bytes, fieldStart, fieldEnd);
      if (value === undefined) {
        value = parseText(column, bytes.toString('utf8', fieldStart, fieldEnd));
        if (value === undefined) return -1;
      }
      row[column] = value;
    }
    return at;
  }

  return {
    read(bytes, start, end, lineEnd, rows, lengths) {
      const crnl = lineEnd === 'crnl';
      const endBytes = crnl ? 2 : 1;
      let at = start;
      while (at < end) {
        const row: Row = [];
        const next = readLine(bytes, at, crnl, row);
        if (next < 0) break;
        rows.push(row);
        lengths.push(next - at - endBytes);
        at = next;
      }
      return at;
    },
  };
}
