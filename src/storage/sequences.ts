import { PgError, SqlState, assert } from '../base/index.ts';
import type { HotStore } from './hot/types.ts';
import { prefixEnd } from './keys/buffer.ts';
import { Keyspace, sequenceKey } from './keys/keyspace.ts';
import { decodeRecord, encodeRecord } from './records.ts';
import type { Sequencer } from './txn/sequencer.ts';
import type { SequenceOptions, Sequences } from './types.ts';

/** Values reserved on disk ahead of those handed out; after a crash at most this many are skipped. */
export const sequenceReserve = 32n;

interface SequenceState {
  options: SequenceOptions;
  lastValue: bigint;
  isCalled: boolean;
  /** Values up to here may be handed out without another write. */
  reserved: bigint;
}

interface SequenceRecord {
  readonly start: string;
  readonly increment: string;
  readonly min: string;
  readonly max: string;
  readonly cycle: boolean;
  readonly lastValue: string;
  readonly isCalled: boolean;
}

/** Sequences in memory; what has to be known after a crash goes with the next group of commits. */
export interface SequenceStore extends Sequences {
  /** Whether something waits for the next group. */
  readonly dirty: boolean;
  /** On a clean stop: the exact values, so that none is skipped. */
  settle(): void;
  /** The records of all sequences as they are this moment, nothing reserved; by sequence id. */
  positions(): Map<number, Buffer>;
}

export async function openSequences(store: HotStore, sequencer: Sequencer): Promise<SequenceStore> {
  const states = new Map<number, SequenceState>();
  const dirty = new Set<number>();
  /** Set by hand and not yet used: written as they are, so that a crash skips nothing. */
  const unused = new Set<number>();
  await load(store, states);

  const need = (id: number): SequenceState => {
    const state = states.get(id);
    assert(state !== undefined, `no sequence ${id}`);
    return state;
  };
  let exact = false;
  sequencer.onGroup((writer) => {
    for (const id of dirty) {
      const state = states.get(id);
      const key = sequenceKey(id);
      if (state === undefined) {
        writer.delete(key);
        continue;
      }
      const asItIs = exact || unused.has(id) || !state.isCalled;
      const ahead = asItIs ? state.lastValue : reserveFrom(state);
      state.reserved = ahead;
      writer.put(key, encodeRecord(recordOf(state, ahead)));
    }
    dirty.clear();
  });

  return {
    create(id, options) {
      states.set(id, {
        options,
        lastValue: options.start,
        isCalled: false,
        reserved: options.start,
      });
      dirty.add(id);
    },
    alter(id, options) {
      const state = need(id);
      if (sameOptions(state.options, options)) return;
      state.options = options;
      dirty.add(id);
    },
    nextval(id) {
      const state = need(id);
      const { increment, min, max, cycle } = state.options;
      let next = state.lastValue;
      if (state.isCalled) {
        next += increment;
        if (increment > 0n ? next > max : next < min) {
          if (!cycle) throw limitReached(id, increment > 0n, increment > 0n ? max : min);
          next = increment > 0n ? min : max;
          dirty.add(id);
        }
      } else dirty.add(id);
      unused.delete(id);
      state.isCalled = true;
      state.lastValue = next;
      if (increment > 0n ? next > state.reserved : next < state.reserved) dirty.add(id);
      return next;
    },
    setval(id, value, isCalled) {
      const state = need(id);
      state.lastValue = value;
      state.isCalled = isCalled;
      state.reserved = value;
      unused.add(id);
      dirty.add(id);
    },
    state(id) {
      const { lastValue, isCalled } = need(id);
      return { lastValue, isCalled };
    },
    drop(id) {
      states.delete(id);
      unused.delete(id);
      dirty.add(id);
    },
    ids: () => [...states.keys()],
    get dirty() {
      return dirty.size > 0;
    },
    settle() {
      exact = true;
      for (const [id, state] of states) if (state.reserved !== state.lastValue) dirty.add(id);
    },
    positions: () =>
      new Map(
        [...states].map(([id, state]) => [id, encodeRecord(recordOf(state, state.lastValue))]),
      ),
  };
}

function sameOptions(left: SequenceOptions, right: SequenceOptions): boolean {
  return (
    left.start === right.start &&
    left.increment === right.increment &&
    left.min === right.min &&
    left.max === right.max &&
    left.cycle === right.cycle
  );
}

function reserveFrom(state: SequenceState): bigint {
  const { increment, min, max } = state.options;
  const ahead = state.lastValue + increment * sequenceReserve;
  return increment > 0n ? (ahead > max ? max : ahead) : ahead < min ? min : ahead;
}

function limitReached(id: number, ascending: boolean, limit: bigint): PgError {
  return new PgError(
    SqlState.sequenceGeneratorLimitExceeded,
    `nextval: reached ${ascending ? 'maximum' : 'minimum'} value of sequence ${id} (${limit})`,
  );
}

function recordOf(state: SequenceState, lastValue: bigint): SequenceRecord {
  const { start, increment, min, max, cycle } = state.options;
  return {
    start: `${start}`,
    increment: `${increment}`,
    min: `${min}`,
    max: `${max}`,
    cycle,
    lastValue: `${lastValue}`,
    isCalled: state.isCalled,
  };
}

async function load(store: HotStore, states: Map<number, SequenceState>): Promise<void> {
  const from = Buffer.from([Keyspace.sequences]);
  const cursor = store.scan({ from, to: prefixEnd(from) });
  try {
    for (;;) {
      const entries = await cursor.next(1000);
      if (entries.length === 0) return;
      for (const [key, value] of entries) {
        const id = key.readUInt32BE(1);
        const record = decodeRecord<SequenceRecord>(value, `sequence ${id}`);
        const lastValue = BigInt(record.lastValue);
        states.set(id, {
          options: {
            start: BigInt(record.start),
            increment: BigInt(record.increment),
            min: BigInt(record.min),
            max: BigInt(record.max),
            cycle: record.cycle,
          },
          lastValue,
          isCalled: record.isCalled,
          reserved: lastValue,
        });
      }
    }
  } finally {
    await cursor.close();
  }
}
