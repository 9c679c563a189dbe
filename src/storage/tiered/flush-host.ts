import { pgEpochUnixMicros } from '../../base/index.ts';
import type { FilesDuckdb } from '../cold/duck.ts';
import type { FileTarget } from '../cold/file-writer.ts';
import type { FilePlace } from '../cold/places.ts';
import type { Engine } from '../engine.ts';
import type { KeyRange } from './ranges.ts';
import { flushRanges } from './ranges.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import type { Reader } from '../txn/reader.ts';
import type { FlushWork, FlushedScope } from './flush-files.ts';
import { flushFiles } from './flush-files.ts';
import type { FlushThread } from './flush-thread.ts';
import { flushThread } from './flush-thread.ts';

/** Default of OpenStorageOptions.flushInlineRows: what takes less time than a thread needs to start. */
const inlineRowsDefault = 16_384;
/** Entries per read of the hot store in the main thread: about 1 ms of its time. */
const inlineReadRows = 256;
/** The same in the flush thread. */
const threadReadRows = 4096;

export interface FlushFilesOptions {
  /** Whose rows; undefined: everyone's. */
  readonly userIds: readonly string[] | undefined;
  readonly signal: AbortSignal | undefined;
  onProgress(read: number): void;
  onLeftBehind(): void;
}

/** Makes a flush's files: here when there is little to do, in a thread of its own otherwise. */
export interface Flushing {
  files(
    reader: Reader,
    runtime: TableRuntime,
    place: FilePlace,
    watermark: number,
    options: FlushFilesOptions,
  ): AsyncGenerator<FlushedScope>;
  /** Must come before the hot store is closed. */
  close(): Promise<void>;
}

export function flushHost(
  engine: Engine,
  duckdb: FilesDuckdb,
  settings: {
    readonly inlineRows: number | undefined;
    readonly tempDirectory: string;
    /** What DuckDB may hold in memory in the thread. */
    readonly memoryBytes: number;
  },
): Flushing {
  const { inlineRows = inlineRowsDefault, tempDirectory, memoryBytes: memoryBytesMax } = settings;
  let thread: FlushThread | undefined;
  return {
    async *files(reader, runtime, place, watermark, { userIds, signal, onProgress, onLeftBehind }) {
      const { table } = runtime;
      const bulks = new Map<number, number>();
      for (const [id, { committed }] of engine.bulks)
        if (committed !== null && committed <= watermark) bulks.set(id, committed);
      const work: FlushWork = { table, userIds, watermark, bulks, readRows: inlineReadRows };
      const { root, tablespaceId } = place;
      const unixMs = Number((engine.clock.now() + pgEpochUnixMicros) / 1000n);
      const target = (userId: string): FileTarget => {
        const fileId = ++engine.counters.fileId;
        const path = place.file(userId, unixMs, fileId);
        // What can be sent to a thread.
        return { place: { root, tablespaceId }, path, fileId, userId };
      };
      const stop = AbortSignal.any(
        signal === undefined ? [engine.closing] : [engine.closing, signal],
      );
      const { faults, store } = engine;
      const ranges = flushRanges(runtime, userIds);
      if (store.shared !== undefined && (await hasMoreThan(engine, reader, ranges, inlineRows))) {
        for (const { from, to } of ranges) await store.shared.requireRange(from, to);
        // The thread reads the store as it is when it comes to it.
        reader.release();
        thread ??= flushThread({ folder: store.shared.folder, tempDirectory, memoryBytesMax });
        const host = { faults, target, onProgress, onLeftBehind, signal: stop };
        yield* thread.flush({ ...work, readRows: threadReadRows }, host);
        return;
      }
      const snapshot = reader.hot();
      yield* flushFiles(work, {
        source: {
          scan: (from, to) => store.scan({ from, to, snapshot }),
          get: reader.get,
        },
        duckdb: await duckdb.open(),
        faults,
        target: (userId) => Promise.resolve(target(userId)),
        onProgress,
        onLeftBehind,
        canceled: () => stop.aborted,
      });
    },
    close: async () => thread?.close(),
  };
}

/** Whether the ranges hold more entries than that, whatever they are. */
async function hasMoreThan(
  engine: Engine,
  reader: Reader,
  ranges: readonly KeyRange[],
  max: number,
): Promise<boolean> {
  let left = max;
  for (const { from, to } of ranges) {
    const cursor = engine.store.scan({ from, to, values: false, snapshot: reader.hot() });
    try {
      for (;;) {
        const { length } = await cursor.next(Math.min(left + 1, 1024));
        if (length === 0) break;
        left -= length;
        if (left < 0) return true;
      }
    } finally {
      await cursor.close();
    }
  }
  return false;
}
