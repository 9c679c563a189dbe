/** The data directory of a PGlite cluster: whether it is one of ours, and whether it was closed properly. */
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';

/**
 * The directory cannot be used. `foreign`: made by something else, by another version, or never finished.
 * `broken`: ours, but the cluster does not start. It is a cache either way: delete it and rebuild it.
 */
export class PgliteDirectoryError extends Error {
  readonly reason: 'foreign' | 'broken';
  readonly directory: string | undefined;

  constructor(reason: 'foreign' | 'broken', directory: string | undefined, message: string) {
    super(message);
    this.name = 'PgliteDirectoryError';
    this.reason = reason;
    this.directory = directory;
  }
}

/** Raised when the initdb parameters in worker.ts change, so that older clusters are made anew. */
const layoutVersion = 1;

const stampFile = 'pgtide-cluster.json';

function packageVersion(): string {
  const main = fileURLToPath(import.meta.resolve('@electric-sql/pglite'));
  const root = main.slice(0, main.lastIndexOf('dist'));
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}

/** Clusters with equal stamps are interchangeable. */
export const clusterVersion = `${packageVersion()}-${layoutVersion}`;

interface Stamp {
  readonly version: string;
  /** Closed properly; false while open. */
  readonly clean: boolean;
  /** Of a closed cluster: CRC-32 over its files. PostgreSQL's own checksums leave some files out, such as those of commit status. */
  readonly contents?: number;
}

/** Some 60 ms for the 25 MB of a cluster. */
function contentsOf(dataDir: string): number {
  let crc = 0;
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith(stampFile))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  for (const file of files) crc = crc32(readFileSync(file), crc32(relative(dataDir, file), crc));
  return crc;
}

function readStamp(dataDir: string): Stamp | undefined {
  try {
    return JSON.parse(readFileSync(join(dataDir, stampFile), 'utf8')) as Stamp;
  } catch {
    return undefined;
  }
}

export function writeStamp(dataDir: string, clean: boolean): void {
  const path = join(dataDir, stampFile);
  const stamp: Stamp = {
    version: clusterVersion,
    clean,
    ...(clean ? { contents: contentsOf(dataDir) } : {}),
  };
  writeFileSync(`${path}.new`, JSON.stringify(stamp));
  renameSync(`${path}.new`, path);
}

/**
 * Looks at a directory before it is opened, creating it when missing.
 * @throws PgliteDirectoryError `foreign`, or `broken` when its files are not those that were closed
 */
export function inspectDirectory(dataDir: string): {
  readonly fresh: boolean;
  readonly clean: boolean;
} {
  mkdirSync(dataDir, { recursive: true });
  if (readdirSync(dataDir).length === 0) return { fresh: true, clean: true };
  const stamp = readStamp(dataDir);
  if (stamp === undefined) {
    throw new PgliteDirectoryError(
      'foreign',
      dataDir,
      `${dataDir} is not a finished PGlite cluster`,
    );
  }
  if (stamp.version !== clusterVersion) {
    throw new PgliteDirectoryError(
      'foreign',
      dataDir,
      `${dataDir} was made by PGlite ${stamp.version}, this is ${clusterVersion}`,
    );
  }
  if (stamp.clean && stamp.contents !== undefined && stamp.contents !== contentsOf(dataDir)) {
    throw new PgliteDirectoryError('broken', dataDir, `${dataDir} has changed since it was closed`);
  }
  return { fresh: false, clean: stamp.clean };
}
