import type { TableState } from '../engine.ts';
import type { HotStore } from '../hot/types.ts';
import { prefixEnd } from '../keys/buffer.ts';
import { Keyspace } from '../keys/keyspace.ts';
import type { BulkRecord, TableRecord } from '../records.ts';
import { decodeRecord } from '../records.ts';

export function newTableState(tableId: number): TableState {
  return {
    tableId,
    version: 0,
    accepted: 0,
    settled: 0,
    lastCommit: 0,
    lastSpill: 0,
    lastMoved: 0,
    allMovedUpTo: 0,
    truncations: 0,
    special: false,
    limits: new Map(),
    marks: 0,
    marksJudged: 0,
    marksToClean: new Set(),
    swaps: 0,
    damagedFiles: new Set(),
    flushing: 0,
    flushingUsers: undefined,
    unremoved: new Map(),
    unremovedAll: 0,
    removing: Promise.resolve(),
    rowCounts: new Map(),
    maxKeys: new Map(),
    loadingMaxKeys: new Set(),
    unreturned: { rows: 0, bytes: 0, range: undefined },
    openRuns: new Map(),
  };
}

/** What must be known of tables before the first read; returns the tables whose truncate or flush was interrupted. */
export async function loadTableStates(
  store: HotStore,
  tableState: (tableId: number) => TableState,
): Promise<{ readonly cleaning: number[]; readonly moving: number[] }> {
  const cleaning: number[] = [];
  const moving: number[] = [];
  await each(store, Keyspace.table, true, (key, value) => {
    const tableId = key.readUInt32BE(1);
    const record = decodeRecord<TableRecord>(value, `the record of table ${tableId}`);
    tableState(tableId).special = true;
    if (record.cleaning) cleaning.push(tableId);
    if (!record.moving) return;
    // Of whichever flush it was: everything is looked through.
    tableState(tableId).unremovedAll = 1;
    moving.push(tableId);
  });
  await each(store, Keyspace.marks, false, (key) => {
    tableState(key.readUInt32BE(1)).marks++;
  });
  return { cleaning, moving };
}

export async function loadBulks(store: HotStore): Promise<Map<number, BulkRecord>> {
  const bulks = new Map<number, BulkRecord>();
  await each(store, Keyspace.bulk, true, (key, value) => {
    const id = key.readUIntBE(1, 6);
    bulks.set(id, decodeRecord<BulkRecord>(value, `the record of bulk transaction ${id}`));
  });
  return bulks;
}

async function each(
  store: HotStore,
  keyspace: number,
  values: boolean,
  visit: (key: Buffer, value: Buffer) => void,
): Promise<void> {
  const from = Buffer.from([keyspace]);
  const cursor = store.scan({ from, to: prefixEnd(from), values });
  try {
    for (;;) {
      const entries = await cursor.next(4096);
      if (entries.length === 0) return;
      for (const [key, value] of entries) visit(key, value);
    }
  } finally {
    await cursor.close();
  }
}
