/** COPY FROM in text and csv format. */
import { isUtf8 } from 'node:buffer';
import { PgError, SqlState } from '../../base/index.ts';
import type { Report } from '../../base/index.ts';
import type { TypeContext } from '../../types/type.ts';
import { decodeUtf8 } from '../../types/utf8.ts';
import type { Row, Value } from '../../types/value.ts';
import { badFormat, copyField, copyLine, copyLineText, inContext } from './context.ts';
import type { CopyColumn, CopyDecoder, CopySource } from './decoder.ts';
import { createFastLines } from './fast-lines.ts';
import { fieldParser } from './field-parsers.ts';
import { checkHeader } from './header.ts';
import { createLineReader } from './line-reader.ts';
import type { CopyColumnNames, CopyOptions } from './options.ts';
import { createPendingBytes } from './pending.ts';
import type { FieldSyntax, SplitFields } from './split-line.ts';
import { isText, splitCsv, splitText } from './split-line.ts';

const newline = 0x0a;
const carriageReturn = 0x0d;

const isNamed = (names: CopyColumnNames, name: string): boolean =>
  names === '*' || names.includes(name);

const notice = (message: string, where?: string): Report => ({
  severity: 'NOTICE',
  code: SqlState.successfulCompletion,
  message,
  where,
});

function syntaxOf(options: CopyOptions): FieldSyntax {
  return {
    delimiter: Buffer.from(options.delimiter)[0]!,
    quote: Buffer.from(options.quote)[0]!,
    escape: Buffer.from(options.escape)[0]!,
    nullMarker: Buffer.from(options.null),
    defaultMarker: options.default === undefined ? undefined : Buffer.from(options.default),
  };
}

