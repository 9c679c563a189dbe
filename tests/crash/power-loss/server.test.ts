/** A whole server, catalog and mirror included, after the power was lost. */
import { mkdir, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startServerProcess } from '../../support/server-process.ts';
import type { ServerProcess } from '../../support/server-process.ts';
import type { Model } from '../disk/script.ts';
import { checkRows, connect, end, runStep, steps } from '../disk/script.ts';
import { seededRandom } from '../random.ts';
import { shimEnv } from '../shim/build.ts';
import type { Loss } from '../shim/disk.ts';
import { createDisk } from '../shim/disk.ts';
import { operationsOf } from '../shim/journal.ts';

let folder: string;
const servers: ServerProcess[] = [];
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pgtide-power-')));
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.remove();
  await rm(folder, { recursive: true, force: true });
});

test.each<Loss>(['dropped', 'random'])(
  'it starts on what is left (%s), with all that was committed',
  async (loss) => {
    const root = join(folder, 'disk');
    const journal = join(folder, 'journal');
    await mkdir(root);
    const server = await startServerProcess({
      dataDir: join(root, 'data'),
      env: await shimEnv({ root, journal }),
    });
    servers.push(server);
    const setup = await connect(server.port);
    await setup.query('create table t (id int primary key, value text)');
    await end(setup);
    const model: Model = { rows: new Map(), doubtful: [] };
    for (const round of [1, 2])
      for (const step of steps(round)) expect(await runStep(server.port, step, model)).toBe('ok');
    await server.stop('SIGKILL');

    const disk = createDisk(root);
    for (const { operation } of operationsOf(await readFile(journal))) disk.apply(operation);
    const image = join(folder, 'image');
    await disk.leave(image, loss, seededRandom(loss));
    const again = await startServerProcess({ dataDir: join(image, 'data') });
    servers.push(again);
    const client = await connect(again.port);
    await checkRows(client, model, true);
    await client.query('create table u1 (id int primary key)');
    await client.query(`insert into t values (1, 'after')`);
    await end(client);
  },
);
