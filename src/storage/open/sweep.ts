import type { Dirent } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { PgError, SqlState } from '../../base/index.ts';
import type { FolderPattern } from '../cold/location.ts';
import { folderPattern } from '../cold/location.ts';
import type { Location } from '../cold/places.ts';
import { isOurFile } from '../cold/places.ts';
import type { Engine } from '../engine.ts';
import { stateKey } from '../keys/keyspace.ts';
import { manifestOf } from '../tiered/cleaning.ts';

/**
 * Removes the files that a crash left without a manifest entry, and empty folders, in the data folder and in the locations
 * given. Returns how many files went. XX001 when there are files though the hot store, which would list them, has never been
 * written to.
 */
export async function sweepOrphans(
  engine: Engine,
  coldRoot: string,
  locations: readonly Location[] = [],
): Promise<number> {
  const listed = new Set((await manifestOf(engine)).map((file) => engine.places.path(file)));
  let swept = await sweepCold(engine, coldRoot, listed);
  for (const location of locations) {
    try {
      swept += await sweepLocation(engine, location, listed);
    } catch (error) {
      // What is elsewhere must not keep the server from starting.
      engine.log.warn({ err: error }, `tablespace location "${location.root}" was not swept`);
    }
  }
  if (swept > 0) engine.log.info({ files: swept }, 'removed orphan files of the cold tier');
  return swept;
}

async function sweepCold(
  engine: Engine,
  coldRoot: string,
  listed: ReadonlySet<string>,
): Promise<number> {
  const hotIsNew = engine.store.getSync(stateKey) === undefined;
  let swept = 0;
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) await visit(path);
      else if (isOurFile(entry.name, undefined) && !listed.has(path)) {
        if (hotIsNew)
          throw new PgError(
            SqlState.dataCorrupted,
            `the hot store is empty, though there is file "${relative(coldRoot, path)}" of the cold tier`,
            { severity: 'FATAL', hint: 'Restore the data folder from a backup.' },
          );
        if (await removeOrphan(engine, path)) swept++;
      }
    }
    await removeIfEmpty(engine, folder);
  };
  await visit(coldRoot);
  return swept;
}

async function removeOrphan(engine: Engine, path: string): Promise<boolean> {
  try {
    await rm(path, { force: true });
    return true;
  } catch (error) {
    // It is in nobody's way; the next start tries again.
    engine.log.warn({ err: error }, `orphan file "${path}" could not be removed`);
    return false;
  }
}

async function removeIfEmpty(engine: Engine, folder: string): Promise<boolean> {
  try {
    return await engine.places.removeFolder(folder);
  } catch (error) {
    engine.log.warn({ err: error }, `empty folder "${folder}" could not be removed`);
    return false;
  }
}

/**
 * The same in a tablespace's location, which may hold anything else: only folders that its template can name are looked into,
 * only files with this data folder's tag go, and of empty folders those that nobody else would name so.
 */
async function sweepLocation(
  engine: Engine,
  { root, folders, tag }: Location,
  listed: ReadonlySet<string>,
): Promise<number> {
  let swept = 0;
  const visit = async (
    folder: string,
    below: readonly FolderPattern[],
    telling: boolean,
  ): Promise<boolean> => {
    let changed = false;
    for (const entry of await entriesIn(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        for (const [i, pattern] of below.entries()) {
          if (pattern.matches(entry.name))
            changed =
              (await visit(path, below.slice(i + 1), telling || pattern.telling)) || changed;
          // Tables that are no user tables have no folder of that pattern.
          if (!pattern.ofUser) break;
        }
      } else if (isOurFile(entry.name, tag) && !listed.has(path)) {
        if (!(await removeOrphan(engine, path))) continue;
        swept++;
        changed = true;
      }
    }
    return (telling || changed) && (await removeIfEmpty(engine, folder));
  };
  await visit(root, folders.map(folderPattern), false);
  return swept;
}

/** A folder may have been removed as empty under another pattern. */
async function entriesIn(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
