import { pgEpochUnixMicros } from '../../base/index.ts';
import type { FilesDuckdb } from '../cold/duck.ts';
import type { FileTarget } from '../cold/file-writer.ts';
import type { FilePlace } from '../cold/places.ts';
import type { Engine } from '../engine.ts';
import type { KeyRange } from './ranges.ts';
import { flushRanges } from './ranges.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { hasSpareProcessor } from '../txn/pace.ts';
import type { Reader } from '../txn/reader.ts';
import type { FlushWork, FlushedScope } from './flush-files.ts';
import { flushParts, partedBytesDefault, together } from './flush-parts.ts';
import { flushFiles } from './flush-files.ts';
import { flushProgress } from './flush-progress.ts';
import type { FlushThread } from './flush-thread.ts';
import { flushThread } from './flush-thread.ts';

/** Default of OpenStorageOptions.flushInlineRows: what takes less time than a thread needs to start. */
const inlineRowsDefault = 16_384;
/** How long the main thread is looked at to see whether it is busy. */
const busyWindowMs = 50;
/** Threads that make a large flush's files. */
const threadsMax = 2;
/** Entries per read of the hot store in the main thread: about 1 ms of its time. */
const inlineReadRows = 256;
/** The same in the flush thread. */
const threadReadRows = 1024;

export interface FlushFilesOptions {
  /** Whose rows; undefined: everyone's. */
  readonly userIds: readonly string[] | undefined;
  readonly signal: AbortSignal | undefined;
  onProgress?(fraction: number): void;
  onLeftBehind(): void;
  /** A file is about to be written. */
  onTarget(target: FileTarget): void;
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
    readonly partedBytes: number | undefined;
    readonly tempDirectory: string;
    /** What DuckDB may hold in memory in the thread. */
    readonly memoryBytes: number;
  },
): Flushing {
  const { inlineRows = inlineRowsDefault, partedBytes } = settings;
  const { tempDirectory, memoryBytes: memoryBytesMax } = settings;
  const threads: FlushThread[] = [];
  return {
    async *files(reader, runtime, place, watermark, options) {
      const { userIds, signal, onProgress, onLeftBehind, onTarget } = options;
      const { table } = runtime;
      const bulks = new Map<number, number>();
      for (const [id, { committed }] of engine.bulks)
        if (committed !== null && committed <= watermark) bulks.set(id, committed);
      const ranges = flushRanges(runtime, userIds);
      const work: FlushWork = { table, ranges, watermark, bulks, readRows: inlineReadRows };
      const { root, tablespaceId } = place;
      const unixMs = Number((engine.clock.now() + pgEpochUnixMicros) / 1000n);
      const target = (userId: string): FileTarget => {
        const fileId = ++engine.counters.fileId;
        const path = place.file(userId, unixMs, fileId);
        // What can be sent to a thread.
        const made = { place: { root, tablespaceId }, path, fileId, userId };
        onTarget(made);
        return made;
      };
      const stop = AbortSignal.any(
        signal === undefined ? [engine.closing] : [engine.closing, signal],
      );
      const { faults, store } = engine;
      if (store.shared !== undefined && (await hasMoreThan(engine, reader, ranges, inlineRows))) {
        for (const { from, to } of ranges) await store.shared.requireRange(from, to);
        // The thread reads the store as it is when it comes to it.
        reader.release();
        const { folder } = store.shared;
        // Whoever sets the size wants two threads.
        const isParted = partedBytes !== undefined || (await hasSpareProcessor(busyWindowMs));
        const parts = isParted
          ? await flushParts(store, runtime, ranges, partedBytes ?? partedBytesDefault)
          : [ranges];
        const failed = new AbortController();
        const progress = flushProgress(store, parts, (fraction) => onProgress?.(fraction));
        const scopes = parts.map((part, i) => {
          threads[i] ??= flushThread({
            folder,
            tempDirectory,
            memoryBytesMax: Math.ceil(memoryBytesMax / threadsMax),
          });
          const host = {
            faults,
            target,
            onProgress: (read: number, key: Uint8Array) => progress.read(i, read, key),
            onWritten: (read: number) => progress.written(i, read),
            onLeftBehind,
            signal: AbortSignal.any([stop, failed.signal]),
          };
          return threads[i].flush({ ...work, ranges: part, readRows: threadReadRows }, host);
        });
        const isCut = parts.length > 1 && table.kind !== 'user';
        try {
          yield* together(scopes, isCut, () => failed.abort());
        } finally {
          progress.end();
        }
        return;
      }
      const snapshot = reader.hot();
      const progress = flushProgress(store, [ranges], (fraction) => onProgress?.(fraction));
      const files = flushFiles(work, {
        source: {
          scan: (from, to) => store.scan({ from, to, snapshot }),
          get: reader.get,
        },
        duckdb: await duckdb.open(),
        faults,
        target: (userId) => Promise.resolve(target(userId)),
        onProgress: (read, key) => progress.read(0, read, key),
        onWritten: (read) => progress.written(0, read),
        onLeftBehind,
        canceled: () => stop.aborted,
      });
      try {
        yield* files;
      } finally {
        progress.end();
      }
    },
    async close() {
      await Promise.all(threads.map((thread) => thread.close()));
    },
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
