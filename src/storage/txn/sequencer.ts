import { PgError, SqlState, assert } from '../../base/index.ts';
import type { HotBatch, HotStore } from '../hot/types.ts';
import type { FreshRun } from './fresh-run.ts';
import { findInRun, writeRun } from './fresh-run.ts';
import { keyText } from '../keys/buffer.ts';
import { Keyspace, stateKey } from '../keys/keyspace.ts';
import { decodeRecord, encodeRecord } from '../records.ts';

/** A group takes no further commit once it is this large; later ones wait for the next. */
export const groupBytesMax = 8 * 1024 * 1024;

/**
 * How long a commit that did not wait for its sync (synchronous_commit = off) may be lost by a power loss: within this time
 * after it, a sync begins that takes everything before it along. PostgreSQL's wal_writer_delay, of which it promises three.
 */
export const asynchronousCommitDelayMs = 200;

/** Values of keys written last that are remembered: hot rows are read to be changed again. A larger group forgets them all. */
const recentMax = 4096;

/** Counters that never go back; saved with every group. */
export interface Counters {
  /** Last commit sequence number given out. */
  seq: number;
  rowId: number;
  fileId: number;
  bulkId: number;
}

export interface CommitWriter {
  readonly seq: number;
  put(key: Buffer, value: Buffer): void;
  delete(key: Buffer): void;
  /** Deletes a key whose value nobody sees any more, and which may therefore be seen until the store has it: for many keys. */
  deleteHidden(key: Buffer): void;
  /** Seals the run's tuples with this commit's seq, or provisionally with a bulk transaction's id, and writes them all. */
  putRun(run: FreshRun, bulkId?: number): void;
}

export interface CommitRequest {
  readonly sync: boolean;
  /** False for what changes no visible row (spilled rows, lazy deletion, sequences): it gets no seq of its own. */
  readonly takesSeq: boolean;
  /** True for rows that count only with a later commit: if their write fails, it is sure that they never will. */
  readonly provisional?: boolean;
  /** Throws when the commit may not happen. Runs in the same tick as `write`, with every earlier commit visible. */
  validate?(): void;
  write(writer: CommitWriter): void;
  /** Once written (and synced, if asked), in commit order, before the promise resolves. */
  written?(seq: number): void;
}

interface Group {
  readonly batch: HotBatch;
  put(key: Buffer, value: Buffer): void;
  readonly values: Map<string, Buffer | undefined>;
  readonly runs: FreshRun[];
  readonly waiting: {
    resolve(seq: number): void;
    reject(error: unknown): void;
    seq: number;
    request: CommitRequest;
  }[];
  sync: boolean;
  bytes: number;
}

/** Groups written since the start, and what was in them. */
export interface GroupFigures {
  written: number;
  synced: number;
  members: number;
  membersMax: number;
  /** Of keys and values. */
  bytes: number;
}

/**
 * Gives commits their order. One batch is written at a time; what arrives meanwhile gathers for the next (group commit).
 * After a failed write the outcome is unknown, so nothing more is accepted until the store is reopened.
 */
export interface Sequencer {
  readonly counters: Counters;
  readonly groups: GroupFigures;
  /** Resolves with the commit's seq (or the latest one when it takes none). */
  submit(request: CommitRequest): Promise<number>;
  /** Resolves when a commit handed in within the same tick would be accepted at once. */
  room(): Promise<void>;
  /** The value of a key with all accepted commits applied, written or not. */
  latest(key: Buffer): Buffer | undefined;
  /** Last seq known to be written. */
  readonly appliedSeq: number;
  /** Whether a batch is being written right now: a snapshot taken now may or may not hold it. */
  readonly writing: boolean;
  /** Called just before a batch is handed to the store. */
  beforeWrite(listener: () => void): void;
  /** Called as a table's or scope's record is accepted. */
  onRecord(listener: (tableId: number) => void): void;
  /** Adds to every group, as it is closed: sequence reservations. */
  onGroup(contribute: (writer: CommitWriter) => void): void;
  /** Why nothing is accepted any more. */
  readonly failure: PgError | undefined;
  /** Called once when a write has failed, before those who wait for it are told. */
  onFailure(listener: (failure: PgError) => void): void;
  /** Waits until all accepted commits are written and synced, then accepts no more. */
  stop(): Promise<void>;
}

