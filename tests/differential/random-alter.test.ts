/**
 * Random changes of tables and of their rows, flushed now and then, in transactions and savepoints, with a restart on the way: PostgreSQL
 * (PGlite) is told the same and must give the same answers. PGTIDE_TEST_SEED repeats a run, PGTIDE_TEST_STATEMENTS makes it longer.
 */
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { render } from '../logic/render.ts';
import { decodeBackend } from '../support/backend.ts';
import * as frontend from '../support/frontend.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { startServerProcess } from '../support/server-process.ts';
import { WireClient } from '../support/wire-client.ts';

const seed = Number(process.env['PGTIDE_TEST_SEED'] ?? 901_548);
const statements = Number(process.env['PGTIDE_TEST_STATEMENTS'] ?? 80);

let server: ServerProcess;
let client: WireClient;
let plain: PGlite;

async function connect(): Promise<void> {
  client = await WireClient.open(server.port, { user: 'postgres', database: 'postgres' });
  await ours(`set timezone = 'UTC'`);
  await ours(`set tide.user_id = 'ann'`);
}

beforeAll(async () => {
  server = await startServerProcess();
  await connect();
  plain = await PGlite.create({
    initDbStartParams: [
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--encoding=UTF8',
      '--username=postgres',
    ],
  });
  await theirs(`set timezone = 'UTC'`);
}, 120_000);
afterAll(async () => {
  client.close();
  await server.remove();
  await plain.close();
});

async function ours(sql: string): Promise<string> {
  client.send(frontend.query(sql));
  return render(await client.until('ReadyForQuery'), true);
}

async function theirs(sql: string): Promise<string> {
  const data = await plain.execProtocolRaw(frontend.query(sql));
  return render(decodeBackend(Buffer.from(data)).messages, true);
}

function generator(start: number): (below: number) => number {
  let state = start + 1;
  return (below) => {
    state = (Math.imul(state, 48_271) >>> 0) % 2_147_483_647;
    return state % below;
  };
}

const next = generator(seed);
const pick = <T>(list: readonly T[]): T => list[next(list.length)]!;

const types = [
  'int',
  'bigint',
  'smallint',
  'text',
  'varchar(4)',
  'varchar(12)',
  'varchar',
  'char(6)',
  'numeric(6, 2)',
  'numeric(9, 2)',
  'numeric(5, 1)',
  'numeric',
  'float8',
  'date',
  'timestamp(3)',
  'timestamp',
  'boolean',
  'text[]',
] as const;
const literals = [
  `'1'`,
  `'22'`,
  `'-3'`,
  `'40000'`,
  `'1.25'`,
  `'99.999'`,
  `'abc'`,
  `''`,
  `'2024-02-29'`,
  `'2024-05-06 07:08:09.123456'`,
  `'t'`,
  `'{1,b}'`,
  'null',
  'default',
] as const;

/** What fits a type, by the letter of its category (pg_type.typcategory). */
const fitting: Readonly<Record<string, readonly string[]>> = {
  N: [`'1'`, `'22'`, `'-3'`, `'300'`, `'1.25'`],
  S: [`'1'`, `'22'`, `'abc'`, `'x'`, `''`, `'2024-02-29'`],
  D: [`'2024-02-29'`, `'2024-05-06 07:08:09.123456'`, `'1999-12-31 23:59:59.999999'`],
  B: [`'t'`, `'f'`],
  A: [`'{1,b}'`, `'{}'`, `'{{1},{2}}'`],
};

interface Column {
  readonly name: string;
  readonly category: string;
}

/** The columns besides id that the table has now. */
async function columnsOf(t: string): Promise<readonly Column[]> {
  const { rows } = await plain.query<Column>(
    `select attname as name, typcategory as category from pg_attribute join pg_type on pg_type.oid = atttypid
     where attrelid = to_regclass($1) and attnum > 0 and not attisdropped and attname <> 'id' and attgenerated = '' order by attnum`,
    [t],
  );
  return rows;
}

const literal = ({ category }: Column): string =>
  next(12) === 0 ? pick(literals) : pick(fitting[category] ?? literals);

