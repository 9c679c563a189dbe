/**
 * Statements over several rows of which some are wrong, each in its own way: of all that could be told pgtide tells what PostgreSQL
 * (PGlite) tells. PGTIDE_SEED repeats a run, PGTIDE_STATEMENTS makes it longer.
 */
import { from as copyFrom } from 'pg-copy-streams';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { smallRandom } from '../support/small-random.ts';
import { bothServers } from './both-servers.ts';

const statements = Number(process.env['PGTIDE_STATEMENTS'] ?? 400);
const seed = Number(process.env['PGTIDE_SEED'] ?? 4_711);

const { below, one } = smallRandom(seed);

const schema = [
  'create table r (id int primary key)',
  'insert into r select generate_series(1, 5)',
  `create table t (
    id int primary key, u int unique, a int not null, c int check (c > 0), v varchar(4), r int references r,
    g int generated always as (12 / a) stored)`,
  `insert into t select i, i, 1 + i % 3, i, 'v' || i, 1 + i % 5 from generate_series(1, 6) i`,
  'create view w as select * from t where c < 50 with check option',
];

interface Proposed {
  readonly id: string;
  readonly u: string;
  readonly a: string;
  readonly c: string;
  readonly v: string;
  readonly r: string;
}

/** About one in three is wrong in some way. */
function row(): Proposed {
  const usual = below(3) > 0;
  return {
    id: String(below(usual ? 40 : 8) + (usual ? 7 : 0)),
    u: usual ? 'null' : one(['null', String(below(12))]),
    a: usual ? '2' : one(['null', '0', '1', '3']),
    c: usual ? '7' : one(['null', '-1', '0', '5', '60']),
    v: usual ? `ok` : one(['ok', 'too long']),
    r: usual ? '1' : one(['null', '3', '7']),
  };
}

const columns = ['id', 'u', 'a', 'c', 'v', 'r'] as const;
const rows = (): Proposed[] => Array.from({ length: one([1, 2, 3, 5]) }, row);
const list = (given: readonly Proposed[]): string =>
  given.map((x) => `(${x.id}, ${x.u}, ${x.a}, ${x.c}, '${x.v}', ${x.r})`).join(', ');

const conflict = (): string =>
  one([
    '',
    '',
    '',
    ' on conflict do nothing',
    ' on conflict (u) do nothing',
    ' on conflict (id) do update set c = excluded.c - 6, u = excluded.u',
    ' on conflict (id) do update set v = excluded.v || t.v where t.c / (excluded.r - 3) >= 0',
  ]);
const returning = (): string => one(['', '', '', ' returning id', ' returning 10 / (c - 5), v']);

function insert(): string {
  const target = one(['t', 't', 't', 'w as t']);
  const head = `insert into ${target} (${columns.join(', ')})`;
  const tail = `${conflict()}${returning()}`;
  const given = rows();
  if (below(2) === 0) return `${head} values ${list(given)}${tail}`;
  const what = one([
    'id, u, a, c, v, r',
    'id, u, a, 6 / a, v, r',
    `id, u, a, c, (v || r)::varchar(3), r`,
    `id, u, a, c, v, (c || '1')::int`,
    `id, u, a, (v || c)::int, v, r`,
  ]);
  return `${head} select ${what} from (values ${list(given)}) x (${columns.join(', ')})${tail}`;
}

function update(): string {
  const set = one([
    `u = u + ${below(3)}`,
    `u = ${below(8)}`,
    `a = a - ${below(3)}`,
    `a = 6 / (c - ${below(7)})`,
    `c = c - ${below(4)}, u = 7 - u`,
    `c = c * 20`,
    `id = id + ${below(3)}`,
    `v = v || v, c = 4 - c`,
    `r = r + 1, c = c - 2`,
  ]);
  const where = one(['', ' where id > 2', ' where 10 / (id - 5) <> 3', ' where u % 2 = 0']);
  return `update ${one(['t', 't', 'w as t'])} set ${set}${where}${returning()}`;
}

const both = bothServers(schema);

