import type { Engine } from '../engine.ts';
import { prefixEnd } from '../keys/buffer.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import { scopeText } from './commit.ts';
import { latestView } from './reader.ts';

/** Scopes of one table whose largest key is remembered. */
const scopesMax = 1024;

/**
 * Makes the largest row key of a scope known, both tiers, so that rising keys need no look-up. It may be larger than any key
 * that is left, never smaller.
 */
export async function loadMaxKey(
  engine: Engine,
  runtime: TableRuntime,
  userId: string,
): Promise<void> {
  const state = engine.tableState(runtime.table.tableId);
  const scope = scopeText(userId);
  if (state.maxKeys.has(scope)) return;
  if (state.maxKeys.size >= scopesMax) state.maxKeys.clear();
  const loading = Buffer.concat([runtime.scopeRows(userId)]);
  // From here on commits raise it; those accepted before are written once this empty commit is.
  state.maxKeys.set(scope, loading);
  state.loadingMaxKeys.add(scope);
  try {
    await engine.sequencer.submit({ sync: false, takesSeq: false, write: () => undefined });
    let found = await engine.cold.maxKey(latestView(engine), runtime, userId);
    const prefix = runtime.scopeRows(userId);
    const cursor = engine.store.scan({
      from: prefix,
      to: prefixEnd(prefix),
      reverse: true,
      values: false,
      limit: 1,
    });
    try {
      const last = (await cursor.next(1))[0];
      if (last !== undefined && (found === undefined || last[0].compare(found) > 0))
        found = last[0];
    } finally {
      await cursor.close();
    }
    const raised = state.maxKeys.get(scope);
    if (found !== undefined && raised !== undefined && found.compare(raised) > 0)
      state.maxKeys.set(scope, found);
  } finally {
    state.loadingMaxKeys.delete(scope);
  }
}

/** Whether the key is greater than every key of its scope, as far as is known. */
export function isNewMax(
  engine: Engine,
  tableId: number,
  scope: string,
  key: Buffer,
  ownMax: Buffer | undefined,
): boolean {
  const state = engine.tableState(tableId);
  const max = state.maxKeys.get(scope);
  return (
    max !== undefined &&
    !state.loadingMaxKeys.has(scope) &&
    key.compare(max) > 0 &&
    (ownMax === undefined || key.compare(ownMax) > 0)
  );
}
