/** What synchronous_commit does, counted in syncs of the hot store's log. */
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServerProcess } from '../../support/server-process.ts';
import type { ServerProcess } from '../../support/server-process.ts';
import { shimEnv } from '../shim/build.ts';
import type { FaultControl } from '../shim/control.ts';
import { createFaultControl } from '../shim/control.ts';
import { connect, end } from './script.ts';

const commits = 40;
/** Time enough for the background's sync (asynchronousCommitDelayMs) on a busy machine. */
const windowMs = 1500;

let folder: string;
let control: FaultControl;
let server: ServerProcess;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pgtide-sync-')));
  const root = join(folder, 'disk');
  await mkdir(root);
  control = createFaultControl(join(folder, 'control'));
  server = await startServerProcess({
    dataDir: join(root, 'data'),
    env: await shimEnv({ root, control: control.path }),
  });
});
afterAll(async () => {
  await server?.remove();
  control.close();
  await rm(folder, { recursive: true, force: true });
});

/** Syncs of the log from now on, without any fault. */
function countSyncs(): void {
  const never = Number.MAX_SAFE_INTEGER;
  control.arm({
    kinds: ['sync'],
    error: 'EIO',
    nth: never,
    persistent: false,
    pattern: '*/hot/*.log',
  });
}

test('a commit waits for its sync unless its transaction says otherwise; then one soon follows for all', async () => {
  const client = await connect(server.port);
  await client.query('create table t (id serial primary key, n int)');

  countSyncs();
  for (let n = 0; n < commits; n++) await client.query('insert into t (n) values ($1)', [n]);
  expect(control.counts().seen).toBeGreaterThanOrEqual(commits);

  await sleep(windowMs);
  countSyncs();
  const started = performance.now();
  for (let n = 0; n < commits; n++) {
    await client.query('begin');
    await client.query('set local synchronous_commit = off');
    await client.query('insert into t (n) values ($1)', [n]);
    await client.query('commit');
    const seen = await client.query('select count(*)::int as n from t');
    expect(seen.rows).toEqual([{ n: commits + n + 1 }]);
  }
  const windows = Math.ceil((performance.now() - started) / 200);
  expect(control.counts().seen).toBeLessThanOrEqual(windows + 1);
  await sleep(windowMs);
  const after = control.counts().seen;
  expect(after).toBeGreaterThanOrEqual(1);
  // Nothing is left to sync.
  await sleep(windowMs);
  expect(control.counts().seen).toBe(after);

  countSyncs();
  await client.query('insert into t (n) values (0)');
  expect(control.counts().seen).toBe(1);
  await end(client);
});
