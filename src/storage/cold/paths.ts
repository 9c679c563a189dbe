import { createHash } from 'node:crypto';

/** Longer encoded names are cut and told apart by a hash; file systems allow 255 bytes. */
const encodedNameMax = 120;

/**
 * A name as one folder's name: lower-case ASCII letters, digits, `_` and `-` stand for themselves, every other byte is
 * `%xx`, so that no name can leave its folder and none differ only in case. `prefix` keeps empty names and the device names of
 * some systems apart.
 */
export function encodeName(name: string, prefix: string): string {
  let out = prefix;
  for (const byte of Buffer.from(name, 'utf8')) {
    const plain =
      (byte >= 0x61 && byte <= 0x7a) ||
      (byte >= 0x30 && byte <= 0x39) ||
      byte === 0x5f ||
      byte === 0x2d;
    out += plain ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`;
  }
  if (out.length <= encodedNameMax) return out;
  const hash = createHash('sha256').update(name, 'utf8').digest('hex');
  // `%%` is in no encoded name, so this can equal none.
  return `${out.slice(0, 48)}%%${hash}`;
}

/** A table's folder below `cold/`. With its id, as a dropped table's folder may live on for a while under the same name. */
export function tableFolder(namespace: string, table: string, tableId: number): string {
  return `${encodeName(namespace, '')}/${encodeName(table, '')}.${tableId}`;
}

export function scopeFolder(folder: string, userId: string | undefined): string {
  return userId === undefined ? folder : `${folder}/${encodeName(userId, 'u-')}`;
}

/** In the location of a tablespace, which others may use as well, with the tag that says whose the file is. */
export function fileName(unixMs: number, fileId: number, tag?: string): string {
  return `batch-${unixMs}-${fileId}${tag === undefined ? '' : `-${tag}`}.parquet`;
}

/** What a sweep may take for one of our files, and its tag. */
export const ourFileName = /^batch-\d+-\d+(?:-([0-9a-f]+))?\.parquet(?:\.tmp)?$/;
