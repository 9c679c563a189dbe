/** A disk that is full in the middle of a compaction: it is told as such and changes nothing; with space again it is done. */
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, rowsOf } from '../../e2e/client.ts';
import { startServerProcess } from '../../support/server-process.ts';
import type { ServerProcess } from '../../support/server-process.ts';
import { onDisk } from '../check/files.ts';
import { shimEnv } from '../shim/build.ts';
import type { FaultControl } from '../shim/control.ts';
import { createFaultControl } from '../shim/control.ts';

const users = ['ann', 'bob'];
const flushes = 3;
const rowsPerFlush = 400;

let folder: string;
let control: FaultControl;
let server: ServerProcess;
let client: pg.Client;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pgtide-full-')));
  const root = join(folder, 'disk');
  await mkdir(root);
  control = createFaultControl(join(folder, 'control'));
  server = await startServerProcess({
    dataDir: join(root, 'data'),
    env: await shimEnv({ root, control: control.path }),
  });
  client = await connect(server);
  await client.query('CREATE USER TABLE letters (id int PRIMARY KEY, body text)');
  await client.query('CREATE TABLE rooms (id int PRIMARY KEY)');
  for (let flush = 0; flush < flushes; flush++) {
    const first = flush * rowsPerFlush + 1;
    const numbers = `generate_series(${first}, ${first + rowsPerFlush - 1}) AS n`;
    for (const user of users) {
      await client.query(`SELECT set_config('tide.user_id', $1, false)`, [user]);
      await client.query(`INSERT INTO letters SELECT n, md5(n::text) FROM ${numbers}`);
      await client.query(`UPDATE letters SET body = 'new' WHERE id < 20`);
    }
    await client.query(`INSERT INTO rooms SELECT n FROM ${numbers}`);
    await client.query('FLUSH TABLE letters');
    await client.query('FLUSH TABLE rooms');
  }
});
afterAll(async () => {
  await client?.end();
  await server?.remove();
  control.close();
  await rm(folder, { recursive: true, force: true });
});

/** Files as they are listed, which are those on disk, and nothing else. */
async function filesOf(table: string): Promise<unknown[]> {
  const listed = (await rowsOf(client, 'SELECT path FROM system.files')) as [string][];
  const disk = await onDisk(server.dataDir);
  expect(disk.files).toEqual(listed.map(([path]) => path).toSorted());
  expect(disk.empty).toEqual([]);
  return (
    await rowsOf(
      client,
      `SELECT path FROM system.files WHERE table_name = '${table}' ORDER BY path`,
    )
  ).flat();
}

async function expectAllRows(): Promise<void> {
  const rows = flushes * rowsPerFlush;
  for (const user of users) {
    await client.query(`SELECT set_config('tide.user_id', $1, false)`, [user]);
    expect(
      await rowsOf(
        client,
        `SELECT count(*)::int, count(DISTINCT id)::int, count(*) FILTER (WHERE body = 'new')::int FROM letters`,
      ),
    ).toEqual([[rows, rows, 19]]);
  }
  expect(await rowsOf(client, 'SELECT count(*)::int FROM rooms')).toEqual([[rows]]);
}

// Its first write of a new file, and one that comes later.
test.each([1, 2])('write %i of the merged files and all that follow', async (nth) => {
  const before = await filesOf('letters');
  expect(before.length).toBe(users.length * flushes);
  control.arm({
    kinds: ['write'],
    error: 'ENOSPC',
    nth,
    persistent: true,
    pattern: '*/cold/*letters.*',
  });
  await expect(client.query('VACUUM letters')).rejects.toMatchObject({
    code: '53100',
    message: expect.stringMatching(/no space left on device/i) as string,
  });
  expect(control.counts().fired).toBeGreaterThan(0);
  expect(await filesOf('letters')).toEqual(before);
  expect(
    await rowsOf(
      client,
      `SELECT status, error_message ~* 'no space left' FROM system.jobs WHERE job_type = 'compact' ORDER BY job_id DESC LIMIT 1`,
    ),
  ).toEqual([['failed', true]]);
  // Still full: reads, writes and the other table's compaction go on.
  await expectAllRows();
  await client.query('INSERT INTO rooms VALUES (0)');
  await client.query('DELETE FROM rooms WHERE id = 0');
  await client.query('VACUUM rooms');
  expect((await filesOf('rooms')).length).toBe(1);
  control.lift();
});

test('with space again it is done', async () => {
  await client.query('VACUUM letters');
  expect((await filesOf('letters')).length).toBe(users.length);
  await expectAllRows();
});
