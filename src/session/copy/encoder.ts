/** COPY TO STDOUT in its three formats. */
import type { TypeContext } from '../../types/type.ts';
import type { Row } from '../../types/value.ts';
import { binarySignature } from './binary-decoder.ts';
import type { CopyColumn } from './decoder.ts';
import type { CopyOptions } from './options.ts';

/** Turns rows into the bytes of COPY TO. One CopyData message for each non-empty result is what PostgreSQL sends. */
export interface CopyEncoder {
  /** Before the first row: the header line, or binary's header. Empty when there is none. */
  start(): Buffer;
  row(row: Row): Buffer;
  /** After the last row: binary's trailer. Empty when there is none. */
  end(): Buffer;
}

const nothing = Buffer.alloc(0);

const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

const quotePattern = (text: string): string => text.replace(/[\\\]^-]/g, String.raw`\$&`);

type WriteField = (text: string, column: number) => string;

function textWriter({ delimiter }: CopyOptions): WriteField {
  const special = new RegExp(`[\\\\\\b\\f\\n\\r\\t\\v${quotePattern(delimiter)}]`, 'g');
  const escape = (character: string): string => escapes[character] ?? `\\${character}`;
  return (text) => (text.search(special) < 0 ? text : text.replace(special, escape));
}

function csvWriter(options: CopyOptions, columns: readonly CopyColumn[]): WriteField {
  const { delimiter, quote, escape, forceQuote } = options;
  const special = new RegExp(`[\\n\\r${quotePattern(delimiter)}${quotePattern(quote)}]`);
  const escaped = new RegExp(`[${quotePattern(quote)}${quotePattern(escape)}]`, 'g');
  const isForced = columns.map(({ name }) => forceQuote === '*' || forceQuote.includes(name));
  const single = columns.length === 1;
  return (text, column) => {
    const mustQuote =
      isForced[column] === true ||
      text === options.null ||
      // Alone on its line it could be taken for the end-of-copy marker.
      (single && text === '\\.') ||
      special.test(text);
    if (!mustQuote) return text;
    return quote + text.replace(escaped, (character) => escape + character) + quote;
  };
}

function createLineEncoder(
  options: CopyOptions,
  columns: readonly CopyColumn[],
  context: TypeContext,
): CopyEncoder {
  const write = options.format === 'csv' ? csvWriter(options, columns) : textWriter(options);
  // The header quotes only where it must.
  const writeName =
    options.format === 'csv' ? csvWriter({ ...options, forceQuote: [] }, columns) : write;
  return {
    start() {
      if (options.header === false) return nothing;
      const names = columns.map(({ name }, column) => writeName(name, column));
      return Buffer.from(`${names.join(options.delimiter)}\n`);
    },
    row(row) {
      let line = '';
      for (let column = 0; column < columns.length; column++) {
        if (column > 0) line += options.delimiter;
        const value = row[column]!;
        line +=
          value === null
            ? options.null
            : write(columns[column]!.type.format(value, context), column);
      }
      return Buffer.from(`${line}\n`);
    },
    end: () => nothing,
  };
}

function createBinaryEncoder(columns: readonly CopyColumn[]): CopyEncoder {
  const int16 = (value: number): Buffer => Buffer.of(value >> 8, value);
  const count = int16(columns.length);
  const isNull = Buffer.from([0xff, 0xff, 0xff, 0xff]);
  return {
    start: () => Buffer.concat([binarySignature, Buffer.alloc(8)]),
    row(row) {
      const parts: Uint8Array[] = [count];
      for (const [column, { type }] of columns.entries()) {
        const value = row[column]!;
        if (value === null) {
          parts.push(isNull);
          continue;
        }
        const bytes = type.encode(value);
        const length = Buffer.allocUnsafe(4);
        length.writeInt32BE(bytes.length);
        parts.push(length, bytes);
      }
      return Buffer.concat(parts);
    },
    end: () => int16(-1),
  };
}

export function createCopyEncoder(
  options: CopyOptions,
  columns: readonly CopyColumn[],
  context: TypeContext,
): CopyEncoder {
  return options.format === 'binary'
    ? createBinaryEncoder(columns)
    : createLineEncoder(options, columns, context);
}
