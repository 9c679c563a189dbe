/**
 * The hot store: an ordered map from byte keys to byte values. Keys order as unsigned bytes. Buffers handed in
 * with a batch are copied; those handed out belong to the caller.
 */
export interface HotStore {
  get(key: Uint8Array, snapshot?: HotSnapshot): Promise<Buffer | undefined>;
  /** Within the tick; microseconds. */
  getSync(key: Uint8Array, snapshot?: HotSnapshot): Buffer | undefined;
  /** Reads `range` in key order. Without a snapshot the cursor fixes its own when it is made. Must be closed. */
  scan(range: HotRange): HotCursor;
  batch(): HotBatch;
  /** Must be released before the store is closed. */
  snapshot(): HotSnapshot;
  /** Told the keys of each batch that has been written, in order of writing. Returns the unsubscribe function. */
  watch(listener: (keys: readonly Uint8Array[]) => void): () => void;
  /** Approximate bytes on disk of a range; 0 where the store can't tell. */
  approximateBytes(from: Uint8Array, to: Uint8Array): Promise<number>;
  /** Gives back the space of what has been deleted in a range, beside reads and writes. Worth it after large deletions. */
  compactRange(from: Uint8Array, to: Uint8Array): Promise<void>;
  /** Bytes of memory that it holds, as it estimates them; absent where it can't tell. */
  memoryBytes?(): number;
  /** Absent: other threads of the process can't read the store. */
  readonly shared?: SharedStore;
  close(): Promise<void>;
}

/** A store that another thread can read by itself (level-reader.ts), as long as it is open here. */
export interface SharedStore {
  readonly folder: string;
  /** Throws XX001 when something in the range is damaged. */
  requireRange(from: Uint8Array, to: Uint8Array): Promise<void>;
}

export interface HotRange {
  /** Inclusive. */
  readonly from: Uint8Array;
  /** Exclusive. */
  readonly to: Uint8Array;
  readonly reverse?: boolean;
  /** Default: true. Without values, empty buffers come back. */
  readonly values?: boolean;
  readonly limit?: number;
  readonly snapshot?: HotSnapshot;
}

export type HotEntry = [key: Buffer, value: Buffer];

export interface HotCursor {
  /** Up to `max` further entries, fewer when they are large; empty at the end alone. */
  next(max: number): Promise<HotEntry[]>;
  /** Moves to `key` (or the next one in the direction of the scan); keys outside the range end the scan. */
  seek(key: Uint8Array): void;
  close(): Promise<void>;
}

export interface HotSnapshot {
  release(): void;
}

/** Operations that become visible together or not at all. Used once. */
export interface HotBatch {
  /** Copies both: the caller may use the buffers again. */
  put(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
  /** The batch is refused (PreconditionFailed) unless `key` has this value, or is absent, when it is written. */
  require(key: Uint8Array, value: Uint8Array | undefined): void;
  readonly operations: number;
  /** Batches are written in the order of these calls. With `sync` the result is on disk once resolved. */
  write(options: { readonly sync: boolean }): Promise<void>;
}

export class PreconditionFailed extends Error {
  readonly key: Uint8Array;

  constructor(key: Uint8Array) {
    super(`the key ${Buffer.from(key).toString('hex')} is not what the writer expected`);
    this.name = 'PreconditionFailed';
    this.key = key;
  }
}
