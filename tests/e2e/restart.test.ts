/** What was there before is there after: a restart, a lost mirror, a broken one. */
import { cp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { connect, errorOf, rowsOf, withClient } from './client.ts';

let server: ServerProcess;
let before: readonly unknown[];

const setUp = `
  create role clerk login;
  create role auditor login in role pg_monitor;
  create schema shop authorization clerk;
  comment on schema shop is 'where things are sold';
  create table shop.customer (
    id bigserial primary key,
    name varchar(40) not null,
    mail text unique,
    joined timestamptz default now(),
    constraint has_at check (mail like '%@%')
  );
  comment on table shop.customer is 'who buys';
  comment on column shop.customer.mail is 'may be null';
  create user table shop.basket (
    line int generated always as identity (start 10 increment 5),
    item text not null,
    price numeric(8, 2) default 1.50,
    twice numeric generated always as (price * 2) stored,
    tags text[] default '{}',
    primary key (line)
  );
  create stream table shop.clicks (at timestamptz default now(), what jsonb) with (ttl = '1h');
  create index customer_joined on shop.customer (joined, name);
  create view shop.names as select id, upper(name) as name from shop.customer where mail is not null;
  comment on view shop.names is 'names in capitals';
  create sequence shop.invoice start 1000 increment 10;
  grant usage on schema shop to auditor;
  grant select on shop.names to auditor;
  grant select (id), insert (name) on shop.customer to auditor;
  insert into shop.customer (name, mail) select 'name ' || g, 'm' || g || '@example.org' from generate_series(1, 50) g;
  insert into shop.customer (name) values ('without mail');
  insert into shop.clicks (what) values ('{"page": 1}');
  select nextval('shop.invoice'), nextval('shop.invoice');
  alter table shop.customer add column points int not null default 7;
  alter table shop.customer rename column joined to since;
  alter table shop.customer add column gone text default 'old';
  alter table shop.customer drop column gone;
  alter table shop.customer add column gone text;`;

const catalogQueries = [
  `select n.nspname, c.relname, c.relkind, pg_get_userbyid(c.relowner), c.relacl::text, obj_description(c.oid, 'pg_class')
   from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'shop' order by 2`,
  `select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
          pg_get_expr(d.adbin, d.adrelid), a.attacl::text, col_description(c.oid, a.attnum)
   from pg_attribute a join pg_class c on c.oid = a.attrelid
   left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
   where c.relnamespace = 'shop'::regnamespace and a.attnum > 0 and not a.attisdropped order by 1, a.attnum`,
  `select conname, contype, pg_get_constraintdef(oid) from pg_constraint where connamespace = 'shop'::regnamespace order by 1`,
  `select indexname, indexdef from pg_indexes where schemaname = 'shop' order by 1`,
  `select rolname, rolsuper, rolcanlogin from pg_roles where rolname in ('clerk', 'auditor', 'postgres') order by 1`,
  `select r.rolname, m.rolname from pg_auth_members am join pg_roles r on r.oid = am.roleid join pg_roles m on m.oid = am.member
   where m.rolname = 'auditor' order by 1`,
  `select obj_description('shop'::regnamespace, 'pg_namespace'), pg_get_userbyid(nspowner), nspacl::text
   from pg_namespace where nspname = 'shop'`,
  `select pg_get_viewdef('shop.names'::regclass)`,
  `select schemaname, sequencename, start_value, increment_by from pg_sequences where schemaname = 'shop' order by 2`,
];

const dataQueries = [
  'select * from shop.customer order by id',
  'select * from shop.names order by id',
  'select line, item, price, twice, tags, _user_id, _deleted from shop.basket order by line',
  'select what from shop.clicks',
  'select last_value, is_called from shop.invoice',
  `select namespace, table_name from system.tables where namespace = 'shop' order by 2`,
];

/** Everything that a client can see of the schema and its rows. */
async function everything(client: pg.Client): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (const query of catalogQueries) seen.push(await rowsOf(client, query));
  for (const user of ['ann', 'bob']) {
    await client.query(`set tide.user_id = '${user}'`);
    for (const query of dataQueries) seen.push(await rowsOf(client, query));
  }
  await client.query('reset tide.user_id');
  return seen;
}

