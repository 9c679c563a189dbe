import { target } from '../lib/figure.ts';
import { withClient } from '../lib/server.ts';
import { createTrips, flushTable, insertTrips } from '../lib/trips.ts';
import type { Workload } from '../lib/workload.ts';

const rowsPerUser = 1000;

export const flushUsers: Workload = {
  name: 'flush-users',
  describes: 'FLUSH TABLE of 1,000,000 rows of 1,000 users, a file each',
  after: [],
  async run(context) {
    const { pgtide } = context;
    if (pgtide === undefined) return [];
    const users = context.quick ? 100 : 1000;
    const rows = users * rowsPerUser;
    const flushed = await withClient(pgtide, async (client) => {
      await client.query('DROP TABLE IF EXISTS user_trips');
      await client.query(createTrips('user_trips', "type = 'user'"));
      for (let user = 0; user < users; user += 1) {
        await client.query(`SET tide.user_id = 'user-${user}'`);
        await insertTrips(client, 'user_trips', rowsPerUser, user * rowsPerUser);
      }
      await client.query('RESET tide.user_id');
      return await flushTable(client, 'user_trips', rows);
    });
    const rate = rows / flushed.seconds;
    return [
      {
        what: 'flush, user table, a file for each user',
        unit: 'rows/s',
        pgtide: rate,
        target: target('at least 150,000', rate, (value) => value >= 150_000),
        note: `${rows} rows into ${flushed.files} files of ${flushed.bytes} bytes`,
      },
    ];
  },
};
