import type { Value } from '../../types/value.ts';
import { prefixEnd } from '../keys/buffer.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { decodeScope } from '../keys/scope.ts';
import type { ScanPredicate, Scope } from '../types.ts';

export interface KeyRange {
  /** Inclusive full row key. */
  readonly from: Buffer;
  /** Exclusive. */
  readonly to: Buffer;
}

/** `in` lists up to this long become one range each; longer ones span from their least to their greatest. */
const rangesMax = 200;

/** The ranges of row keys, in order and disjoint, that can hold rows of the scope for which the predicates are true. */
export function keyRanges(
  runtime: TableRuntime,
  scope: Scope,
  predicates: readonly ScanPredicate[],
): KeyRange[] {
  if (scope.kind === 'all' && runtime.table.kind === 'user')
    return [{ from: runtime.rowsPrefix, to: prefixEnd(runtime.rowsPrefix) }];
  const prefix = runtime.scopeRows(scope.kind === 'one' ? scope.userId : '');
  const whole: KeyRange = { from: prefix, to: prefixEnd(prefix) };
  if (runtime.hiddenKey || predicates.length === 0) return [whole];

  const key: Value[] = [];
  for (const columnId of runtime.table.primaryKey) {
    const own = predicates.filter((predicate) => predicate.columnId === columnId);
    const equal = own.find((p) => p.op === '=' || (p.op === 'in' && p.values.length === 1));
    if (equal !== undefined) {
      key.push(equal.values[0]!);
      continue;
    }
    const list = own.find((p) => p.op === 'in');
    if (list !== undefined && list.values.length <= rangesMax) {
      const points = list.values.map((value) => {
        const from = Buffer.concat([prefix, runtime.encodeKeyPrefix([...key, value])]);
        return { from, to: prefixEnd(from) };
      });
      points.sort((a, b) => Buffer.compare(a.from, b.from));
      return points.filter((point, i) => i === 0 || !point.from.equals(points[i - 1]!.from));
    }
    const bounds = own.filter((p) => p.op !== 'in' && p.op !== '=');
    if (bounds.length === 0) break;
    const base = Buffer.concat([prefix, runtime.encodeKeyPrefix(key)]);
    let from: Buffer = base;
    let to = prefixEnd(base);
    for (const bound of bounds) {
      const at = Buffer.concat([prefix, runtime.encodeKeyPrefix([...key, bound.values[0]!])]);
      const after = prefixEnd(at);
      if (bound.op === '>=' && at.compare(from) > 0) from = at;
      if (bound.op === '>' && after.compare(from) > 0) from = after;
      if (bound.op === '<' && at.compare(to) < 0) to = at;
      if (bound.op === '<=' && after.compare(to) < 0) to = after;
    }
    return from.compare(to) < 0 ? [{ from, to }] : [];
  }
  if (key.length === 0) return [whole];
  const from = Buffer.concat([prefix, runtime.encodeKeyPrefix(key)]);
  return [{ from, to: prefixEnd(from) }];
}

/** All row keys of a table, or of some of its users, in key order. */
export function flushRanges(
  runtime: TableRuntime,
  users: readonly string[] | undefined,
): KeyRange[] {
  const prefixes =
    users === undefined
      ? [runtime.rowsPrefix]
      : [...new Set(users)].map(runtime.scopeRows).sort(Buffer.compare);
  return prefixes.map((from) => ({ from, to: prefixEnd(from) }));
}

/** Tells the user id of full row keys that come in order; remembers the last one. */
export function userIds(runtime: TableRuntime, scope: Scope): (fullKey: Buffer) => string {
  if (runtime.table.kind !== 'user') return () => '';
  if (scope.kind === 'one') return () => scope.userId;
  let prefix: Buffer = Buffer.alloc(0);
  let userId = '';
  return (fullKey) => {
    if (
      prefix.length === 0 ||
      fullKey.length < prefix.length ||
      fullKey.compare(prefix, 0, prefix.length, 0, prefix.length) !== 0
    ) {
      const start = runtime.rowsPrefix.length;
      let end = start;
      while (!(fullKey[end] === 0 && fullKey[end + 1] === 1)) end += fullKey[end] === 0 ? 2 : 1;
      prefix = Buffer.from(fullKey.subarray(0, end + 2));
      userId = decodeScope(fullKey, start, end + 2);
    }
    return userId;
  };
}
