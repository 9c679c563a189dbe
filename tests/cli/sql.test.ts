/** pgtide sql against a real server: what it prints is compared with psql, byte for byte. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { psql } from '../support/psql.ts';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import type { Ran } from './run.ts';
import { jsonOf, onTerminal, pgtide } from './run.ts';

let server: ServerProcess;
let folder: string;
beforeAll(async () => {
  server = await startServerProcess();
  folder = await mkdtemp(join(tmpdir(), 'pgtide-cli-'));
  await sql(['create table t (id int primary key, word text)']);
});
afterAll(async () => {
  await server.remove();
  await rm(folder, { recursive: true, force: true });
});

const sql = (args: readonly string[], input = ''): Promise<Ran> =>
  pgtide(['sql', ...args], { server, input });

const script = [
  `select 1 as id, 'one' as word, null as nothing, 1.50 as price, true as yes;`,
  `select i, repeat('x', i) from generate_series(1, 3) i;`,
  `select 'two' || chr(10) || 'lines' as a, 3 as b, 'x' || chr(10) || 'y' || chr(10) as c;`,
  `select 'tab' || chr(9) || 'x' as "odd` + '\n' + `name", chr(13) || 'cr', chr(1) || 'one';`,
  `select 'héllo' as "wörd", '日本語' as cjk, 'e' || U&'\\0301' as combining, 5 as n;`,
  `select 1 where false;`,
  `select;`,
  `create table made (id int primary key);`,
  `insert into made values (1), (2) returning id;`,
  `update made set id = 3 where id = 2;`,
  `delete from made where id > 5;`,
  `select array[1, 2], '{"a": [1, 2]}'::jsonb, interval '1 day', oid from pg_class where relname = 'none';`,
  `copy made to stdout;`,
  `drop table made;`,
  `do_not_know;`,
].join('\n');

test('tables, tags and errors are psql’s', async () => {
  const file = join(folder, 'script.sql');
  await writeFile(file, script);
  const theirs = await psql(server, script, ['-v', 'ON_ERROR_STOP=1', '-v', 'QUIET=off']);
  const ours = await sql(['--format', 'table', '-f', file]);
  expect(ours.stdout).toBe(theirs.stdout);
  expect(ours.code).toBe(1);
  expect(ours.stderr).toBe(`${file}:16: ${theirs.stderr.replace(/^psql:<stdin>:\d+: /, '')}`);
});

test('csv is psql’s', async () => {
  const text = `select 1 as "a,b", 'q"uote' as q, null as n, 'two' || chr(10) || 'lines' as l, '' as e; select 2 as x`;
  const theirs = await psql(server, text, ['--csv']);
  expect((await sql(['--format', 'csv', text])).stdout).toBe(theirs.stdout);
});

describe('where no terminal reads it, rows are JSON lines', () => {
  test('with the values that to_json gives', async () => {
    const values = `1::int8 as i, 1.10 as n, 'NaN'::float8 as f, true as b, 'é"' as t, null as x, array['a,b', null] as a,
      '{"k": 1}'::jsonb as j, timestamptz '2026-01-02 03:04:05.6+00' as at, date '2026-01-02' as d`;
    const ours = await sql([`select ${values}`]);
    const [row] = jsonOf(ours);
    const [theirs] = jsonOf(await sql([`select to_jsonb(r) as r from (select ${values}) r`]));
    expect(row).toEqual(theirs!['r']);
  });

  test('several results follow each other; what has no rows says nothing', async () => {
    const ran = await sql([
      'insert into t values (1, $$x$$); select 1 as a; select 2 as a, 3 as a',
    ]);
    expect(jsonOf(ran)).toEqual([{ a: 1 }, { a: 2, a_2: 3 }]);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    await sql(['delete from t']);
  });
});

test('words are joined, -c and -f keep their order, standard input is a script', async () => {
  const file = join(folder, 'two.sql');
  await writeFile(file, '\uFEFFselect 2 as n;\r\n');
  const ran = await sql([
    '-c',
    'select 1 as n',
    '-f',
    file,
    '-c',
    'select 3 as n',
    'select',
    '4',
    'as',
    'n',
  ]);
  expect(jsonOf(ran)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }]);
  expect(jsonOf(await sql([], 'select 5 as n; select\n6 as n'))).toEqual([{ n: 5 }, { n: 6 }]);
});

describe('errors end it', () => {
  test('with their place, on stderr, exit code 1; what came before has been done', async () => {
    const ran = await sql([], `select 1 as n;\n\nselect *\n  from nowhere;\nselect 2 as n;`);
    expect(ran.code).toBe(1);
    expect(jsonOf(ran)).toEqual([{ n: 1 }]);
    expect(ran.stderr).toBe(
      '<stdin>:4: ERROR:  relation "nowhere" does not exist\nLINE 2:   from nowhere;\n               ^\n',
    );
  });

  test('-1 undoes everything', async () => {
    const ran = await sql(['-1', '-c', 'insert into t values (7)', '-c', 'select 1/0']);
    expect(ran).toMatchObject({ code: 1, stderr: 'ERROR:  division by zero\n' });
    expect(jsonOf(await sql(['select count(*) as n from t']))).toEqual([{ n: 0 }]);
  });

  test('details and hints follow', async () => {
    await sql(['insert into t values (1)']);
    expect((await sql(['insert into t values (1)'])).stderr).toBe(
      'ERROR:  duplicate key value violates unique constraint "t_pkey"\nDETAIL:  Key (id)=(1) already exists.\n',
    );
    await sql(['delete from t']);
  });

  test('a file that is not there, a command of psql', async () => {
    expect(await sql(['-f', join(folder, 'none.sql')])).toMatchObject({
      code: 1,
      stderr: `pgtide: could not read "${join(folder, 'none.sql')}": no such file\n`,
    });
    expect(await sql([], '\n\\d t\n')).toMatchObject({
      code: 1,
      stderr:
        'pgtide: <stdin>:2: \\d is a command of psql. pgtide sql runs SQL; backslash commands are run by psql\n',
    });
    expect((await sql(['\\d t'])).stderr).toMatch(/^pgtide: \\d is a command of psql\. /);
  });
});

test('notices go to stderr, warnings even with -q', async () => {
  expect((await sql(['drop table if exists none'])).stderr).toBe(
    'NOTICE:  table "none" does not exist, skipping\n',
  );
  expect((await sql(['-q', 'drop table if exists none; commit'])).stderr).toBe(
    'WARNING:  there is no transaction in progress\n',
  );
});

test('COPY: data within a script, from standard input, to standard output', async () => {
  const dump = `\\restrict x\ncopy t from stdin;\n1\tone;\n2\t\\N\n\\.\n\nselect count(*) as n from t;\n\\unrestrict x\n`;
  expect(jsonOf(await sql([], dump))).toEqual([{ n: 2 }]);
  const copied = await sql(['--format', 'table', '-c', 'copy t from stdin'], '3\tthree\n');
  expect(copied).toMatchObject({ code: 0, stdout: 'COPY 1\n' });
  expect(await sql(['copy t to stdout'])).toMatchObject({
    code: 0,
    stdout: '1\tone;\n2\t\\N\n3\tthree\n',
  });
  expect((await sql([], 'copy t from stdin;\nx\n\\.\n')).stderr).toContain(
    'ERROR:  invalid input syntax for type integer: "x"',
  );
  await sql(['delete from t']);
});

test('--user-id is whose rows one sees', async () => {
  await sql(['create user table u (id int primary key)']);
  const odd = `a'b c`;
  await sql(['--user-id', odd, 'insert into u values (1)']);
  expect(jsonOf(await sql(['--user-id', odd, 'select id from u']))).toEqual([{ id: 1 }]);
  expect(jsonOf(await sql(['--user-id', 'bob', 'select id from u']))).toEqual([]);
});

test('a reader that has enough ends it quietly', async () => {
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    [
      main,
      'sql',
      '-h',
      server.host,
      '-p',
      String(server.port),
      'select generate_series(1, 300000)',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [code] = (await once(child, 'close')) as [number];
  expect({ code, stderr }).toEqual({ code: 141, stderr: '' });
});

test('Ctrl-C cancels on the server and exits with 130', async () => {
  const terminal = onTerminal(['sql', 'select 1 as begun', '-c', 'select pg_sleep(100)'], {
    server,
  });
  const running = async (): Promise<unknown[]> =>
    jsonOf(
      await sql([
        `select 1 from system.sessions where query ~ 'pg_sleep[(]1' and state = 'active'`,
      ]),
    );
  while ((await running()).length === 0);
  terminal.type('\u0003');
  await terminal.shows('pgtide: cancelled');
  expect(await terminal.ended()).toBe(130);
  expect(await running()).toEqual([]);
});

test('on a terminal without psql there is a prompt', async () => {
  const terminal = onTerminal(['sql'], { server, path: '/nowhere' });
  await terminal.shows('postgres=> ');
  terminal.type(`select 'a\r`);
  await terminal.shows(`postgres'> `);
  terminal.type(`b' as x;\r`);
  await terminal.shows(/ a\+\s+ b\s+\(1 row\)/);
  terminal.type('selec 1;\r');
  await terminal.shows('ERROR:  syntax error at or near "selec"');
  terminal.type('\\d\r');
  await terminal.shows('invalid command \\d');
  terminal.type('select pg_sleep(100);\r');
  await terminal.shows('select pg_sleep(100);');
  setTimeout(() => terminal.type('\u0003'), 1000);
  await terminal.shows('ERROR:  canceling statement due to user request');
  terminal.type('\\q\r');
  expect(await terminal.ended()).toBe(0);
});
