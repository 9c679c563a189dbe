import { notSupported } from '../../base/index.ts';
import { prefixEnd } from '../keys/buffer.ts';
import { metaKey } from '../keys/keyspace.ts';
import { scanHotRows } from '../tiered/hot-scan.ts';
import { buildIndex } from '../txn/build-index.ts';
import type { InternalTransaction } from '../txn/transaction.ts';
import { beginTransaction } from '../txn/transaction.ts';
import type { Storage, StorageTransaction } from '../types.ts';
import type { EngineParts } from './engine.ts';

/** The storage as its callers see it, over an opened engine. */
export function makeStorage(parts: EngineParts): Storage {
  const { engine, sequences } = parts;
  const { store, sequencer } = engine;
  const internal = (transaction: StorageTransaction): InternalTransaction =>
    transaction as InternalTransaction;
  return {
    begin: () => beginTransaction(engine),
    async meta(prefix) {
      const from = metaKey(prefix);
      const out: [string, Uint8Array][] = [];
      const cursor = store.scan({ from, to: prefixEnd(from) });
      try {
        for (;;) {
          const entries = await cursor.next(1000);
          if (entries.length === 0) return out;
          for (const [key, value] of entries) out.push([key.toString('utf8', 1), value]);
        }
      } finally {
        await cursor.close();
      }
    },
    scanHot: (transaction, table, options) =>
      scanHotRows(internal(transaction).readContext(), engine.runtime(table), options),
    buildIndex: (transaction, table, index) =>
      buildIndex(internal(transaction), engine.runtime(table), index),
    coldScan: async () => ({ files: [], filesKnown: 0, paths: [], superseded: [] }),
    flush: async () => {
      throw notSupported('FLUSH');
    },
    dropTable: async () => undefined,
    stats: async () => ({ hotRows: 0, coldRows: 0, coldBytes: 0, files: 0 }),
    estimateRows: () => 0,
    files: async () => [],
    users: async () => [],
    sequences,
    onCommit(listener) {
      engine.listeners.add(listener);
      return () => engine.listeners.delete(listener);
    },
    tableVersion: (tableId) => engine.tableState(tableId).version,
    async close() {
      await parts.settle();
      if (sequencer.failure === undefined) {
        sequences.settle();
        if (sequences.dirty)
          await sequencer.submit({ sync: true, takesSeq: false, write: () => undefined });
      }
      await sequencer.stop();
      await store.close();
    },
  };
}