function values(columns: readonly Column[]): string {
  const some = columns.filter(() => next(4) > 0);
  const rows = Array.from({ length: 1 + next(4) }, () =>
    [String(next(60)), ...some.map(literal)].join(', '),
  );
  return `(${['id', ...some.map(({ name }) => name)].join(', ')}) values (${rows.join('), (')})`;
}

function conversion(name: string, type: string): string {
  return pick([
    '',
    '',
    ` using ${name}::${type}`,
    ` using ${name}::text::${type}`,
    ` using left(${name}::text, 4)::${type}`,
    ` using length(${name}::text)::text::${type}`,
    ` using case when id::text < '3' then null else ${name}::text::${type} end`,
    ` using null`,
    ` using ${name}`,
  ]);
}

function command(columns: readonly Column[]): string {
  const name = columns.length > 0 && next(8) > 0 ? pick(columns).name : `c${next(4)}`;
  const other = columns.length > 0 ? pick(columns).name : 'id';
  const fresh = `c${next(6)}`;
  const type = pick(types);
  return pick([
    () => `alter ${name} type ${type}${conversion(name, type)}`,
    () => `alter ${name} type ${type}${conversion(name, type)}`,
    () => `alter ${name} type text`,
    () => `alter ${name} type varchar(${4 + next(30)})`,
    () =>
      `alter ${name} type numeric(${6 + next(6)}, 2)${pick(['', ` using length(${name}::text)`])}`,
    () =>
      `alter id type ${pick(['int', 'bigint', 'smallint', 'numeric(6, 1)', 'text', 'int using id::int'])}`,
    () => `add column ${fresh} ${type}`,
    () => `add column ${fresh} ${type} default null`,
    () => `add column ${fresh} int default ${next(9)}`,
    () => `add column ${fresh} text default '1' not null`,
    () =>
      `add column ${fresh} int generated always as (length(coalesce(${other}::text, ''))) stored`,
    () => `add column ${fresh} int default (floor(random()))::int`,
    () => `drop column ${name}`,
    () => `alter ${name} set default '${next(9)}'`,
    () => `alter ${name} drop default`,
    () => `alter ${name} set not null`,
    () => `alter ${name} drop not null`,
    () => `add constraint k${next(2)} check (length(${name}::text) < ${3 + next(40)})`,
    () => `add constraint k${next(2)} check (length(${name}::text) < ${3 + next(12)}) not valid`,
    () => `validate constraint k${next(2)}`,
    () => `drop constraint if exists k${next(2)}`,
    () => `add constraint u${next(2)} unique (id, ${name})`,
    () => `drop constraint if exists u${next(2)}`,
    () => `drop constraint if exists t${next(2)}_pkey`,
    () => `add primary key (id)`,
  ])();
}

let inTransaction = false;
let savepoint = false;

async function statement(): Promise<string> {
  const t = `t${next(2)}`;
  const columns = await columnsOf(t);
  const some = (): string => (columns.length > 0 ? pick(columns).name : 'c0');
  const alter = (): string => command(columns);
  return pick([
    () => `insert into ${t} ${values(columns)} on conflict do nothing`,
    () => `insert into ${t} ${values(columns)} on conflict do nothing`,
    () => `insert into ${t} ${values(columns)}`,
    () => `update ${t} set ${some()} = ${pick(literals)} where length(id::text) = ${1 + next(2)}`,
    () => `delete from ${t} where id::text like '%${next(9)}%'`,
    () => `flush table ${t}`,
    () => `flush table ${t}`,
    () => `flush table ${t}`,
    () => `alter table ${t} ${alter()}`,
    () => `alter table ${t} ${alter()}`,
    () => `alter table ${t} ${alter()}`,
    () => `alter table ${t} ${alter()}`,
    () => `alter table ${t} ${alter()}, ${alter()}`,
    () => `alter table ${t} ${alter()}, ${alter()}`,
    () => `alter table ${t} rename ${some()} to c${next(6)}`,
    () => `create ${pick(['', 'unique '])}index i${next(3)} on ${t} (${some()}, id)`,
    () => `drop index if exists i${next(3)}`,
    () =>
      inTransaction
        ? pick(['commit', 'rollback', savepoint ? 'rollback to s' : 'savepoint s'])
        : 'begin',
    () => (inTransaction ? pick(['commit', 'savepoint s']) : 'begin'),
  ])();
}

