/** Dependencies among the transactions of a history, after Adya's definitions. */
import type { Operation, Transaction } from './history.ts';

/**
 * `ww`: the next version of a key is the other's. `wr`: the other read what this one wrote. `rw`: the other wrote the version after
 * the one that this read. `rt`: the other began after this one had ended.
 */
export type EdgeKind = 'ww' | 'wr' | 'rw' | 'rt';

export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly kind: EdgeKind;
  /** Of the dependency; none of real time. */
  readonly key?: number;
}

/** What is wrong without any cycle. */
export interface Fault {
  readonly name: string;
  readonly text: string;
  readonly transactions: readonly number[];
}

export interface Dependencies {
  readonly edges: readonly Edge[];
  readonly faults: readonly Fault[];
}

interface Write {
  readonly transaction: Transaction;
  readonly undone: boolean;
  /** Of the transaction's appends to the key that stand. */
  readonly last: boolean;
}

type Append = Extract<Operation, { kind: 'append' }>;
type Read = Extract<Operation, { kind: 'read' }>;
const stands = (operation: Operation): operation is Append =>
  operation.kind === 'append' && operation.undone !== true;

/** Key to value to who wrote it. Throws when two wrote the same. */
function writesOf(history: readonly Transaction[]): Map<number, Map<number, Write>> {
  const writes = new Map<number, Map<number, Write>>();
  for (const transaction of history) {
    for (const [index, operation] of transaction.operations.entries()) {
      if (operation.kind !== 'append') continue;
      const { key, value, undone = false } = operation;
      const ofKey = writes.get(key) ?? new Map<number, Write>();
      writes.set(key, ofKey);
      if (ofKey.has(value)) throw new Error(`${value} was appended twice to k${key}`);
      const later = transaction.operations.slice(index + 1);
      const last = !undone && !later.some((other) => stands(other) && other.key === key);
      ofKey.set(value, { transaction, undone, last });
    }
  }
  return writes;
}

const isPrefix = (short: readonly number[], long: readonly number[]): boolean =>
  short.length <= long.length && short.every((value, index) => value === long[index]);

const list = (values: readonly number[]): string => `[${values.join(' ')}]`;

/** A transaction must see its own appends, at the end of what it reads, and none of them that was undone. */
function internalFault(transaction: Transaction, snapshot: boolean): Fault | undefined {
  const own = new Map<number, number[]>();
  const lastRead = new Map<number, readonly number[]>();
  for (const operation of transaction.operations) {
    const { key } = operation;
    const mine = own.get(key) ?? [];
    if (operation.kind === 'append') {
      if (stands(operation)) own.set(key, [...mine, operation.value]);
      continue;
    }
    const { values } = operation;
    const wrong = (name: string, text: string): Fault => ({
      name,
      text: `k${key} = ${list(values)}, ${text}`,
      transactions: [transaction.id],
    });
    const others = values.slice(0, values.length - mine.length);
    if (!mine.every((value, index) => value === values[others.length + index])) {
      return wrong('internal', `but it had appended ${list(mine)}`);
    }
    const before = lastRead.get(key);
    if (snapshot && before !== undefined && list(before) !== list(others)) {
      return wrong('internal', `but it had read ${list(before)} before`);
    }
    lastRead.set(key, others);
  }
  return undefined;
}

/** Edges of real time that imply all the others: to each from those that ended before and that no one ended after again. */
function realTimeEdges(history: readonly Transaction[]): readonly Edge[] {
  const events = history
    .flatMap((transaction) => [
      { at: transaction.start, begins: true, transaction },
      { at: transaction.end, begins: false, transaction },
    ])
    // At the same instant beginnings come first: then the two are not ordered.
    .toSorted((a, b) => a.at - b.at || Number(b.begins) - Number(a.begins));
  const edges: Edge[] = [];
  const before = new Map<number, readonly number[]>();
  let ended: readonly number[] = [];
  for (const { begins, transaction } of events) {
    if (begins) {
      before.set(transaction.id, ended);
      for (const from of ended) edges.push({ from, to: transaction.id, kind: 'rt' });
    } else {
      const implied = new Set(before.get(transaction.id));
      ended = [...ended.filter((id) => !implied.has(id)), transaction.id];
    }
  }
  return edges;
}

/**
 * The graph over the transactions that took effect: committed ones, and those of unknown outcome whose appends were seen. `snapshot`: a
 * transaction must read the same at every time.
 */
