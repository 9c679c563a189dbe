/**
 * Columns of enum types where a logic script can't look: the wire's formats, COPY, sessions in each other's way, a mirror that is made
 * anew and gives every type another OID.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import type pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import * as frontend from '../support/frontend.ts';
import { WireClient } from '../support/wire-client.ts';
import { connect, errorOf, rowsOf, withClient } from './client.ts';

let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess();
});
afterAll(() => server.remove());

/** What a query that fails is told; `values` go by Bind. */
async function failureOf(
  client: pg.Client,
  query: string | pg.QueryConfig,
  values: unknown[],
): Promise<string> {
  return client.query(query, values).then(
    () => 'none',
    (error: pg.DatabaseError) => `${error.code} ${error.message}`,
  );
}

async function copyIn(client: pg.Client, sql: string, data: Buffer | string): Promise<void> {
  await pipeline(Readable.from([data]), client.query(copyFrom(sql)));
}

test('labels as parameters and results, in text and binary', async () => {
  await withClient(server, async (client) => {
    await client.query(`create type hue as enum ('red', 'grün', 'blue')`);
    await client.query('create table wire (id int primary key, h hue)');
    const insert = 'insert into wire values ($1, $2)';
    await client.query(insert, [1, 'grün']);
    await client.query(insert, [2, Buffer.from('blue')]);
    await client.query(insert, [3, null]);
    expect(await failureOf(client, insert, [4, 'pink'])).toBe(
      '22P02 invalid input value for enum hue: "pink"',
    );
    expect(await failureOf(client, insert, [4, Buffer.from('pink')])).toBe(
      '22P02 invalid input value for enum hue: "pink"',
    );
    await client.query('flush table wire');
    const read = { text: 'select h from wire order by h desc', rowMode: 'array' } as const;
    expect((await client.query(read)).rows).toEqual([[null], ['blue'], ['grün']]);
    const inBinary: pg.QueryArrayConfig & { binary: boolean } = { ...read, binary: true };
    const { rows, fields } = await client.query<(Buffer | null)[]>(inBinary);
    expect(rows.flat().map((label) => label?.toString())).toEqual([undefined, 'blue', 'grün']);
    const [[oid]] = (await rowsOf(client, `select 'hue'::regtype::oid`)) as [[number]];
    expect(fields[0]?.dataTypeID).toBe(oid);
    const wanted = 'select id from wire where h = any ($1) order by id';
    expect((await client.query(wanted, [['red', 'blue']])).rows).toEqual([{ id: 2 }]);
    expect(await failureOf(client, wanted, [['pink']])).toBe(
      '22P02 invalid input value for enum hue: "pink"',
    );
    await client.query('set search_path = pg_catalog');
    expect(await failureOf(client, 'insert into public.wire values ($1, $2)', [4, 'pink'])).toBe(
      '22P02 invalid input value for enum public.hue: "pink"',
    );
  });
});

test('COPY in every format', async () => {
  await withClient(server, async (client) => {
    await client.query(`create type tone as enum ('lo', 'a,b', 'hi')`);
    await client.query(
      'create table copied (id int primary key, t tone); create table again (like copied)',
    );
    await copyIn(client, 'copy copied from stdin', '1\thi\n2\t\\N\n');
    await copyIn(client, 'copy copied from stdin (format csv)', '3,"a,b"\n4,lo\n');
    const bad = copyIn(client, 'copy copied from stdin', '5\thi\n6\tmid\n');
    await expect(bad).rejects.toMatchObject({
      code: '22P02',
      message: 'invalid input value for enum tone: "mid"',
      where: 'COPY copied, line 2, column t: "mid"',
    });
    await client.query('flush table copied');
    const csv = 'copy (select t, id from copied order by t) to stdout (format csv)';
    expect(await textOf(client.query(copyTo(csv)))).toBe('lo,4\n"a,b",3\nhi,1\n,2\n');
    const binary = client.query(copyTo('copy copied to stdout (format binary)'));
    const chunks: Buffer[] = [];
    for await (const chunk of binary) chunks.push(chunk as Buffer);
    await copyIn(client, 'copy again from stdin (format binary)', Buffer.concat(chunks));
    const all = (table: string): Promise<unknown[][]> =>
      rowsOf(client, `select * from ${table} order by id`);
    expect(await all('again')).toEqual(await all('copied'));
    await client.query(`begin; alter type tone add value 'new' before 'lo'`);
    const unsafe = copyIn(client, 'copy copied from stdin', '7\tnew\n');
    await expect(unsafe).rejects.toMatchObject({
      code: '55P04',
      message: 'unsafe use of new value "new" of enum type tone',
      hint: 'New enum values must be committed before they can be used.',
    });
    await client.query('rollback');
    await client.query(`begin; alter type tone add value 'new' before 'lo'`);
    expect(await failureOf(client, 'insert into copied values (7, $1)', ['new'])).toBe(
      '55P04 unsafe use of new value "new" of enum type tone',
    );
    await client.query('rollback');
  });
});