/** Which row is met first, and so what it is refused with, is nobody's promise. */
const ofSomeRow: ReadonlySet<string> = new Set([
  '21000',
  '22001',
  '22003',
  '22007',
  '22008',
  '22012',
  '22P02',
  '23502',
  '23505',
  '23514',
]);
/** Of a constant that does not fit its column. */
const tooLarge: ReadonlySet<string> = new Set(['22001', '22003']);
const codeOf = (answer: string): string | undefined => /^ERROR (\w{5}):/m.exec(answer)?.[1];

function comparable(answer: string): string {
  const code = codeOf(answer);
  if (code === undefined) return answer;
  if (ofSomeRow.has(code)) return 'ERROR of some row';
  // Notices that came before the error are not repeated by everyone.
  return answer.split('\n').find((line) => line.startsWith('ERROR'))!;
}

test(`tables change as PostgreSQL's do, seed ${seed}`, async () => {
  const log: string[] = [];
  const same = (found: string, expected: string): void => {
    if (comparable(found) === comparable(expected)) return;
    expect.fail(`seed ${seed}, after\n${log.join(';\n')};\nexpected:\n${expected}\ngot:\n${found}`);
  };
  const both = async (sql: string): Promise<string> => {
    log.push(sql);
    const found = await ours(sql);
    const expected = await theirs(sql);
    if (found === 'UPDATE 0' && tooLarge.has(codeOf(expected) ?? '')) {
      // PostgreSQL judges a constant when it plans, pgtide when there is a row for it (docs/compatibility.md).
      if (inTransaction) await ours('select 1 / 0');
      return expected;
    }
    same(found, expected);
    return found;
  };
  await both('create table t0 (id int primary key, c0 int, c1 text, c2 numeric(6, 2))');
  log.push('create user table t1 (id int primary key, c0 varchar(4), c3 date)');
  await ours(log.at(-1)!);
  await theirs('create table t1 (id int primary key, c0 varchar(4), c3 date)');
  let refused = 0;
  let altered = 0;
  for (let i = 0; i < statements; i++) {
    if (i === Math.floor(statements / 2)) {
      if (inTransaction) await both('commit');
      inTransaction = false;
      log.push('-- restart');
      client.close();
      await server.restart();
      await connect();
    }
    const sql = await statement();
    if (sql.startsWith('flush')) {
      if (inTransaction) continue;
      log.push(sql);
      expect(codeOf(await ours(sql))).toBeUndefined();
      continue;
    }
    const answer = await both(sql);
    const failed = codeOf(answer) !== undefined;
    if (failed) refused++;
    else if (sql.startsWith('alter')) altered++;
    if (sql === 'begin') inTransaction = true;
    if (sql === 'savepoint s') savepoint = true;
    if (!inTransaction || sql === 'begin') savepoint = false;
    if (sql === 'commit' || sql === 'rollback') inTransaction = false;
    if (failed && inTransaction) {
      const back = await both('rollback to s');
      if (codeOf(back) !== undefined) {
        await both('rollback');
        inTransaction = false;
      }
    }
    const executor = inTransaction ? 'auto' : pick(['auto', 'row', 'columnar', 'postgres']);
    await ours(`set tide.executor = '${executor}'`);
    for (const name of ['t0', 't1']) {
      log.push(`-- ${executor}: select * from ${name}`);
      const found = await ours(`select * from ${name}`);
      if (codeOf(found) !== '0A000') same(found, await theirs(`select * from ${name}`));
      log.pop();
    }
    await ours('reset tide.executor');
  }
  process.stdout.write(`random-alter, seed ${seed}: ${altered} altered, ${refused} refused\n`);
  expect(altered).toBeGreaterThan(statements / 20);
}, 240_000);