export function createLineDecoder(
  options: CopyOptions,
  columns: readonly CopyColumn[],
  context: TypeContext,
  source: CopySource,
): CopyDecoder {
  const { relation } = source;
  const csv = options.format === 'csv';
  const syntax = syntaxOf(options);
  const forceNotNull = columns.map(({ name }) => csv && isNamed(options.forceNotNull, name));
  const forceNull = columns.map(({ name }) => csv && isNamed(options.forceNull, name));
  const pending = createPendingBytes();
  const reader = createLineReader(relation, csv ? syntax : undefined);
  const fast = createFastLines(
    csv ? 'csv' : 'text',
    syntax,
    columns.map(({ type, typmod }) => fieldParser(type.oid, typmod, context)),
    (column, text) => {
      const { type, typmod } = columns[column]!;
      try {
        return type.parse(text, typmod, context);
      } catch (error) {
        if (error instanceof PgError) return undefined;
        throw error;
      }
    },
  );
  const mayGoFast =
    columns.length > 0 &&
    options.default === undefined &&
    !forceNotNull.includes(true) &&
    !forceNull.includes(true);
  let headerPending = options.header !== false;
  let done = false;
  let skipped = 0n;
  let completed: Row[] = [];
  let lines: number[] = [];
  let lengths: number[] = [];

  function begin(): void {
    completed = [];
    lines = [];
    lengths = [];
  }

  function skip(column: CopyColumn, text: string | null): undefined {
    skipped++;
    if (options.logVerbosity === 'verbose') {
      const value = text === null ? 'null input' : `"${text}"`;
      source.notice(
        notice(
          `skipping row due to data type incompatibility at line ${reader.line} for column "${column.name}": ${value}`,
          `COPY ${relation}`,
        ),
      );
    }
    if (options.rejectLimit !== undefined && skipped > options.rejectLimit) {
      throw new PgError(
        SqlState.invalidTextRepresentation,
        `skipped more than REJECT_LIMIT (${options.rejectLimit}) rows due to data type incompatibility`,
        { where: copyField(relation, reader.line, column.name, text) },
      );
    }
    return undefined;
  }

  /** NULL or text, after FORCE_NULL and FORCE_NOT_NULL. */
  function forced(column: number, text: string | null): string | null {
    if (text === null) return forceNotNull[column] === true ? options.null : null;
    return forceNull[column] === true && text === options.null ? null : text;
  }

  function defaultOf(index: number, where: string): Value {
    const column = columns[index]!;
    if (column.hasDefault !== true || source.defaultOf === undefined) {
      throw new PgError(SqlState.badCopyFileFormat, 'unexpected default marker in COPY data', {
        detail: `Column "${column.name}" has no default value.`,
        where,
      });
    }
    return source.defaultOf(index);
  }

  /** The row, or undefined when ON_ERROR ignore leaves it out. */
  function convert(fields: SplitFields, line: string): Row | undefined {
    const where = (): string => copyLineText(relation, reader.line, line);
    if (fields.texts.length > columns.length) {
      throw badFormat('extra data after last expected column', where());
    }
    const row: Row = [];
    for (const [index, column] of columns.entries()) {
      const given = fields.texts[index];
      if (given === undefined) {
        throw badFormat(`missing data for column "${column.name}"`, where());
      }
      if (fields.isDefault[index] === true) {
        row.push(defaultOf(index, where()));
        continue;
      }
      const text = forced(index, given);
      try {
        row.push(text === null ? null : column.type.parse(text, column.typmod, context));
      } catch (error) {
        if (options.onError === 'ignore' && error instanceof PgError) return skip(column, text);
        throw inContext(error, copyField(relation, reader.line, column.name, text));
      }
    }
    return row;
  }

  function split(bytes: Buffer, line: string): SplitFields {
    try {
      const fields = csv ? splitCsv(bytes, syntax) : splitText(bytes, syntax);
      if (fields !== undefined) return fields;
    } catch (error) {
      throw inContext(error, copyLineText(relation, reader.line, line));
    }
    throw badFormat('unterminated CSV quoted field', copyLineText(relation, reader.line, line));
  }

  function takeLine(bytes: Buffer, rows: Row[]): void {
    if (!isText(bytes)) {
      try {
        decodeUtf8(bytes);
      } catch (error) {
        throw inContext(error, copyLine(relation, reader.line));
      }
    }
    const line = bytes.toString('utf8');
    if (headerPending) {
      headerPending = false;
      if (options.header !== 'match') return;
      checkHeader(split(bytes, line), columns, options.null, copyLineText(relation, 1, line));
      return;
    }
    if (columns.length === 0) {
      if (bytes.length > 0) {
        throw badFormat(
          'extra data after last expected column',
          copyLineText(relation, reader.line, line),
        );
      }
      rows.push([]);
      lines.push(reader.line);
      lengths.push(0);
      return;
    }
    const row = convert(split(bytes, line), line);
    if (row === undefined) return;
    rows.push(row);
    lines.push(reader.line);
    lengths.push(bytes.length);
  }

  /** One line by the general way, from `start`. Where the next begins, or -1 when this one is not complete. */
  function readOne(bytes: Buffer, start: number, atEnd: boolean, rows: Row[]): number {
    reader.line++;
    if (!reader.read(bytes, start, atEnd)) {
      reader.line--;
      return -1;
    }
    const { end, next, last } = reader;
    if (!last || end > start || headerPending) takeLine(bytes.subarray(start, end), rows);
    if (last) done = true;
    return next;
  }

  /** As many lines by the fast way as it takes, up to `end`. */
  function readFast(bytes: Buffer, start: number, end: number, rows: Row[]): number {
    const { lineEnd } = reader;
    if (lineEnd !== 'nl' && lineEnd !== 'crnl') return start;
    const before = rows.length;
    const at = fast.read(bytes, start, end, lineEnd, rows, lengths);
    for (let count = rows.length - before; count > 0; count--) lines.push(++reader.line);
    return at;
  }

  function parse(bytes: Buffer, atEnd: boolean): Row[] {
    const rows = completed;
    const fastEnd = mayGoFast ? bytes.lastIndexOf(newline) + 1 : 0;
    // Checked as a whole, which is far cheaper than line by line; the general way finds the line in fault.
    const goFast = fastEnd > 0 && isUtf8(bytes.subarray(0, fastEnd)) && !bytes.includes(0);
    let at = 0;
    while (at < bytes.length && !done) {
      if (goFast && !headerPending) at = readFast(bytes, at, fastEnd, rows);
      if (at >= bytes.length) break;
      const next = readOne(bytes, at, atEnd, rows);
      if (next < 0) {
        const rest = bytes.subarray(at);
        // A line end was there and did not end the line: wait for as much again before reading it once more.
        pending.keep(rest, rest.includes(newline) ? rest.length * 2 : 0);
        return rows;
      }
      at = next;
    }
    pending.keep(Buffer.alloc(0), 0);
    return rows;
  }

  return {
    push(bytes) {
      begin();
      // After the end-of-copy marker whatever comes is thrown away.
      if (done) return [];
      const mayEndLine = bytes.includes(newline) || bytes.includes(carriageReturn);
      const ready = pending.add(bytes, mayEndLine);
      return ready === undefined ? [] : parse(ready, false);
    },
    finish() {
      begin();
      const rows = done ? [] : parse(pending.takeAll(), true);
      // Without any data there is still a header to match.
      if (headerPending) {
        reader.line++;
        takeLine(Buffer.alloc(0), rows);
      }
      if (skipped > 0n && options.logVerbosity !== 'silent') {
        const what = skipped === 1n ? 'row was' : 'rows were';
        source.notice(notice(`${skipped} ${what} skipped due to data type incompatibility`));
      }
      return rows;
    },
    get completed() {
      return completed;
    },
    lineOf: (index) => lines[index] ?? reader.line,
    bytesOf: (index) => lengths[index] ?? 0,
    locate: (error, index) =>
      inContext(error, copyLine(relation, lines[index] ?? reader.line)) as PgError,
    get skipped() {
      return skipped;
    },
  };
}