beforeAll(async () => {
  server = await startServerProcess();
  await withClient(server, async (client) => {
    for (const statement of setUp.split(/;\n/)) await client.query(statement);
    for (const [user, count] of [
      ['ann', 4],
      ['bob', 2],
    ] as const) {
      await client.query(`set tide.user_id = '${user}'`);
      await client.query(
        `insert into shop.basket (item) select '${user} ' || g from generate_series(1, ${count}) g`,
      );
    }
    await client.query(`flush table shop.basket`);
    await client.query(`flush table shop.customer`);
    await client.query(`delete from shop.basket where item = 'bob 1'`);
    await client.query(`insert into shop.customer (name, mail) values ('hot', 'hot@example.org')`);
    before = await everything(client);
  });
});
afterAll(() => server.remove());

/** That all is as it was, and that it goes on from there. */
async function expectEverything(invoice: string): Promise<void> {
  const client = await connect(server);
  expect(await everything(client)).toEqual(before);
  await client.query('begin');
  expect(
    await rowsOf(client, `insert into shop.customer (name) values ('next') returning id, points`),
  ).toEqual([[String(53), 7]]);
  await client.query('rollback');
  expect(await rowsOf(client, `select currval('shop.customer_id_seq')`)).toEqual([['53']]);
  await client.query(`select setval('shop.customer_id_seq', 52)`);
  expect(await rowsOf(client, `select last_value from shop.invoice`)).toEqual([[invoice]]);
  expect(
    await errorOf(client, `insert into shop.basket (line, item) values (1, 'x')`),
  ).toMatchObject({ code: '428C9' });
  await client.end();
  await withClient(
    server,
    async (auditor) => {
      expect(await rowsOf(auditor, 'select count(*) from shop.names')).toEqual([['51']]);
      expect(await errorOf(auditor, 'select name from shop.customer')).toMatchObject({
        code: '42501',
      });
      expect(await errorOf(auditor, 'select * from shop.basket')).toMatchObject({ code: '42501' });
    },
    { user: 'auditor' },
  );
}

test('a restart keeps everything', async () => {
  expect(JSON.stringify(before).length).toBeGreaterThan(3000);
  await server.restart();
  await expectEverything('1010');
});

test('SIGKILL and a restart keep everything', async () => {
  await server.stop('SIGKILL');
  await server.restart();
  await expectEverything('1010');
});

test("the mirror's folder may be deleted", async () => {
  await server.stop();
  await rm(join(server.dataDir, 'mirror'), { recursive: true });
  await server.restart();
  await expectEverything('1010');
});

test("a file of the mirror's folder may be lost", async () => {
  await server.stop();
  await rm(join(server.dataDir, 'mirror', 'global', 'pg_control'));
  await server.restart();
  await expectEverything('1010');
});

test("the mirror's folder may be full of rubbish", async () => {
  await server.stop();
  const base = join(server.dataDir, 'mirror', 'base');
  const [database] = (await readdir(base)).toSorted((a, b) => Number(b) - Number(a));
  for (const file of await readdir(join(base, database!))) {
    await writeFile(join(base, database!, file), 'rubbish');
  }
  await server.restart();
  await expectEverything('1010');
});

test('a mirror of another time is noticed', async () => {
  // The mirror's folder as it was before a table was made: it is older than the catalog.
  await server.stop();
  const mirror = join(server.dataDir, 'mirror');
  const copy = `${server.dataDir}-mirror`;
  await cp(mirror, copy, { recursive: true });
  await server.restart();
  await withClient(server, (client) =>
    client.query(`create table shop.later (id int primary key); insert into shop.later values (1)`),
  );
  await server.stop();
  await rm(mirror, { recursive: true });
  await cp(copy, mirror, { recursive: true });
  await rm(copy, { recursive: true });
  await server.restart();
  await withClient(server, async (client) => {
    expect(await rowsOf(client, 'select * from shop.later')).toEqual([[1]]);
    await client.query('drop table shop.later');
  });
  await expectEverything('1010');
});
