import { speedRatio, target } from '../lib/figure.ts';
import type { Server } from '../lib/server.ts';
import { execute } from '../lib/server.ts';
import type { Workload } from '../lib/workload.ts';
import { eachServer } from '../lib/workload.ts';
import { measureThroughput } from './throughput.ts';

const rows = 100_000;
const rowsPerInsert = 1000;

async function makeTable(server: Server): Promise<void> {
  const statements = [
    'CREATE TABLE points (id bigint PRIMARY KEY, body text, created timestamptz)',
  ];
  for (let from = 1; from <= rows; from += rowsPerInsert) {
    statements.push(
      `INSERT INTO points SELECT g, 'the body of row number ' || g, '2026-01-01Z' FROM generate_series(${from}, ${from + rowsPerInsert - 1}) g`,
    );
  }
  await execute(server, ...statements, 'ANALYZE points');
}

export const pointSelect: Workload = {
  name: 'point-select',
  describes: `prepared SELECT of one of ${rows} hot rows by its key, 16 connections`,
  after: [],
  async run(context) {
    await eachServer(context, makeTable);
    const { pgtide, postgres, note } = await measureThroughput(context, {
      text: 'SELECT id, body, created FROM points WHERE id = $1',
      parameters: [{ kind: 'integer', from: 1, to: rows }],
    });
    const ratio = speedRatio(pgtide, postgres, 'more');
    return [
      {
        what: 'prepared point SELECT, hot, 16 connections',
        unit: 'queries/s',
        pgtide,
        postgres,
        ratio,
        target: target('at least 0.4 x', ratio, (value) => value >= 0.4),
        note,
      },
    ];
  },
};
