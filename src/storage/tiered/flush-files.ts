import { PgError, SqlState } from '../../base/index.ts';
import type { Duckdb } from '../cold/duck.ts';
import type { FileTarget, FinishedFile } from '../cold/file-writer.ts';
import type { Stage } from '../cold/stage.ts';
import { openStage } from '../cold/stage.ts';
import type { Faults } from '../engine.ts';
import type { HotCursor, HotEntry } from '../hot/types.ts';
import { tableRuntime } from '../keys/table-runtime.ts';
import {
  TupleFlag,
  tupleFlags,
  tupleSchemaVersion,
  tupleSeq,
  tupleUpdated,
} from '../tuple/header.ts';
import { readScopeRecord, readTableRecord } from '../txn/reader.ts';
import { checkTuple } from '../txn/visibility.ts';
import type { StoredTable } from '../types.ts';
import type { KeyRange } from './ranges.ts';
import { userIds } from './ranges.ts';

/** Rows per file; a larger scope becomes several. */
export const fileRowsMax = 1_000_000;
/** Small scopes' files are made together once they have this many rows … */
const stageRowsMax = 131_072;
/** … or are this many. */
const stageFilesMax = 64;

/** What a flush moves; can be handed to another thread. */
export interface FlushWork {
  readonly table: StoredTable;
  /** Where the rows are, in order. */
  readonly ranges: readonly KeyRange[];
  /** Rows of commits up to this seq. */
  readonly watermark: number;
  /** Seqs of the bulk transactions that were committed by then. */
  readonly bulks: ReadonlyMap<number, number>;
  /** Entries per read of the hot store. */
  readonly readRows: number;
}

/** The hot store as it was at the watermark or later. */
export interface FlushSource {
  scan(from: Buffer, to: Buffer): Pick<HotCursor, 'next' | 'close'>;
  get(key: Buffer): Buffer | undefined;
}

export interface FlushHost {
  readonly source: FlushSource;
  readonly duckdb: Duckdb;
  readonly faults: Faults;
  target(userId: string): Promise<FileTarget>;
  /** Entries read so far, and the last one's key. */
  onProgress(read: number, key: Uint8Array): void;
  /** The files of so many of them are there. */
  onWritten(read: number): void;
  /** There are rows that stay hot. */
  onLeftBehind(): void;
  canceled(): boolean;
}

/** A row that the file can't carry exactly: it stays hot, flagged. */
export interface Pinned {
  readonly key: Buffer;
  readonly seq: number;
}

/** One scope's part of a flush, ready to be listed. */
export interface FlushedScope {
  readonly userId: string;
  readonly files: readonly FinishedFile[];
  readonly pinned: readonly Pinned[];
}

/** The same while its files are still being made. */
interface OpenScope {
  readonly userId: string;
  readonly files: Promise<FinishedFile | undefined>[];
  readonly pinned: Pinned[];
  /** The number of the last stage that its files are in. */
  stage: number;
}

/**
 * Writes the files of each scope that has rows to move, in key order. A row that has changed since the watermark is passed over: its
 * commit has left a mark, so that nobody looks for the old version in a file.
 */
