/**
 * What a clean stop leaves beside LevelDB's files: the size and checksum of those that have no other witness. After a crash the
 * end of the log may be half written, which no reader can tell from damage; after a clean stop it may not.
 */
import { open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { syncFolder } from '../../open/data-folder.ts';
import { decodeRecord, encodeRecord } from '../../records.ts';
import { damagedFile } from './errors.ts';

export const stopRecordName = 'stopped';

/** Tables have checksums of their own and LevelDB's notices (LOG) do not matter. */
const witnessed = /^(?:CURRENT|MANIFEST-\d+|\d+\.log)$/;

interface StopRecord {
  /** Name to size and CRC-32. */
  readonly files: Readonly<Record<string, readonly [bytes: number, checksum: number]>>;
}

async function witnesses(folder: string): Promise<StopRecord> {
  const files: Record<string, [number, number]> = {};
  for (const name of (await readdir(folder)).toSorted()) {
    if (!witnessed.test(name)) continue;
    const bytes = await readFile(join(folder, name));
    files[name] = [bytes.length, crc32(bytes)];
  }
  return { files };
}

/** To be called once the database has been closed. */
export async function writeStopRecord(folder: string): Promise<void> {
  const path = join(folder, stopRecordName);
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(encodeRecord(await witnesses(folder)));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncFolder(folder);
}

/**
 * Compares the files with the record, if the last stop was clean, and removes it durably: what is written from now on makes it
 * wrong. XX001 names the file that differs.
 */
export async function takeStopRecord(folder: string): Promise<void> {
  const path = join(folder, stopRecordName);
  let record: StopRecord;
  try {
    record = decodeRecord<StopRecord>(await readFile(path), path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    // The record itself is damaged: without it the files are judged as after a crash.
    await forget(folder, path);
    return;
  }
  const found = await witnesses(folder);
  for (const [name, [bytes, checksum]] of Object.entries(record.files)) {
    const file = join(folder, name);
    const now = found.files[name];
    if (now === undefined) throw damagedFile(file, 'it is missing');
    if (now[0] !== bytes) throw damagedFile(file, `it has ${now[0]} bytes instead of ${bytes}`);
    if (now[1] !== checksum) throw damagedFile(file, 'wrong checksum');
  }
  await forget(folder, path);
}

async function forget(folder: string, path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(folder);
}