test('arrays of labels: parameters, results and COPY, in text and binary', async () => {
  await withClient(server, async (client) => {
    await client.query(`create type note as enum ('do', 're, mi', 'fa')`);
    await client.query(
      'create table tune (id int primary key, n note[]); create table sung (like tune)',
    );
    const insert = 'insert into tune values ($1, $2)';
    await client.query(insert, [1, ['fa', 're, mi']]);
    await client.query(insert, [2, [['do'], ['fa']]]);
    await client.query(insert, [3, [null, 'do']]);
    await client.query(insert, [4, null]);
    await client.query('flush table tune');
    await client.query(insert, [5, []]);
    expect(await failureOf(client, insert, [6, ['do', 'so']])).toBe(
      '22P02 invalid input value for enum note: "so"',
    );
    const [[element]] = (await rowsOf(client, `select 'note'::regtype::oid`)) as [[number]];
    const read = { text: 'select n from tune order by id', rowMode: 'array' } as const;
    const texts = ['{fa,"re, mi"}', '{{do},{fa}}', '{NULL,do}', null, '{}'];
    expect((await client.query(read)).rows.flat()).toEqual(texts);
    const first = Buffer.concat([
      ...[1, 0, element, 2, 1, 2].map(frontend.int32),
      Buffer.from('fa'),
      frontend.int32(6),
      Buffer.from('re, mi'),
    ]);
    const wire = await WireClient.open(server.port, { user: 'postgres', database: 'postgres' });
    wire.send(
      frontend.parse('', 'select n from tune where id = 1'),
      frontend.bind({ resultFormats: [1] }),
      frontend.execute(),
      frontend.sync(),
    );
    const answers = await wire.until('ReadyForQuery');
    wire.close();
    const [value] = answers.find(({ type }) => type === 'DataRow')!['values'] as unknown[];
    expect(value).toEqual(`\\x${first.toString('hex')}`);
    // As it came, it goes in again.
    await client.query(insert, [6, first]);
    const foreign = Buffer.from(first);
    foreign.writeUInt32BE(25, 8);
    expect(await failureOf(client, insert, [7, foreign])).toMatch(/^42804 binary data has array/);
    const wanted = 'select id from tune where n = $1 or $2 = any (n) order by id';
    expect((await client.query(wanted, [['fa', 're, mi'], 'do'])).rows).toEqual(
      [1, 2, 3, 6].map((id) => ({ id })),
    );
    for (const format of ['text', 'csv', 'binary']) {
      const chunks: Buffer[] = [];
      for await (const chunk of client.query(copyTo(`copy tune to stdout (format ${format})`)))
        chunks.push(chunk as Buffer);
      await client.query('truncate sung');
      await copyIn(client, `copy sung from stdin (format ${format})`, Buffer.concat(chunks));
      expect(await rowsOf(client, 'table sung')).toEqual(await rowsOf(client, 'table tune'));
    }
    await expect(copyIn(client, 'copy sung from stdin', '9\t{do,so}\n')).rejects.toMatchObject({
      code: '22P02',
      message: 'invalid input value for enum note: "so"',
      where: 'COPY sung, line 1, column n: "{do,so}"',
    });
  });
});

