import type { Engine, TableState, UnfixedReader } from '../engine.ts';
import type { HotSnapshot } from '../hot/types.ts';
import { Keyspace, scopePrefix, stateKey, tablePrefix } from '../keys/keyspace.ts';
import type { ScopeRecord, TableRecord } from '../records.ts';
import { decodeRecord, noScopeRecord, noTableRecord } from '../records.ts';
import { seqOfState } from './sequencer.ts';

/** What decides which stored versions of a scope's rows count. */
export interface Limits {
  readonly watermark: number;
  readonly truncatedBefore: number;
  readonly manifestVersion: number;
}

const noLimits: Limits = { watermark: 0, truncatedBefore: 0, manifestVersion: 0 };

/** A consistent state of the hot store to read from. */
export interface View {
  /** Commits above are not seen. Infinity: everything accepted, written or not. */
  readonly seq: number;
  get(key: Buffer): Buffer | undefined;
  limits(table: TableState, userId: string): Limits;
  tableRecord(table: TableState): TableRecord;
}

/** One statement's view. Takes its snapshot when needed: a single point read goes without. */
export interface Reader extends View {
  /** The snapshot to scan with. */
  hot(): HotSnapshot;
  retain(): void;
  release(): void;
}

export function createReader(engine: Engine): Reader {
  let snapshot: HotSnapshot | undefined;
  let snapshotSeq = 0;
  let holders = 1;
  const memo = new Map<string, Limits>();
  const self: UnfixedReader = { fix, at: -1 };
  // From before the first look: files and marks of what it sees stay.
  const epoch = engine.files.enter();

  function fix(): void {
    if (snapshot !== undefined) return;
    takeOut(engine.unfixedReaders, self);
    snapshot = engine.store.snapshot();
    // While a batch is being written, only the snapshot itself can tell whether it holds it.
    snapshotSeq = engine.sequencer.writing
      ? seqOfState(engine.store.getSync(stateKey, snapshot))
      : engine.sequencer.appliedSeq;
  }
  const get = (key: Buffer): Buffer | undefined => {
    if (snapshot === undefined) {
      // Nothing is being written: the store stays as it is until beforeWrite, which fixes this reader.
      if (engine.sequencer.writing) fix();
      else if (self.at < 0) self.at = engine.unfixedReaders.push(self) - 1;
    }
    return engine.store.getSync(key, snapshot);
  };
  return {
    get seq() {
      return snapshot === undefined ? engine.sequencer.appliedSeq : snapshotSeq;
    },
    get,
    hot() {
      fix();
      return snapshot!;
    },
    limits(table, userId) {
      if (!table.special) return noLimits;
      const name = `${table.tableId} ${userId}`;
      let limits = memo.get(name);
      if (limits === undefined) {
        limits = readLimits(get, table, userId);
        memo.set(name, limits);
      }
      return limits;
    },
    tableRecord: (table) => readTableRecord(get, table.tableId),
    retain() {
      holders++;
    },
    release() {
      // A flush lets go early, and once more at its end: an epoch that is left twice would hold files for ever.
      if (--holders !== 0) return;
      takeOut(engine.unfixedReaders, self);
      snapshot?.release();
      engine.files.leave(epoch);
    },
  };
}

function takeOut(readers: UnfixedReader[], reader: UnfixedReader): void {
  const { at } = reader;
  if (at < 0) return;
  const last = readers.pop()!;
  if (last !== reader) {
    readers[at] = last;
    last.at = at;
  }
  reader.at = -1;
}

/** Everything accepted so far; what writers check against. */
export function latestView(engine: Engine): View {
  const get = (key: Buffer): Buffer | undefined => engine.sequencer.latest(key);
  return {
    seq: Infinity,
    get,
    limits: (table, userId) => (table.special ? latestLimits(get, table, userId) : noLimits),
    tableRecord: (table) => readTableRecord(get, table.tableId),
  };
}

/** Users whose limits are remembered for a table. */
const limitsMax = 1024;

function latestLimits(
  get: (key: Buffer) => Buffer | undefined,
  table: TableState,
  userId: string,
): Limits {
  let limits = table.limits.get(userId);
  if (limits === undefined) {
    limits = readLimits(get, table, userId);
    if (table.limits.size >= limitsMax) table.limits.clear();
    table.limits.set(userId, limits);
  }
  return limits;
}

export function readTableRecord(
  get: (key: Buffer) => Buffer | undefined,
  tableId: number,
): TableRecord {
  const bytes = get(tablePrefix(Keyspace.table, tableId));
  return bytes === undefined
    ? noTableRecord
    : decodeRecord(bytes, `the record of table ${tableId}`);
}

export function readScopeRecord(
  get: (key: Buffer) => Buffer | undefined,
  tableId: number,
  userId: string,
): ScopeRecord {
  const bytes = get(scopePrefix(Keyspace.scope, tableId, userId));
  return bytes === undefined
    ? noScopeRecord
    : decodeRecord(bytes, `the record of a scope of table ${tableId}`);
}

function readLimits(
  get: (key: Buffer) => Buffer | undefined,
  table: TableState,
  userId: string,
): Limits {
  const ofTable = readTableRecord(get, table.tableId);
  const ofScope = readScopeRecord(get, table.tableId, userId);
  return {
    watermark: ofScope.watermark,
    truncatedBefore: Math.max(ofTable.truncatedBefore, ofScope.truncatedBefore),
    manifestVersion: ofScope.manifestVersion,
  };
}
