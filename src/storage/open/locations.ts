/**
 * The tablespaces' locations: their records in the hot store, and the markers in their folders. Making one is an intent, then the
 * folder and its marker, then the commit of whoever asked; removing one is that commit, then the marker. The next start ends what a
 * crash has interrupted, either way.
 */
import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { PgError, SqlState, assert } from '../../base/index.ts';
import type { RandomBytes } from '../../base/index.ts';
import { overlaps, isWithin, parseLocation } from '../cold/location.ts';
import { isOtherDataFolder, readMarker, removeMarker, writeMarker } from '../cold/marker.ts';
import type { Location } from '../cold/places.ts';
import { fileError, makeRoot } from '../cold/places.ts';
import type { Engine } from '../engine.ts';
import { prefixEnd } from '../keys/buffer.ts';
import { metaKey } from '../keys/keyspace.ts';
import { manifestOf } from '../tiered/cleaning.ts';
import type { LocationUse, Locations } from '../types.ts';
import { syncFolder } from './data-folder.ts';

/** What a location is called to the one who makes a file in it; bytes of randomness. */
const tagBytes = 4;

/** Meta keys of the records. */
export const locationKeyPrefix = 'location/';

function locationKey(tablespaceId: number): string {
  return `${locationKeyPrefix}${String(tablespaceId).padStart(12, '0')}`;
}

export interface LocationRecord {
  readonly tablespaceId: number;
  readonly location: string;
  readonly tag: string;
  /** `making`: its commit is to come; `removing`: its commit has been, the marker may be there still. */
  readonly state: 'making' | 'ready' | 'removing';
}

function encode(record: LocationRecord): Buffer {
  return Buffer.from(JSON.stringify(record));
}

export interface OpenLocations extends Locations {
  /** Ends what was interrupted and claims the markers; returns the locations that may be swept. */
  open(): Promise<readonly Location[]>;
}

