import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PgError, SqlState } from '../../base/index.ts';
import { ourFileName } from '../cold/paths.ts';
import type { Engine } from '../engine.ts';
import { stateKey } from '../keys/keyspace.ts';
import { manifestOf, removeEmptyFolders } from '../tiered/cleaning.ts';

/**
 * Removes the files that a crash left without a manifest entry, and empty folders. Returns how many files went.
 * XX001 when there are files though the hot store, which would list them, has never been written to.
 */
export async function sweepOrphans(engine: Engine, coldRoot: string): Promise<number> {
  const listed = new Set((await manifestOf(engine)).map((file) => file.path));
  const hotIsNew = engine.store.getSync(stateKey) === undefined;
  let swept = 0;
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(join(coldRoot, folder), { withFileTypes: true });
    for (const entry of entries) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) await visit(path);
      else if (ourFileName.test(entry.name) && !listed.has(path)) {
        if (hotIsNew)
          throw new PgError(
            SqlState.dataCorrupted,
            `the hot store is empty, though there is file "${path}" of the cold tier`,
            { severity: 'FATAL', hint: 'Restore the data folder from a backup.' },
          );
        await rm(join(coldRoot, path), { force: true });
        swept++;
      }
    }
    if (folder !== '') await removeEmptyFolders(coldRoot, join(coldRoot, folder));
  };
  await visit('');
  if (swept > 0) engine.log.info({ files: swept }, 'removed orphan files of the cold tier');
  return swept;
}
