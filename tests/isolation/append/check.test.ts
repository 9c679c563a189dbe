/** The checker finds each anomaly in a history made for it, at the levels that forbid it and at no other. */
import { expect, test } from 'vitest';
import { checkHistory } from './check.ts';
import type { Level, Operation, Transaction } from './history.ts';

const levels: readonly Level[] = ['read committed', 'repeatable read', 'serializable'];

interface Written {
  readonly operations: readonly Operation[];
  readonly outcome?: Transaction['outcome'];
  /** Default: all at the same time. */
  readonly at?: readonly [start: number, end: number];
}

const history = (...written: readonly Written[]): readonly Transaction[] =>
  written.map(({ operations, outcome = 'committed', at = [0, 100] }, id) => ({
    id,
    client: id,
    outcome,
    start: at[0],
    end: at[1],
    operations,
  }));

const r = (key: number, ...values: readonly number[]): Operation => ({ kind: 'read', key, values });
const a = (key: number, value: number): Operation => ({ kind: 'append', key, value });
const undone = (key: number, value: number): Operation => ({
  kind: 'append',
  key,
  value,
  undone: true,
});
const t = (...operations: readonly Operation[]): Written => ({ operations });
const failed = (...operations: readonly Operation[]): Written => ({
  operations,
  outcome: 'failed',
});
const unknown = (...operations: readonly Operation[]): Written => ({
  operations,
  outcome: 'unknown',
});
const during = (start: number, end: number, ...operations: readonly Operation[]): Written => ({
  operations,
  at: [start, end],
});

/** Names of anomalies, by level. */
function found(...written: readonly Written[]): Readonly<Record<Level, readonly string[]>> {
  const names = (level: Level): readonly string[] =>
    checkHistory(history(...written), level).map(({ name }) => name);
  return Object.fromEntries(levels.map((level) => [level, names(level)])) as Record<
    Level,
    readonly string[]
  >;
}

const everywhere = (...names: readonly string[]): Record<Level, readonly string[]> => ({
  'read committed': names,
  'repeatable read': names,
  serializable: names,
});
const snapshots = (...names: readonly string[]): Record<Level, readonly string[]> => ({
  ...everywhere(...names),
  'read committed': [],
});
const serializable = (...names: readonly string[]): Record<Level, readonly string[]> => ({
  ...everywhere(),
  serializable: names,
});

test('a serial history shows nothing', () => {
  const serial = [
    during(0, 1, a(1, 1), a(2, 1)),
    during(2, 3, r(1, 1), a(1, 2), r(1, 1, 2)),
    during(4, 5, r(1, 1, 2), r(2, 1), r(3)),
  ];
  expect(found(...serial)).toEqual(everywhere());
});

test('G0: two transactions wrote over each other in both orders', () => {
  const writes = [t(a(1, 1), a(2, 1)), t(a(1, 2), a(2, 2))];
  expect(found(...writes, t(r(1, 1, 2)), t(r(2, 2, 1)))).toEqual(everywhere('G0'));
  expect(found(...writes, t(r(1, 1, 2)), t(r(2, 1, 2)))).toEqual(everywhere());
});

test('G1a: what a transaction wrote that failed, or that was rolled back to a savepoint, is seen', () => {
  expect(found(failed(a(1, 1)), t(r(1, 1)))).toEqual(everywhere('G1a'));
  expect(found(t(undone(1, 1), a(1, 2)), t(r(1, 1, 2)))).toEqual(everywhere('G1a'));
  expect(found(t(undone(1, 1), a(1, 2)), t(r(1, 2)))).toEqual(everywhere());
});

test('G1b: a version in the middle of a transaction is seen', () => {
  expect(found(t(a(1, 1), a(1, 2)), t(r(1, 1)), t(r(1, 1, 2)))['read committed']).toContain('G1b');
  expect(found(t(a(1, 1), r(1, 1), a(1, 2)), t(r(1, 1, 2)))).toEqual(everywhere());
});

test('G1c: two transactions see each other', () => {
  expect(found(t(a(1, 1), r(2, 1)), t(a(2, 1), r(1, 1)))).toEqual(everywhere('G1c'));
});

test('G1c of three, by way of writes', () => {
  const ring = [t(a(1, 1), r(3, 1)), t(a(1, 2), a(2, 1)), t(r(2, 1), a(3, 1)), t(r(1, 1, 2))];
  expect(found(...ring)).toEqual(everywhere('G1c'));
});

test('G-single: one key before the other transaction, another after it', () => {
  expect(found(t(a(1, 1), a(2, 1)), t(r(1), r(2, 1)))).toEqual(snapshots('G-single'));
});

test('the same key read twice gives different lists', () => {
  expect(found(t(a(1, 1)), t(r(1), r(1, 1)))).toEqual(snapshots('internal', 'G-single'));
});

