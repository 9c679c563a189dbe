/** Commands on tables and jobs against a real server, by an owner and by others, with pipes and on a terminal. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { version } from '../../src/base/version.ts';
import { connect, rowsOf } from '../e2e/client.ts';
import type pg from 'pg';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import type { Ran, RunOptions } from './run.ts';
import { jsonOf, onTerminal, pgtide } from './run.ts';

let server: ServerProcess;
let client: pg.Client;
beforeAll(async () => {
  server = await startServerProcess();
  client = await connect(server);
  await client.query(`
    create namespace chat;
    create user table chat.messages (id bigint primary key default snowflake_id(), body text);
    create table chat."Rooms" (id int primary key);
    create stream table chat.typing (who text) with (ttl = '1h');
    create role stranger; create role member; grant usage on schema chat to member, stranger;
    grant select on chat.messages to member`);
  for (const [user, rows] of [
    ['ann', 3],
    ['bob', 2],
  ] as const) {
    await client.query(`set tide.user_id = '${user}'`);
    await client.query('insert into chat.messages (body) select $1 from generate_series(1, $2)', [
      user,
      rows,
    ]);
  }
  await client.query('insert into chat."Rooms" values (1)');
});
afterAll(async () => {
  await client.end();
  await server.remove();
});

const run = (args: readonly string[], options: RunOptions = {}): Promise<Ran> =>
  pgtide(args, { server, ...options });
const as = (user: string): RunOptions => ({ env: { PGUSER: user } });

describe('status', () => {
  test('for programs', async () => {
    const ran = await run(['status']);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const [status, ...more] = jsonOf(ran);
    expect(more).toEqual([]);
    expect(status).toMatchObject({
      version,
      postgresql_version: expect.stringMatching(/^18\./),
      port: server.port,
      data_dir: server.dataDir,
      max_connections: 100,
      user_tables: 1,
      shared_tables: 1,
      stream_tables: 1,
      hot_rows: 6,
      cold_rows: 0,
      jobs_running: 0,
    });
    expect(status!['memory_bytes']).toBeGreaterThan(1e6);
    expect(Date.parse(status!['started_at'] as string)).toBeLessThan(Date.now());
    // Its own connection and the test's.
    expect(status!['sessions']).toBe(2);
  });

  test('for people; who may not know everything sees the rest', async () => {
    const ran = await run(['status', '--format', 'table']);
    expect(ran.stdout).toMatch(
      new RegExp(
        `^server +pgtide ${version} \\(PostgreSQL 18\\.\\d+\\) on 127\\.0\\.0\\.1:${server.port}$`,
        'm',
      ),
    );
    expect(ran.stdout).toMatch(/^tables +3 \(1 user, 1 shared, 1 stream\)$/m);
    expect(ran.stdout).toMatch(/^memory +[\d.]+ [MG]iB$/m);
    const member = await run(['status', '--format', 'table'], as('member'));
    expect(member).toMatchObject({ code: 0, stderr: '' });
    expect(member.stdout).toContain('up ');
    expect(member.stdout).not.toContain('memory');
  });
});

describe('tables', () => {
  test('for programs, by a pattern', async () => {
    expect(jsonOf(await run(['tables', 'chat.mess*']))).toEqual([
      expect.objectContaining({
        namespace: 'chat',
        table_name: 'messages',
        kind: 'user',
        hot_rows: 5,
        cold_rows: 0,
        users: 2,
        files: 0,
        cold_bytes: 0,
        flush_policy: null,
        owner: 'postgres',
      }),
    ]);
    expect(jsonOf(await run(['tables', '"Rooms"']))).toHaveLength(1);
    expect(jsonOf(await run(['tables', 'Rooms']))).toEqual([]);
  });

  test('for people', async () => {
    const { stdout } = await run(['tables', '--format', 'table']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(
      /^table +kind +hot rows +cold rows +users +files +hot size +cold size/,
    );
    expect(lines[1]).toMatch(/^chat\."Rooms" +shared +1 +0 {2}/);
    expect(lines).toHaveLength(4);
  });

  test('who has no right on a table does not see it; figures of user tables are for owners', async () => {
    expect(jsonOf(await run(['tables'], as('stranger')))).toEqual([]);
    const [seen] = jsonOf(await run(['tables'], as('member')));
    expect(seen).toMatchObject({ table_name: 'messages', hot_rows: null, users: null });
  });

  test('nothing matches', async () => {
    expect(await run(['tables', 'nope*'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'pgtide: no table matches "nope*"\n',
    });
  });
});

describe('flush', () => {
  test('tells what was done', async () => {
    const ran = await run(['flush', 'chat.messages']);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(jsonOf(ran)).toEqual([
      expect.objectContaining({
        namespace: 'chat',
        table_name: 'messages',
        rows_flushed: 5,
        users: 2,
        files: 2,
      }),
    ]);
    expect((await run(['flush', 'chat.messages', '--format', 'table'])).stdout).toBe(
      'chat.messages: nothing to flush\n',
    );
  });

  test('all tables, on a terminal', async () => {
    const terminal = onTerminal(['flush', '--all'], { server });
    await terminal.shows(/chat\."Rooms": 1 row to 1 file, \d+ B, in [\d.]+ m?s/);
    await terminal.shows('chat.messages: nothing to flush');
    expect(await terminal.ended()).toBe(0);
    expect(terminal.screen()).not.toContain('typing');
  });

  test.each([
    ['chat.none', 'table "chat.none" does not exist. "pgtide tables" lists those that do'],
    ['chat.rooms', 'table "chat.rooms" does not exist. "pgtide tables" lists those that do'],
    ['a.b.c.d', 'improper relation name (too many dotted names): a.b.c.d'],
    ['"', 'table """ does not exist'],
    ['chat.typing', 'FLUSH of a stream table is not supported'],
    [`x"; drop table chat.messages; --`, '--" does not exist'],
  ])('%s is refused', async (name, message) => {
    const { code, stdout, stderr } = await run(['flush', name]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('by who does not own it', async () => {
    expect(await run(['flush', 'chat.messages'], as('member'))).toMatchObject({
      code: 1,
      stderr: 'pgtide: must be owner of table messages\n',
    });
  });
});

test('vacuum', async () => {
  const [done] = jsonOf(await run(['vacuum', 'chat.messages']));
  expect(done).toMatchObject({ table_name: 'messages', files_before: 2 });
  const all = await run(['vacuum', '--analyze', '--format', 'table']);
  expect(all).toMatchObject({ code: 0, stderr: '' });
  expect(all.stdout).toMatch(/^chat\.messages: done, 2 files of \S+ \S+ stay as they are, in /m);
  expect(all.stdout).toMatch(/^chat\.typing: done, it has no files, in /m);
});

describe('jobs', () => {
  test('by table and status', async () => {
    const ran = await run(['jobs', '--table', 'chat.messages', '--status', 'completed,failed']);
    const jobs = jsonOf(ran).filter((job) => job['job_type'] === 'flush');
    expect(jobs.length).toBeGreaterThanOrEqual(1);
    expect(jobs[0]).toMatchObject({
      table_name: 'messages',
      status: 'completed',
      progress: 1,
      result: expect.objectContaining({ rows_flushed: 5 }),
    });
    expect(jsonOf(await run(['jobs', '--status', 'failed']))).toEqual([]);
    expect((await run(['jobs', '--status', 'failed', '--format', 'table'])).stdout).toBe(
      'No jobs.\n',
    );
  });

  test('watched on a terminal until Ctrl-C, coloured unless NO_COLOR says no', async () => {
    const terminal = onTerminal(['jobs', '--watch'], { server });
    await terminal.shows(/\u001B\[32mcompleted\u001B\[39m/);
    await terminal.shows(/\u001B\[\d+A/);
    terminal.type('\u0003');
    expect(await terminal.ended()).toBe(0);
    const plain = onTerminal(['jobs'], { server, env: { NO_COLOR: '1' } });
    expect(await plain.ended()).toBe(0);
    expect(plain.screen()).toContain('completed');
    expect(plain.screen()).not.toContain('\u001B');
  });

  test('cancelling one that has ended, or that never was', async () => {
    const [job] = jsonOf(await run(['jobs', '--status', 'completed']));
    expect(await run(['jobs', 'cancel', String(job!['job_id'])])).toMatchObject({
      code: 1,
      stderr: `pgtide: job ${String(job!['job_id'])} has ended already: completed\n`,
    });
    expect(await run(['jobs', 'cancel', '999999'])).toMatchObject({
      code: 1,
      stderr: 'pgtide: job 999999 does not exist\n',
    });
  });
});

describe('drop-table', () => {
  const tableNames = async (): Promise<unknown[]> =>
    (await rowsOf(client, 'select table_name from system.tables order by 1')).flat();

  test('is refused without a terminal and without --force', async () => {
    expect(await run(['drop-table', 'chat.messages'], { input: 'y\n' })).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'pgtide: nothing dropped: there is no terminal to ask on. --force drops without asking\n',
    });
    expect(await tableNames()).toContain('messages');
  });

  test.each(['n\r', '\r', 'yep\r', '\u0004'])('asks, and %j is a no', async (answer) => {
    const terminal = onTerminal(['drop-table', 'chat.messages'], {
      server,
      env: { NO_COLOR: '1' },
    });
    await terminal.shows(/cold rows +5\s+users +2\s/);
    await terminal.shows('Drop chat.messages for good? [y/N] ');
    terminal.type(answer);
    await terminal.shows('pgtide: nothing dropped');
    expect(await terminal.ended()).toBe(1);
    expect(await tableNames()).toContain('messages');
  });

  test('Ctrl-C at the question is 130', async () => {
    const terminal = onTerminal(['drop-table', 'chat.messages'], { server });
    await terminal.shows('[y/N]');
    terminal.type('\u0003');
    expect(await terminal.ended()).toBe(130);
  });

  test.each([
    ['chat.none', {}, 'table "chat.none" does not exist'],
    ['system.jobs', {}, 'table system.jobs belongs to the server'],
    ['pg_class', {}, 'table pg_catalog.pg_class belongs to the server'],
    ['chat.messages', as('member'), 'must be owner of table messages'],
  ] as const)('%s is refused', async (name, options, message) => {
    const ran = await run(['drop-table', name, '--force'], options);
    expect({ ...ran, stderr: ran.stderr.split('. ')[0]!.trimEnd() }).toEqual({
      code: 1,
      stdout: '',
      stderr: `pgtide: ${message}`,
    });
  });

  test('dependents: refused, gone with --cascade', async () => {
    await client.query(`
      create view chat.recent as select * from chat.messages;
      create view chat.latest as select * from chat.recent;
      create user table chat.reads (message bigint references chat.messages)`);
    const needs =
      'constraint reads_message_fkey on table chat.reads; view chat.latest; view chat.recent';
    expect(await run(['drop-table', 'chat.messages', '--force'])).toEqual({
      code: 1,
      stdout: '',
      stderr: `pgtide: cannot drop table chat.messages because others depend on it: ${needs}. --cascade takes them along\n`,
    });
    expect(await run(['drop-table', 'chat.recent', '--force'])).toMatchObject({
      code: 1,
      stderr: 'pgtide: chat.recent is a view, not a table\n',
    });
    const terminal = onTerminal(['drop-table', 'chat.messages', '--cascade'], { server });
    await terminal.shows('view chat.recent');
    await terminal.shows('Drop chat.messages and 3 dependents for good? [y/N] ');
    terminal.type('yes\r');
    await terminal.shows(/chat\.messages is dropped, its rows and files are gone, in /);
    expect(await terminal.ended()).toBe(0);
    expect(await tableNames()).toEqual(['Rooms', 'reads', 'typing']);
  });

  test('--force --json tells all that went', async () => {
    const ran = await run(['drop-table', 'chat."Rooms"', '--force']);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const [dropped] = jsonOf(ran);
    expect(dropped).toMatchObject({
      table_name: 'Rooms',
      kind: 'shared',
      cold_rows: 1,
      files: 1,
      dependents: [],
      cleaned: true,
    });
    const jobs = jsonOf(await run(['jobs', '--table', 'chat."Rooms"', '--status', 'completed']));
    expect(jobs.at(-1)).toMatchObject({ job_id: dropped!['job_id'], job_type: 'drop' });
  });

  test('--no-wait leaves the rest to the job', async () => {
    const [dropped] = jsonOf(await run(['drop-table', 'chat.typing', '--force', '--no-wait']));
    expect(dropped).toMatchObject({ cleaned: false, job_id: expect.any(Number) });
    expect(await tableNames()).toEqual(['reads']);
  });
});

test('the server goes away in the middle', async () => {
  const other = await startServerProcess();
  try {
    const ran = pgtide(['sql', 'select pg_sleep(100)'], { server: other });
    const watcher = await connect(other);
    for (;;) {
      const rows = await rowsOf(
        watcher,
        `select 1 from system.sessions where application_name = 'pgtide sql'`,
      );
      if (rows.length > 0) break;
    }
    await watcher.end();
    await other.stop('SIGKILL');
    expect(await ran).toEqual({
      code: 1,
      stdout: '',
      stderr: `pgtide: the server at 127.0.0.1:${other.port} has closed the connection. It was stopped or has failed; its log tells why\n`,
    });
  } finally {
    await other.remove();
  }
});
