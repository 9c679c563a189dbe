import { target } from '../lib/figure.ts';
import { flightCount } from '../lib/flights.ts';
import { withClient } from '../lib/server.ts';
import type { Workload } from '../lib/workload.ts';

interface FlushRow {
  readonly rows_flushed: string;
  readonly files: string;
  readonly bytes: string;
  readonly duration_ms: string;
}

export const flush: Workload = {
  name: 'flush',
  describes: 'FLUSH TABLE of the flights, a shared table',
  after: ['copy'],
  async run(context) {
    const { pgtide } = context;
    if (pgtide === undefined) return [];
    const { row, seconds } = await withClient(pgtide, async (client) => {
      const started = performance.now();
      const result = await client.query<FlushRow>('FLUSH TABLE flights');
      return { row: result.rows[0], seconds: (performance.now() - started) / 1000 };
    });
    if (row === undefined) throw new Error('FLUSH TABLE returned no row');
    const flushed = Number(row.rows_flushed);
    if (flushed !== flightCount(context.quick)) throw new Error(`flushed ${flushed} rows`);
    const rate = flushed / seconds;
    return [
      {
        what: 'flush, shared table',
        unit: 'rows/s',
        pgtide: rate,
        target: target('at least 300,000', rate, (value) => value >= 300_000),
        note: `${flushed} rows into ${row.files} files of ${row.bytes} bytes; the server says ${row.duration_ms} ms`,
      },
    ];
  },
};
