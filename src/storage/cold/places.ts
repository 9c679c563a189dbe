/** Where files of the cold tier are: below the data folder's `cold/`, or in the location of a tablespace. */
import { mkdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PgError, SqlState } from '../../base/index.ts';
import type { ManifestFile, StoredTable } from '../types.ts';
import type { LocationTemplate } from './location.ts';
import { isWithin, renderFolder } from './location.ts';
import { readMarker } from './marker.ts';
import { fileName, ourFileName, scopeFolder, tableFolder } from './paths.ts';

/** A tablespace's location, as this data folder uses it. */
export interface Location extends LocationTemplate {
  readonly tablespaceId: number;
  /** As it was given. */
  readonly location: string;
  /** In the names of the files that are this data folder's, and of its marker. */
  readonly tag: string;
}

/** What says where a file is. */
export type FilePosition = Pick<ManifestFile, 'path' | 'tablespaceId'>;

/** Where new files of a table go. */
export interface FilePlace {
  /** Absolute; files' paths are relative to it. */
  readonly root: string;
  /** undefined: below the data folder's `cold/`. */
  readonly tablespaceId: number | undefined;
  /** Path of a new file. The user id counts for user tables only. */
  file(userId: string, unixMs: number, fileId: number): string;
  /** As long as it is not called, the tablespace can't be dropped. */
  release(): void;
}

export interface Places {
  /** Absolute. @throws XX001 when the tablespace is not known */
  path(file: FilePosition): string;
  /** @throws 58P01 when the location's marker is not there: its disk may not be mounted */
  forTable(table: StoredTable): Promise<FilePlace>;
  /** Removes a file, unless it belongs to another data folder; whether it is there does not matter. */
  remove(file: FilePosition): Promise<void>;
  /**
   * Removes a folder that is empty and below a root; false: it stays, as it is not empty. True also when it is not there. Throws what
   * removing a folder throws.
   */
  removeFolder(folder: string): Promise<boolean>;
  /** The same from the one given upwards. */
  removeEmptyFolders(folder: string): Promise<void>;
  readonly locations: ReadonlyMap<number, Location>;
  /** Whether files are being written there. */
  inUse(tablespaceId: number): boolean;
  add(location: Location): void;
  forget(tablespaceId: number): void;
}

export function createPlaces(coldRoot: string): Places {
  const locations = new Map<number, Location>();
  /** How many write there. */
  const writers = new Map<number, number>();

  const locationOf = (tablespaceId: number): Location => {
    const found = locations.get(tablespaceId);
    if (found !== undefined) return found;
    throw new PgError(
      SqlState.dataCorrupted,
      `the location of tablespace ${tablespaceId} is not known`,
    );
  };
  const rootOf = (tablespaceId: number | undefined): string =>
    tablespaceId === undefined ? coldRoot : locationOf(tablespaceId).root;
  const path = (file: FilePosition): string => join(rootOf(file.tablespaceId), file.path);

  const removeFolder = async (folder: string): Promise<boolean> => {
    const roots = [coldRoot, ...[...locations.values()].map(({ root }) => root)];
    if (!roots.some((root) => folder !== root && isWithin(folder, root))) return false;
    try {
      await rmdir(folder);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return true;
      if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
      throw error;
    }
  };

  return {
    path,
    locations,
    async forTable({ tablespaceId, namespace, name, tableId, kind }) {
      if (tablespaceId === undefined) {
        const folder = tableFolder(namespace, name, tableId);
        return {
          root: coldRoot,
          tablespaceId,
          file: (userId, unixMs, fileId) =>
            `${scopeFolder(folder, kind === 'user' ? userId : undefined)}/${fileName(unixMs, fileId)}`,
          release: () => undefined,
        };
      }
      const { root, folders, tag } = locationOf(tablespaceId);
      writers.set(tablespaceId, (writers.get(tablespaceId) ?? 0) + 1);
      let released = false;
      const release = (): void => {
        if (released) return;
        released = true;
        writers.set(tablespaceId, writers.get(tablespaceId)! - 1);
      };
      try {
        await requireMarker(root, tag);
      } catch (error) {
        release();
        throw error;
      }
      return {
        root,
        tablespaceId,
        file: (userId, unixMs, fileId) => {
          const owner = kind === 'user' ? userId : undefined;
          const folder = renderFolder(folders, { namespace, table: name, tableId, userId: owner });
          return join(folder, fileName(unixMs, fileId, tag));
        },
        release,
      };
    },
    async remove(file) {
      if (file.tablespaceId !== undefined) {
        const { tag } = locationOf(file.tablespaceId);
        if (!file.path.endsWith(`-${tag}.parquet`)) return;
      }
      await rm(path(file), { force: true });
    },
    removeFolder,
    async removeEmptyFolders(folder) {
      for (let at = folder; await removeFolder(at);) at = dirname(at);
    },
    inUse: (tablespaceId) => (writers.get(tablespaceId) ?? 0) > 0,
    add: (location) => void locations.set(location.tablespaceId, location),
    forget: (tablespaceId) => void locations.delete(tablespaceId),
  };
}

/** Whether a file's name, in a location with this tag, is of the form that ours have. `undefined`: below `cold/`. */
export function isOurFile(name: string, tag: string | undefined): boolean {
  const found = ourFileName.exec(name);
  return found !== null && found[1] === tag;
}

async function requireMarker(root: string, tag: string): Promise<void> {
  let found;
  try {
    found = await readMarker(root, tag);
  } catch (error) {
    throw fileError(error, `could not read tablespace location "${root}"`);
  }
  if (found !== undefined) return;
  throw new PgError(
    SqlState.undefinedFile,
    `tablespace location "${root}" is not there, or without the marker that it was given`,
    { hint: 'Is its disk mounted?' },
  );
}

/** Makes a location's root, durably. @throws as PostgreSQL's errcode_for_file_access would */
export async function makeRoot(
  root: string,
  syncFolder: (folder: string) => Promise<void>,
): Promise<void> {
  try {
    const made = await mkdir(root, { recursive: true });
    for (let at = root; made !== undefined && at !== dirname(made);) {
      at = dirname(at);
      await syncFolder(at);
    }
  } catch (error) {
    throw fileError(error, `could not create directory "${root}"`);
  }
}

const fileErrorStates: Readonly<Record<string, SqlState>> = {
  EACCES: SqlState.insufficientPrivilege,
  EPERM: SqlState.insufficientPrivilege,
  EROFS: SqlState.insufficientPrivilege,
  ENOENT: SqlState.undefinedFile,
  EEXIST: SqlState.duplicateFile,
  ENOTDIR: SqlState.wrongObjectType,
  EISDIR: SqlState.wrongObjectType,
  ENOTEMPTY: SqlState.wrongObjectType,
  ENOSPC: SqlState.diskFull,
  EDQUOT: SqlState.diskFull,
};

const fileErrorTexts: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  EPERM: 'Operation not permitted',
  EROFS: 'Read-only file system',
  ENOENT: 'No such file or directory',
  EEXIST: 'File exists',
  ENOTDIR: 'Not a directory',
  EISDIR: 'Is a directory',
  ENOTEMPTY: 'Directory not empty',
  ENOSPC: 'No space left on device',
  EDQUOT: 'Disk quota exceeded',
};

/** With PostgreSQL's SQLSTATE for the operating system's error (errcode_for_file_access); 58030 for others. */
export function fileError(error: unknown, what: string): PgError {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return new PgError(
    fileErrorStates[code] ?? SqlState.ioError,
    `${what}: ${fileErrorTexts[code] ?? message}`,
  );
}
