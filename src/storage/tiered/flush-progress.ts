import { prefixEnd } from '../keys/buffer.ts';
import type { HotStore } from '../hot/types.ts';
import type { KeyRange } from './ranges.ts';

/** The part of the time that reading takes; the rest is what is done to a file once its rows are read. Measured. */
const readShare = 0.85;
/** How often it is found out at most, and how long a flush goes on before it is for the first time. */
const intervalMsDefault = 100;
/** About half of the bytes that LevelDB may have in memory, where approximateBytes does not see them. */
const unseenBytes = 16 * 1024 * 1024;
/** More ranges than this (users that were asked for) count as equal. */
const measuredRangesMax = 16;
/** Bytes after what the keys of a range have in common that tell one's place among them. */
const placeBytes = 6;

type Store = Pick<HotStore, 'approximateBytes' | 'scan'>;

/** A range by its first and last keys of now. */
interface Measured {
  readonly from: Buffer;
  readonly first: Buffer;
  readonly last: Buffer;
  readonly diskBytes: number;
}

/**
 * How far a flush is. How many rows there are is not known without reading them; the place of the last one that was read is: by the bytes
 * on disk before it, and for what is in memory still by where it lies between the first key and the last.
 */
export interface FlushProgress {
  /** So many entries have been read of a part, this one last. */
  read(part: number, entries: number, key: Uint8Array): void;
  /** The files of so many of them are there. */
  written(part: number, entries: number): void;
  /** Nothing is told after this. */
  end(): void;
}

export function flushProgress(
  store: Store,
  parts: readonly (readonly KeyRange[])[],
  report: (fraction: number) => void,
  intervalMs = intervalMsDefault,
): FlushProgress {
  const reads = parts.map((ranges) => ({
    ranges,
    entries: 0,
    written: 0,
    key: undefined as Buffer | undefined,
  }));
  let measured: Promise<readonly (readonly Measured[])[]> | undefined;
  let nextMs = performance.now() + intervalMs;
  let busy = false;
  let ended = false;
  let told = 0;

  const measure = (): Promise<readonly (readonly Measured[])[]> =>
    Promise.all(parts.map((ranges) => measureRanges(store, ranges)));

  const tell = async (): Promise<void> => {
    const known = await (measured ??= measure());
    let passed = 0;
    let all = 0;
    let entries = 0;
    let written = 0;
    for (const [i, part] of reads.entries()) {
      const weight = weightOf(known[i]!, part.ranges);
      all += weight;
      entries += part.entries;
      written += part.written;
      if (part.key !== undefined)
        passed += weight * (await placeIn(store, part.ranges, known[i]!, part.key));
    }
    if (ended || entries === 0) return;
    const fraction = (passed / all) * (readShare + ((1 - readShare) * written) / entries);
    // Sizes change while LevelDB merges its tables.
    told = Math.max(told, Math.min(0.99, fraction));
    report(told);
  };
  const look = (): void => {
    if (busy || ended || performance.now() < nextMs) return;
    busy = true;
    tell()
      // Whoever closes the store meanwhile has no use for it.
      .catch(() => undefined)
      .finally(() => {
        busy = false;
        nextMs = performance.now() + intervalMs;
      });
  };

  return {
    read(part, entries, key) {
      const of = reads[part]!;
      of.entries = entries;
      of.key = Buffer.from(key);
      look();
    },
    written(part, entries) {
      reads[part]!.written = entries;
      look();
    },
    end: () => {
      ended = true;
    },
  };
}

/** Empty when there are too many. */
async function measureRanges(store: Store, ranges: readonly KeyRange[]): Promise<Measured[]> {
  if (ranges.length > measuredRangesMax) return [];
  return await Promise.all(
    ranges.map(async ({ from, to }) => {
      const [first, last, diskBytes] = await Promise.all([
        keyAtEnd(store, { from, to }, false),
        keyAtEnd(store, { from, to }, true),
        store.approximateBytes(from, to),
      ]);
      return { from, first: first ?? from, last: last ?? from, diskBytes };
    }),
  );
}

async function keyAtEnd(
  store: Store,
  range: KeyRange,
  reverse: boolean,
): Promise<Buffer | undefined> {
  const cursor = store.scan({ ...range, reverse, values: false, limit: 1 });
  try {
    return (await cursor.next(1))[0]?.[0];
  } finally {
    await cursor.close();
  }
}

const rangeWeight = ({ diskBytes }: Measured): number => diskBytes + unseenBytes;

function weightOf(measured: readonly Measured[], ranges: readonly KeyRange[]): number {
  if (measured.length === 0) return Math.max(1, ranges.length);
  return measured.reduce((sum, range) => sum + rangeWeight(range), 0);
}

/** The part of the ranges up to a key. */
async function placeIn(
  store: Store,
  ranges: readonly KeyRange[],
  measured: readonly Measured[],
  key: Buffer,
): Promise<number> {
  const at = ranges.findIndex(({ to }) => key.compare(to) < 0);
  if (at < 0) return 1;
  const range = measured[at];
  if (range === undefined) return (at + 1) / ranges.length;
  const { from, first, last } = range;
  const disk = await store.approximateBytes(from, prefixEnd(key));
  const within = Math.min(disk, range.diskBytes) + unseenBytes * between(first, last, key);
  const before = measured.slice(0, at).reduce((sum, one) => sum + rangeWeight(one), 0);
  return (before + within) / weightOf(measured, ranges);
}

/** Where a key lies between two others, as numbers: evenly where keys are given out in turn, or at random. */
function between(first: Buffer, last: Buffer, key: Buffer): number {
  let common = 0;
  while (common < first.length && first[common] === last[common]) common++;
  const numberOf = (of: Buffer): number => {
    const bytes = Buffer.alloc(placeBytes);
    of.copy(bytes, 0, common, common + placeBytes);
    return bytes.readUIntBE(0, placeBytes);
  };
  const start = numberOf(first);
  const length = numberOf(last) - start;
  return length <= 0 ? 1 : Math.min(1, Math.max(0, (numberOf(key) - start) / length));
}
