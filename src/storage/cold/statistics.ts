import type { DuckDBConnection } from '../../duckdb/index.ts';
import { pgType } from '../../types/registry.ts';
import type { Row } from '../../types/value.ts';
import { keyBuffer } from '../keys/buffer.ts';
import type { ManifestFile, StoredTable } from '../types.ts';
import { columnForms } from './copy-sql.ts';

/** Larger minima and maxima are left out of the manifest. */
const statisticBytesMax = 256;

type Statistics = ManifestFile['statistics'];

const keys = keyBuffer();

/**
 * Min, max and nulls of each column, the former in memcomparable form, of rows whose columns are `c0`, `c1`, … in their stage types. By
 * the value of `groupBy`, an INTEGER expression over them; `from` is what follows FROM.
 */
export async function columnStatistics(
  connection: DuckDBConnection,
  table: StoredTable,
  from: string,
  groupBy: string,
): Promise<ReadonlyMap<number, Statistics>> {
  const forms = columnForms(table);
  const selected = [groupBy];
  forms.forEach((form, i) => {
    const value = form.toParquet(`c${i}`);
    selected.push(`CAST(count(*) - count(c${i}) AS INTEGER)`);
    if (form.ordered)
      selected.push(form.fromParquet(`min(${value})`), form.fromParquet(`max(${value})`));
  });
  const result = await connection.run(`SELECT ${selected.join(', ')} FROM ${from} GROUP BY 1`);
  const found = new Map<number, Statistics>();
  for (;;) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) return found;
    const count = chunk.rowCount;
    const groups = Array.from({ length: count }, (_, row) => {
      const statistics = new Map<number, { min?: Uint8Array; max?: Uint8Array; nulls: number }>();
      found.set(chunk.getColumnVector(0).getItem(row) as number, statistics);
      return statistics;
    });
    let at = 1;
    forms.forEach((form, i) => {
      const column = table.columns[i]!;
      const nulls = chunk.getColumnVector(at++);
      const bounds: Row[] = Array.from({ length: count }, () => [null, null]);
      if (form.ordered) {
        form.read(chunk.getColumnVector(at++), count, bounds, 0);
        form.read(chunk.getColumnVector(at++), count, bounds, 1);
      }
      groups.forEach((statistics, row) => {
        const [min, max] = bounds[row]!.map((value) => bound(column.typeOid, value));
        statistics.set(column.id, {
          nulls: nulls.getItem(row) as number,
          ...(min === undefined || max === undefined ? {} : { min, max }),
        });
      });
    });
  }
}

function bound(typeOid: number, value: Row[number]): Uint8Array | undefined {
  const type = pgType(typeOid);
  if (value === null || type?.encodeKey === undefined) return undefined;
  keys.reset();
  type.encodeKey(keys, value);
  return keys.length > statisticBytesMax ? undefined : keys.take();
}
