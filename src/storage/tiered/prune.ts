import { keyBuffer } from '../keys/buffer.ts';
import { tablePrefixBytes } from '../keys/keyspace.ts';
import type { ManifestEntry } from '../cold/manifest.ts';
import { pgType } from '../../types/registry.ts';
import type { ScanPredicate, StoredTable } from '../types.ts';
import type { KeyRange } from './ranges.ts';

/** The files that may hold rows in one of the key ranges for which all predicates are true, judged by the manifest alone. */
export function pruneFiles(
  table: StoredTable,
  files: readonly ManifestEntry[],
  ranges: readonly KeyRange[],
  predicates: readonly ScanPredicate[],
): ManifestEntry[] {
  const tests = predicates
    .map((predicate) => fileTest(table, predicate))
    .filter((test) => test !== undefined);
  return files.filter(
    (file) =>
      ranges.some(
        (range) =>
          file.maxKey.compare(range.from, tablePrefixBytes) >= 0 &&
          // The end of a whole table lies in its prefix, after all its keys.
          (range.to.length <= tablePrefixBytes ||
            file.minKey.compare(range.to, tablePrefixBytes) < 0),
      ) && tests.every((test) => test(file)),
  );
}

type FileTest = (file: ManifestEntry) => boolean;

function fileTest(table: StoredTable, predicate: ScanPredicate): FileTest | undefined {
  const column = table.columns.find((candidate) => candidate.id === predicate.columnId);
  const encodeKey = column === undefined ? undefined : pgType(column.typeOid)?.encodeKey;
  if (column === undefined || encodeKey === undefined) return undefined;
  const writer = keyBuffer();
  const values = predicate.values.map((value) => {
    writer.reset();
    if (value !== null) encodeKey(writer, value);
    return writer.take();
  });
  return (file) => {
    const statistics = file.statistics.get(column.id);
    if (statistics === undefined) return true;
    // Only NULLs: no comparison is true.
    if (statistics.nulls === file.rows) return false;
    const { min, max } = statistics;
    if (min === undefined || max === undefined) return true;
    return values.some((value) => {
      switch (predicate.op) {
        case '=':
        case 'in':
          return value.compare(min) >= 0 && value.compare(max) <= 0;
        case '<':
          return value.compare(min) > 0;
        case '<=':
          return value.compare(min) >= 0;
        case '>':
          return value.compare(max) < 0;
        case '>=':
          return value.compare(max) <= 0;
      }
    });
  };
}
