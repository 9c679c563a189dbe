import { join } from 'node:path';
import { PgError, SqlState } from '../../base/index.ts';
import { fileChecksum } from '../cold/checksum.ts';
import type { ContentsSum, DumpContents } from './dump.ts';
import { contentsSum, readDump } from './dump.ts';
import type { BackupInfo } from './info.ts';

export interface CheckOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Reads all of a backup and compares it with what its backup.json says. Errors: XX001 or 58P01 naming the first file that is damaged
 * or missing.
 */
export async function checkBackup(
  folder: string,
  info: BackupInfo,
  { signal, onBytes }: CheckOptions = {},
): Promise<void> {
  const { hot } = info;
  const sum = contentsSum();
  try {
    for await (const { entries, payload } of readDump(join(folder, hot.path), hot.path)) {
      signal?.throwIfAborted();
      sum.addPayload(payload, entries.length);
      onBytes?.(payload.length);
    }
  } catch (error) {
    throw missingOr(error, hot.path);
  }
  requireContents(sum, hot, hot.path);
  for (const file of info.files) {
    signal?.throwIfAborted();
    let found;
    try {
      found = await fileChecksum(join(folder, file.path));
    } catch (error) {
      throw missingOr(error, file.path);
    }
    if (found.bytes !== file.bytes || found.checksum !== file.checksum)
      throw corrupted(
        file.path,
        `Expected ${file.checksum} over ${file.bytes} bytes, found ${found.checksum} over ${found.bytes}.`,
      );
    onBytes?.(file.bytes);
  }
}

/** Throws XX001 naming `name` unless the entries that were added are the dump's. */
export function requireContents(sum: ContentsSum, expected: DumpContents, name: string): void {
  const found = sum.contents();
  if (found.checksum === expected.checksum && found.entries === expected.entries) return;
  throw corrupted(
    name,
    `Expected ${expected.checksum} over ${expected.entries} entries, found ${found.checksum} over ${found.entries}.`,
  );
}

function corrupted(name: string, detail: string): PgError {
  return new PgError(
    SqlState.dataCorrupted,
    `file "${name}" of the backup is corrupted: wrong checksum`,
    { detail },
  );
}

function missingOr(error: unknown, name: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ENOENT') return error;
  return new PgError(SqlState.undefinedFile, `file "${name}" of the backup is missing`);
}
