import { keyFromText, keyText } from '../keys/buffer.ts';
import type { HotBatch, HotCursor, HotEntry, HotRange, HotSnapshot, HotStore } from './types.ts';
import { PreconditionFailed } from './types.ts';

interface Version {
  /** Sorted key texts. */
  keys: readonly string[];
  values: ReadonlyMap<string, Buffer>;
}

interface MemorySnapshot extends HotSnapshot {
  readonly version: Version;
}

/** The hot store in memory, for tests: each batch makes a new immutable version, so snapshots cost nothing. Not durable. */
export function openMemoryStore(): HotStore {
  let current: Version = { keys: [], values: new Map() };
  const listeners = new Set<(keys: readonly Uint8Array[]) => void>();
  const at = (snapshot: HotSnapshot | undefined): Version =>
    (snapshot as MemorySnapshot | undefined)?.version ?? current;
  const getSync = (key: Uint8Array, snapshot?: HotSnapshot): Buffer | undefined => {
    const value = at(snapshot).values.get(keyText(key));
    return value === undefined ? undefined : Buffer.from(value);
  };
  return {
    getSync,
    get: async (key, snapshot) => getSync(key, snapshot),
    scan: (range) => memoryCursor(at(range.snapshot), range),
    snapshot: () => {
      const snapshot: MemorySnapshot = { version: current, release: () => undefined };
      return snapshot;
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    approximateBytes: async () => 0,
    compactRange: async () => undefined,
    close: async () => undefined,
    batch(): HotBatch {
      const operations: [key: string, value: Buffer | undefined][] = [];
      const required: [Uint8Array, Uint8Array | undefined][] = [];
      return {
        put: (key, value) => void operations.push([keyText(key), Buffer.from(value)]),
        delete: (key) => void operations.push([keyText(key), undefined]),
        require: (key, value) => void required.push([key, value]),
        get operations() {
          return operations.length;
        },
        async write() {
          for (const [key, value] of required) {
            const found = getSync(key);
            if (value === undefined ? found !== undefined : found?.equals(value) !== true)
              throw new PreconditionFailed(key);
          }
          const values = new Map(current.values);
          for (const [key, value] of operations) {
            if (value === undefined) values.delete(key);
            else values.set(key, value);
          }
          current = { keys: [...values.keys()].sort(byBytes), values };
          const keys = operations.map(([key]) => keyFromText(key));
          for (const listener of listeners) listener(keys);
        },
      };
    },
  };
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function memoryCursor(version: Version, range: HotRange): HotCursor {
  const from = keyText(range.from);
  const to = keyText(range.to);
  let keys = version.keys.filter((key) => key >= from && key < to);
  if (range.reverse === true) keys = keys.reverse();
  let position = 0;
  let left = range.limit ?? Infinity;
  return {
    async next(max) {
      const entries: HotEntry[] = [];
      while (entries.length < max && position < keys.length && left > 0) {
        const key = keys[position++]!;
        const value =
          range.values === false ? Buffer.alloc(0) : Buffer.from(version.values.get(key)!);
        entries.push([keyFromText(key), value]);
        left--;
      }
      return entries;
    },
    seek(key) {
      const target = keyText(key);
      const found = keys.findIndex((candidate) =>
        range.reverse === true ? candidate <= target : candidate >= target,
      );
      position = found < 0 || target < from || target >= to ? keys.length : found;
    },
    close: async () => undefined,
  };
}
