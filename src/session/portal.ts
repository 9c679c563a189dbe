import { PgError, SqlState } from '../base/index.ts';
import type { MessageWriter } from '../protocol/index.ts';
import type { Row } from '../types/value.ts';
import { outputChunkBytes } from './connection.ts';
import type { Output } from './connection.ts';
import type { DrainLimit, RowFeed } from './cursor/row-feed.ts';
import { feedOf, feedOfRows } from './cursor/row-feed.ts';
import { decodeRows } from './decode-rows.ts';
import { rowEncoder } from './encode-rows.ts';
import type { SessionState, StatementResult } from './state.ts';

/** The running part of a portal: gives its rows in pieces (Execute with a limit) or all at once. */
export interface ResultReader {
  /** Gets the first rows ready, writing nothing: errors come now. */
  prime(): Promise<void>;
  /**
   * Writes up to `rowsMax` rows (0: all). Returns the command tag when the rows have come to their end, undefined when
   * the limit was reached first.
   */
  send(rowsMax: number): Promise<string | undefined>;
  /** The same without waiting, for results that are in memory already; false when it may have to wait. */
  sendNow(rowsMax: number): { readonly tag: string | undefined } | false;
  /** Reads the rest into memory: later writes are not seen. */
  drain(limit: DrainLimit): Promise<void>;
  /** Hands over what has not been sent, for a cursor to go on with; undefined: the statement returns no rows. */
  rest(): { readonly feed: RowFeed; readonly sent: number } | undefined;
  close(): Promise<void>;
}

const rowsPerFlushCheck = 256;

export function readResult(
  session: SessionState,
  result: Extract<StatementResult, { kind: 'rows' | 'rowsNow' | 'encoded' | 'done' }>,
  resultFormats: readonly number[],
): ResultReader {
  const { output } = session;
  switch (result.kind) {
    case 'done': {
      const end = { tag: result.tag };
      return {
        prime: () => Promise.resolve(),
        send: () => Promise.resolve(result.tag),
        sendNow: () => end,
        drain: () => Promise.resolve(),
        rest: () => undefined,
        close: () => Promise.resolve(),
      };
    }
    case 'encoded':
      return fromMemory(
        result.rows,
        (writer, rows) => {
          for (const row of rows) writer.dataRow(row);
        },
        () => result.tag,
        (rows) => decodeRows(rows, result.fields, resultFormats, session.settings.types),
        output,
      );
    case 'rowsNow': {
      const { enums } = session.transaction.catalog;
      const encode = rowEncoder(result.fields, resultFormats, session.settings.types, enums);
      return fromMemory(result.rows, encode, result.tag, (rows) => rows, output);
    }
    case 'rows': {
      const { enums } = session.transaction.catalog;
      const encode = rowEncoder(result.fields, resultFormats, session.settings.types, enums);
      return fromBatches(result.batches, encode, result.tag, session);
    }
  }
}

function fromMemory<T>(
  rows: readonly T[],
  encode: (writer: MessageWriter, rows: readonly T[]) => void,
  tag: (rows: number) => string,
  decode: (rows: readonly T[]) => readonly Row[],
  output: Output,
): ResultReader {
  let at = 0;
  const end = (rowsMax: number): number =>
    rowsMax === 0 ? rows.length : Math.min(rows.length, at + rowsMax);
  const finished = (from: number, rowsMax: number): string | undefined =>
    rowsMax !== 0 && at - from === rowsMax ? undefined : tag(at - from);
  return {
    prime: () => Promise.resolve(),
    send: async (rowsMax) => {
      const from = at;
      const to = end(rowsMax);
      while (at < to) {
        const next = Math.min(to, at + rowsPerFlushCheck);
        encode(output.writer, rows.slice(at, next));
        at = next;
        if (output.writer.length >= outputChunkBytes) await output.flush();
      }
      return finished(from, rowsMax);
    },
    sendNow: (rowsMax) => {
      const to = end(rowsMax);
      if (to - at > rowsPerFlushCheck) return false;
      const from = at;
      encode(output.writer, at === 0 && to === rows.length ? rows : rows.slice(at, to));
      at = to;
      return { tag: finished(from, rowsMax) };
    },
    drain: () => Promise.resolve(),
    rest: () => ({ feed: feedOfRows(decode(rows.slice(at))), sent: at }),
    close: () => Promise.resolve(),
  };
}

function fromBatches(
  batches: AsyncIterable<Row[]>,
  encode: (writer: MessageWriter, rows: readonly Row[]) => void,
  tag: (rows: number) => string,
  session: SessionState,
): ResultReader {
  const { output } = session;
  const feed = feedOf(batches, () => session.signal.throwIfAborted());
  let sentInAll = 0;
  const write = async (rows: readonly Row[]): Promise<void> => {
    for (let at = 0; at < rows.length; at += rowsPerFlushCheck) {
      encode(output.writer, rows.slice(at, at + rowsPerFlushCheck));
      if (output.writer.length < outputChunkBytes) continue;
      await output.flush();
      if (output.closed) {
        throw new PgError(SqlState.connectionFailure, 'connection to client lost');
      }
    }
  };
  return {
    prime: () => feed.prime(),
    send: async (rowsMax) => {
      let sent = 0;
      for (;;) {
        const rows = await feed.take(rowsMax === 0 ? Infinity : rowsMax - sent);
        if (rows.length === 0) return tag(sent);
        await write(rows);
        sent += rows.length;
        sentInAll += rows.length;
        if (rowsMax !== 0 && sent === rowsMax) return undefined;
      }
    },
    sendNow: () => false,
    drain: (limit) => feed.drain(limit, 'later'),
    rest: () => ({ feed, sent: sentInAll }),
    close: () => feed.close(),
  };
}
