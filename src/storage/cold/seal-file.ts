import { mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Faults } from '../engine.ts';
import { syncFolder } from '../open/data-folder.ts';
import { fileChecksum } from './checksum.ts';
import { syncFile } from './durable-file.ts';

/** Makes folders below `root` durably; of those that get a new name, each is synced once. */
export async function makeFolders(root: string, folders: Iterable<string>): Promise<void> {
  const changed = new Set<string>();
  await Promise.all(
    [...folders].map(async (folder) => {
      const made = await mkdir(folder, { recursive: true });
      if (made === undefined) return;
      for (let at = dirname(folder); at.length >= root.length; at = dirname(at)) changed.add(at);
    }),
  );
  await Promise.all([...changed].map(syncFolder));
}

/**
 * Makes a file that has been written as `<path>.tmp` durable under its own name. It counts once the manifest lists it; until then it is
 * an orphan that the next start sweeps.
 */
export async function sealFile(
  path: string,
  faults: Faults,
): Promise<{ readonly checksum: string; readonly bytes: number }> {
  const temporary = `${path}.tmp`;
  await faults('flush: file written');
  await syncFile(temporary);
  await faults('flush: file synced');
  const sealed = await fileChecksum(temporary);
  await rename(temporary, path);
  await faults('flush: file renamed');
  await syncFolder(dirname(path));
  await faults('flush: folder synced');
  return sealed;
}
