/** Tablespaces as storage locations: what PostgreSQL's clients see and what is on disk. */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { errorOf, rowsOf, withClient } from './client.ts';

let server: ServerProcess;
let root = '';
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'pgtide-tablespaces-'));
  server = await startServerProcess();
});
afterAll(async () => {
  await server.remove();
  rmSync(root, { recursive: true, force: true });
});

const parquetBelow = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.includes('.parquet'))
        .sort()
    : [];

const bytesBelow = (folder: string, end = ''): number =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(end))
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, stats) => sum + (stats.isFile() ? stats.size : 0), 0);

/** Waits until no job is left that has not ended. */
async function jobsDone(client: pg.Client): Promise<void> {
  const open = `select count(*)::int from system.jobs where status in ('new', 'running', 'retrying')`;
  for (let left = 1; left > 0;) {
    left = (await rowsOf(client, open))[0]![0] as number;
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const storages = `select name, location, owner, usage_count::int, files::int, bytes > 0 from system.storages order by name`;

test('the life of a tablespace', async () => {
  await withClient(server, async (client) => {
    await client.query(
      `create tablespace archive location 'file://${root}/a/\${namespace}/\${table}/'`,
    );
    await client.query('create schema chat');
    await client.query(
      'create user table chat.notes (id int primary key, body text) tablespace archive',
    );
    for (const user of ['ann', 'bob']) {
      await client.query(`set tide.user_id = '${user}'`);
      await client.query(
        `insert into chat.notes select g, repeat('x', 20) from generate_series(1, 50) g`,
      );
    }
    await client.query('flush table chat.notes');
    expect(parquetBelow(server.dataDir)).toEqual([]);
    expect(parquetBelow(root).map((name) => name.replace(/batch-.*/, ''))).toEqual([
      expect.stringMatching(/^a\/chat\/notes\.\d+\/u-ann\/$/),
      expect.stringMatching(/^a\/chat\/notes\.\d+\/u-bob\/$/),
    ]);
    expect(await rowsOf(client, storages)).toEqual([
      ['archive', `file://${root}/a/\${namespace}/\${table}/`, 'postgres', 1, 2, true],
      [
        'pg_default',
        `${server.dataDir}/cold/\${namespace}/\${table}/\${user_id}/`,
        'postgres',
        0,
        0,
        false,
      ],
    ]);
    // psql's \db.
    expect(
      await rowsOf(
        client,
        `select spcname, pg_get_userbyid(spcowner), pg_catalog.pg_tablespace_location(oid) from pg_catalog.pg_tablespace order by 1`,
      ),
    ).toEqual([
      ['archive', 'postgres', `file://${root}/a/\${namespace}/\${table}/`],
      ['pg_default', 'postgres', ''],
      ['pg_global', 'postgres', ''],
    ]);
    await expect(client.query('drop tablespace archive')).rejects.toMatchObject({
      code: '55006',
      message: 'tablespace "archive" is not empty',
      detail: 'table chat.notes',
    });

    // Rolled back: nothing moves. Committed: all of it, and the next flush goes there at once.
    await client.query(`create tablespace next location '${root}/b'`);
    await client.query('begin');
    await client.query('alter table chat.notes set tablespace next');
    await client.query('rollback');
    await client.query('alter tablespace next rename to newer');
    await client.query('alter table chat.notes set tablespace newer');
    await client.query('insert into chat.notes values (51)');
    await client.query('flush table chat.notes');
    await jobsDone(client);
    expect(await rowsOf(client, 'select count(*)::int from chat.notes')).toEqual([[51]]);
    expect(parquetBelow(`${root}/a`)).toEqual([]);
    expect(parquetBelow(`${root}/b`).length).toBe(3);
    const sizes = await rowsOf(
      client,
      `select spcname, pg_tablespace_size(oid)::int, pg_tablespace_size(spcname)::int from pg_tablespace order by 1`,
    );
    const bytes = bytesBelow(`${root}/b`, '.parquet');
    expect(bytes).toBeGreaterThan(1000);
    expect(sizes.filter(([name]) => ['archive', 'newer'].includes(String(name)))).toEqual([
      ['archive', 0, 0],
      ['newer', bytes, bytes],
    ]);
    // psql's \db+.
    expect(
      await rowsOf(
        client,
        `select spcname, pg_catalog.pg_size_pretty(pg_catalog.pg_tablespace_size(oid)) from pg_catalog.pg_tablespace where spcname = 'newer'`,
      ),
    ).toEqual([['newer', `${bytes} bytes`]]);
    // About, as LevelDB's files and PostgreSQL's change by themselves.
    const inDataFolder =
      bytesBelow(join(server.dataDir, 'hot')) + bytesBelow(join(server.dataDir, 'mirror'));
    const [inDefault, inGlobal] = ['pg_default', 'pg_global'].map((space) =>
      Number(sizes.find(([name]) => name === space)?.[1]),
    ) as [number, number];
    expect(inGlobal).toBeGreaterThan(100_000);
    expect(Math.abs(inDefault + inGlobal - inDataFolder) / inDataFolder).toBeLessThan(0.05);
    expect(await errorOf(client, 'select pg_tablespace_size(1::oid)')).toEqual({
      code: '42704',
      message: 'tablespace with OID 1 does not exist',
    });
    expect(
      await rowsOf(
        client,
        `select job_type, status, (result->>'files')::int from system.jobs where job_type = 'move'`,
      ),
    ).toEqual([['move', 'completed', 2]]);
    await client.query('drop tablespace archive');
    expect(readdirSync(`${root}/a`)).toEqual([]);
    expect((await rowsOf(client, storages)).map((row) => row[0])).toEqual(['newer', 'pg_default']);
  });
});

test('it is all there after a restart, and with a mirror made anew', async () => {
  for (const anew of [false, true]) {
    await server.stop();
    if (anew) rmSync(join(server.dataDir, 'mirror'), { recursive: true });
    await server.restart();
    await withClient(
      server,
      async (client) => {
        expect((await rowsOf(client, storages))[0]).toEqual([
          'newer',
          `${root}/b`,
          'postgres',
          1,
          3,
          true,
        ]);
        expect(
          await rowsOf(
            client,
            `select tablespace, pg_tablespace_location(t.oid) from pg_tables
             join pg_tablespace t on spcname = tablespace where tablename = 'notes'`,
          ),
        ).toEqual([['newer', `${root}/b`]]);
        expect(await rowsOf(client, 'select count(*)::int from chat.notes')).toEqual([[51]]);
        expect((await errorOf(client, 'drop tablespace newer')).code).toBe('55006');
      },
      { settings: { 'tide.user_id': 'bob' } },
    );
  }
});

test('DROP TABLE lowers the count and leaves no folder', async () => {
  await withClient(server, async (client) => {
    await client.query('drop table chat.notes');
    await jobsDone(client);
    expect((await rowsOf(client, storages))[0]).toEqual([
      'newer',
      `${root}/b`,
      'postgres',
      0,
      0,
      false,
    ]);
    expect(readdirSync(`${root}/b`)).toEqual([expect.stringMatching(/^pgtide-tablespace-/)]);
    await client.query('drop tablespace newer');
    expect(readdirSync(`${root}/b`)).toEqual([]);
  });
});

test('what is refused', async () => {
  await withClient(server, async (client) => {
    await client.query(`create tablespace taken location '${root}/taken/\${table}'`);
    await client.query('create role nobody login');
    writeFileSync(`${root}/file`, '');
    const cases: [statement: string, code: string, message: string][] = [
      [`create tablespace taken location '/x'`, '42710', 'tablespace "taken" already exists'],
      [`create tablespace pg_x location '/x'`, '42939', 'unacceptable tablespace name "pg_x"'],
      [`create tablespace x location 'x'`, '42P17', 'tablespace location must be an absolute path'],
      [`create tablespace x owner who location '/x'`, '42704', 'role "who" does not exist'],
      [`create tablespace x location '/x' with (y = 1)`, '22023', 'unrecognized parameter "y"'],
      [
        `create tablespace x location 's3://b/x'`,
        '0A000',
        'a tablespace location of scheme "s3" is not supported',
      ],
      [
        `create tablespace x location '${root}/taken/y'`,
        '55006',
        `directory "${root}/taken/y" already in use as a tablespace`,
      ],
      [
        `create tablespace x location '${root}/file/y'`,
        '42809',
        `could not create directory "${root}/file/y": Not a directory`,
      ],
      [
        `create tablespace x location '${server.dataDir}/y'`,
        '42P17',
        'tablespace location must not be inside the data folder',
      ],
      [
        `begin; create tablespace x location '/x'`,
        '25001',
        'CREATE TABLESPACE cannot run inside a transaction block',
      ],
      [
        'select 1; drop tablespace taken',
        '25001',
        'DROP TABLESPACE cannot run inside a transaction block',
      ],
      ['drop tablespace nothing', '42704', 'tablespace "nothing" does not exist'],
      ['drop tablespace pg_default', '42501', 'permission denied for tablespace pg_default'],
      ['alter tablespace taken rename to pg_x', '42939', 'unacceptable tablespace name "pg_x"'],
      ['create table x (a int) tablespace y', '42704', 'tablespace "y" does not exist'],
      [
        'create table x (a int) tablespace pg_global',
        '22023',
        'only shared relations can be placed in pg_global tablespace',
      ],
      [
        `set default_tablespace = 'y'`,
        '22023',
        'invalid value for parameter "default_tablespace": "y"',
      ],
    ];
    for (const [statement, code, message] of cases) {
      expect([statement, await errorOf(client, statement)]).toEqual([statement, { code, message }]);
      await client.query('rollback');
    }
    await client.query('create table t (a int)');
    await client.query('grant create on schema public to nobody');
  });
  await withClient(
    server,
    async (client) => {
      expect(await errorOf(client, `create tablespace x location 'x'`)).toEqual({
        code: '42501',
        message: 'permission denied to create tablespace "x"',
      });
      expect(await errorOf(client, 'drop tablespace taken')).toEqual({
        code: '42501',
        message: 'must be owner of tablespace taken',
      });
      expect(await errorOf(client, 'create table y (a int) tablespace taken')).toEqual({
        code: '42501',
        message: 'permission denied for tablespace taken',
      });
      expect(await errorOf(client, `select pg_tablespace_size('taken')`)).toEqual({
        code: '42501',
        message: 'permission denied for tablespace taken',
      });
      expect(await rowsOf(client, `select pg_tablespace_size('pg_default') > 0`)).toEqual([[true]]);
      await client.query('set default_tablespace = taken');
      expect((await errorOf(client, 'create table y (a int)')).code).toBe('42501');
      await withClient(server, (other) =>
        other.query('grant create on tablespace taken to nobody'),
      );
      await client.query('create table y (a int)');
      expect(await rowsOf(client, `select pg_tablespace_size('taken')::int`)).toEqual([[0]]);
      const [row] = await rowsOf(client, storages);
      expect(row).toEqual(['pg_default', null, 'postgres', 0, null, null]);
    },
    { user: 'nobody' },
  );
  await withClient(server, async (client) => {
    await client.query(`comment on tablespace taken is 'old things'`);
    await client.query('alter tablespace taken set (random_page_cost = 2)');
    await client.query('alter tablespace taken owner to nobody');
    await client.query(
      'alter table all in tablespace pg_default owned by postgres set tablespace taken',
    );
    expect(
      await rowsOf(
        client,
        `select string_agg(c.relname, ',' order by c.relname), s.spcoptions::text, shobj_description(s.oid, 'pg_tablespace')
         from pg_class c join pg_tablespace s on s.oid = c.reltablespace where c.relkind = 'r' and spcname = 'taken' group by 2, s.oid`,
      ),
    ).toEqual([['t,y', '{random_page_cost=2}', 'old things']]);
    await client.query('alter table all in tablespace taken set tablespace pg_default');
    // A session whose default tablespace has gone goes on, as in PostgreSQL.
    await client.query('set default_tablespace = taken');
    await withClient(server, (other) => other.query('drop tablespace taken'));
    await client.query('create table z (a int)');
    expect(await rowsOf(client, 'show default_tablespace')).toEqual([['taken']]);
    await client.query('drop table t, y, z');
  });
});

test('names that hurt stay apart and inside', async () => {
  const users = [
    '../x',
    '..',
    '.',
    'a/b',
    'CON',
    'Ann',
    'ann',
    'é',
    'e\u0301',
    'new\nline',
    '🙂'.repeat(64),
    'x'.repeat(256),
    '%2e',
  ];
  await withClient(server, async (client) => {
    await client.query(
      `create tablespace odd location '${root}/odd/in/\${user_id}/\${namespace}/t-\${table}'`,
    );
    await client.query(`create schema "../../x"`);
    await client.query(
      `create user table "../../x"."../../y" (id int primary key, who text) tablespace odd`,
    );
    await client.query(`create user table "../../x"."../../z" (id int primary key, who text)`);
    for (const table of ['"../../x"."../../y"', '"../../x"."../../z"']) {
      for (const round of [1, 2]) {
        for (const user of users) {
          await client.query(`select set_config('tide.user_id', $1, false)`, [user]);
          await client.query(`insert into ${table} values ($1, $2)`, [round, user]);
        }
        await client.query(`flush table ${table}`);
      }
      await client.query(`vacuum ${table}`);
      for (const user of users) {
        await client.query(`select set_config('tide.user_id', $1, false)`, [user]);
        expect((await client.query(`select id, who from ${table} order by id`)).rows).toEqual([
          { id: 1, who: user },
          { id: 2, who: user },
        ]);
      }
    }
    const folders = (at: string, depth: number): string[] =>
      depth === 0
        ? readdirSync(at)
        : readdirSync(at, { withFileTypes: true }).flatMap((entry) =>
            entry.isDirectory() ? folders(join(at, entry.name), depth - 1) : [],
          );
    expect(readdirSync(`${root}/odd`)).toEqual(['in']);
    const own = readdirSync(`${root}/odd/in`).filter((name) => name.startsWith('u-'));
    expect(new Set(own.map((name) => name.toLowerCase().normalize('NFKC'))).size).toBe(
      users.length,
    );
    expect(folders(`${root}/odd/in`, 3).every((name) => /^batch-.*\.parquet$/.test(name))).toBe(
      true,
    );
    expect(readdirSync(`${server.dataDir}/cold`)).toEqual(['%2e%2e%2f%2e%2e%2fx']);
    expect(folders(`${server.dataDir}/cold`, 2).length).toBe(users.length);

    await client.query(`drop schema "../../x" cascade`);
    await jobsDone(client);
    expect(readdirSync(`${root}/odd/in`)).toEqual([expect.stringMatching(/^pgtide-tablespace-/)]);
    expect(readdirSync(`${server.dataDir}/cold`)).toEqual([]);
    await client.query('drop tablespace odd');
  });
});
