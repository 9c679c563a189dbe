/** The file by which a data folder says, in a tablespace's location, that it stores files there. */
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../open/data-folder.ts';

const product = 'pgtide';

/** Whose files are whose goes by the tag: each file's name ends with it. */
export interface Marker {
  readonly tag: string;
  /** Absolute path of the data folder, as it was when the marker was written. */
  readonly dataDir: string;
}

export function markerName(tag: string): string {
  return `pgtide-tablespace-${tag}.json`;
}

/** undefined: it is not there (or nothing that we have written). @throws what reading a file throws */
export async function readMarker(root: string, tag: string): Promise<Marker | undefined> {
  let text: string;
  try {
    text = await readFile(join(root, markerName(tag)), 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
  try {
    const read = JSON.parse(text) as Partial<Marker> & { readonly product?: string };
    if (read.product !== product || read.tag !== tag || typeof read.dataDir !== 'string')
      return undefined;
    return { tag, dataDir: read.dataDir };
  } catch {
    return undefined;
  }
}

/** Durable when it resolves. @throws what writing a file throws */
export async function writeMarker(root: string, marker: Marker): Promise<void> {
  const path = join(root, markerName(marker.tag));
  const unfinished = `${path}.new`;
  const file = await open(unfinished, 'w');
  try {
    await file.writeFile(`${JSON.stringify({ product, ...marker })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(unfinished, path);
  await syncFolder(root);
}

export async function removeMarker(root: string, tag: string): Promise<void> {
  await rm(join(root, markerName(tag)), { force: true });
  await rm(join(root, `${markerName(tag)}.new`), { force: true });
}

/**
 * Whether the folder that a marker names is a data folder besides this one, which is its copy then. It may be the same one under
 * another path.
 */
export async function isOtherDataFolder(theirs: string, ours: string): Promise<boolean> {
  const name = 'pgtide.json';
  const [there, here] = await Promise.allSettled([
    stat(join(theirs, name), { bigint: true }),
    stat(join(ours, name), { bigint: true }),
  ]);
  if (there.status === 'rejected') return false;
  return (
    here.status === 'rejected' ||
    there.value.ino !== here.value.ino ||
    there.value.dev !== here.value.dev
  );
}
