import type { Logger } from 'pino';
import type { Catalog, JournalEntry } from '../catalog/catalog.ts';
import type { PgliteHandle, PgliteSession } from '../pglite/index.ts';
import { clusterTemplate, openPglite } from '../pglite/index.ts';

/**
 * The second PGlite: what only PostgreSQL can compute runs here, so that a long query never keeps the analyzer waiting. In
 * memory, started when first needed, with the same catalog (and no rows) as the mirror.
 */
export interface Fallback {
  session(): Promise<PgliteHandle>;
  close(): Promise<void>;
}

export function createFallback(catalog: Catalog, log: Logger): Fallback {
  let opening: Promise<PgliteHandle> | undefined;

  const replay = async (
    session: PgliteSession,
    entries: readonly JournalEntry[],
  ): Promise<void> => {
    for (const entry of entries) await session.query(entry.sql, undefined, new Map(entry.settings));
  };
  const open = async (): Promise<PgliteHandle> => {
    const handle = await openPglite({
      name: 'fallback',
      templateTar: await clusterTemplate(),
      onRestart: async (session) => replay(session, await catalog.script()),
    });
    await replay(handle, await catalog.script());
    return handle;
  };
  catalog.onChange((entries) => {
    if (opening === undefined) return;
    const current = opening;
    opening = current
      .then(async (handle) => {
        await replay(handle, entries);
        return handle;
      })
      .catch(async (error: unknown) => {
        // Started anew when next needed.
        log.warn({ err: error }, 'the fallback did not follow the catalog');
        opening = undefined;
        await current.then((handle) => handle.close()).catch(() => undefined);
        return open();
      });
  });
  return {
    session: () => {
      opening ??= open();
      const mine = opening;
      mine.catch(() => {
        if (opening === mine) opening = undefined;
      });
      return mine;
    },
    close: async () => {
      await opening?.then((handle) => handle.close()).catch(() => undefined);
    },
  };
}
