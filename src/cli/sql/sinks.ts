/** What becomes of results: one sink for each format, on stdout. */
import { writeOut } from '../output.ts';
import { alignedText } from './aligned.ts';
import { csvLine } from './csv.ts';
import { jsonLines } from './json.ts';
import type { Field, ResultSink, TextRow } from './submit.ts';

export type SqlFormat = 'table' | 'csv' | 'json';

/** Rows are written in pieces of this size. */
const chunkCharsMax = 65_536;

/** Collects lines and writes them in pieces, so that a row costs no system call. */
function createWriter(): { add(line: string): Promise<void> | undefined; flush(): Promise<void> } {
  let text = '';
  const flush = (): Promise<void> => {
    const piece = text;
    text = '';
    return writeOut(piece);
  };
  return {
    add(line) {
      text += line;
      return text.length < chunkCharsMax ? undefined : flush();
    },
    flush,
  };
}

/** psql tells what became of these even when they have returned rows. */
const toldWithRows = /^(?:INSERT|UPDATE|DELETE|MERGE)\b/;

/** Needs a whole result in memory to know how wide its columns are, as psql does. */
function alignedSink(quiet: boolean): ResultSink {
  let fields: readonly Field[] = [];
  let rows: TextRow[] = [];
  return {
    fields(next) {
      fields = next;
      rows = [];
    },
    row(row) {
      rows.push(row);
      return undefined;
    },
    complete(tag, kind) {
      const table = kind === 'rows' ? alignedText(fields, rows) : '';
      rows = [];
      const told = !quiet && (kind === 'command' || (kind === 'rows' && toldWithRows.test(tag)));
      return writeOut(`${table}${told ? `${tag}\n` : ''}`);
    },
    copyData: writeOut,
  };
}

/** Rows as they come. Statements without rows say nothing. */
function lineSink(
  headOf: (fields: readonly Field[]) => string,
  encoderOf: (fields: readonly Field[]) => (row: TextRow) => string,
): ResultSink {
  const writer = createWriter();
  let encode: (row: TextRow) => string = () => '';
  return {
    fields(fields) {
      encode = encoderOf(fields);
      void writer.add(headOf(fields));
    },
    row: (row) => writer.add(encode(row)),
    complete: (_tag, kind) => (kind === 'rows' ? writer.flush() : undefined),
    copyData: writeOut,
  };
}

export function createSink(format: SqlFormat, quiet: boolean): ResultSink {
  switch (format) {
    case 'table':
      return alignedSink(quiet);
    case 'csv':
      return lineSink(
        (fields) => csvLine(fields.map(({ name }) => name)),
        () => csvLine,
      );
    case 'json':
      return lineSink(() => '', jsonLines);
  }
}
