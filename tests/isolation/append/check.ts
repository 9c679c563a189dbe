/** Judges a history by an isolation level: which anomalies it shows that the level forbids. */
import type { Cycle } from './cycles.ts';
import { findCycle } from './cycles.ts';
import type { Edge } from './graph.ts';
import { dependenciesOf } from './graph.ts';
import type { Level, Transaction } from './history.ts';
import { describeTransaction } from './history.ts';

/**
 * Adya's names where there is one. `G-single` is read skew, `lost update` the one of them where both wrote the key that they read,
 * `G-nonadjacent` a cycle with several anti-dependencies, no two in a row, `G2` any other, write skew among them. `… real time`: only with an edge
 * of real time, a stale read for example.
 */
export interface Anomaly {
  readonly name: string;
  /** For people: the transactions and why each comes before the next. */
  readonly text: string;
}

const only = (...kinds: readonly Edge['kind'][]): ReadonlySet<Edge['kind']> => new Set(kinds);

interface Kind {
  readonly name: string;
  readonly levels: readonly Level[];
  readonly find: (edges: readonly Edge[]) => Cycle | undefined;
}

const all: readonly Level[] = ['read committed', 'repeatable read', 'serializable'];
const snapshots: readonly Level[] = ['repeatable read', 'serializable'];

/** Both wrote the key that the first of them read before the other's write. */
function findLostUpdate(edges: readonly Edge[]): Cycle | undefined {
  const written = new Map<string, Edge>();
  for (const edge of edges) {
    if (edge.kind === 'ww') written.set(`${edge.key} ${edge.from} ${edge.to}`, edge);
  }
  for (const read of edges) {
    if (read.kind !== 'rw') continue;
    const back = written.get(`${read.key} ${read.to} ${read.from}`);
    if (back !== undefined) return [read, back];
  }
  return undefined;
}

/** Began after the other had ended, and did not see what it wrote. */
function findStaleRead(edges: readonly Edge[], history: readonly Transaction[]): Cycle | undefined {
  const read = edges.find(
    ({ kind, from, to }) => kind === 'rw' && history[to]!.end < history[from]!.start,
  );
  return read && [read, { from: read.to, to: read.from, kind: 'rt' }];
}

/** In the order in which they are looked for: a worse one first, so that a cycle gets its strongest name. */
const kinds: readonly Kind[] = [
  {
    name: 'G0',
    levels: all,
    find: (edges) => findCycle(edges, { kinds: only('ww'), first: 'ww', antiDependencies: 'one' }),
  },
  {
    name: 'G1c',
    levels: all,
    find: (edges) =>
      findCycle(edges, { kinds: only('ww', 'wr'), first: 'wr', antiDependencies: 'one' }),
  },
  {
    name: 'G1c real time',
    levels: all,
    find: (edges) =>
      findCycle(edges, { kinds: only('ww', 'wr', 'rt'), first: 'rt', antiDependencies: 'one' }),
  },
  {
    name: 'G-single',
    levels: snapshots,
    find: (edges) =>
      findCycle(edges, { kinds: only('ww', 'wr', 'rw'), first: 'rw', antiDependencies: 'one' }),
  },
  {
    name: 'G-nonadjacent',
    levels: snapshots,
    find: (edges) =>
      findCycle(edges, { kinds: only('ww', 'wr', 'rw'), first: 'rw', antiDependencies: 'apart' }),
  },
  {
    name: 'G2',
    levels: ['serializable'],
    find: (edges) =>
      findCycle(edges, { kinds: only('ww', 'wr', 'rw'), first: 'rw', antiDependencies: 'any' }),
  },
  {
    name: 'G-single real time',
    levels: snapshots,
    find: (edges) =>
      findCycle(edges, {
        kinds: only('ww', 'wr', 'rw', 'rt'),
        first: 'rw',
        antiDependencies: 'one',
      }),
  },
  {
    name: 'G2 real time',
    levels: ['serializable'],
    find: (edges) =>
      findCycle(edges, {
        kinds: only('ww', 'wr', 'rw', 'rt'),
        first: 'rw',
        antiDependencies: 'any',
      }),
  },
];

const reasons: Readonly<Record<Edge['kind'], (key: number | undefined) => string>> = {
  ww: (key) => `wrote the version of k${key} before the one of`,
  wr: (key) => `wrote the version of k${key} that was read by`,
  rw: (key) => `read the version of k${key} before the one of`,
  rt: () => 'had ended before the beginning of',
};

function describeCycle(cycle: Cycle, history: readonly Transaction[]): string {
  const members = [...new Set(cycle.map(({ from }) => from))].map((id) => history[id]!);
  const steps = cycle.map(({ from, to, kind, key }) => `T${from} ${reasons[kind](key)} T${to}`);
  return [...members.map(describeTransaction), ...steps].join('\n  ');
}

/** Anomalies that `level` forbids, the worst first, one of each name. Empty: the history may be of that level. */
export function checkHistory(history: readonly Transaction[], level: Level): readonly Anomaly[] {
  const { edges, faults } = dependenciesOf(history, { snapshot: level !== 'read committed' });
  const anomalies: Anomaly[] = [];
  for (const { name, text, transactions } of faults) {
    if (anomalies.some((other) => other.name === name)) continue;
    const shown = transactions.map((id) => `\n  ${describeTransaction(history[id]!)}`).join('');
    anomalies.push({ name, text: `${text}${shown}` });
  }
  const note = (name: string, cycle: Cycle | undefined): boolean => {
    if (cycle !== undefined) anomalies.push({ name, text: describeCycle(cycle, history) });
    return cycle !== undefined;
  };
  note('stale read', findStaleRead(edges, history));
  if (snapshots.includes(level)) note('lost update', findLostUpdate(edges));
  // What a weaker search finds when a stronger has found something is mostly the same again.
  for (const { name, levels, find } of kinds) {
    if (levels.includes(level) && note(name, find(edges))) break;
  }
  return anomalies;
}
