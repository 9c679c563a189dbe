import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteFile } from 'hyparquet-writer';
import parquetjs from 'parquetjs-lite';
import type { Figure } from '../lib/figure.ts';
import { target } from '../lib/figure.ts';
import { withClient } from '../lib/server.ts';
import type { Trip } from '../lib/trips.ts';
import { createTrips, flushTable, insertTrips, trip } from '../lib/trips.ts';
import type { Workload } from '../lib/workload.ts';

/** Rows in a row group of all writers: ours. */
const rowGroupRows = 122_880;
/** Rows in a file: ours. */
const fileRows = 1_000_000;

/** Rows per second of a writer that gets the rows as objects in memory, as many at a time as a file of ours has. */
async function rateOf(
  rows: number,
  write: (path: string, batch: readonly Trip[]) => void | Promise<void>,
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'pgtide-bench-parquet-'));
  try {
    let ms = 0;
    for (let from = 0; from < rows; from += fileRows) {
      const length = Math.min(fileRows, rows - from);
      const batch = Array.from({ length }, (_, i) => trip(from + i));
      const started = performance.now();
      await write(join(folder, `${from}.parquet`), batch);
      ms += performance.now() - started;
    }
    return (rows * 1000) / ms;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function writeHyparquet(filename: string, batch: readonly Trip[]): void {
  parquetWriteFile({
    filename,
    rowGroupSize: rowGroupRows,
    columnData: [
      { name: 'id', type: 'INT64', data: batch.map((row) => row.id) },
      { name: 'at', type: 'TIMESTAMP', data: batch.map((row) => row.at) },
      { name: 'delay', type: 'INT32', data: batch.map((row) => row.delay) },
      { name: 'distance', type: 'INT32', data: batch.map((row) => row.distance) },
      { name: 'origin', type: 'STRING', data: batch.map((row) => row.origin) },
      { name: 'destination', type: 'STRING', data: batch.map((row) => row.destination) },
      { name: 'speed', type: 'DOUBLE', data: batch.map((row) => row.speed) },
      { name: 'note', type: 'STRING', data: batch.map((row) => row.note) },
    ],
  });
}

async function writeParquetjs(path: string, batch: readonly Trip[]): Promise<void> {
  const compression = 'SNAPPY';
  const schema = new parquetjs.ParquetSchema({
    id: { type: 'INT64', compression },
    at: { type: 'TIMESTAMP_MILLIS', compression },
    delay: { type: 'INT32', compression },
    distance: { type: 'INT32', compression },
    origin: { type: 'UTF8', compression },
    destination: { type: 'UTF8', compression },
    speed: { type: 'DOUBLE', compression },
    note: { type: 'UTF8', compression },
  });
  const writer = await parquetjs.ParquetWriter.openFile(schema, path);
  writer.setRowGroupSize(rowGroupRows);
  // Its 64-bit integers are numbers.
  for (const row of batch) await writer.appendRow({ ...row, id: Number(row.id) });
  await writer.close();
}

/** Leaves the table `trips` behind, flushed. */
export const flushWriters: Workload = {
  name: 'flush-writers',
  describes:
    'FLUSH TABLE of 3,000,000 rows of 8 columns; the same rows by parquetjs-lite and hyparquet-writer',
  after: [],
  async run(context) {
    const { pgtide } = context;
    if (pgtide === undefined) return [];
    const rows = context.quick ? 300_000 : 3_000_000;
    const flushed = await withClient(pgtide, async (client) => {
      await client.query('DROP TABLE IF EXISTS trips');
      await client.query(createTrips('trips'));
      await insertTrips(client, 'trips', rows);
      return await flushTable(client, 'trips', rows);
    });
    const rate = rows / flushed.seconds;
    context.log(`pgtide: ${Math.round(rate)} rows/s`);
    const figures: Figure[] = [
      {
        what: 'flush, shared table of 8 columns',
        unit: 'rows/s',
        pgtide: rate,
        target: target('at least 500,000', rate, (value) => value >= 500_000),
        note: `${rows} rows into ${flushed.files} files of ${flushed.bytes} bytes, read from the hot store and durable at the end; the others have their rows in memory and sync nothing`,
      },
    ];
    for (const { name, times, write } of [
      { name: 'hyparquet-writer', times: 5, write: writeHyparquet },
      { name: 'parquetjs-lite', times: 20, write: writeParquetjs },
    ]) {
      const other = await rateOf(rows, write);
      context.log(`${name}: ${Math.round(other)} rows/s`);
      const ratio = rate / other;
      figures.push({
        what: `  as a multiple of ${name}`,
        unit: 'x',
        pgtide: ratio,
        other: { name: `${name} rows/s`, value: other },
        target: target(`at least ${times}`, ratio, (value) => value >= times),
      });
    }
    return figures;
  },
};
