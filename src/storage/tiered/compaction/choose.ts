import type { ManifestEntry } from '../../cold/manifest.ts';

/** So many files of about one size become one: what bounds both the files of a scope and how often a row is written again. */
export const mergedFilesMin = 8;
/** Rows of a merged file. A file of more than half of it is not merged with others any more. */
export const mergedRowsMax = 1_000_000;
/** By itself a file is written again when this part of its rows is superseded. */
export const supersededShareMin = 0.2;

export interface Choice {
  /** Merge every small file, otherwise those of a size of which there are many. */
  readonly everySmall: boolean;
  /** Write again whatever holds a superseded row, otherwise what holds many. */
  readonly everySuperseded: boolean;
  /** Bytes of the files that one merge reads, and their number. */
  readonly bytesMax: number;
  readonly filesMax: number;
  /** At most so many rows of a file are superseded. */
  superseded(file: ManifestEntry): number;
}

type Sized = Pick<ManifestEntry, 'rows' | 'bytes'>;

export function isSmall(file: Sized, bytesMax: number): boolean {
  return file.rows * 2 <= mergedRowsMax && file.bytes * 2 <= bytesMax;
}

/** Files of a level have less than `mergedFilesMin` times the rows of each other. */
export function levelOf({ rows }: Sized): number {
  return Math.floor(Math.log(Math.max(1, rows)) / Math.log(mergedFilesMin) + 1e-9);
}

/** The files of a scope that are to be written again, in groups that become one file each. */
export function chooseMerges(files: readonly ManifestEntry[], choice: Choice): ManifestEntry[][] {
  const groups = packed(mergeable(files, choice), choice);
  const chosen = new Set(groups.flat());
  for (const file of files) {
    if (chosen.has(file)) continue;
    const superseded = choice.superseded(file);
    const least = choice.everySuperseded ? 1 : Math.max(1, file.rows * supersededShareMin);
    if (superseded >= least) groups.push([file]);
  }
  return groups;
}

/** The small files worth merging: all, or those up to the largest level that is full. */
function mergeable(
  files: readonly ManifestEntry[],
  { everySmall, bytesMax }: Choice,
): ManifestEntry[] {
  const small = files.filter((file) => isSmall(file, bytesMax));
  if (everySmall) return small;
  const counts = new Map<number, number>();
  for (const file of small) counts.set(levelOf(file), (counts.get(levelOf(file)) ?? 0) + 1);
  let top = -1;
  for (const [level, count] of counts) if (count >= mergedFilesMin) top = Math.max(top, level);
  return small.filter((file) => levelOf(file) <= top);
}

function packed(
  files: readonly ManifestEntry[],
  { bytesMax, filesMax }: Choice,
): ManifestEntry[][] {
  const groups: ManifestEntry[][] = [];
  let group: ManifestEntry[] = [];
  let rows = 0;
  let bytes = 0;
  for (const file of files.toSorted((a, b) => a.rows - b.rows || a.fileId - b.fileId)) {
    const full =
      rows + file.rows > mergedRowsMax || bytes + file.bytes > bytesMax || group.length >= filesMax;
    if (full) {
      groups.push(group);
      group = [];
      rows = 0;
      bytes = 0;
    }
    group.push(file);
    rows += file.rows;
    bytes += file.bytes;
  }
  groups.push(group);
  return groups.filter((each) => each.length > 1);
}