export function dependenciesOf(
  history: readonly Transaction[],
  options: { readonly snapshot: boolean },
): Dependencies {
  const faults: Fault[] = [];
  const edges: Edge[] = [];
  const writes = writesOf(history);
  const committed = history.filter(({ outcome }) => outcome === 'committed');
  const reads = committed.flatMap((transaction) =>
    transaction.operations
      .filter((operation): operation is Read => operation.kind === 'read')
      .map((read) => ({ transaction, ...read })),
  );

  for (const transaction of committed) {
    const fault = internalFault(transaction, options.snapshot);
    if (fault !== undefined) faults.push(fault);
  }

  // The longest list of a key is its order of versions; every other one must be a beginning of it.
  const orders = new Map<number, readonly number[]>();
  for (const { key, values } of reads) {
    if (values.length >= (orders.get(key)?.length ?? 0)) orders.set(key, values);
  }
  for (const { transaction, key, values } of reads) {
    const order = orders.get(key)!;
    if (!isPrefix(values, order)) {
      const text = `k${key} was ${list(values)} to one and ${list(order)} to another`;
      faults.push({ name: 'incompatible order', text, transactions: [transaction.id] });
    }
    if (new Set(values).size < values.length) {
      const text = `k${key} = ${list(values)}`;
      faults.push({ name: 'duplicate', text, transactions: [transaction.id] });
    }
  }

  const seen = new Set<number>();
  for (const { transaction, key, values } of reads) {
    for (const value of values) {
      const write = writes.get(key)?.get(value);
      const at = (name: string, text: string, others: readonly number[] = []): void => {
        faults.push({
          name,
          text: `k${key} = ${list(values)}: ${value} ${text}`,
          transactions: [transaction.id, ...others],
        });
      };
      if (write === undefined) {
        at('from nowhere', 'was never appended');
        continue;
      }
      const writer = write.transaction;
      if (writer.outcome === 'failed') at('G1a', 'is of a transaction that failed', [writer.id]);
      else if (write.undone) at('G1a', 'was rolled back to a savepoint', [writer.id]);
      else seen.add(writer.id);
    }
    const value = values.at(-1);
    const last = value === undefined ? undefined : writes.get(key)?.get(value);
    if (last === undefined || last.last || last.undone) continue;
    if (last.transaction.id !== transaction.id) {
      const text = `k${key} = ${list(values)}: ${value} is not the last that T${last.transaction.id} appended`;
      faults.push({ name: 'G1b', text, transactions: [transaction.id, last.transaction.id] });
    }
  }

  const tookEffect = (id: number): boolean => history[id]?.outcome === 'committed' || seen.has(id);
  const writerOf = (key: number, value: number | undefined): number | undefined => {
    const id = value === undefined ? undefined : writes.get(key)?.get(value)?.transaction.id;
    return id !== undefined && tookEffect(id) ? id : undefined;
  };
  const connect = (
    from: number | undefined,
    to: number | undefined,
    kind: EdgeKind,
    key: number,
  ): void => {
    if (from !== undefined && to !== undefined && from !== to) edges.push({ from, to, kind, key });
  };

  for (const [key, order] of orders) {
    for (const [index, value] of order.entries()) {
      connect(writerOf(key, order[index - 1]), writerOf(key, value), 'ww', key);
    }
  }
  for (const { transaction, key, values } of reads) {
    const order = orders.get(key)!;
    if (!isPrefix(values, order)) continue;
    connect(writerOf(key, values.at(-1)), transaction.id, 'wr', key);
    connect(transaction.id, writerOf(key, order[values.length]), 'rw', key);
  }
  // What committed and nobody read comes after all that was read, or is lost; who read it last tells which.
  for (const [key, ofKey] of writes) {
    const order = new Set(orders.get(key));
    const full = reads.filter((read) => read.key === key && read.values.length === order.size);
    for (const [value, { transaction, undone }] of ofKey) {
      if (undone || transaction.outcome !== 'committed' || order.has(value)) continue;
      const after = full.find((read) => read.transaction.start > transaction.end);
      if (after !== undefined) {
        const text = `${value} was appended to k${key} and is not in ${list(after.values)}, read after it`;
        faults.push({
          name: 'lost append',
          text,
          transactions: [transaction.id, after.transaction.id],
        });
      }
      for (const read of full) connect(read.transaction.id, transaction.id, 'rw', key);
    }
  }
  const took = history.filter(({ id }) => tookEffect(id));
  return { edges: [...edges, ...realTimeEdges(took)], faults };
}
