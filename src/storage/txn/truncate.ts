import { scanHotRows } from '../tiered/hot-scan.ts';
import type { ReadContext } from '../tiered/hot-scan.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import type { Scope } from '../types.ts';
import { putOverlayRow } from './overlay.ts';
import { keyText } from '../keys/buffer.ts';
import { createReader } from './reader.ts';
import type { TransactionState } from './state.ts';
import { overlayOf } from './state.ts';
import { fullKey } from './write.ts';
import { ownSeq, userOfKey } from './visibility.ts';

/**
 * Hides every committed row of the scope from this transaction at once and, by a record with the commit's seq, from everyone
 * after the commit. Keys and files are removed later (tiered/cleaning.ts).
 */
export async function truncateTable(
  state: TransactionState,
  runtime: TableRuntime,
  scope: Scope,
): Promise<void> {
  const { table } = runtime;
  const overlay = overlayOf(state, table);
  const all = scope.kind === 'all' || table.kind !== 'user';
  const inScope = (key: Buffer): boolean =>
    all || userOfKey(table, key) === (scope.kind === 'one' ? scope.userId : '');
  const { rows, index, truncatedAll, truncatedScopes } = overlay;
  overlay.undo?.push({ kind: 'overlay', overlay, rows, index, truncatedAll, truncatedScopes });
  overlay.rows = new Map([...rows].filter(([, row]) => !inScope(row.key)));
  overlay.index = new Map(
    [...index].filter(([, { key }]) => {
      const asRowKey = Buffer.concat([key.subarray(0, 5), key.subarray(9)]);
      return !inScope(asRowKey);
    }),
  );
  overlay.sorted = undefined;
  // Rows that this transaction has spilled would come with its own seq, so they go one by one.
  if (state.spilledTables?.has(table.tableId) === true) {
    const reader = createReader(state.engine);
    const context: ReadContext = {
      engine: state.engine,
      reader,
      ownBulks: state.bulkIds,
      overlay: () => undefined,
    };
    try {
      for await (const rows of scanHotRows(context, runtime, {
        scope,
        columns: [],
        includeDeleted: true,
      })) {
        for (const row of rows) {
          if (row.seq !== 0) continue;
          const key = fullKey(table, row);
          putOverlayRow(overlay, keyText(key), {
            key,
            tuple: null,
            baseSeq: ownSeq,
            seenSeq: state.engine.counters.seq,
            keyValues: null,
            locked: false,
          });
        }
      }
    } finally {
      reader.release();
    }
  }
  if (all) overlay.truncatedAll = true;
  else
    overlay.truncatedScopes = new Set(truncatedScopes).add(
      scope.kind === 'one' ? scope.userId : '',
    );
}
