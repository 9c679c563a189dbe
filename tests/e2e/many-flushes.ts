/** Flushes of one row each, one after the other: the server merges their files by itself, so that there are never many. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { levelOf, mergedFilesMin } from '../../src/storage/tiered/compaction/choose.ts';
import { onDisk } from '../crash/check/files.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { connect, rowsOf } from './client.ts';

const countEvery = 200;

export interface Sample {
  readonly flushes: number;
  readonly seconds: number;
  readonly files: number;
  /** Resident memory of the server; 0 where it can't be told. */
  readonly residentMib: number;
}

export interface FlushesReport {
  readonly samples: readonly Sample[];
  readonly seconds: number;
  /** At any look, one after each flush. */
  readonly filesMost: number;
  /** Once no job is left to run. */
  readonly filesAtEnd: number;
  readonly compactions: number;
  /** How often a row was written to a file, on average, its flush included. */
  readonly writesPerRow: number;
  readonly residentMibMost: number;
}

/** How many files there may be: fewer of each size than are merged, and those of one merge that has not ended. */
export function filesMax(rows: number): number {
  return (levelOf({ rows, bytes: 0 }) + 1) * mergedFilesMin + mergedFilesMin;
}

async function residentMib(server: ServerProcess): Promise<number> {
  const status = await readFile(`/proc/${server.pid()}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024);
}

/** Throws when a row is missing or doubled at the end, or a file is on disk that is not listed. */
export async function runFlushes(
  server: ServerProcess,
  flushes: number,
  { every, onSample }: { readonly every: number; readonly onSample: (sample: Sample) => void },
): Promise<FlushesReport> {
  const client = await connect(server);
  const samples: Sample[] = [];
  let filesMost = 0;
  const merged = { jobs: 0, rows: 0, lastId: 0 };
  const started = performance.now();
  const secondsNow = (): number => (performance.now() - started) / 1000;
  const files = async (): Promise<number> =>
    (
      await rowsOf(client, `SELECT count(*)::int FROM system.files WHERE table_name = 'drips'`)
    )[0]![0] as number;
  /** Adds the compactions that have ended since the last look: the server remembers no more than 1,000 jobs. */
  const countMerged = async (): Promise<void> => {
    const [row] = await rowsOf(
      client,
      `SELECT count(*)::int, coalesce(sum((result->>'rows_rewritten')::int), 0)::int, max(job_id)::float8
       FROM system.jobs WHERE job_type = 'compact' AND status = 'completed' AND job_id > ${merged.lastId}`,
    );
    const [jobs, rows, lastId] = row as [number, number, number | null];
    merged.jobs += jobs;
    merged.rows += rows;
    merged.lastId = lastId ?? merged.lastId;
  };
  try {
    await client.query('CREATE TABLE drips (id int PRIMARY KEY, body text)');
    for (let flush = 1; flush <= flushes; flush++) {
      await client.query('INSERT INTO drips VALUES ($1, $2)', [flush, `row ${flush}`]);
      await client.query('FLUSH TABLE drips');
      const now = await files();
      filesMost = Math.max(filesMost, now);
      if (flush % countEvery === 0) await countMerged();
      if (flush % every === 0 || flush === flushes) {
        const sample = {
          flushes: flush,
          seconds: secondsNow(),
          files: now,
          residentMib: await residentMib(server),
        };
        samples.push(sample);
        onSample(sample);
      }
    }
    const seconds = secondsNow();
    const unfinished = `SELECT count(*)::int FROM system.jobs WHERE finished_at IS NULL`;
    while ((await rowsOf(client, unfinished))[0]![0] !== 0) await sleep(20);
    const [sums] = await rowsOf(client, 'SELECT count(*)::int, sum(id)::float8 FROM drips');
    if (sums![0] !== flushes || sums![1] !== (flushes * (flushes + 1)) / 2)
      throw new Error(`${flushes} rows were flushed, count and sum are ${String(sums)}`);
    const filesAtEnd = await files();
    const disk = await onDisk(server.dataDir);
    if (disk.files.length !== filesAtEnd)
      throw new Error(`${filesAtEnd} files are listed, on disk are ${disk.files.length}`);
    await countMerged();
    return {
      samples,
      seconds,
      filesMost,
      filesAtEnd,
      compactions: merged.jobs,
      writesPerRow: 1 + merged.rows / flushes,
      residentMibMost: Math.max(...samples.map((sample) => sample.residentMib)),
    };
  } finally {
    await client.end();
  }
}
