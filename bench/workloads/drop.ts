import { target } from '../lib/figure.ts';
import { withClient } from '../lib/server.ts';
import type { Workload } from '../lib/workload.ts';

const pollMs = 20;

export const drop: Workload = {
  name: 'drop',
  describes: 'DROP TABLE of a table with 10,000 files, and what a new one of its name waits',
  after: [],
  async run(context) {
    const { pgtide } = context;
    if (pgtide === undefined) return [];
    const files = context.quick ? 500 : 10_000;
    return await withClient(pgtide, async (client) => {
      const number = async (sql: string): Promise<number> =>
        Number((await client.query<{ n: string }>(sql)).rows[0]!.n);
      await client.query(`DROP TABLE IF EXISTS notes;
        CREATE TABLE notes (id int PRIMARY KEY, body text) WITH (type = 'user')`);
      for (let user = 0; user < files; user += 1) {
        await client.query(`SET tide.user_id = 'user-${user}'; SET synchronous_commit = off;
          INSERT INTO notes VALUES (1, 'note')`);
      }
      await client.query('RESET tide.user_id; RESET synchronous_commit');
      await client.query('FLUSH TABLE notes');
      const listed = await number(
        `SELECT count(*) AS n FROM system.files WHERE table_name = 'notes'`,
      );
      if (listed !== files) throw new Error(`${listed} files instead of ${files}`);

      const start = performance.now();
      await client.query('DROP TABLE notes');
      const statementMs = performance.now() - start;
      const again = performance.now();
      await client.query(`CREATE TABLE notes (id int PRIMARY KEY, body text) WITH (type = 'user')`);
      await client.query(`INSERT INTO notes VALUES (1, 'new')`);
      const againMs = performance.now() - again;
      const job = `FROM system.jobs WHERE job_type = 'drop' ORDER BY job_id DESC LIMIT 1`;
      for (;;) {
        const { rows } = await client.query<{ status: string }>(`SELECT status ${job}`);
        if (rows[0]?.status === 'completed') break;
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
      const seconds = await number(
        `SELECT extract(epoch FROM finished_at - started_at) AS n ${job}`,
      );
      if ((await number('SELECT count(*) AS n FROM notes')) !== 1)
        throw new Error('the new table has lost its row');
      const rate = files / seconds;
      return [
        {
          what: `DROP TABLE with ${files} files, the statement`,
          unit: 'ms',
          pgtide: statementMs,
          target: target('at most 50', statementMs, (ms) => ms <= 50),
        },
        {
          what: 'its clean-up',
          unit: 'files/s',
          pgtide: rate,
          target: target('at least 2,000', rate, (value) => value >= 2000),
        },
        {
          what: 'CREATE TABLE of the same name and INSERT right after',
          unit: 'ms',
          pgtide: againMs,
          note: 'while the clean-up runs',
        },
      ];
    });
  },
};
