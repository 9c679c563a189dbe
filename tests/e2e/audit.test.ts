/** system.audit_log and system.live_queries as clients see them, and what DROP TABLE does about live queries. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PgError } from '../../src/base/index.ts';
import { readConfig } from '../../src/config/index.ts';
import { startServer } from '../../src/server.ts';
import type { Server } from '../../src/server.ts';
import type { Engine } from '../../src/session/engine.ts';

let dataDir: string;
let server: Server;
let engine: Engine;
let client: pg.Client;
const clients: pg.Client[] = [];

async function connect(user = 'postgres', options?: string): Promise<pg.Client> {
  const target = { host: '127.0.0.1', port: server.port, database: 'postgres' };
  const made = new pg.Client({ ...target, user, ...(options === undefined ? {} : { options }) });
  await made.connect();
  clients.push(made);
  return made;
}

async function start(): Promise<void> {
  const config = { ...readConfig({ dataDir, logLevel: 'silent' }, {}), port: 0 };
  server = await startServer(config, pino({ level: 'silent' }), {
    onEngine: (made) => {
      engine = made;
    },
  });
  client = await connect();
}

async function stop(): Promise<void> {
  await Promise.allSettled(clients.splice(0).map((each) => each.end()));
  await server.stop();
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pgtide-audit-'));
  await start();
});
afterAll(async () => {
  await stop();
  await rm(dataDir, { recursive: true, force: true });
});

const rows = async (sql: string, from = client): Promise<unknown[][]> =>
  (await from.query<unknown[]>({ text: sql, rowMode: 'array' })).rows;

/** What was put down since the last call. */
let seen = 0n;
async function fresh(columns: string, from = client): Promise<unknown[][]> {
  const before = seen;
  const [[last]] = (await rows(
    'select coalesce(max(audit_id), 0)::text from system.audit_log',
  )) as [[string]];
  seen = BigInt(last);
  return rows(
    `select ${columns} from system.audit_log where audit_id > ${before} order by audit_id`,
    from,
  );
}

const refusal = (work: Promise<unknown>): Promise<pg.DatabaseError> =>
  work.then(
    () => expect.fail('it went through'),
    (error: unknown) => error as pg.DatabaseError,
  );

describe('the audit log', () => {
  test('has each change of the catalog, with who made it and what it did to tables', async () => {
    await client.query('create schema chat');
    await client.query(`create user table chat.messages (id int primary key) `);
    await client.query('alter table chat.messages add column body text');
    await client.query('create view chat.latest as select * from chat.messages');
    await client.query('create table chat.copy as select 1 as one');
    await client.query('truncate chat.copy');
    await client.query('drop schema chat cascade');
    expect(await fresh('kind, action, object_type, object_name, tables, role, user_id')).toEqual(
      [
        ['schema', 'CREATE SCHEMA', 'schema', 'chat', null],
        ['schema', 'CREATE TABLE', 'table', 'chat.messages', [['chat.messages', 'created']]],
        ['schema', 'ALTER TABLE', 'table', 'chat.messages', [['chat.messages', 'altered']]],
        ['schema', 'CREATE VIEW', 'view', 'chat.latest', null],
        ['schema', 'CREATE TABLE AS', 'table', 'chat.copy', [['chat.copy', 'created']]],
        ['data', 'TRUNCATE TABLE', 'table', 'chat.copy', [['chat.copy', 'truncated']]],
        [
          'schema',
          'DROP SCHEMA',
          'schema',
          'chat',
          [
            ['chat.messages', 'dropped'],
            ['chat.copy', 'dropped'],
          ],
        ],
      ].map(([kind, action, type, name, tables]) => [
        kind,
        action,
        type,
        name,
        tables === null
          ? null
          : (tables as string[][]).map(([table, change]) => ({
              id: expect.any(Number) as unknown,
              name: table,
              change,
            })),
        'postgres',
        'postgres',
      ]),
    );
  });

  test('has nothing of what was rolled back', async () => {
    await client.query('begin; create table gone (a int); rollback');
    await client.query(
      'begin; create table kept (a int); savepoint s; drop table kept; rollback to s; commit',
    );
    await refusal(client.query('create table kept (a int)'));
    expect(await fresh('action, object_name')).toEqual([['CREATE TABLE', 'kept']]);
  });

  test('holds no password', async () => {
    await client.query(`create role app login password 'hunter2'`);
    await client.query(`alter role app with password 'hunter3' createdb`);
    await client.query('grant select on kept to app');
    await client.query('revoke select on kept from app');
    const entries = await fresh('kind, action, object_name, statement');
    expect(entries).toEqual([
      ['role', 'CREATE ROLE', 'app', 'create role app login password <redacted>'],
      ['role', 'ALTER ROLE', 'app', 'alter role app with password <redacted> createdb'],
      ['privilege', 'GRANT', 'kept', 'grant select on kept to app'],
      ['privilege', 'REVOKE', 'kept', 'revoke select on kept from app'],
    ]);
  });

  test('has what was refused, without the data in it, and the opening of all users’ rows', async () => {
    const app = await connect('app');
    await refusal(app.query(`insert into kept values (42)`));
    await refusal(app.query(`set tide.scope = 'all'`));
    await refusal(app.query(`drop table kept`));
    await client.query(`set tide.scope = 'all'; set tide.scope = 'all'; reset tide.scope`);
    await connect('postgres', '-c tide.scope=all');
    await engine.storage.caughtUp();
    const entries = await fresh('kind, action, role, statement, detail');
    expect(entries).toEqual([
      ['denied', 'INSERT', 'app', null, 'permission denied for table kept'],
      ['denied', 'SET', 'app', null, 'permission denied to set parameter "tide.scope" to "all"'],
      ['denied', 'DROP TABLE', 'app', null, 'must be owner of table kept'],
      ['access', 'SET', 'postgres', null, `tide.scope = 'all'`],
      ['access', 'CONNECT', 'postgres', null, `tide.scope = 'all'`],
    ]);
  });

  test('has the calls of functions that act on the server', async () => {
    await client.query('flush table kept');
    const [[jobId]] = (await rows('select max(job_id)::int from system.jobs')) as [[number]];
    await client.query(`select tide.cancel_job(${jobId})`);
    expect(await fresh('kind, action, detail')).toEqual([['job', 'tide.cancel_job', `(${jobId})`]]);
  });

  test('shows a role its own, pg_monitor all; nobody can change it', async () => {
    const app = await connect('app');
    expect(await rows('select distinct role from system.audit_log', app)).toEqual([['app']]);
    await client.query('grant pg_monitor to app');
    const [[roles]] = (await rows(
      'select count(distinct role)::int from system.audit_log',
      app,
    )) as [[number]];
    expect(roles).toBe(2);
    await client.query('revoke pg_monitor from app');
    const error = await refusal(client.query('delete from system.audit_log'));
    expect(error.code).toBe('42501');
  });

  test('is there after a restart, and goes on', async () => {
    const before = await rows('select audit_id, created_at, action from system.audit_log');
    await stop();
    await start();
    await client.query('drop table kept');
    const after = await rows('select audit_id, created_at, action from system.audit_log');
    expect(after.slice(0, before.length)).toEqual(before);
    expect(after.slice(before.length).map((row) => row[2])).toEqual(['DROP TABLE']);
  });
});

