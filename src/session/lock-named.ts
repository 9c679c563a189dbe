import type { CatalogTable } from '../catalog/types.ts';
import { tableModes } from '../locks/index.ts';
import type { TableLockMode } from '../locks/index.ts';
import type { SessionState } from './state.ts';

/**
 * Locks the table that `find` finds until the transaction ends. What the name means is looked at again after a wait, as it may
 * stand for another table by then (namespace.c, RangeVarGetRelidExtended). `mustWait` may refuse to.
 */
export async function lockNamed(
  session: SessionState,
  mode: TableLockMode,
  find: () => Promise<CatalogTable>,
  mustWait?: () => void,
): Promise<CatalogTable> {
  const { locks } = session.engine.storage;
  const { owner } = session.transaction;
  const mask = tableModes[mode];
  let table = await find();
  for (;;) {
    const { tableId } = table.stored;
    if (locks.tryAcquire(owner, 'relation', tableId, mask)) return table;
    mustWait?.();
    await locks.acquire(owner, 'relation', tableId, mask);
    table = await find();
    if (table.stored.tableId === tableId) return table;
    locks.release(owner, 'relation', tableId, mask);
  }
}
