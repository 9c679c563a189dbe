import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/index.ts';
import type { Storage } from '../storage/types.ts';

/** What was measured is told again for so long. */
const keptMs = 2000;

/** Bytes of the data folder's files. */
export interface DiskFigures {
  /** LevelDB's files. */
  readonly hotBytes: number;
  /** Parquet files that the manifest lists, wherever they are. */
  readonly coldBytes: number;
  readonly coldFiles: number;
  /** The catalog's mirror. */
  readonly mirrorBytes: number;
  /** What of it PostgreSQL has in tablespace pg_global. */
  readonly globalBytes: number;
  readonly totalBytes: number;
}

export interface DiskUsage {
  measure(): Promise<DiskFigures>;
}

/** Bytes of all files below a folder; what goes away meanwhile does not count. */
async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += await folderBytes(path);
    else if (entry.isFile()) bytes += (await stat(path).catch(() => undefined))?.size ?? 0;
  }
  return bytes;
}

export function createDiskUsage({
  dataDir,
  clock,
  storage,
}: {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly storage: Pick<Storage, 'files'>;
}): DiskUsage {
  let measured: { readonly atMs: number; readonly figures: Promise<DiskFigures> } | undefined;

  async function measure(): Promise<DiskFigures> {
    const [hotBytes, mirrorBytes, globalBytes, files] = await Promise.all([
      folderBytes(join(dataDir, 'hot')),
      folderBytes(join(dataDir, 'mirror')),
      folderBytes(join(dataDir, 'mirror', 'global')),
      storage.files(),
    ]);
    const coldBytes = files.reduce((bytes, file) => bytes + file.bytes, 0);
    const totalBytes = hotBytes + mirrorBytes + coldBytes;
    return {
      hotBytes,
      coldBytes,
      coldFiles: files.length,
      mirrorBytes,
      globalBytes,
      totalBytes,
    };
  }

  return {
    measure() {
      const nowMs = clock.monotonicMs();
      if (measured === undefined || nowMs - measured.atMs > keptMs) {
        const figures = measure();
        // A failure is told to who asked, and not kept.
        figures.catch(() => {
          measured = undefined;
        });
        measured = { atMs: nowMs, figures };
      }
      return measured.figures;
    },
  };
}