export function createSequencer(store: HotStore): Sequencer {
  const counters: Counters = readCounters(store);
  let appliedSeq = counters.seq;
  const groups: GroupFigures = { written: 0, synced: 0, members: 0, membersMax: 0, bytes: 0 };
  let gathering: Group | undefined;
  let inFlight: Group | undefined;
  let scheduled = false;
  let failure: PgError | undefined;
  let stopped = false;
  /** Whether batches have been written that no sync has followed, and the timer of the one that will. */
  let unsynced = false;
  let syncTimer: NodeJS.Timeout | undefined;
  const failureListeners: ((failure: PgError) => void)[] = [];
  const room: (() => void)[] = [];
  const idle: (() => void)[] = [];
  const beforeWrite: (() => void)[] = [];
  let recent = new Map<string, Buffer>();
  const recordListeners: ((tableId: number) => void)[] = [];
  const contributors: ((writer: CommitWriter) => void)[] = [];

  const full = (): boolean =>
    failure === undefined && gathering !== undefined && gathering.bytes > groupBytesMax;

  const noteRecord = (key: Buffer): void => {
    if (key[0] !== Keyspace.table && key[0] !== Keyspace.scope) return;
    const tableId = key.readUInt32BE(1);
    for (const listener of recordListeners) listener(tableId);
  };

  const writerOf = (group: Group, seq: number): CommitWriter => ({
    seq,
    put(key, value) {
      noteRecord(key);
      group.batch.put(key, value);
      group.values.set(keyText(key), value);
      group.bytes += key.length + value.length;
    },
    delete(key) {
      noteRecord(key);
      group.batch.delete(key);
      group.values.set(keyText(key), undefined);
      group.bytes += key.length;
    },
    deleteHidden(key) {
      group.batch.delete(key);
      if (recent.size > 0) recent.delete(keyText(key));
      group.bytes += key.length;
    },
    putRun(run, bulkId) {
      writeRun(run, bulkId ?? seq, bulkId !== undefined, group.put);
      group.runs.push(run);
      group.bytes += run.bytes;
    },
  });

  const newGroup = (): Group => {
    const batch = store.batch();
    return {
      batch,
      put: (key, value) => batch.put(key, value),
      values: new Map(),
      runs: [],
      waiting: [],
      sync: false,
      bytes: 0,
    };
  };

  const schedule = (): void => {
    if (scheduled || inFlight !== undefined || gathering === undefined) return;
    scheduled = true;
    // The rest of this tick may bring more commits.
    queueMicrotask(() => {
      scheduled = false;
      void writeGroup();
    });
  };

  async function writeGroup(): Promise<void> {
    const group = gathering;
    if (group === undefined || inFlight !== undefined) return;
    for (const listener of beforeWrite) listener();
    const writer = writerOf(group, counters.seq);
    for (const contribute of contributors) contribute(writer);
    group.batch.put(stateKey, encodeRecord(counters));
    inFlight = group;
    gathering = undefined;
    for (const wake of room.splice(0)) wake();
    try {
      await group.batch.write({ sync: group.sync });
    } catch (error) {
      fail(group, error);
      return;
    }
    inFlight = undefined;
    groups.written++;
    if (group.sync) groups.synced++;
    groups.members += group.waiting.length;
    groups.membersMax = Math.max(groups.membersMax, group.waiting.length);
    groups.bytes += group.bytes;
    remember(group);
    unsynced = !group.sync;
    if (unsynced) syncTimer ??= setTimeout(syncLater, asynchronousCommitDelayMs).unref();
    for (const waiter of group.waiting) {
      if (waiter.request.takesSeq) appliedSeq = waiter.seq;
      waiter.request.written?.(waiter.seq);
      waiter.resolve(waiter.seq);
    }
    schedule();
    if (gathering === undefined) for (const wake of idle.splice(0)) wake();
  }

  function remember({ values, runs }: Group): void {
    if (runs.length > 0 || recent.size + values.size > recentMax) recent = new Map();
    if (values.size > recentMax) return;
    for (const [text, value] of values) {
      if (value === undefined) recent.delete(text);
      else recent.set(text, value);
    }
  }

  /** Synced by a later group meanwhile, the better. */
  function syncLater(): void {
    syncTimer = undefined;
    // A failure is everybody's, see `fail`.
    if (unsynced && failure === undefined && !stopped) syncNow().catch(() => undefined);
  }

  function syncNow(): Promise<number> {
    return sequencer.submit({ sync: true, takesSeq: false, write: () => undefined });
  }

  function fail(group: Group, error: unknown): void {
    failure = writeFailure(error);
    clearTimeout(syncTimer);
    // The group stays "in flight": whether it is on disk is unknown, and readers see what the store has.
    const refused = gathering?.waiting ?? [];
    gathering = undefined;
    for (const listener of failureListeners) listener(failure);
    for (const waiter of group.waiting) {
      const { takesSeq, provisional } = waiter.request;
      waiter.reject(takesSeq && provisional !== true ? unknownOutcome(failure) : failure);
    }
    // These never came near the disk.
    for (const waiter of refused) waiter.reject(failure);
    for (const wake of room.splice(0)) wake();
    for (const wake of idle.splice(0)) wake();
  }

  async function submitWhenRoom(request: CommitRequest): Promise<number> {
    while (full()) await new Promise<void>((resolve) => room.push(resolve));
    return accept(request);
  }

  /** Takes the commit into the group that gathers, within the call. */
  function accept(request: CommitRequest): Promise<number> {
    try {
      if (failure !== undefined) throw failure;
      assert(!stopped, 'a commit after close');
      request.validate?.();
      gathering ??= newGroup();
      const group = gathering;
      if (request.takesSeq) counters.seq++;
      const seq = counters.seq;
      request.write(writerOf(group, seq));
      group.sync ||= request.sync;
      const done = new Promise<number>((resolve, reject) => {
        group.waiting.push({ resolve, reject, seq, request });
      });
      schedule();
      return done;
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  const sequencer: Sequencer = {
    counters,
    groups,
    submit(request) {
      return full() ? submitWhenRoom(request) : accept(request);
    },
    async room() {
      while (full()) await new Promise<void>((resolve) => room.push(resolve));
    },
    latest(key) {
      const text = keyText(key);
      if (gathering !== undefined || inFlight !== undefined) {
        if (gathering?.values.has(text) === true) return gathering.values.get(text);
        const run = gathering && findInRuns(gathering.runs, key);
        if (run !== undefined) return run;
        if (failure === undefined && inFlight !== undefined) {
          if (inFlight.values.has(text)) return inFlight.values.get(text);
          const found = findInRuns(inFlight.runs, key);
          if (found !== undefined) return found;
        }
      }
      return recent.get(text) ?? store.getSync(key);
    },
    get appliedSeq() {
      return appliedSeq;
    },
    get writing() {
      return inFlight !== undefined;
    },
    beforeWrite: (listener) => void beforeWrite.push(listener),
    onRecord: (listener) => void recordListeners.push(listener),
    onGroup: (contribute) => void contributors.push(contribute),
    get failure() {
      return failure;
    },
    onFailure: (listener) => void failureListeners.push(listener),
    async stop() {
      while (failure === undefined && (gathering !== undefined || inFlight !== undefined))
        await new Promise<void>((resolve) => idle.push(resolve));
      if (unsynced && failure === undefined) await syncNow();
      clearTimeout(syncTimer);
      stopped = true;
    },
  };
  return sequencer;
}

function findInRuns(runs: readonly FreshRun[], key: Buffer): Buffer | undefined {
  for (const run of runs) {
    const found = findInRun(run, key);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The seq of the last commit in a snapshot's state record. */
export function seqOfState(bytes: Buffer | undefined): number {
  return bytes === undefined ? 0 : decodeRecord<Counters>(bytes, 'the state of the hot store').seq;
}

function readCounters(store: HotStore): Counters {
  const bytes = store.getSync(stateKey);
  if (bytes === undefined) return { seq: 0, rowId: 0, fileId: 0, bulkId: 0 };
  return { ...decodeRecord<Counters>(bytes, 'the state of the hot store') };
}

function writeFailure(error: unknown): PgError {
  const text = error instanceof Error ? error.message : String(error);
  const full = /ENOSPC|no space left/i.test(text);
  return new PgError(
    full ? SqlState.diskFull : SqlState.ioError,
    full
      ? `could not write to the data folder: no space left on device`
      : `could not write to the data folder: ${text}`,
    {
      hint: 'Nothing is written until the server has recovered, which it tries by itself; reads go on.',
    },
  );
}

/** What the client of a commit is told that was being written: its connection ends with this. */
function unknownOutcome(failure: PgError): PgError {
  return new PgError(
    SqlState.connectionFailure,
    'terminating connection because the outcome of the transaction is unknown',
    {
      severity: 'FATAL',
      detail: `It may have been committed or not: ${failure.message}.`,
      hint: 'In a moment you should be able to reconnect to the database and look.',
    },
  );
}
