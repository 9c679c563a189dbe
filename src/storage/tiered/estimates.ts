import type { Engine, TableState } from '../engine.ts';
import { prefixEnd } from '../keys/buffer.ts';
import { Keyspace, tablePrefix } from '../keys/keyspace.ts';
import { encodeScope } from '../keys/scope.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { createReader, latestView } from '../txn/reader.ts';
import type { Scope } from '../types.ts';

/** Scopes of a table whose number of rows is remembered. */
const scopesMax = 4096;
/** Rows read to learn how large they are. */
const sampleRows = 200;
/** Compressed blocks hold about this many times their bytes. */
const compression = 2;

/** Key of all scopes together in TableState.rowCounts. */
export const allScopes = '*';

/**
 * About how many rows a scope has, from memory. A scope that was never asked for is measured in the background: its files
 * by the manifest, its hot rows by their bytes on disk and a sample.
 */
export function estimateRows(engine: Engine, runtime: TableRuntime, scope: Scope): number {
  const { table } = runtime;
  const state = engine.tableState(table.tableId);
  const all = scope.kind === 'all' && table.kind === 'user';
  const name = all ? allScopes : countName(scope.kind === 'one' ? scope.userId : '');
  const known = state.rowCounts.get(name);
  if (known !== undefined) return Math.max(0, known);
  if (state.rowCounts.size >= scopesMax) state.rowCounts.clear();
  state.rowCounts.set(name, 0);
  const measured = measure(engine, runtime, all ? { kind: 'all' } : scope, state, name);
  engine.background(measured);
  const under = measuring.get(state) ?? new Map<string, Promise<void>>();
  measuring.set(state, under);
  const end = async (): Promise<void> => {
    // Background work reports its own failure; here only its end counts.
    await Promise.allSettled([measured]);
    under.delete(name);
  };
  under.set(name, end());
  return 0;
}

/** Scopes that are being measured. */
const measuring = new WeakMap<TableState, Map<string, Promise<void>>>();

/** Resolves when estimateRows knows the scope; undefined: it does. */
export function rowsMeasured(
  engine: Engine,
  runtime: TableRuntime,
  scope: Scope,
): Promise<void> | undefined {
  const { table } = runtime;
  estimateRows(engine, runtime, scope);
  const all = scope.kind === 'all' && table.kind === 'user';
  const name = all ? allScopes : countName(scope.kind === 'one' ? scope.userId : '');
  return measuring.get(engine.tableState(table.tableId))?.get(name);
}

export function countName(userId: string): string {
  return ` ${userId}`;
}

/** Commits tell what they add. */
export function addToEstimate(state: TableState, userId: string, rows: number): void {
  for (const name of [countName(userId), allScopes]) {
    const known = state.rowCounts.get(name);
    if (known !== undefined) state.rowCounts.set(name, known + rows);
  }
}

async function measure(
  engine: Engine,
  runtime: TableRuntime,
  scope: Scope,
  state: TableState,
  name: string,
): Promise<void> {
  const { tableId } = runtime.table;
  const prefix =
    scope.kind === 'one'
      ? Buffer.concat([tablePrefix(Keyspace.rows, tableId), encodeScope(scope.userId)])
      : tablePrefix(Keyspace.rows, tableId);
  const end = prefixEnd(prefix);
  let rows = 0;
  for (const file of await engine.cold.files(latestView(engine), runtime, scope)) rows += file.rows;
  const reader = createReader(engine);
  try {
    const cursor = engine.store.scan({
      from: prefix,
      to: end,
      limit: sampleRows,
      snapshot: reader.hot(),
    });
    try {
      const sample = await cursor.next(sampleRows);
      const all = sample.length < sampleRows && (await cursor.next(1)).length === 0;
      if (all) rows += sample.length;
      else {
        const bytes = sample.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
        const onDisk = await engine.store.approximateBytes(prefix, end);
        rows += Math.max(sample.length, Math.round((onDisk * compression * sample.length) / bytes));
      }
    } finally {
      await cursor.close();
    }
  } finally {
    reader.release();
  }
  state.rowCounts.set(name, (state.rowCounts.get(name) ?? 0) + rows);
}
