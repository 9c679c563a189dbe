import { psql } from '../../tests/support/psql.ts';
import { speedRatio, target } from '../lib/figure.ts';
import { createFlights, flightColumns, flightCount, flightsCsv } from '../lib/flights.ts';
import { execute, withClient } from '../lib/server.ts';
import { median } from '../lib/stats.ts';
import type { Workload } from '../lib/workload.ts';
import { interleave } from '../lib/workload.ts';

/** Leaves the table `flights` behind, loaded once, for the workloads after it. */
export const copy: Workload = {
  name: 'copy',
  describes:
    "COPY in of the 3,000,000 flights as CSV by psql's \\copy, into a table with a bigserial key",
  after: [],
  async run(context) {
    const rows = flightCount(context.quick);
    const csv = await flightsCsv(rows);
    const rates = await interleave(context, context.quick ? 1 : 3, async (server) => {
      await execute(server, 'DROP TABLE IF EXISTS flights', createFlights());
      const started = performance.now();
      const command = `\\copy flights ${flightColumns} FROM '${csv}' WITH (FORMAT csv)\n`;
      const { code, stderr } = await psql(server, command);
      if (code !== 0) throw new Error(stderr);
      const rate = (rows * 1000) / (performance.now() - started);
      context.log(`${server.name}: ${Math.round(rate)} rows/s`);
      const count = await withClient(server, async (client) => {
        const result = await client.query<{ n: string }>('SELECT count(*) AS n FROM flights');
        return Number(result.rows[0]?.n);
      });
      if (count !== rows) throw new Error(`${server.name} has ${count} flights, not ${rows}`);
      return rate;
    });
    const pgtide = rates.pgtide && median(rates.pgtide);
    const postgres = rates.postgres && median(rates.postgres);
    const ratio = speedRatio(pgtide, postgres, 'more');
    return [
      {
        what: `COPY in of ${rows} flights as CSV`,
        unit: 'rows/s',
        pgtide,
        postgres,
        ratio,
        target: target('at least 0.5 x', ratio, (value) => value >= 0.5),
      },
    ];
  },
};
