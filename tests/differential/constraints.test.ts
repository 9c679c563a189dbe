/**
 * Random changes of tables that refer to each other in every way, on PostgreSQL (PGlite) and on pgtide with flushes in between: the same
 * statements fail, and the same rows are left. PGTIDE_SEED repeats a run,
 * PGTIDE_TRANSACTIONS makes it longer.
 */
import { expect, test } from 'vitest';
import { smallRandom } from '../support/small-random.ts';
import { bothServers } from './both-servers.ts';

const transactions = Number(process.env['PGTIDE_TRANSACTIONS'] ?? 100);
const keys = 6;

const seed = Number(process.env['PGTIDE_SEED'] ?? Date.now() % 1_000_000);

const { below, one } = smallRandom(seed);

const schema = [
  'create table p (id int primary key, u int unique, a int not null, b int not null, unique (a, b))',
  'create table q (id bigint primary key deferrable, k int unique deferrable initially deferred)',
  'create table cascaded (id int primary key, r int references p on delete cascade on update cascade)',
  'create table nulled (id int primary key, r int references p (u) on delete set null on update set null)',
  'create table defaulted (id int primary key, r int default 1 references p on delete set default on update set default)',
  'create table restricted (id int primary key, r int references p on delete restrict on update cascade)',
  'create table plain (id int primary key, r smallint references p deferrable)',
  'create table late (id int primary key, r int references p deferrable initially deferred)',
  'create table whole (id int primary key, a int, b int, foreign key (a, b) references p (a, b) match full on delete set null on update cascade)',
  'create table parts (id int primary key, a int, b int, foreign key (b, a) references p (b, a) on delete set null (b) on update set null)',
  'create table tree (id int primary key, r int references tree on delete cascade on update cascade deferrable initially deferred)',
  'create table below (id int primary key, r int references cascaded on delete cascade on update restrict)',
  'create index on cascaded (r)',
  'create index on late (r)',
];
const simple = ['cascaded', 'nulled', 'defaulted', 'restricted', 'plain', 'late', 'tree', 'below'];
const tables = ['p', 'q', ...simple, 'whole', 'parts'];

const value = (): string => (below(6) === 0 ? 'null' : String(below(keys)));
const key = (): number => below(keys);

function statement(): string {
  const table = one(simple);
  switch (below(16)) {
    case 0:
    case 1:
    case 2:
      return `insert into p values (${key()}, ${value()}, ${key()}, ${below(2)})`;
    case 3:
      return `delete from p where id = ${key()}`;
    case 4:
      return `update p set ${one(['id', 'u', 'a', 'b'])} = ${key()} where id = ${key()}`;
    case 5:
      return `update p set a = ${key()}, b = ${below(2)}, u = ${value()} where id = ${key()}`;
    case 6:
      return `delete from ${table} where id >= ${key()}`;
    case 7:
      return `update ${table} set r = ${value()} where id = ${key()}`;
    case 8:
      return `update ${one(['tree', 'cascaded'])} set id = ${key()} where id = ${key()}`;
    case 9:
      return `insert into ${one(['whole', 'parts'])} values (${key()}, ${value()}, ${value()})`;
    case 10:
      return `update ${one(['whole', 'parts'])} set a = ${value()}, b = ${one(['null', '0', '1'])} where id = ${key()}`;
    case 11:
      return `insert into q values (${key()}, ${value()})`;
    case 12:
      return one([
        `update q set id = ${keys - 1} - id`,
        `update q set k = k + 1`,
        `update q set id = ${key()} where k = ${key()}`,
        `delete from q where id = ${key()}`,
      ]);
    default:
      return `insert into ${table} values (${key()}, ${value()})`;
  }
}

const both = bothServers(schema);

/** The number of rows that a statement touched, or that it failed. */
async function onBoth(sql: string): Promise<readonly [ours: string, theirs: string]> {
  const code = (error: unknown): string =>
    `failed ${(error as { code?: string }).code ?? String(error)}`;
  const ours = await both.client.query(sql).then((result) => String(result.rowCount ?? 0), code);
  const theirs = await both.postgres
    .query(sql)
    .then((result) => String(result.affectedRows ?? 0), code);
  return [ours, theirs];
}

/** Several rows may fail for several reasons, and which comes first is the order of rows: then any reason will do. */
const outcome = (answer: string): string => (answer.startsWith('failed 23') ? 'failed 23' : answer);

async function contents(table: string): Promise<readonly [unknown, unknown]> {
  const sql = `select (select string_agg(t::text, ' ' order by t::text) from ${table} t) as rows`;
  const ours = (await both.client.query<{ rows: string | null }>(sql)).rows[0]?.rows;
  const theirs = (await both.postgres.query<{ rows: string | null }>(sql)).rows[0]?.rows;
  return [ours, theirs];
}

test(`the same statements fail and the same rows are left, seed ${seed}`, async () => {
  const log: string[] = [];
  const told = (): string => `PGTIDE_SEED=${seed}\n${log.slice(-25).join('\n')}`;
  let failures = 0;
  let commits = 0;
  for (let i = 0; i < transactions; i++) {
    const block = below(3) > 0;
    const list = Array.from({ length: block ? 1 + below(6) : 1 }, statement);
    if (block) {
      list.unshift('begin');
      if (below(4) === 0)
        list.splice(1, 0, `set constraints all ${one(['deferred', 'immediate'])}`);
      if (below(4) === 0) list.push(`set constraints all immediate`);
      if (below(4) === 0 && list.length > 3) {
        list.splice(2, 0, 'savepoint s');
        list.push('rollback to s', statement());
      }
      list.push(below(5) === 0 ? 'rollback' : 'commit');
    }
    for (const sql of list) {
      const [ours, theirs] = await onBoth(sql);
      log.push(`${sql} -- ${ours}, ${theirs}`);
      expect(outcome(ours), `then:\n${told()}`).toBe(outcome(theirs));
      if (ours.startsWith('failed')) failures++;
      else if (sql === 'commit') commits++;
    }
    if (below(12) === 0) {
      const table = one(tables);
      await both.client.query(`flush table ${table}`);
      log.push(`flush table ${table}`);
    }
    for (const table of tables) {
      const [ours, theirs] = await contents(table);
      expect(ours, `${table} after\n${told()}`).toBe(theirs);
    }
  }
  // Neither may be the rule, or little is shown.
  expect(failures).toBeGreaterThan(transactions / 10);
  expect(commits).toBeGreaterThan(transactions / 10);
});
