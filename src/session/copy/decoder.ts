import type { PgError, Report } from '../../base/index.ts';
import type { PgType, TypeContext } from '../../types/type.ts';
import type { Row, Value } from '../../types/value.ts';
import { createBinaryDecoder } from './binary-decoder.ts';
import type { CopyOptions } from './options.ts';
import { createLineDecoder } from './line-decoder.ts';

/** One column that COPY reads or writes, in the order of its data. */
export interface CopyColumn {
  readonly name: string;
  readonly type: PgType;
  readonly typmod: number;
  /** COPY FROM with DEFAULT: false makes the marker an error (22P04). */
  readonly hasDefault?: boolean;
}

/** What a decoder needs to know of, and tell to, the statement that it serves. */
export interface CopySource {
  /** Unqualified name of the table, for the context of errors. */
  readonly relation: string;
  readonly notice: (report: Report) => void;
  /** What a field that is the DEFAULT marker becomes; required with that option. `column` counts from 0. */
  readonly defaultOf?: (column: number) => Value;
}

/** Turns the bytes of COPY FROM STDIN into rows. After it has thrown (always a PgError) it must not be used again. */
export interface CopyDecoder {
  /** The rows that `bytes` completed, in order. Bytes may be cut anywhere; none are kept by reference. */
  push(bytes: Uint8Array): Row[];
  /** CopyDone: the last rows. */
  finish(): Row[];
  /** When push or finish has thrown: the rows before the one in fault. lineOf, bytesOf and locate are theirs. */
  readonly completed: Row[];
  /** Line (row, in binary) of the `index`th of the rows that push or finish returned last, from 1. */
  lineOf(index: number): number;
  /** Bytes of the line of that row, without its end; 0 in binary, where PostgreSQL does not count them. */
  bytesOf(index: number): number;
  /** `error` with the context that PostgreSQL gives an error found when storing that row: `COPY t, line 3`. */
  locate(error: PgError, index: number): PgError;
  /** Rows left out so far by ON_ERROR ignore. */
  readonly skipped: bigint;
}

/**
 * A decoder for any of the three formats. Malformed data is 22P04, a value that its type refuses has that type's error;
 * both with PostgreSQL's context (`COPY t, line 3, column id: "abc"`).
 */
export function createCopyDecoder(
  options: CopyOptions,
  columns: readonly CopyColumn[],
  context: TypeContext,
  source: CopySource,
): CopyDecoder {
  return options.format === 'binary'
    ? createBinaryDecoder(columns, source)
    : createLineDecoder(options, columns, context, source);
}