test('a value gets its new name once nobody writes any more, and no row keeps the old one', async () => {
  const [writer, altering] = [await connect(server), await connect(server)];
  await writer.query(
    `create type phase as enum ('on', 'off'); create table held (id int primary key, p phase default 'on')`,
  );
  await writer.query(`insert into held values (1, 'on')`);
  await writer.query('flush table held');
  const insert = { name: 'i', text: 'insert into held values ($1, $2)' };
  await writer.query({ ...insert, values: [2, 'on'] });
  await writer.query(`begin; insert into held values (3, 'on')`);
  let renamed = false;
  const renaming = altering.query(`alter type phase rename value 'on' to 'up'`).then(() => {
    renamed = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(renamed).toBe(false);
  await writer.query('commit');
  await renaming;
  expect(await rowsOf(writer, 'select p, count(*) from held group by p')).toEqual([['up', '3']]);

  await altering.query(`begin; alter type phase rename value 'up' to 'high'`);
  // Bound while the value had that name, run when it has it no more.
  const late = failureOf(writer, insert, [4, 'up']);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await altering.query('commit');
  expect(await late).toBe('22P02 invalid input value for enum phase: "up"');
  await writer.query({ ...insert, values: [5, 'off'] });
  await writer.query('insert into held (id) values (6)');
  expect(await rowsOf(writer, 'select p, id from held order by p, id')).toEqual([
    ['high', 1],
    ['high', 2],
    ['high', 3],
    ['high', 6],
    ['off', 5],
  ]);
  await Promise.all([writer.end(), altering.end()]);
});

test('user and stream tables, rows deleted and not, of every user', async () => {
  await withClient(server, async (client) => {
    await client.query(`create type step as enum ('todo', 'done')`);
    await client.query(
      `create user table task (id int primary key, s step default 'todo', path step[] default '{todo,done}', unique (s, id))`,
    );
    await client.query(
      `create stream table said (s step, n int, path step[] default '{todo}') with (ttl = '1h')`,
    );
    for (const user of ['ann', 'bob']) {
      await client.query(`set tide.user_id = '${user}'`);
      await client.query(
        `insert into task (id) values (1), (2); insert into task values (3, 'done', '{}')`,
      );
      await client.query('delete from task where id = 2');
      await client.query(`insert into said values ('todo', 1), ('done', 2)`);
      if (user === 'ann') await client.query('flush table task');
    }
    await client.query(`alter type step rename value 'todo' to 'open'`);
    await client.query('set tide.include_deleted = on');
    for (const user of ['ann', 'bob']) {
      await client.query(`set tide.user_id = '${user}'`);
      const rows = 'select s, id, path, _deleted from task order by s, id';
      expect(await rowsOf(client, rows)).toEqual([
        ['open', 1, '{open,done}', false],
        ['open', 2, '{open,done}', true],
        ['done', 3, '{}', false],
      ]);
    }
    await client.query('reset tide.include_deleted');
    expect(
      await rowsOf(client, `select s, path, count(*) from said group by s, path order by s desc`),
    ).toEqual([
      ['done', '{open}', '2'],
      ['open', '{open}', '2'],
    ]);
    await client.query('drop type step cascade');
    expect(await rowsOf(client, 'select * from task order by id')).toEqual([[1], [3]]);
    expect(await rowsOf(client, 'select * from said order by n')).toEqual([[1], [1], [2], [2]]);
  });
});

test('no value gets another name while keys by it wait to be checked', async () => {
  await withClient(server, async (client) => {
    await client.query(
      `create type rank as enum ('one', 'two'); create table ranks (r rank primary key)`,
    );
    await client.query(
      'create table ranked (r rank references ranks deferrable initially deferred)',
    );
    await client.query(`begin; insert into ranked values ('one')`);
    expect(await errorOf(client, `alter type rank rename value 'one' to 'first'`)).toEqual({
      code: '55006',
      message: 'cannot ALTER TYPE "ranked" because it has pending trigger events',
    });
    await client.query('rollback');
  });
});

test('what is refused', async () => {
  await withClient(server, async (client) => {
    await client.query(`create type few as enum ('a'); create domain sort as few`);
    for (const type of ['sort', 'sort[]']) {
      expect(await errorOf(client, `create table refused (c ${type})`)).toEqual({
        code: '0A000',
        message: `column "c" of type ${type} is not supported`,
      });
    }
    expect(await rowsOf(client, `select to_regclass('refused')`)).toEqual([[null]]);
  });
});

test('another mirror, in which every type has another OID', async () => {
  const questions = [
    'select * from kept order by m desc, id',
    `select id from kept where m in ('c', 'b2') order by id`,
    'select m, count(*) from kept group by m order by m',
    'select * from keyed order by m',
    'select m, ms from kept order by ms, id',
    `select id from kept where 'd' = any (ms) order by id`,
    `select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'kept'::regclass order by 1`,
    'select enum_range(null::letter)',
  ];
  const answers = async (client: pg.Client): Promise<unknown[][][]> => {
    const all: unknown[][][] = [];
    for (const question of questions) all.push(await rowsOf(client, question));
    return all;
  };
  const oidOf = async (client: pg.Client): Promise<unknown> =>
    (await rowsOf(client, `select 'letter'::regtype::oid`))[0]?.[0];
  const before = await withClient(server, async (client) => {
    // What the journal of the next mirror does not say: OIDs that have gone.
    await client.query(
      `begin; create type gone as enum ('x'); create table lost (g gone); rollback`,
    );
    await client.query(`create type other as enum ('o'); drop type other`);
    await client.query(`create type letter as enum ('a', 'b', 'd')`);
    await client.query(
      `create table kept (id int primary key, m letter default 'b', ms letter[] default '{a,b}', check (m <> 'a' or id > 0))`,
    );
    await client.query(
      `create table keyed (m letter primary key); insert into keyed values ('d'), ('a')`,
    );
    await client.query(`insert into kept values (1, 'a'), (2, default), (3, null)`);
    await client.query(`update kept set ms = '{d,NULL}' where id = 2`);
    await client.query(`flush table kept`);
    await client.query(`alter type letter add value 'c' before 'd'`);
    await client.query(`insert into kept values (4, 'c'), (5, 'd')`);
    await client.query(`flush table keyed`);
    await client.query(`alter type letter rename value 'b' to 'b2'`);
    await client.query(`insert into kept (id) values (6); insert into kept values (7, 'c')`);
    return { oid: await oidOf(client), answers: await answers(client) };
  });
  expect(before.answers[0]).toEqual([
    [3, null, '{a,b2}'],
    [5, 'd', '{a,b2}'],
    [4, 'c', '{a,b2}'],
    [7, 'c', '{a,b2}'],
    [2, 'b2', '{d,NULL}'],
    [6, 'b2', '{a,b2}'],
    [1, 'a', '{a,b2}'],
  ]);
  await server.stop('SIGKILL');
  await rm(join(server.dataDir, 'mirror'), { recursive: true });
  await server.restart();
  await withClient(server, async (client) => {
    expect(await oidOf(client)).not.toBe(before.oid);
    expect(await answers(client)).toEqual(before.answers);
    await client.query(`alter type letter rename value 'c' to 'see'`);
    expect(await rowsOf(client, `select id from kept where m = 'see' order by id`)).toEqual([
      [4],
      [7],
    ]);
    expect(await errorOf(client, `insert into kept values (-1, 'a')`)).toMatchObject({
      code: '23514',
    });
    expect(await errorOf(client, `insert into keyed values ('a')`)).toMatchObject({
      code: '23505',
      message: 'duplicate key value violates unique constraint "keyed_pkey"',
    });
    expect(await errorOf(client, 'drop type letter')).toMatchObject({ code: '2BP01' });
  });
});