/** All of an error that a client can see, but for its position. */
function told(error: unknown): string {
  const { code, message, detail, constraint, column, where } = error as Record<string, string>;
  // PostgreSQL shows the line where it still has it.
  const line = /^COPY \w+, line \d+/.exec(where ?? '')?.[0];
  return JSON.stringify({ code, message, detail, constraint, column, line });
}

const contents = `select string_agg(t::text, ' ' order by t::text) as rows from t`;

/** What a statement answers and leaves, on each side; undone afterwards, so that rows lie in the same order on both. */
async function outcome(
  query: (sql: string) => Promise<{ readonly rows: readonly unknown[] }>,
  run: () => Promise<unknown>,
): Promise<string> {
  await query('begin');
  try {
    const answer = await run();
    return `${JSON.stringify(answer)} ${JSON.stringify((await query(contents)).rows)}`;
  } catch (error) {
    return told(error);
  } finally {
    await query('rollback');
  }
}

const ours = (run: () => Promise<unknown>): Promise<string> =>
  outcome((sql) => both.client.query(sql), run);
const theirs = (run: () => Promise<unknown>): Promise<string> =>
  outcome((sql) => both.postgres.query(sql), run);

async function same(sql: string, executor: string): Promise<void> {
  await both.client.query(`set tide.executor = '${executor}'`);
  const mine = await ours(async () => (await both.client.query(sql)).rows);
  // What an executor can't do exactly it refuses.
  if (executor !== 'auto' && mine.includes('"0A000"')) return;
  const right = await theirs(async () => (await both.postgres.query(sql)).rows);
  expect(mine, `PGTIDE_SEED=${seed}: ${executor}: ${sql}`).toBe(right);
}

test(`of several wrong rows the first is told, seed ${seed}`, async () => {
  for (let i = 0; i < statements; i++) {
    const sql = below(3) === 0 ? update() : insert();
    await same(sql, one(['auto', 'auto', 'row', 'postgres']));
  }
  await both.client.query('reset tide.executor');
}, 60_000);

async function sameCopy(sql: string, data: string, chunkBytes: number): Promise<void> {
  const mine = await ours(async () => {
    const chunks: Buffer[] = [];
    const bytes = Buffer.from(data);
    for (let at = 0; at < bytes.length; at += chunkBytes)
      chunks.push(bytes.subarray(at, at + chunkBytes));
    await pipeline(Readable.from(chunks), both.client.query(copyFrom(`${sql} from stdin`)));
  });
  const right = await theirs(async () => {
    await both.postgres.query(`${sql} from '/dev/blob'`, [], { blob: new Blob([data]) });
  });
  expect(mine, `PGTIDE_SEED=${seed}: ${sql} of ${data.length} bytes\n${data.slice(0, 600)}`).toBe(
    right,
  );
}

test(`of several wrong lines the one is told that PostgreSQL tells, seed ${seed}`, async () => {
  for (let i = 0; i < statements / 8; i++) {
    const wide = below(3) === 0 ? 'x'.repeat(900) : '';
    const count = one([2, 3, 5, 400, 1300, 2500]);
    const wrong = new Set(Array.from({ length: below(4) }, () => below(count)));
    const lines = Array.from({ length: count }, (_, at) => {
      const usual = `${at + 10}\t\\N\t2\t7\tok\t1\t${wide}`;
      if (!wrong.has(at)) return usual;
      return one([
        usual.replace(String(at + 10), String(1 + below(6))),
        usual.replace('\\N', String(1 + below(6))),
        usual.replace('\t2\t', '\t0\t'),
        usual.replace('\t2\t', '\t\\N\t'),
        usual.replace('\t7\t', '\t-1\t'),
        usual.replace('ok', 'too long'),
        usual.replace('\t7\t', '\tseven\t'),
        usual.replace('ok\t', ''),
      ]);
    });
    await both.client.query('alter table t add column if not exists wide text');
    await both.postgres.query('alter table t add column if not exists wide text');
    await sameCopy(
      `copy t (${columns.join(', ')}, wide)`,
      lines.map((line) => `${line}\n`).join(''),
      one([100, 8192, 65_536]),
    );
  }
}, 60_000);
