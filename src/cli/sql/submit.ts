/** One simple Query message and what comes back, statement by statement, through node-postgres' interface for such things. */
import type pg from 'pg';
import type { Connection } from '../connect.ts';
import { lostConnection } from '../connect.ts';

export interface Field {
  readonly name: string;
  readonly dataTypeID: number;
}

/** A row as the server writes it: text, or null. */
export type TextRow = readonly (string | null)[];

/** What a statement has answered with; after COPY TO its data is all there is. */
export type ResultKind = 'rows' | 'command' | 'copy out';

/**
 * Takes results in their order. When a method returns a promise, the connection reads no further until it is resolved, so what is held in memory stays
 * bounded.
 */
export interface ResultSink {
  fields(fields: readonly Field[]): void;
  row(row: TextRow): Promise<void> | undefined;
  /** A statement's end; `rows` when `fields` was called for it. */
  complete(tag: string, kind: ResultKind): Promise<void> | undefined;
  /** COPY TO STDOUT. */
  copyData(chunk: Buffer): Promise<void> | undefined;
}

/** Where COPY FROM STDIN takes its data. */
export type CopySource = () => AsyncIterable<Buffer>;

/** What node-postgres' connection has besides its typed methods; pg-copy-streams and pg-cursor use it the same way. */
interface WireConnection {
  readonly stream: NodeJS.ReadableStream & NodeJS.WritableStream;
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
}

/** Methods that node-postgres calls as messages arrive. */
interface MessageHandler extends pg.Submittable {
  handleRowDescription(message: { readonly fields: readonly Field[] }): void;
  handleDataRow(message: { readonly fields: TextRow }): void;
  handleCommandComplete(message: { readonly text: string }): void;
  handleEmptyQuery(): void;
  handleCopyInResponse(connection: WireConnection): void;
  handleCopyData(message: { readonly chunk: Buffer }): void;
  handleError(error: Error): void;
  handleReadyForQuery(): void;
}

/** Resolves when the socket takes more. */
async function drained(stream: NodeJS.WritableStream): Promise<void> {
  if (!(stream as { readonly writableNeedDrain?: boolean }).writableNeedDrain) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.once('drain', resolve).once('close', resolve);
  await promise;
}

/**
 * Sends `text`, which may hold several statements, and hands over their results. Resolves when the server is ready again; rejects with the
 * server's error, or when the connection ends.
 */
export async function submitText(
  { client, target }: Connection,
  text: string,
  sink: ResultSink,
  copySource: CopySource,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let wire: WireConnection | undefined;
  let waiting = 0;
  let kind: ResultKind = 'command';
  let copiesIn = false;

  /** Holds the socket back while the sink is busy. */
  function hold(busy: Promise<void> | undefined): void {
    if (busy === undefined) return;
    if (waiting++ === 0) wire?.stream.pause();
    busy.then(
      () => {
        if (--waiting === 0) wire?.stream.resume();
      },
      (error: unknown) => reject(error as Error),
    );
  }

  async function feed(connection: WireConnection): Promise<void> {
    try {
      for await (const chunk of copySource()) {
        connection.sendCopyFromChunk(chunk);
        await drained(connection.stream);
      }
      connection.endCopyFrom();
    } catch (error) {
      connection.sendCopyFail(error instanceof Error ? error.message : String(error));
    }
  }

  const handler: MessageHandler = {
    submit(connection) {
      wire = connection as unknown as WireConnection;
      wire.query(text);
    },
    handleRowDescription({ fields }) {
      kind = 'rows';
      sink.fields(fields);
    },
    handleDataRow: ({ fields }) => hold(sink.row(fields)),
    handleCommandComplete({ text: tag }) {
      const copiedOut = tag.startsWith('COPY ') && !copiesIn;
      hold(sink.complete(tag, copiedOut ? 'copy out' : kind));
      kind = 'command';
      copiesIn = false;
    },
    handleEmptyQuery: () => undefined,
    handleCopyInResponse(connection) {
      copiesIn = true;
      void feed(connection);
    },
    handleCopyData: ({ chunk }) => hold(sink.copyData(chunk)),
    handleError: (error) => reject(lostConnection(error, target) as Error),
    handleReadyForQuery: resolve,
  };
  client.query(handler);
  await promise;
}
