import { stat } from 'node:fs/promises';
import { PgError, SqlState } from '../../base/index.ts';
import type { ManifestFile } from '../types.ts';
import { fileChecksum } from './checksum.ts';

/** Files whose checksum is remembered as right. */
const verifiedMax = 100_000;

/** Compares files with the manifest before they are read; a file that has not changed since is not read again. */
export interface FileCheck {
  /** Errors: 58P01 when the file is missing, XX001 when it is not what was written. Both name it. */
  verify(file: ManifestFile, path: string): Promise<void>;
}

export function createFileCheck(): FileCheck {
  const verified = new Map<string, string>();
  const running = new Map<string, Promise<void>>();

  async function check(file: ManifestFile, path: string): Promise<void> {
    let stamp: string;
    try {
      const { mtimeMs, size } = await stat(path);
      stamp = `${mtimeMs} ${size} ${file.checksum}`;
      if (verified.get(path) === stamp) return;
      const found = await fileChecksum(path);
      if (found.bytes !== file.bytes || found.checksum !== file.checksum)
        throw new PgError(
          SqlState.dataCorrupted,
          `file "${file.path}" is corrupted: wrong checksum`,
          {
            detail: `Expected ${file.checksum} over ${file.bytes} bytes, found ${found.checksum} over ${found.bytes}.`,
          },
        );
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
        throw new PgError(
          SqlState.undefinedFile,
          `file "${file.path}" of the cold tier is missing`,
        );
      throw error;
    }
    if (verified.size >= verifiedMax) verified.clear();
    verified.set(path, stamp);
  }

  return {
    async verify(file, path) {
      let work = running.get(path);
      if (work === undefined) {
        work = check(file, path).finally(() => running.delete(path));
        running.set(path, work);
      }
      await work;
    },
  };
}