export function createLocations(
  engine: Engine,
  dataDir: string,
  random: RandomBytes,
): OpenLocations {
  const { places, log } = engine;

  const put = async (record: LocationRecord): Promise<void> => {
    await engine.sequencer.submit({
      sync: true,
      takesSeq: false,
      write: (writer) => writer.put(metaKey(locationKey(record.tablespaceId)), encode(record)),
    });
  };
  const forget = async (tablespaceId: number): Promise<void> => {
    await engine.sequencer.submit({
      sync: true,
      takesSeq: false,
      write: (writer) => writer.delete(metaKey(locationKey(tablespaceId))),
    });
  };
  const newTag = (): string => Buffer.from(random(tagBytes)).toString('hex');

  /** The folder as the operating system knows it, whether it is there yet or not. */
  async function realPath(folder: string): Promise<string> {
    try {
      return await realpath(folder);
    } catch {
      const parent = dirname(folder);
      return parent === folder ? folder : join(await realPath(parent), basename(folder));
    }
  }

  async function checkFree(root: string): Promise<void> {
    const real = await realPath(root);
    if (real === '/')
      throw new PgError(
        SqlState.invalidObjectDefinition,
        'tablespace location must not be the root folder',
      );
    if (isWithin(real, await realPath(dataDir)))
      throw new PgError(
        SqlState.invalidObjectDefinition,
        'tablespace location must not be inside the data folder',
      );
    for (const other of places.locations.values()) {
      if (!overlaps(real, await realPath(other.root))) continue;
      throw new PgError(
        SqlState.objectInUse,
        `directory "${root}" already in use as a tablespace`,
        { detail: `Location "${other.location}" overlaps it.` },
      );
    }
  }

  /** Whether files may be removed there; takes the location over from a data folder that was moved, or as a copy's own. */
  async function claim(record: LocationRecord): Promise<Location | undefined> {
    const { tablespaceId, location, tag } = record;
    const known: Location = { ...parseLocation(location), tablespaceId, location, tag };
    places.add(known);
    const { root } = known;
    let marker;
    try {
      marker = await readMarker(root, tag);
    } catch (error) {
      log.warn({ err: error }, `tablespace location "${root}" can not be read`);
      return undefined;
    }
    if (marker === undefined) {
      log.warn({}, `tablespace location "${root}" is not there: is its disk mounted?`);
      return undefined;
    }
    const here = await realPath(dataDir);
    if (marker.dataDir === here) return known;
    try {
      if (!(await isOtherDataFolder(marker.dataDir, here))) {
        await writeMarker(root, { tag, dataDir: here });
        return known;
      }
      // A copy of a data folder that is still there: the files that it found are the other's, to be read only.
      const own: Location = { ...known, tag: newTag() };
      await writeMarker(root, { tag: own.tag, dataDir: here });
      await put({ ...record, tag: own.tag });
      places.add(own);
      log.warn(
        { original: marker.dataDir },
        `data folder "${here}" is a copy: its files in "${root}" are read, and never removed`,
      );
      return own;
    } catch (error) {
      log.warn({ err: error }, `tablespace location "${root}" can not be written`);
      return undefined;
    }
  }

  return {
    async open() {
      const from = metaKey(locationKeyPrefix);
      const cursor = engine.store.scan({ from, to: prefixEnd(from) });
      const records: LocationRecord[] = [];
      try {
        for (;;) {
          const entries = await cursor.next(1000);
          if (entries.length === 0) break;
          for (const [, value] of entries)
            records.push(JSON.parse(value.toString()) as LocationRecord);
        }
      } finally {
        await cursor.close();
      }
      const sound: Location[] = [];
      for (const record of records) {
        if (record.state === 'ready') {
          const claimed = await claim(record);
          if (claimed !== undefined) sound.push(claimed);
          continue;
        }
        const { root } = parseLocation(record.location);
        await removeMarker(root, record.tag).catch((error: unknown) => {
          log.warn({ err: error }, `a marker was left in "${root}"`);
        });
        await forget(record.tablespaceId);
      }
      return sound;
    },
    async make(tablespaceId, location) {
      const template = parseLocation(location);
      const { root } = template;
      await checkFree(root);
      const tag = newTag();
      const record: LocationRecord = { tablespaceId, location, tag, state: 'making' };
      await put(record);
      const undo = async (): Promise<void> => {
        places.forget(tablespaceId);
        await removeMarker(root, tag).catch(() => undefined);
        await forget(tablespaceId);
      };
      try {
        await engine.faults('location: intended');
        await makeRoot(root, syncFolder);
        try {
          await writeMarker(root, { tag, dataDir: await realPath(dataDir) });
        } catch (error) {
          throw fileError(error, `could not write to directory "${root}"`);
        }
        await engine.faults('location: marked');
      } catch (error) {
        await undo();
        throw error;
      }
      places.add({ ...template, tablespaceId, location, tag });
      return {
        put: (transaction) =>
          transaction.putMeta(locationKey(tablespaceId), encode({ ...record, state: 'ready' })),
        undo,
      };
    },
    remove(tablespaceId) {
      const known = places.locations.get(tablespaceId);
      assert(known !== undefined, 'a tablespace has a location');
      const { location, tag, root } = known;
      return {
        put: (transaction) =>
          transaction.putMeta(
            locationKey(tablespaceId),
            encode({ tablespaceId, location, tag, state: 'removing' }),
          ),
        async finish() {
          places.forget(tablespaceId);
          await engine.faults('location: dropped');
          await removeMarker(root, tag);
          await forget(tablespaceId);
        },
      };
    },
    inUse: (tablespaceId) => places.inUse(tablespaceId) || engine.files.condemnedIn(tablespaceId),
    async uses() {
      const uses = new Map<number | undefined, LocationUse & { tableIds: Set<number> }>();
      for (const { tablespaceId, tableId, bytes } of await manifestOf(engine)) {
        let use = uses.get(tablespaceId);
        if (use === undefined) {
          use = { files: 0, bytes: 0, tableIds: new Set() };
          uses.set(tablespaceId, use);
        }
        uses.set(tablespaceId, {
          files: use.files + 1,
          bytes: use.bytes + bytes,
          tableIds: use.tableIds.add(tableId),
        });
      }
      return uses;
    },
  };
}
