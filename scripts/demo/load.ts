import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { number, progress, seconds } from './terminal.ts';

/** COPY of a file into a table through the driver, with its progress. Returns how many rows. */
export async function copyFile(
  client: pg.Client,
  label: string,
  path: string,
  copySql: string,
): Promise<number> {
  const { size } = await stat(path);
  const bar = progress(label);
  const started = performance.now();
  let sent = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sent += chunk.length;
      bar.update(sent / size, `${number(sent / 1e6)} of ${number(size / 1e6)} MB`);
      done(null, chunk);
    },
  });
  const copy = client.query(copyFrom(copySql));
  await pipeline(createReadStream(path, { highWaterMark: 1 << 18 }), meter, copy);
  const ms = performance.now() - started;
  bar.end(
    `${number(copy.rowCount)} rows in ${seconds(ms)}, ${number((copy.rowCount * 1000) / ms)} rows/s`,
  );
  return copy.rowCount;
}

/** FLUSH TABLE, its progress read from system.jobs over a second connection. */
export async function flush(client: pg.Client, watcher: pg.Client, table: string): Promise<void> {
  const bar = progress(`FLUSH TABLE ${table}`);
  const [namespace, name] = table.split('.');
  let running = true;
  const watch = async (): Promise<void> => {
    while (running) {
      const { rows } = await watcher.query<{ progress: number }>(
        `SELECT progress FROM system.jobs WHERE namespace = $1 AND table_name = $2 AND status = 'running'`,
        [namespace, name],
      );
      if (running && rows[0] !== undefined) bar.update(rows[0].progress);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  };
  const watching = watch();
  try {
    const { rows } = await client.query<Record<string, string>>(`FLUSH TABLE ${table}`);
    running = false;
    await watching;
    const { rows_flushed, users, files, bytes, duration_ms } = rows[0]!;
    const ofUsers = users === '0' || users === '1' ? '' : ` of ${users} users`;
    bar.end(
      `${number(Number(rows_flushed))} rows${ofUsers} to ${files} Parquet file${files === '1' ? '' : 's'}, ` +
        `${(Number(bytes) / 1e6).toFixed(2)} MB, in ${seconds(Number(duration_ms))}`,
    );
  } finally {
    running = false;
    await watching;
  }
}
