import { prefixEnd } from '../keys/buffer.ts';
import { tablePrefixBytes } from '../keys/keyspace.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import type { HotStore } from '../hot/types.ts';
import { userOfKey } from '../txn/visibility.ts';
import type { FlushedScope } from './flush-files.ts';
import type { KeyRange } from './ranges.ts';

/** Default of OpenStorageOptions.flushPartedBytes: smaller ranges are not parted, bytes as the hot store has them. */
export const partedBytesDefault = 16 * 1024 * 1024;
/** Bytes after what all keys of a range begin with that the middle is looked for in. */
const middleBytes = 24;
/** A part may be so much smaller than a half. */
const unevenness = 1 / 16;

/**
 * Two parts of about the same size, for two threads, or the ranges as they are. Between them is never a user of a user table; a shared
 * table has one scope, which is cut.
 */
export async function flushParts(
  store: Pick<HotStore, 'approximateBytes' | 'scan'>,
  runtime: TableRuntime,
  ranges: readonly KeyRange[],
  partedBytes: number,
): Promise<readonly (readonly KeyRange[])[]> {
  const [first] = ranges;
  if (first === undefined) return [ranges];
  if (ranges.length > 1) {
    // Users that were asked for, whose sizes are alike as far as anyone knows.
    const half = Math.ceil(ranges.length / 2);
    return [ranges.slice(0, half), ranges.slice(half)];
  }
  const middle = await middleOf(store, first, partedBytes);
  if (middle === undefined) return [ranges];
  const cut = runtime.table.kind === 'user' ? await nextUser(store, runtime, middle) : middle;
  if (cut === undefined || cut.compare(first.from) <= 0 || cut.compare(first.to) >= 0)
    return [ranges];
  return [[{ from: first.from, to: cut }], [{ from: cut, to: first.to }]];
}

/** A key with about half of the range before it. Undefined: the range is small, or has no such key. */
async function middleOf(
  store: Pick<HotStore, 'approximateBytes'>,
  { from, to }: KeyRange,
  leastBytes: number,
): Promise<Buffer | undefined> {
  const total = await store.approximateBytes(from, to);
  if (total < leastBytes) return undefined;
  let common = 0;
  while (common < from.length && from[common] === to[common]) common++;
  const numberOf = (key: Buffer): bigint => {
    const bytes = Buffer.alloc(middleBytes);
    key.copy(bytes, 0, common, common + middleBytes);
    return BigInt(`0x${bytes.toString('hex')}`);
  };
  const keyOf = (number: bigint): Buffer =>
    Buffer.concat([
      from.subarray(0, common),
      Buffer.from(number.toString(16).padStart(2 * middleBytes, '0'), 'hex'),
    ]);
  let low = numberOf(from);
  let high = numberOf(to);
  while (high - low > 1n) {
    const number = (low + high) / 2n;
    const before = await store.approximateBytes(from, keyOf(number));
    if (Math.abs(before - total / 2) <= total * unevenness) return keyOf(number);
    if (before < total / 2) low = number;
    else high = number;
  }
  return undefined;
}

/** Where the user after the one at the key begins. */
async function nextUser(
  store: Pick<HotStore, 'scan'>,
  runtime: TableRuntime,
  at: Buffer,
): Promise<Buffer | undefined> {
  const cursor = store.scan({
    from: at,
    to: prefixEnd(runtime.rowsPrefix),
    values: false,
    limit: 1,
  });
  try {
    const [entry] = await cursor.next(1);
    if (entry === undefined || entry[0].length <= tablePrefixBytes) return undefined;
    return prefixEnd(runtime.scopeRows(userOfKey(runtime.table, entry[0])));
  } finally {
    await cursor.close();
  }
}

/** What several threads make, as it comes; a scope that was cut comes once all of its parts are there. */
export async function* together(
  parts: readonly AsyncGenerator<FlushedScope>[],
  isCut: boolean,
  abort: () => void,
): AsyncGenerator<FlushedScope> {
  const arrived: FlushedScope[] = [];
  let wake: () => void = () => undefined;
  let left = parts.length;
  let failure: { readonly error: unknown } | undefined;
  const pumps = parts.map(async (part) => {
    try {
      for await (const scope of part) {
        arrived.push(scope);
        wake();
      }
    } catch (error) {
      failure ??= { error };
      abort();
    } finally {
      left--;
      wake();
    }
  });
  try {
    for (;;) {
      while (!isCut && arrived.length > 0 && failure === undefined) yield arrived.shift()!;
      if (left === 0) break;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (failure !== undefined) throw failure.error;
    const [first] = arrived;
    if (isCut && first !== undefined) {
      yield {
        userId: first.userId,
        files: arrived.flatMap((scope) => scope.files),
        pinned: arrived.flatMap((scope) => scope.pinned),
      };
    }
  } finally {
    abort();
    await Promise.all(pumps);
  }
}
