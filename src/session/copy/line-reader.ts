/** Finds the lines of text and csv data, by PostgreSQL's rules on line ends, quotes and the end-of-copy marker. */
import type { PgError } from '../../base/index.ts';
import { badFormat, copyLine } from './context.ts';

const newline = 0x0a;
const carriageReturn = 0x0d;
const backslash = 0x5c;
const dot = 0x2e;

/** The first line end decides; a later one of another style is an error. */
export type LineEnd = 'unknown' | 'nl' | 'cr' | 'crnl';

export interface LineReader {
  lineEnd: LineEnd;
  /** Line being read, from 1; with csv, line ends inside quotes count. */
  line: number;
  /** Set by `read`: one past the line's last byte, its line end left out. */
  end: number;
  /** Set by `read`: where the next line starts. */
  next: number;
  /** Set by `read`: this was the last line, for the data or for an end-of-copy marker. */
  last: boolean;
  /**
   * Reads the line that starts at `start`. False when it is not complete in `bytes` and more may come. Throws 22P04.
   * `line` must have been raised before; it is put back when the answer is false.
   */
  read(bytes: Buffer, start: number, atEnd: boolean): boolean;
}

interface Quoting {
  readonly quote: number;
  readonly escape: number;
}

/** `quoting` for csv, undefined for text. */
export function createLineReader(relation: string, quoting: Quoting | undefined): LineReader {
  const where = (): string => copyLine(relation, reader.line);
  const wrongEnd = (found: 'newline' | 'carriage return'): PgError => {
    const symbol = found === 'newline' ? '\\n' : '\\r';
    return quoting === undefined
      ? badFormat(
          `literal ${found} found in data`,
          where(),
          `Use "${symbol}" to represent ${found}.`,
        )
      : badFormat(
          `unquoted ${found} found in data`,
          where(),
          `Use quoted CSV field to represent ${found}.`,
        );
  };
  const markerError = (what: string): PgError => badFormat(`end-of-copy marker ${what}`, where());

  function found(end: number, next: number, last: boolean): true {
    reader.end = end;
    reader.next = next;
    reader.last = last;
    return true;
  }

  /** At a carriage return outside quotes: 'more' when the byte after it is needed and not there. */
  function readReturn(bytes: Buffer, at: number, atEnd: boolean): true | 'more' {
    if (reader.lineEnd === 'nl') throw wrongEnd('carriage return');
    if (reader.lineEnd !== 'cr') {
      if (at + 1 >= bytes.length && !atEnd) return 'more';
      if (bytes[at + 1] === newline) {
        reader.lineEnd = 'crnl';
        return found(at, at + 2, false);
      }
      if (reader.lineEnd === 'crnl') throw wrongEnd('carriage return');
      reader.lineEnd = 'cr';
    }
    return found(at, at + 1, false);
  }

  /** At `\.` of text format. */
  function readMarker(bytes: Buffer, start: number, marker: number, atEnd: boolean): true | 'more' {
    const needed = reader.lineEnd === 'crnl' ? 4 : 3;
    if (marker + needed > bytes.length && !atEnd) return 'more';
    let at = marker + 2;
    if (reader.lineEnd === 'crnl') {
      const byte = bytes[at++];
      if (byte === newline) throw markerError('does not match previous newline style');
      if (byte !== carriageReturn) throw markerError('is not alone on its line');
    }
    const byte = bytes[at++];
    if (byte !== newline && byte !== carriageReturn) throw markerError('is not alone on its line');
    const expected = reader.lineEnd === 'cr' ? carriageReturn : newline;
    if (reader.lineEnd !== 'unknown' && byte !== expected) {
      throw markerError('does not match previous newline style');
    }
    if (marker > start) throw markerError('is not alone on its line');
    return found(marker, at, true);
  }

  function readText(bytes: Buffer, start: number, atEnd: boolean): boolean {
    for (let at = start; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (byte === newline) {
        if (reader.lineEnd === 'cr' || reader.lineEnd === 'crnl') throw wrongEnd('newline');
        reader.lineEnd = 'nl';
        return found(at, at + 1, false);
      }
      if (byte === carriageReturn) return readReturn(bytes, at, atEnd) === true;
      if (byte === backslash) {
        if (at + 1 >= bytes.length) break;
        if (bytes[at + 1] === dot) return readMarker(bytes, start, at, atEnd) === true;
        // Whatever follows a backslash is data, a line end too.
        at++;
      }
    }
    return atEnd && found(bytes.length, bytes.length, true);
  }

  function readCsv(
    bytes: Buffer,
    start: number,
    atEnd: boolean,
    { quote, escape }: Quoting,
  ): boolean {
    const escapes = escape !== quote;
    const { line } = reader;
    let quoted = false;
    let escaped = false;
    for (let at = start; at < bytes.length; at++) {
      const byte = bytes[at]!;
      // In this order, as the escape and quote may be any byte.
      if (escapes && quoted && byte === escape) escaped = !escaped;
      if (byte === quote && !escaped) quoted = !quoted;
      if (!escapes || byte !== escape) escaped = false;
      if (quoted) {
        if (byte === (reader.lineEnd === 'nl' ? newline : carriageReturn)) reader.line++;
      } else if (byte === carriageReturn) {
        if (readReturn(bytes, at, atEnd) === true) return true;
        reader.line = line;
        return false;
      } else if (byte === newline) {
        if (reader.lineEnd === 'cr' || reader.lineEnd === 'crnl') throw wrongEnd('newline');
        reader.lineEnd = 'nl';
        return found(at, at + 1, false);
      }
    }
    if (atEnd) return found(bytes.length, bytes.length, true);
    reader.line = line;
    return false;
  }

  const reader: LineReader = {
    lineEnd: 'unknown',
    line: 0,
    end: 0,
    next: 0,
    last: false,
    read: (bytes, start, atEnd) =>
      quoting === undefined ? readText(bytes, start, atEnd) : readCsv(bytes, start, atEnd, quoting),
  };
  return reader;
}