test('a transaction does not see its own append', () => {
  expect(found(t(a(1, 1), r(1)))).toEqual(everywhere('internal'));
  expect(found(t(undone(1, 1), r(1, 1)))['read committed']).toContain('G1a');
});

test('lost update: both read the same version and both wrote', () => {
  const both = [t(r(1), a(1, 1)), t(r(1), a(1, 2)), t(r(1, 1, 2))];
  expect(found(...both)).toEqual(snapshots('lost update', 'G-single'));
});

test('an append that nobody ever sees again is lost', () => {
  const late = during(200, 300, r(1, 2));
  for (const level of levels) {
    expect(found(t(a(1, 1)), t(a(1, 2)), late)[level].slice(0, 2)).toEqual([
      'lost append',
      'stale read',
    ]);
  }
  expect(found(t(a(1, 2)), late, during(400, 500, a(1, 3)))).toEqual(everywhere());
});

test('G2: write skew', () => {
  expect(found(t(r(1), a(2, 1)), t(r(2), a(1, 1)), t(r(1, 1), r(2, 1)))).toEqual(
    serializable('G2'),
  );
});

test('G2 of three', () => {
  const ring = [t(r(1), a(2, 1)), t(r(2), a(3, 1)), t(r(3), a(1, 1))];
  expect(found(...ring, t(r(1, 1), r(2, 1), r(3, 1)))).toEqual(serializable('G2'));
});

test('G2: the read-only anomaly', () => {
  const [receipt, next] = [t(r(1), a(2, 1)), t(a(1, 1))];
  expect(found(receipt, next, t(r(1, 1), r(2)), t(r(2, 1)))).toEqual(serializable('G2'));
});

test('G-nonadjacent: two anti-dependencies, not in a row', () => {
  // T0 -rw-> T1 -wr-> T2 -rw-> T3 -wr-> T0
  const long = [t(r(1), r(4, 1)), t(a(1, 1), a(2, 1)), t(r(2, 1), r(3)), t(a(3, 1), a(4, 1))];
  expect(found(...long)).toEqual(snapshots('G-nonadjacent'));
});

test('lists that contradict each other', () => {
  const writes = [t(a(1, 1)), t(a(1, 2))];
  expect(found(...writes, t(r(1, 1, 2)), t(r(1, 2)))['read committed']).toContain(
    'incompatible order',
  );
  expect(found(t(a(1, 1)), t(r(1, 1, 1)))['read committed']).toContain('duplicate');
  expect(found(t(r(1, 9)))).toEqual(everywhere('from nowhere'));
});

test('a stale read is none without clocks', () => {
  const stale = [during(0, 1, a(1, 1)), during(2, 3, r(1))];
  expect(found(...stale)['read committed']).toEqual(['lost append', 'stale read']);
  expect(found(t(a(1, 1)), t(r(1)))).toEqual(everywhere());
});

test('real time: a version came before one that was there before it began', () => {
  const late = [during(0, 1, a(1, 1)), during(2, 3, a(1, 2)), during(0, 9, r(1, 2, 1))];
  expect(found(...late)).toEqual(everywhere('G1c real time'));
});

test('real time: G-single by way of a transaction that ended before', () => {
  // T2 saw T1's write, which began after T0 had ended, but not T0's.
  const skew = [during(0, 1, a(1, 1)), during(2, 3, a(2, 1)), during(0, 9, r(1), r(2, 1))];
  expect(found(...skew)).toEqual(snapshots('G-single real time'));
});

test('an unknown outcome is a commit when it was seen, and else nothing', () => {
  expect(found(unknown(a(1, 1)), t(r(1, 1)))).toEqual(everywhere());
  expect(found(unknown(a(1, 1)), during(200, 300, r(1)))).toEqual(everywhere());
  expect(found(unknown(a(1, 1), a(2, 1)), t(r(1), r(2, 1)), t(r(1, 1)))).toEqual(
    snapshots('G-single'),
  );
});

test('the report names the transactions and why', () => {
  const [anomaly] = checkHistory(history(t(r(1), a(2, 1)), t(r(2), a(1, 1))), 'serializable');
  const lines = anomaly!.text.split('\n').map((line) => line.trim());
  expect(lines.toSorted()).toEqual([
    'T0 (client 0, committed): read k1 = [], append 1 to k2',
    'T0 read the version of k1 before the one of T1',
    'T1 (client 1, committed): read k2 = [], append 1 to k1',
    'T1 read the version of k2 before the one of T0',
  ]);
});

test('the shortest cycle is reported', () => {
  const ring = [t(r(1), a(2, 1)), t(r(2), a(3, 1)), t(r(3), a(1, 1)), t(r(9), a(8, 1))];
  const skew = [...ring, t(r(8), a(9, 1)), t(r(1, 1), r(2, 1), r(3, 1), r(8, 1), r(9, 1))];
  const [anomaly] = checkHistory(history(...skew), 'serializable');
  expect(anomaly!.text).toContain('T3 (client 3');
  expect(anomaly!.text).not.toContain('T0 ');
});
