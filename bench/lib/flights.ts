import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quoteLiteral, withDuckdb } from './duckdb.ts';

const parquet = fileURLToPath(
  new URL('../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url),
);

export const flightColumns = '(date, delay, distance, origin, destination)';

/** CREATE TABLE of the flights, `flights` by default. */
export function createFlights(name = 'flights'): string {
  return `CREATE TABLE ${name} (id bigserial PRIMARY KEY, date timestamp, delay int, distance int, origin text, destination text)`;
}

export function flightCount(quick: boolean): number {
  return quick ? 300_000 : 3_000_000;
}

/** A CSV file without header of the first `rows` flights of vega-datasets, made when it is not there yet. */
export async function flightsCsv(rows: number): Promise<string> {
  const folder = join(tmpdir(), 'pgtide-bench-data');
  const path = join(folder, `flights-${rows}.csv`);
  if (existsSync(path)) return path;
  await mkdir(folder, { recursive: true });
  const partial = `${path}.${process.pid}.partial`;
  await withDuckdb((connection) =>
    connection.run(
      `COPY (SELECT date, delay, distance, origin, destination FROM ${quoteLiteral(parquet)} LIMIT ${rows})
       TO ${quoteLiteral(partial)} (FORMAT csv, HEADER false, TIMESTAMPFORMAT '%Y-%m-%d %H:%M:%S')`,
    ),
  );
  await rename(partial, path);
  return path;
}
