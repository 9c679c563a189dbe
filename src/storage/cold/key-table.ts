import { BIGINT, DuckDBDataChunk } from '../../duckdb/index.ts';
import type { DuckDBConnection, DuckDBVector } from '../../duckdb/index.ts';
import type { Row } from '../../types/value.ts';
import type { ColumnForm } from './columns.ts';

/** Keys with a seq each; no more than DuckDB's vectors hold. */
export interface KeyBatch {
  readonly keys: readonly Row[];
  readonly seqs: readonly number[];
}

/** Keys as a table in DuckDB. */
export interface KeyTable {
  readonly rows: number;
  /** Its name; column `q` is the seq. */
  readonly name: string;
  /** The key's columns as SQL in the types that they have in a file, of relation `x`. */
  readonly columns: readonly string[];
}

let tables = 0;

/** Loads keys, whose columns have these forms, into a temporary table; the caller drops it. */
export async function loadKeyTable(
  connection: DuckDBConnection,
  forms: readonly ColumnForm[],
  batches: AsyncIterable<KeyBatch>,
): Promise<KeyTable> {
  const name = `keys_${++tables}`;
  const types = [...forms.map((form) => form.stage), BIGINT];
  const columns = forms.map((form, i) => `k${i} ${form.stage.toString()}`);
  await connection.run(`CREATE TEMP TABLE ${name} (${[...columns, 'q BIGINT'].join(', ')})`);
  const appender = await connection.createAppender(name);
  let rows = 0;
  try {
    for await (const { keys, seqs } of batches) {
      if (keys.length === 0) continue;
      rows += keys.length;
      const chunk = DuckDBDataChunk.create(types, keys.length);
      forms.forEach((form, i) => form.write(chunk.getColumnVector(i), keys, i));
      const last = chunk.getColumnVector(forms.length) as DuckDBVector & { items: BigInt64Array };
      seqs.forEach((seq, i) => {
        last.items[i] = BigInt(seq);
      });
      last.flush();
      appender.appendDataChunk(chunk);
    }
    appender.flushSync();
  } finally {
    appender.closeSync();
  }
  return { rows, name, columns: forms.map((form, i) => form.toParquet(`x.k${i}`)) };
}
