import { describe, expect, test } from 'vitest';
import type { ManifestEntry } from '../../cold/manifest.ts';
import type { Choice } from './choose.ts';
import { chooseMerges, isSmall, mergedFilesMin, mergedRowsMax } from './choose.ts';

let fileIds = 0;
const file = (rows: number): ManifestEntry =>
  ({ fileId: ++fileIds, rows, bytes: rows * 20 }) as ManifestEntry;
const choice: Choice = {
  everySmall: false,
  everySuperseded: false,
  bytesMax: 1e9,
  filesMax: 512,
  superseded: () => 0,
};
const rowsOf = (files: readonly ManifestEntry[]): number => files.reduce((n, f) => n + f.rows, 0);

/** What becomes of a scope when a file of `rows` comes again and again. */
function grow(
  count: number,
  rows: () => number,
): { files: number; filesMax: number; work: number } {
  let files: ManifestEntry[] = [];
  let work = 0;
  let filesMax = 0;
  for (let i = 0; i < count; i++) {
    files.push(file(rows()));
    for (;;) {
      const groups = chooseMerges(files, choice);
      if (groups.length === 0) break;
      for (const group of groups) {
        work += rowsOf(group);
        files = [...files.filter((each) => !group.includes(each)), file(rowsOf(group))];
      }
    }
    filesMax = Math.max(filesMax, files.length);
  }
  return { files: files.length, filesMax, work };
}

describe('which files are merged', () => {
  test('10,000 files of a row become a few, each row written again a few times', () => {
    const { filesMax, work } = grow(10_000, () => 1);
    expect(filesMax).toBeLessThan(5 * mergedFilesMin);
    expect(work / 10_000).toBeLessThan(5);
  });

  test('so do files of any sizes', () => {
    let state = 7;
    const random = (): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return 1 + Math.floor(8 ** ((state / 2 ** 32) * 4));
    };
    const { filesMax } = grow(3000, random);
    expect(filesMax).toBeLessThan(7 * mergedFilesMin);
  });

  test('large files are left alone, and none grows beyond the bound', () => {
    const { files } = grow(40, () => 300_000);
    // 12 million rows in files of more than half a million each, and fewer than a level of small ones.
    expect(files).toBeLessThan(24 + mergedFilesMin);
    const groups = chooseMerges(
      Array.from({ length: 20 }, () => file(300_000)),
      choice,
    );
    for (const group of groups) expect(rowsOf(group)).toBeLessThanOrEqual(mergedRowsMax);
    expect(isSmall(file(500_001), 1e9)).toBe(false);
  });

  test('VACUUM takes every small one', () => {
    const files = [file(1), file(5), file(400_000), file(900_000)];
    expect(chooseMerges(files, choice)).toEqual([]);
    const groups = chooseMerges(files, { ...choice, everySmall: true });
    expect(groups.map((group) => group.map(({ rows }) => rows))).toEqual([[1, 5, 400_000]]);
  });

  test('a file with superseded rows is written again: every one, or those with many', () => {
    const [few, many] = [file(900_000), file(900_000)];
    const superseded = (each: ManifestEntry): number => (each === few ? 1 : 200_000);
    const files = [few, many, file(900_000 - 1)].slice(0, 2);
    expect(chooseMerges(files, { ...choice, superseded })).toEqual([[many]]);
    expect(chooseMerges(files, { ...choice, superseded, everySuperseded: true })).toEqual([
      [few],
      [many],
    ]);
  });
});
