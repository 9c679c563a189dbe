import { target } from '../lib/figure.ts';
import { atRest, execute, withClient } from '../lib/server.ts';
import type { Workload } from '../lib/workload.ts';

/** Fewer than the server merges by itself. */
const files = 7;
/** What the merge may have besides the bound of its DuckDB: the key filter, copies of keys. */
const memorySpareBytes = 256 * 2 ** 20;
const memoryMib = 512;
/** A look at a process' memory stops it for some milliseconds. */
const sampleMs = 300;

interface JobRow {
  readonly rows: number;
  readonly seconds: number;
  readonly files: number;
}

export const compaction: Workload = {
  name: 'compaction',
  describes:
    'VACUUM of a shared table of 8 columns in 7 files, the last of which changes rows of the others',
  after: [],
  async run(context) {
    const { pgtide } = context;
    if (pgtide === undefined) return [];
    const rowsPerFile = context.quick ? 10_000 : 140_000;
    await execute(
      pgtide,
      'DROP TABLE IF EXISTS compacted',
      `CREATE TABLE compacted (id bigint PRIMARY KEY, a int, b text, c float8, d timestamptz, e bool, f text, g numeric(10, 2))`,
    );
    return await withClient(pgtide, async (client) => {
      for (let file = 0; file < files; file++) {
        await client.query(
          `INSERT INTO compacted SELECT g + ${file * rowsPerFile}, g % 1000, 'some text of row ' || g, g / 7.0, '2026-01-01'::timestamptz + g * interval '1 s', g % 2 = 0, CASE WHEN g % 10 > 0 THEN 'city ' || g % 500 END, g % 100000 + 0.25 FROM generate_series(1, ${rowsPerFile}) g`,
        );
        if (file === files - 1)
          await client.query(`UPDATE compacted SET a = 0 WHERE id < ${rowsPerFile / 20}`);
        await client.query('FLUSH TABLE compacted');
      }
      // The keys of the moved rows go in the background; that is the flush's, not the compaction's.
      await atRest(pgtide);
      const sums = 'SELECT count(*), sum(id), sum(a), sum(g), count(f) FROM compacted';
      const before = (await client.query(sums)).rows[0] as unknown;
      const idleBytes = (await pgtide.memoryBytes?.()) ?? 0;
      let peakBytes = idleBytes;
      const sampler = setInterval(() => {
        void pgtide.memoryBytes?.().then((bytes) => (peakBytes = Math.max(peakBytes, bytes)));
      }, sampleMs);
      try {
        await client.query('VACUUM compacted');
      } finally {
        clearInterval(sampler);
      }
      const after = (await client.query(sums)).rows[0] as unknown;
      if (JSON.stringify(after) !== JSON.stringify(before))
        throw new Error(`the table was ${JSON.stringify(before)}, and is ${JSON.stringify(after)}`);
      const { rows } = await client.query<JobRow>(
        `SELECT (result->>'rows_rewritten')::float8 + (result->>'rows_removed')::float8 AS rows,
           extract(epoch FROM finished_at - started_at)::float8 AS seconds, (result->>'files_after')::int AS files
         FROM system.jobs WHERE job_type = 'compact' AND table_name = 'compacted' ORDER BY job_id DESC LIMIT 1`,
      );
      const job = rows[0];
      if (job === undefined || job.rows < files * rowsPerFile)
        throw new Error(`the compaction read ${job?.rows ?? 0} rows`);
      const rate = job.rows / job.seconds;
      const grownBytes = peakBytes - idleBytes;
      const boundBytes = memoryMib * 2 ** 20 + memorySpareBytes;
      return [
        {
          what: 'compaction, shared table of 8 columns',
          unit: 'rows/s',
          pgtide: rate,
          target: target('at least 500,000', rate, (value) => value >= 500_000),
          note: `${job.rows} rows of ${files} files into ${job.files}`,
        },
        {
          what: 'memory that the compaction took',
          unit: 'MiB',
          pgtide: grownBytes / 2 ** 20,
          target: target(
            `at most ${boundBytes / 2 ** 20}`,
            grownBytes,
            (value) => value <= boundBytes,
          ),
          note: `--compaction-memory-mib is ${memoryMib}, its default`,
        },
      ];
    });
  },
};