describe('live queries', () => {
  const told: [number, PgError][] = [];
  function subscribe(table: string, query = 1): { unregister(): void } {
    const found = engine.catalog.current.tableByName('public', table)!;
    return engine.live.register(
      {
        processId: 41 + query,
        role: 'app',
        userId: 'ann',
        text: `select * from ${table}`,
        tableIds: new Set([found.stored.tableId]),
        startedAt: engine.clock.now(),
      },
      (error) => told.push([query, error]),
    );
  }

  test('are listed', async () => {
    await client.query('create table t (a int)');
    const registration = subscribe('t');
    expect(
      await rows('select process_id, user_name, user_id, query, tables from system.live_queries'),
    ).toEqual([[42, 'app', 'ann', 'select * from t', ['public.t']]]);
    const app = await connect('app', '-c tide.user_id=app');
    expect(await rows('select * from system.live_queries', app)).toEqual([]);
    registration.unregister();
    expect(await rows('select * from system.live_queries')).toEqual([]);
  });

  test('keep their table from being dropped', async () => {
    const registrations = [subscribe('t', 1), subscribe('t', 2)];
    const ids = await rows('select query_id from system.live_queries order by 1');
    const error = await refusal(client.query('drop table t'));
    expect([error.code, error.message, error.detail, error.hint]).toEqual([
      '55006',
      'cannot drop table t because it has active subscriptions',
      `connection 42 of user app subscribes to it with query ${String(ids[0]![0])}\nconnection 43 of user app subscribes to it with query ${String(ids[1]![0])}`,
      'Use DROP ... CASCADE to end them too.',
    ]);
    expect(await rows('select count(*)::int from t')).toEqual([[0]]);
    for (const registration of registrations) registration.unregister();
    await client.query('drop table t');
    expect(told).toEqual([]);
  });

  test('end by DROP … CASCADE, once it is committed', async () => {
    await client.query('create table t (a int); create table u (a int)');
    subscribe('t', 1);
    subscribe('u', 2);
    await client.query('begin; drop table t cascade; rollback');
    await client.query('begin; savepoint s; drop table t cascade; rollback to s; commit');
    expect(told).toEqual([]);
    await client.query('drop table t cascade');
    expect(told.map(([query, { code, message }]) => [query, code, message])).toEqual([
      [1, '42P01', 'relation "public.t" was dropped'],
    ]);
    expect(await rows('select process_id from system.live_queries')).toEqual([[43]]);
    await client.query('create schema s; alter table u set schema s');
    const error = await refusal(client.query('drop owned by postgres'));
    expect(error.code).toBe('2BP01');
    await client.query('drop schema s cascade');
    expect(told.map(([query]) => query)).toEqual([1, 2]);
    expect(await rows('select * from system.live_queries')).toEqual([]);
  });
});
