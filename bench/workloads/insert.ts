import { speedRatio, target } from '../lib/figure.ts';
import { execute } from '../lib/server.ts';
import type { Workload } from '../lib/workload.ts';
import { eachServer } from '../lib/workload.ts';
import { measureThroughput } from './throughput.ts';

export const insert: Workload = {
  name: 'insert',
  describes: 'durable INSERT of one row a transaction, 16 connections',
  after: [],
  async run(context) {
    await eachServer(context, (server) =>
      execute(
        server,
        'CREATE TABLE events (id bigserial PRIMARY KEY, author int NOT NULL, body text, created timestamptz DEFAULT now())',
      ),
    );
    const { pgtide, postgres, note } = await measureThroughput(context, {
      text: 'INSERT INTO events (author, body) VALUES ($1, $2)',
      parameters: [
        { kind: 'integer', from: 1, to: 1000 },
        { kind: 'text', length: 100 },
      ],
    });
    const ratio = speedRatio(pgtide, postgres, 'more');
    return [
      {
        what: 'durable INSERT of one row, 16 connections',
        unit: 'rows/s',
        pgtide,
        postgres,
        ratio,
        target: target('at least 1.0 x', ratio, (value) => value >= 1),
        note,
      },
    ];
  },
};
