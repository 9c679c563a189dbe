import { constants } from 'node:fs';
import { copyFile, open, rm } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { PgError, SqlState } from '../../base/index.ts';
import { fileChecksum } from '../cold/checksum.ts';
import { hex } from './dump.ts';

const chunkBytes = 512 * 1024;

/** What a file must be. `checksum`: CRC-32, hexadecimal. */
export interface Expected {
  readonly bytes: number;
  readonly checksum: string;
}

export interface CopyOptions {
  /** How the file is called in messages. */
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** Copies files; one for each run, as it remembers whether the file system can share their blocks. */
export interface FileCopier {
  /**
   * A synced copy, which is what `expected` says. The target must not exist. Errors: 58P01 when the source is missing, XX001 when it
   * is not what is expected, the reason of the signal.
   */
  copy(source: string, target: string, expected: Expected, options: CopyOptions): Promise<void>;
}

export function fileCopier(): FileCopier {
  let shares = true;

  /** A copy that shares its blocks with the source until one of them is written to (never: files are immutable). */
  async function share(source: string, target: string): Promise<boolean> {
    if (!shares) return false;
    try {
      await copyFile(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
      return true;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'ENOENT' || code === 'EEXIST' || code === 'ENOSPC') throw error;
      await rm(target, { force: true });
      shares = false;
      return false;
    }
  }

  return {
    async copy(source, target, expected, options) {
      try {
        if (await share(source, target)) {
          compare(await fileChecksum(target), expected, options.name);
          await syncFile(target);
          options.onBytes?.(expected.bytes);
        } else compare(await copyBytes(source, target, options), expected, options.name);
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
          throw new PgError(SqlState.undefinedFile, `file "${options.name}" is missing`);
        throw error;
      }
    },
  };
}

/** Throws XX001 unless the file is what it must be. */
export function compare(found: Expected, expected: Expected, name: string): void {
  if (found.bytes === expected.bytes && found.checksum === expected.checksum) return;
  throw new PgError(SqlState.dataCorrupted, `file "${name}" is corrupted: wrong checksum`, {
    detail: `Expected ${expected.checksum} over ${expected.bytes} bytes, found ${found.checksum} over ${found.bytes}.`,
  });
}

async function copyBytes(
  source: string,
  target: string,
  { signal, onBytes }: CopyOptions,
): Promise<Expected> {
  const from = await open(source, 'r');
  try {
    const to = await open(target, 'wx');
    try {
      const chunk = Buffer.allocUnsafe(chunkBytes);
      let crc = 0;
      let bytes = 0;
      for (;;) {
        signal?.throwIfAborted();
        const { bytesRead } = await from.read(chunk, 0, chunkBytes);
        if (bytesRead === 0) break;
        const part = chunk.subarray(0, bytesRead);
        crc = crc32(part, crc);
        // writeFile, unlike write, does not stop half way.
        await to.writeFile(part);
        bytes += bytesRead;
        onBytes?.(bytesRead);
      }
      await to.sync();
      return { bytes, checksum: hex(crc) };
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
