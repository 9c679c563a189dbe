/** Looks at LevelDB's files before LevelDB does: it would begin anew where CURRENT is missing, and it trusts sizes. */
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { soundRecords } from '../level-log.ts';
import { logName } from '../level-rotation.ts';
import { damagedFile } from './errors.ts';
import { takeStopRecord } from './stop-record.ts';
import type { TableFile } from './version.ts';
import { readVersion } from './version.ts';

/** Left by a process that found a table damaged (table-checks.ts): compactions may have spread what was in it. */
export const damageRecordName = 'damaged';

export interface LiveTable extends TableFile {
  readonly path: string;
}

/**
 * The tables that make up the database. Errors: XX001 naming the file when one that counts is missing, has another size than it
 * was written with, or is not readable. The folder has a database (level-create.ts).
 */
export async function checkFolder(folder: string): Promise<LiveTable[]> {
  const names = await readdir(folder);
  if (names.includes(damageRecordName)) {
    const path = join(folder, damageRecordName);
    const text = (await readFile(path, 'utf8')).trim();
    throw damagedFile(text, `found by an earlier process, which left "${path}"`);
  }
  await takeStopRecord(folder);
  const current = join(folder, 'CURRENT');
  if (!names.includes('CURRENT')) throw damagedFile(current, 'it is missing');
  const manifest = /^(MANIFEST-\d+)\n$/.exec(await readFile(current, 'latin1'))?.[1];
  if (manifest === undefined) throw damagedFile(current, 'it names no MANIFEST');
  if (!names.includes(manifest)) throw damagedFile(join(folder, manifest), 'it is missing');
  return await liveTables(folder, manifest, new Set(names));
}

async function liveTables(
  folder: string,
  manifest: string,
  names: ReadonlySet<string>,
): Promise<LiveTable[]> {
  const path = join(folder, manifest);
  const bytes = await readFile(path);
  const edits = [...soundRecords(bytes)].map((record) => record.batch);
  let version;
  try {
    version = readVersion(edits);
  } catch (error) {
    if (error instanceof RangeError) throw damagedFile(path, error.message);
    throw error;
  }
  if (edits.length === 0) throw damagedFile(path, 'it has no readable entry');
  // Each edit is synced before a file that it takes out goes: were some lost, one of these would be missing.
  const { logNumber } = version;
  if (logNumber > 0 && !names.has(logName(logNumber)))
    throw damagedFile(
      join(folder, logName(logNumber)),
      `it is missing, though ${manifest} needs it`,
    );
  const tables: LiveTable[] = [];
  for (const table of version.tables) {
    const name = tableName(table.number, names);
    const file = join(folder, name);
    if (!names.has(name)) throw damagedFile(file, `it is missing, though ${manifest} lists it`);
    const { size } = await stat(file);
    if (size !== table.bytes)
      throw damagedFile(file, `it has ${size} bytes instead of ${table.bytes}`);
    tables.push({ ...table, path: file });
  }
  return tables;
}

function tableName(number: number, names: ReadonlySet<string>): string {
  const base = String(number).padStart(6, '0');
  return names.has(`${base}.sst`) ? `${base}.sst` : `${base}.ldb`;
}