export async function* flushFiles(work: FlushWork, host: FlushHost): AsyncGenerator<FlushedScope> {
  const { table, watermark, bulks } = work;
  const { source } = host;
  const runtime = tableRuntime(table);
  const userOf = userIds(runtime, { kind: 'all' });
  const ofTable = readTableRecord(source.get, table.tableId);
  let read = 0;
  const stages = stagesOf(table, host, () => read);

  let scope: OpenScope | undefined;
  let movedUpTo = 0;
  let truncatedBefore = 0;
  /** Whether the stage's open file is the scope's. */
  let inFile = false;
  const closed: OpenScope[] = [];

  const closeScope = (): void => {
    if (scope !== undefined) closed.push(scope);
    scope = undefined;
    inFile = false;
  };
  async function* finished(): AsyncGenerator<FlushedScope> {
    while (closed.length > 0 && closed[0]!.stage <= stages.done) {
      const { userId, files, pinned } = closed.shift()!;
      const made = (await Promise.all(files)).filter((file) => file !== undefined);
      if (made.length > 0 || pinned.length > 0) yield { userId, files: made, pinned };
    }
  }

  try {
    for (const { from, to } of work.ranges) {
      for await (const entries of readAhead(source.scan(from, to), work.readRows)) {
        if (host.canceled()) throw canceled();
        for (const [key, stored] of entries) {
          const userId = userOf(key);
          if (scope === undefined || scope.userId !== userId) {
            closeScope();
            if (stages.enough()) {
              await stages.close();
              yield* finished();
            }
            scope = { userId, files: [], pinned: [], stage: stages.number };
            const record = readScopeRecord(source.get, table.tableId, userId);
            movedUpTo = record.watermark;
            truncatedBefore = Math.max(ofTable.truncatedBefore, record.truncatedBefore);
          }
          checkTuple(table, key, stored);
          const flags = tupleFlags(stored);
          if ((flags & TupleFlag.pinned) !== 0) {
            host.onLeftBehind();
            continue;
          }
          let seq = tupleSeq(stored);
          if ((flags & TupleFlag.provisional) !== 0) {
            const committed = bulks.get(seq);
            if (committed === undefined) continue;
            seq = committed;
          }
          if (seq > watermark || seq <= movedUpTo || seq < truncatedBefore) continue;
          const stage = stages.open ?? (await stages.start());
          if (!inFile) {
            scope.files.push(stages.begin(userId));
            scope.stage = stages.number;
            inFile = true;
          }
          // Of an earlier layout: as the present one has it.
          const tuple =
            tupleSchemaVersion(stored) === table.schemaVersion
              ? stored
              : runtime.codec.encode(runtime.codec.decode(stored), flags, tupleUpdated(stored));
          if (!stage.add(tuple, seq, key)) scope.pinned.push({ key, seq });
          else if (stage.fileRows >= fileRowsMax) {
            await stages.close();
            inFile = false;
          }
        }
        read += entries.length;
        host.onProgress(read, entries.at(-1)![0]);
      }
    }
    closeScope();
    await stages.end();
    yield* finished();
  } finally {
    await stages.abort();
  }
}

/** The stages of a flush: one fills while the files of the one before are written, no more. */
function stagesOf(
  table: StoredTable,
  { duckdb, faults, target, onWritten }: FlushHost,
  entriesRead: () => number,
) {
  let open: Stage | undefined;
  let made = Promise.withResolvers<readonly (FinishedFile | undefined)[]>();
  let finishing: Promise<unknown> = Promise.resolve();
  let number = 1;
  let done = 0;

  const settle = async (): Promise<void> => {
    await finishing;
    done = number - 1;
  };
  const close = async (): Promise<void> => {
    if (open === undefined) return;
    await settle();
    const files = open.finish(target);
    open = undefined;
    files.then(made.resolve, made.reject);
    const upTo = entriesRead();
    void files.then(
      () => onWritten(upTo),
      () => undefined,
    );
    finishing = files;
    files.catch(() => undefined);
    made = Promise.withResolvers();
    number++;
  };
  return {
    get open() {
      return open;
    },
    /** Of the stage that is open or comes next. */
    get number() {
      return number;
    },
    /** All files of stages up to this number are there. */
    get done() {
      return done;
    },
    enough: () => open !== undefined && (open.files >= stageFilesMax || open.rows >= stageRowsMax),
    async start() {
      open = await openStage(duckdb, table, faults);
      return open;
    },
    begin(userId: string): Promise<FinishedFile | undefined> {
      const file = open!.files;
      open!.begin(userId);
      const finished = made.promise.then((files) => files[file]);
      finished.catch(() => undefined);
      return finished;
    },
    close,
    async end() {
      await close();
      await settle();
    },
    async abort() {
      await Promise.allSettled([finishing]);
      await open?.abort();
      open = undefined;
    },
  };
}

/** Entries of the store, the next ones being read meanwhile. */
async function* readAhead(
  cursor: Pick<HotCursor, 'next' | 'close'>,
  rows: number,
): AsyncGenerator<HotEntry[]> {
  try {
    let ahead = cursor.next(rows);
    for (;;) {
      const entries = await ahead;
      if (entries.length === 0) return;
      ahead = cursor.next(rows);
      ahead.catch(() => undefined);
      yield entries;
    }
  } finally {
    await cursor.close();
  }
}

export function canceled(): PgError {
  return new PgError(SqlState.queryCanceled, 'canceling statement due to user request');
}
