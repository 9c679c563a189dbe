import { PgError, SqlState, notSupported } from '../../base/index.ts';
import { encodeName } from './paths.ts';

/** A storage location (a tablespace's LOCATION), read. */
export interface LocationTemplate {
  /** Absolute, without a slash at its end: all that comes before the first placeholder. */
  readonly root: string;
  /** Folder names below it, each with at most one placeholder. One holds `${user_id}`. */
  readonly folders: readonly string[];
}

/** What placeholders stand for. No user id: a table that is not a user table. */
export interface FolderNames {
  readonly namespace: string;
  readonly table: string;
  readonly tableId: number;
  readonly userId: string | undefined;
}

/** As PostgreSQL's MAXPGPATH, in bytes. */
const locationBytesMax = 1024;
/** Bytes of a folder's name beside its placeholder: with what that stands for it must fit in a file name. */
const literalBytesMax = 100;

const userPlaceholder = '${user_id}';

const encoders: Readonly<Record<string, (names: FolderNames) => string>> = {
  namespace: ({ namespace }) => encodeName(namespace, ''),
  table: ({ table, tableId }) => `${encodeName(table, '')}.${tableId}`,
  user_id: ({ userId }) => encodeName(userId ?? '', 'u-'),
};

/** What the encoders give. */
const encodedPatterns: Readonly<Record<string, string>> = {
  namespace: '[a-z0-9_%-]+',
  table: '[a-z0-9_%-]*\\.\\d+',
  user_id: 'u-[a-z0-9_%-]*',
};

const placeholder = /\$\{([^}/]*)\}/g;

function invalid(message: string, hint?: string): PgError {
  return new PgError(SqlState.invalidObjectDefinition, message, { hint });
}

/**
 * `/mnt/a`, `file:///mnt/a/${namespace}/${table}/${user_id}/`. A location without `${user_id}` gets it appended, which only files of
 * user tables have. The path is taken as written: `%20` is no space.
 * @throws 42P17, 42602 as PostgreSQL, 0A000 for what is no file, 22023 for unknown placeholders
 */
export function parseLocation(location: string): LocationTemplate {
  if (location.includes("'"))
    throw new PgError(SqlState.invalidName, 'tablespace location cannot contain single quotes');
  const path = pathOf(location);
  if (!path.startsWith('/')) throw invalid('tablespace location must be an absolute path');
  if (Buffer.byteLength(path) > locationBytesMax)
    throw invalid(`tablespace location "${location}" is too long`);
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (names.includes('..')) throw invalid('tablespace location must not contain ".."');
  for (const name of names) checkName(name);
  const first = names.findIndex((name) => name.includes('${'));
  const fixed = first < 0 ? names : names.slice(0, first);
  const folders = first < 0 ? [] : names.slice(first);
  if (!folders.some(isOfUser)) folders.push(userPlaceholder);
  return { root: `/${fixed.join('/')}`, folders };
}

function pathOf(location: string): string {
  const url = /^([a-z][a-z0-9+.-]*):\/\/([^/]*)(.*)$/is.exec(location);
  if (url === null) return location;
  const [, scheme = '', host = '', path = ''] = url;
  if (scheme.toLowerCase() !== 'file')
    throw notSupported(`a tablespace location of scheme "${scheme.toLowerCase()}"`, {
      hint: 'Give a path, or file:///path.',
    });
  if (host !== '' && host !== 'localhost')
    throw notSupported(`a tablespace location on host "${host}"`, {
      hint: 'Give a path of this server: file:///path.',
    });
  return path;
}

function checkName(name: string): void {
  const found = [...name.matchAll(placeholder)].map((match) => match[1]!);
  const literal = name.replaceAll(placeholder, '');
  const wrong = literal.includes('${')
    ? literal.slice(literal.indexOf('${'))
    : found.map((word) => `\${${word}}`).find((word) => !(word.slice(2, -1) in encoders));
  if (wrong !== undefined)
    throw new PgError(
      SqlState.invalidParameterValue,
      `unknown placeholder "${wrong}" in tablespace location`,
      { hint: 'Placeholders are ${namespace}, ${table} and ${user_id}.' },
    );
  // What two of them stand for could run together to the same name for different users.
  if (found.length > 1)
    throw invalid(`folder "${name}" of a tablespace location has more than one placeholder`);
  const max = found.length > 0 ? literalBytesMax : 255;
  if (Buffer.byteLength(literal) > max)
    throw invalid(`folder name "${name}" of a tablespace location is too long`);
}

/** Whether a folder of a template is one user's. */
export function isOfUser(folder: string): boolean {
  return folder.includes(userPlaceholder);
}

/** The folder of a table's (and user's) files below the root; '' is the root itself. Folders of a user are left out for other tables. */
export function renderFolder(folders: readonly string[], names: FolderNames): string {
  return folders
    .filter((folder) => names.userId !== undefined || !isOfUser(folder))
    .map((folder) => folder.replaceAll(placeholder, (_, word: string) => encoders[word]!(names)))
    .join('/');
}

/** Recognises the folder names that a template's folder renders to. */
export interface FolderPattern {
  matches(name: string): boolean;
  readonly ofUser: boolean;
  /** Nobody else would name a folder so by chance. */
  readonly telling: boolean;
}

export function folderPattern(folder: string): FolderPattern {
  const escaped = folder
    .split(/(\$\{[^}]*\})/)
    .map((part) => {
      const word = part.startsWith('${') ? part.slice(2, -1) : undefined;
      return word === undefined
        ? part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
        : encodedPatterns[word]!;
    })
    .join('');
  const pattern = new RegExp(`^${escaped}$`, 's');
  return {
    matches: (name) => pattern.test(name),
    ofUser: isOfUser(folder),
    telling: folder.includes('${table}') || isOfUser(folder),
  };
}

/** Whether one of two absolute folders is the other or holds it. */
export function overlaps(one: string, other: string): boolean {
  return isWithin(one, other) || isWithin(other, one);
}

/** Whether `path` is the folder or below it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
}
