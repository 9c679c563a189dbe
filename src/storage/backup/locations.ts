/**
 * Tablespaces of a backup. Their files go back to the same locations, where those that were backed up may be still; so the restored
 * folder gets a tag of its own, which the names of its files and its marker carry (cold/marker.ts), and never touches the others'.
 */
import { readdir, realpath, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseLocation } from '../cold/location.ts';
import { decodeManifestEntry, encodeManifestEntry } from '../cold/manifest.ts';
import { markerName, writeMarker } from '../cold/marker.ts';
import { isOurFile, makeRoot } from '../cold/places.ts';
import type { HotEntry } from '../hot/types.ts';
import { Keyspace, metaKey } from '../keys/keyspace.ts';
import { syncFolder } from '../open/data-folder.ts';
import type { LocationRecord } from '../open/locations.ts';
import { locationKeyPrefix } from '../open/locations.ts';
import type { BackupFile, BackupInfo } from './info.ts';
import { tablespacesName } from './info.ts';

/** Where a file's name says whose it is (cold/paths.ts). */
const tagInName = /-[0-9a-f]+\.parquet$/;

function withTag(path: string, tag: string): string {
  return path.replace(tagInName, `-${tag}.parquet`);
}

/** Absolute folders of the locations that a backup has files of. */
export function rootsOf({ locations }: BackupInfo): string[] {
  return locations.map(({ location }) => parseLocation(location).root);
}

/** Where the file of a tablespace goes; undefined: it is one of the data folder. */
export function placeOf(
  { locations }: BackupInfo,
  { tablespaceId, path }: BackupFile,
  tag: string,
): string | undefined {
  if (tablespaceId === undefined) return undefined;
  const known = locations.find((one) => one.tablespaceId === tablespaceId);
  if (known === undefined) return undefined;
  const below = path.slice(`${tablespacesName}/${tablespaceId}/`.length);
  return join(parseLocation(known.location).root, withTag(below, tag));
}

/** @throws 42501, 58P01, 42809, 53100, 58030 naming the folder that can't be made or written */
export async function claimLocations(
  roots: readonly string[],
  dataDir: string,
  tag: string,
): Promise<void> {
  for (const root of roots) {
    await makeRoot(root, syncFolder);
    await writeMarker(root, { tag, dataDir: await realpath(dataDir) });
  }
}

/** Removes what a restore has written to locations, and the folders that are empty then. */
export async function clearLocations(roots: readonly string[], tag: string): Promise<void> {
  /** Whether something was removed there: other empty folders are not ours. */
  const visit = async (folder: string): Promise<boolean> => {
    let removed = false;
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!(await visit(path))) continue;
        await rmdir(path).catch(() => undefined);
      } else if (isOurFile(entry.name, tag)) await rm(path, { force: true });
      else continue;
      removed = true;
    }
    return removed;
  };
  for (const root of roots) {
    await rm(join(root, markerName(tag)), { force: true });
    await visit(root);
  }
}

const locationKeys = metaKey(locationKeyPrefix);

/** An entry of the hot store with the new tag. */
export function entryWithTag([key, value]: HotEntry, tag: string): HotEntry {
  if (key[0] === Keyspace.manifest) {
    const entry = decodeManifestEntry(value, 'a manifest entry');
    if (entry.tablespaceId === undefined) return [key, value];
    return [key, encodeManifestEntry({ ...entry, path: withTag(entry.path, tag) })];
  }
  if (key.subarray(0, locationKeys.length).equals(locationKeys)) {
    const record = JSON.parse(value.toString('utf8')) as LocationRecord;
    return [key, Buffer.from(JSON.stringify({ ...record, tag }))];
  }
  return [key, value];
}
