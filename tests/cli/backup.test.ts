/** pgtide backup, restore, verify, export and erase-user, as a user types them. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, rowsOf, withClient } from '../e2e/client.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { startServerProcess } from '../support/server-process.ts';
import type { Ran } from './run.ts';
import { jsonOf, onTerminal, pgtide } from './run.ts';

const accounts = 20;
const balance = 100;
/** Enough that a backup of them can be killed half way. */
const bigRows = 80_000;

let place = '';
let server: ServerProcess;
beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), 'pgtide-backup-'));
  server = await startServerProcess();
  await withClient(server, async (client) => {
    await client.query(`
      CREATE SCHEMA chat;
      CREATE TABLE chat.rooms (id bigint PRIMARY KEY, name text) WITH (type = 'user');
      CREATE TABLE chat.messages (id bigserial PRIMARY KEY, room bigint REFERENCES chat.rooms, body text, raw bytea, at timestamptz)
        WITH (type = 'user');
      CREATE INDEX ON chat.messages (room);
      CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0));
      CREATE TABLE transfers (n bigserial PRIMARY KEY, what text);
      CREATE VIEW rich AS SELECT * FROM accounts WHERE balance > ${balance};
      CREATE ROLE carol LOGIN;
      INSERT INTO accounts SELECT n, ${balance} FROM generate_series(1, ${accounts}) n`);
    for (const user of ['alice', 'Bob/../x'])
      await client.query(`
        SET tide.user_id = '${user}';
        INSERT INTO chat.rooms VALUES (1, 'room "1", of ${user}'), (2, NULL);
        INSERT INTO chat.messages (room, body, raw, at)
          SELECT 1 + n % 2, CASE WHEN n = 1 THEN '' ELSE E'line\\n' || n END, '\\x00ff', '2026-01-02 03:04:05+02' FROM generate_series(1, 60) n`);
    await client.query('RESET tide.user_id');
    await client.query('FLUSH TABLE chat.messages');
    await client.query('FLUSH TABLE accounts');
    await client.query(`SET tide.user_id = 'alice'`);
    await client.query('DELETE FROM chat.messages WHERE id <= 3');
    await client.query(`UPDATE chat.messages SET body = 'changed' WHERE id = 10`);
  });
});
afterAll(async () => {
  await server.remove();
  rmSync(place, { recursive: true, force: true });
});

/** Moves money about until told to stop, flushing now and then. */
function load(): { stop(): Promise<number> } {
  let running = true;
  let done = 0;
  const work = async (): Promise<void> => {
    const client = await connect(server);
    while (running) {
      const from = 1 + (done % accounts);
      const to = 1 + ((done * 7 + 3) % accounts);
      await client.query('BEGIN');
      await client.query('UPDATE accounts SET balance = balance - 1 WHERE id = $1', [from]);
      await client.query('UPDATE accounts SET balance = balance + 1 WHERE id = $1', [to]);
      await client.query(`INSERT INTO transfers (what) VALUES ('${from} to ${to}')`);
      await client.query('COMMIT');
      done++;
      if (done % 40 === 20) await client.query('FLUSH TABLE accounts');
    }
    await client.end();
  };
  const working = work();
  return {
    async stop() {
      running = false;
      await working;
      return done;
    },
  };
}

async function restoreAndVerify(backup: string, dataDir: string): Promise<Ran> {
  const restore = await pgtide(['restore', backup, '--data-dir', dataDir]);
  expect(restore).toMatchObject({ code: 0, stderr: '' });
  const verify = await pgtide(['verify', '--data-dir', dataDir, '--json']);
  expect(verify).toMatchObject({ code: 0, stderr: '' });
  return verify;
}

