import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from './data-folder.ts';

const probeName = 'recovery-probe.tmp';
/** Free space that reopening needs besides room for the log's rows as a table: a new log, MANIFEST, some change to be made. */
const spareBytes = 1024 * 1024;
const chunk = Buffer.alloc(256 * 1024, 0x55);

/** Bytes that the hot store's logs hold; reopening writes them as tables before the logs go. */
async function logBytes(hotFolder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(hotFolder)) {
    if (name.endsWith('.log')) bytes += (await stat(join(hotFolder, name))).size;
  }
  return bytes;
}

/** Writes and syncs as much as reopening the storage will need, and removes it. Rejects while the disk does not take it. */
export async function probeDataFolder(dataDir: string): Promise<void> {
  const path = join(dataDir, probeName);
  let bytes = (await logBytes(join(dataDir, 'hot'))) + spareBytes;
  try {
    const file = await open(path, 'w');
    try {
      for (; bytes > 0; bytes -= chunk.length) {
        // A full disk may take a part of it.
        const { bytesWritten } = await file.write(chunk);
        if (bytesWritten < chunk.length) bytes += chunk.length - bytesWritten;
      }
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    await rm(path, { force: true });
  }
  await syncFolder(dataDir);
}
