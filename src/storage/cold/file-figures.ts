import type { DuckDBConnection, DuckDBVector } from '../../duckdb/index.ts';
import { pgType } from '../../types/registry.ts';
import type { Row, Value } from '../../types/value.ts';
import { keyBuffer } from '../keys/buffer.ts';
import { tablePrefixBytes } from '../keys/keyspace.ts';
import type { TableRuntime } from '../keys/table-runtime.ts';
import type { StoredTable } from '../types.ts';
import type { BloomBuilder } from './bloom.ts';
import { bloomBuilder } from './bloom.ts';
import { columnForm } from './columns.ts';
import { hasRowId, parquetNames, quoteName, systemColumns } from './layout.ts';
import type { ManifestEntry } from './manifest.ts';
import { readParquet } from './relation.ts';

/** Larger minima and maxima are left out of the manifest. */
const statisticBytesMax = 256;

/** What the manifest says of a file's contents. */
export type FileFigures = Pick<
  ManifestEntry,
  'rows' | 'deletedRows' | 'minSeq' | 'maxSeq' | 'statistics'
>;

/** Measures a file that has the table's present layout, by reading it. */
export async function fileFigures(
  connection: DuckDBConnection,
  table: StoredTable,
  path: string,
): Promise<FileFigures> {
  const names = parquetNames(table.columns).map(quoteName);
  const forms = table.columns.map((column) => columnForm(column.typeOid, column.typmod));
  const seq = quoteName(systemColumns.seq.name);
  const selected = [
    'count(*)',
    `count(*) FILTER (WHERE ${quoteName(systemColumns.deleted.name)})`,
    `min(${seq})`,
    `max(${seq})`,
  ];
  forms.forEach((form, i) => {
    selected.push(`count(*) - count(${names[i]!})`);
    if (form.ordered)
      selected.push(form.fromParquet(`min(${names[i]!})`), form.fromParquet(`max(${names[i]!})`));
  });
  const result = await connection.run(`SELECT ${selected.join(', ')} FROM ${readParquet([path])}`);
  const chunk = await result.fetchChunk();
  let at = 0;
  const next = (): DuckDBVector => chunk!.getColumnVector(at++);
  const count = (): number => Number(next().getItem(0) as bigint | null);
  const [rows, deletedRows, minSeq, maxSeq] = [count(), count(), count(), count()];
  const statistics = new Map<number, { min?: Uint8Array; max?: Uint8Array; nulls: number }>();
  forms.forEach((form, i) => {
    const column = table.columns[i]!;
    const nulls = count();
    if (!form.ordered) {
      statistics.set(column.id, { nulls });
      return;
    }
    const bounds: Row[] = [[null, null]];
    form.read(next(), 1, bounds, 0);
    form.read(next(), 1, bounds, 1);
    const [min, max] = bounds[0]!.map((value) => statisticKey(column.typeOid, value));
    statistics.set(column.id, {
      nulls,
      ...(min === undefined || max === undefined ? {} : { min, max }),
    });
  });
  return { rows, deletedRows, minSeq, maxSeq, statistics };
}

const writer = keyBuffer();

/** A value in memcomparable form; undefined: it has none, or a long one. */
function statisticKey(typeOid: number, value: Value): Buffer | undefined {
  const type = pgType(typeOid);
  if (value === null || type?.encodeKey === undefined) return undefined;
  writer.reset();
  type.encodeKey(writer, value);
  return writer.length > statisticBytesMax ? undefined : writer.take();
}

export interface FileKeys {
  /** Full row keys. */
  readonly minKey: Buffer;
  readonly maxKey: Buffer;
  readonly bloom: BloomBuilder;
}

/** A file's keys, read in the order of its rows; undefined: they do not rise from row to row, or there are none. */
export async function fileKeys(
  connection: DuckDBConnection,
  runtime: TableRuntime,
  userId: string,
  path: string,
  signal: AbortSignal,
): Promise<FileKeys | undefined> {
  const { table } = runtime;
  const withRowId = hasRowId(table);
  const names = parquetNames(table.columns);
  const keys = runtime.keyPositions.map((position) => {
    const column = table.columns[position]!;
    return { position, form: columnForm(column.typeOid, column.typmod) };
  });
  const selected = withRowId
    ? [quoteName(systemColumns.rowId.name)]
    : keys.map(({ position, form }) => form.fromParquet(quoteName(names[position]!)));
  const result = await connection.stream(
    `SELECT ${selected.join(', ')} FROM ${readParquet([path])}`,
  );
  const bloom = bloomBuilder();
  const rows: Row[] = [];
  let minKey: Buffer | undefined;
  let maxKey: Buffer | undefined;
  for (;;) {
    signal.throwIfAborted();
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    const { rowCount } = chunk;
    while (rows.length < rowCount) rows.push(table.columns.map(() => null));
    const rowIds = withRowId
      ? (chunk.getColumnVector(0) as unknown as { items: BigInt64Array }).items
      : undefined;
    keys.forEach(({ position, form }, i) =>
      form.read(chunk.getColumnVector(i), rowCount, rows, position),
    );
    for (let i = 0; i < rowCount; i++) {
      const key =
        rowIds === undefined
          ? runtime.keyOfRow(userId, rows[i]!)
          : runtime.keyOfRowId(userId, 0n, Number(rowIds[i]!));
      if (maxKey !== undefined && maxKey.compare(key) >= 0) return undefined;
      bloom.add(key, tablePrefixBytes);
      minKey ??= key;
      maxKey = key;
    }
  }
  return minKey === undefined || maxKey === undefined ? undefined : { minKey, maxKey, bloom };
}