async function restored<T>(backup: string, work: (copy: ServerProcess) => Promise<T>): Promise<T> {
  const dataDir = join(place, 'restored');
  const [report] = jsonOf(await restoreAndVerify(backup, dataDir));
  expect(report).toMatchObject({ sound: true, findings: [] });
  const copy = await startServerProcess({ dataDir });
  try {
    return await work(copy);
  } finally {
    await copy.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

describe('a backup', () => {
  test('under load is restored to the state of one commit, with all that belongs to it', async () => {
    const busy = load();
    const before = await withClient(server, (client) =>
      rowsOf(client, 'SELECT count(*)::int FROM transfers'),
    );
    const path = join(place, 'under-load');
    const ran = await pgtide(['backup', path], { server });
    const done = await busy.stop();
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(jsonOf(ran)).toMatchObject([{ path }]);
    await restored(path, async (copy) => {
      await withClient(copy, async (client) => {
        const [[sum, transfers, last] = []] = await rowsOf(
          client,
          'SELECT (SELECT sum(balance)::int FROM accounts), count(*)::int, coalesce(max(n), 0)::int FROM transfers',
        );
        expect(sum).toBe(accounts * balance);
        expect(transfers).toBe(last);
        expect(transfers).toBeGreaterThanOrEqual(before[0]![0] as number);
        expect(transfers).toBeLessThanOrEqual(done);
        // The sequence goes on where the rows of the backup end: nothing of what came later is in it.
        const [[next] = []] = await rowsOf(client, `SELECT nextval('transfers_n_seq')::int`);
        expect(next).toBeGreaterThan(last as number);
        expect(next).toBeLessThanOrEqual((last as number) + 2);
        expect(
          await rowsOf(client, `SELECT rolname FROM pg_roles WHERE rolname = 'carol'`),
        ).toEqual([['carol']]);
        await client.query(`SET tide.user_id = 'Bob/../x'`);
        expect(
          await rowsOf(client, 'SELECT count(*)::int FROM chat.messages WHERE room = 2'),
        ).toEqual([[30]]);
        expect(
          await rowsOf(client, 'SELECT job_type FROM system.jobs WHERE status <> $$completed$$'),
        ).toEqual([]);
        expect(
          await rowsOf(client, `SELECT count(*) > 1 FROM system.jobs WHERE job_type = 'flush'`),
        ).toEqual([[true]]);
        const [[action, detail] = []] = await rowsOf(
          client,
          'SELECT action, detail FROM system.audit_log ORDER BY audit_id DESC LIMIT 1',
        );
        expect(action).toBe('RESTORE');
        expect(detail).toMatch(`from ${path}, of `);
        await client.query('UPDATE accounts SET balance = balance + 1 WHERE id = 1');
      });
    });
  });

  test('that the server dies in is begun again by the next start', async () => {
    await withClient(server, (client) =>
      client.query(
        `CREATE TABLE big AS SELECT n AS id, repeat(md5(n::text), 8) AS t FROM generate_series(1, ${bigRows}) n`,
      ),
    );
    const path = join(place, 'killed');
    const client = await connect(server);
    const lost = client.query('SELECT * FROM tide.backup($1)', [path]).then(
      () => 'done',
      () => 'lost',
    );
    await expect
      .poll(() => existsSync(join(path, 'hot.dump')), { interval: 2, timeout: 20_000 })
      .toBe(true);
    await server.stop('SIGKILL');
    expect(await lost).toBe('lost');
    expect(existsSync(join(path, 'backup.json'))).toBe(false);
    const refused = await pgtide(['restore', path, '--data-dir', join(place, 'never')]);
    expect(refused).toMatchObject({
      code: 1,
      stderr: `pgtide: "${path}" is not a complete backup: it has no backup.json. A backup gets its backup.json when all of it is safely written.\n`,
    });
    await server.restart();
    await expect.poll(() => existsSync(join(path, 'backup.json')), { timeout: 30_000 }).toBe(true);
    await expect
      .poll(() => readdirSync(path).sort(), { timeout: 5_000 })
      .toEqual(['backup.json', 'cold', 'hot.dump']);
    const [report] = jsonOf(await restoreAndVerify(path, join(place, 'after-kill')));
    expect(report).toMatchObject({ sound: true, findings: [] });
    expect(report!['hot_rows']).toBeGreaterThanOrEqual(bigRows);
  }, 240_000);

  test('that is cancelled by Ctrl-C leaves nothing, and shows how far it is on a terminal', async () => {
    const path = join(place, 'cancelled');
    const terminal = onTerminal(['backup', path], { server });
    await terminal.shows(/back up .*%/);
    terminal.type('\u0003');
    expect(await terminal.ended()).toBe(130);
    await expect.poll(() => existsSync(path), { timeout: 5_000 }).toBe(false);
  });

  test('is refused where it must be', async () => {
    const outside = await pgtide(['backup', join(server.dataDir, 'b')], { server });
    expect(outside.code).toBe(1);
    expect(outside.stderr).toContain('within the data folder');
    const role = await pgtide(['backup', join(place, 'carols'), '-U', 'carol'], { server });
    expect(role).toMatchObject({
      code: 1,
      stderr: 'pgtide: permission denied to back up. Only superusers may call tide.backup().\n',
    });
    const used = await pgtide(['restore', join(place, 'killed'), '--data-dir', server.dataDir]);
    expect(used).toMatchObject({
      code: 1,
      stderr: `pgtide: could not restore to "${server.dataDir}": the folder is not empty. Choose a data folder that does not exist yet, or an empty one.\n`,
    });
    const running = await pgtide(['verify', '--data-dir', server.dataDir]);
    expect(running.code).toBe(1);
    expect(running.stderr).toMatch(
      /^pgtide: data folder ".*" is in use by another process \(PID \d+\)\. Stop the server first, or back it up/,
    );
    await withClient(server, async (client) => {
      await client.query('BEGIN');
      await expect(client.query(`SELECT tide.backup('/tmp/x')`)).rejects.toMatchObject({
        code: '25001',
      });
      await client.query('ROLLBACK');
      await expect(client.query(`SELECT tide.backup('x')`)).rejects.toMatchObject({
        code: '22023',
      });
      await expect(client.query('SELECT tide.backup(NULL)')).rejects.toMatchObject({
        code: '22004',
      });
      expect(await rowsOf(client, 'SELECT * FROM tide.verify()')).toEqual([]);
      await expect(client.query(`SELECT tide.erase_user('')`)).rejects.toMatchObject({
        code: '22023',
      });
    });
  });

  test('with a damaged file is not restored, and verify names what is wrong', async () => {
    const path = join(place, 'killed');
    const dump = join(path, 'hot.dump');
    const bytes = readFileSync(dump);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(dump, bytes);
    const dataDir = join(place, 'never');
    const ran = await pgtide(['restore', path, '--data-dir', dataDir]);
    expect(ran).toMatchObject({
      code: 1,
      stderr: 'pgtide: file "hot.dump" of the backup is corrupted: wrong checksum\n',
    });
    expect(existsSync(dataDir)).toBe(false);
  });
});

describe('export', () => {
  interface Index {
    readonly user_id: string;
    readonly rows: number;
    readonly tables: readonly {
      readonly table: string;
      readonly rows: number;
      readonly deleted_rows: number;
      readonly columns: readonly { readonly name: string; readonly type: string }[];
      readonly files: readonly { readonly path: string; readonly sha256: string }[];
    }[];
  }

  test("writes all of a user's rows, and nobody else's", async () => {
    const out = join(place, 'alice');
    const ran = await pgtide(['export', '--user', 'alice', '--out', out, '--csv'], { server });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const index = JSON.parse(readFileSync(join(out, 'index.json'), 'utf8')) as Index;
    expect(index).toMatchObject({
      user_id: 'alice',
      rows: 62,
      tables: [
        { table: 'messages', rows: 60, deleted_rows: 3 },
        { table: 'rooms', rows: 2, deleted_rows: 0 },
      ],
    });
    expect(index.tables[0]!.columns[4]).toEqual({ name: 'at', type: 'timestamp with time zone' });
    for (const { path, sha256 } of index.tables.flatMap(({ files }) => files))
      expect(
        createHash('sha256')
          .update(readFileSync(join(out, path)))
          .digest('hex'),
      ).toBe(sha256);
    const lines = readFileSync(join(out, 'chat.messages.jsonl'), 'utf8').trimEnd().split('\n');
    const rows = lines.map((line) => JSON.parse(line) as Record<string, string | null>);
    expect(rows.find(({ id }) => id === '1')).toMatchObject({
      room: '2',
      body: '',
      raw: '\\x00ff',
      at: '2026-01-02 01:04:05+00',
      _deleted: 't',
    });
    expect(rows.find(({ id }) => id === '10')).toMatchObject({ body: 'changed', _deleted: 'f' });
    expect(readFileSync(join(out, 'chat.rooms.csv'), 'utf8')).toMatch(
      /^id,name,_updated,_deleted\n1,"room ""1"", of alice",.*,f\n2,,.*,f\n$/,
    );
    const again = await pgtide(['export', '--user', 'alice', '--out', out], { server });
    expect(again).toMatchObject({ code: 1 });
    expect(again.stderr).toContain('is not empty');
    const denied = await pgtide(
      ['export', '--user', 'alice', '--out', join(place, 'c'), '-U', 'carol'],
      { server },
    );
    expect(denied.code).toBe(1);
    expect(existsSync(join(place, 'c'))).toBe(false);
  });
});

describe('erase-user', () => {
  const keysOf = (client: Parameters<typeof rowsOf>[0]): Promise<unknown[][]> =>
    rowsOf(client, `SELECT namespace, table_name FROM system.users WHERE user_id = 'alice'`);

  test('asks, and then leaves nothing of the user in either tier', async () => {
    const refused = await pgtide(['erase-user', 'alice'], { server });
    expect(refused).toMatchObject({
      code: 1,
      stderr:
        'pgtide: nothing erased: there is no terminal to ask on. --force erases without asking\n',
    });
    const terminal = onTerminal(['erase-user', 'alice'], { server });
    await terminal.shows('chat.messages');
    await terminal.shows('Erase 62 rows of user "alice" for good, from all user tables? [y/N]');
    terminal.type('n\n');
    expect(await terminal.ended()).toBe(1);
    await withClient(server, async (client) => expect(await keysOf(client)).toHaveLength(2));

    const receipt = join(place, 'receipt.json');
    const ran = await pgtide(['erase-user', 'alice', '--force', '--receipt', receipt], { server });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(readFileSync(receipt, 'utf8'))).toMatchObject({
      user_id: 'alice',
      verified_empty: true,
      rows: 62,
      files: 1,
      tables: [
        { table: 'chat.rooms', rows: 2, files: 0 },
        { table: 'chat.messages', rows: 60, files: 1 },
      ],
    });
    await withClient(server, async (client) => {
      expect(await keysOf(client)).toEqual([]);
      expect(
        await rowsOf(
          client,
          `SELECT action, detail FROM system.audit_log WHERE action = 'tide.erase_user'`,
        ),
      ).toEqual([['tide.erase_user', '(alice)']]);
      await client.query(`SET tide.user_id = 'alice'; SET tide.include_deleted = on`);
      expect(await rowsOf(client, 'SELECT * FROM chat.messages')).toEqual([]);
      await client.query(`SET tide.user_id = 'Bob/../x'`);
      expect(await rowsOf(client, 'SELECT count(*)::int FROM chat.messages')).toEqual([[60]]);
    });
    await server.stop();
    const files = readdirSync(join(server.dataDir, 'cold'), { recursive: true }).map(String);
    expect(files.filter((path) => path.includes('u-alice'))).toEqual([]);
    const verify = await pgtide(['verify', '--data-dir', server.dataDir, '--json']);
    expect(jsonOf(verify)).toMatchObject([{ sound: true }]);
  });
});
