/**
 * Simple queries that are run by a template answer as they would without: each statement is sent with and without a comment, which
 * keeps it from having one, over the same numbers and strings; everything that a client sees must be the same.
 */
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServerProcess } from '../support/server-process.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { connect } from './client.ts';

let server: ServerProcess;
let client: pg.Client;

beforeAll(async () => {
  server = await startServerProcess();
  client = await connect(server);
  await client.query(
    'CREATE TABLE t (id int PRIMARY KEY, a bigint, b numeric(8,2), c text, d real, e int2, f char(5))',
  );
  await client.query(
    `CREATE TABLE s (k text PRIMARY KEY, v varchar(8), p char(4), n numeric(6,2), i int, b bool, f float8, j jsonb, js json, u uuid,
       d date, ti time, ts timestamp(3), tz timestamptz, iv interval, a text[])`,
  );
  await client.query(
    `INSERT INTO s SELECT 'row ' || g, 'v' || g, 'p' || g, g / 4.0, g, g % 2 = 0, g / 8.0, jsonb_build_object('a', g), '[1, 2]', gen_random_uuid(),
       date '2026-01-28' + g, time '12:00' + g * interval '1 minute', timestamp '2026-01-31 10:00' + g * interval '1 hour',
       timestamptz '2026-01-31 10:00+00' + g * interval '1 hour', g * interval '1 day', ARRAY['x', 'y' || g]
     FROM generate_series(1, 8) g`,
  );
  await client.query(
    "INSERT INTO t SELECT g, g * 10, g / 4.0, 'row ' || g, g / 8.0, g, g FROM generate_series(-20, 20) g",
  );
});
afterAll(async () => {
  await client?.end();
  await server?.remove();
});

type Answer = Readonly<Record<string, unknown>>;

async function answer(text: string): Promise<Answer> {
  try {
    const { rows, fields, command, rowCount } = await client.query({ text, rowMode: 'array' });
    return { rows, fields, command, rowCount };
  } catch (error) {
    const { code, message, detail, hint, position, where } = error as pg.DatabaseError;
    return { code, message, detail, hint, position, where };
  }
}

/** Each in the place of every #: the edges of types, signs, zeros, fractions, and what is common. */
const numbers = [
  '1',
  '2',
  '7',
  '-3',
  '-0',
  '007',
  '32768',
  '-32769',
  '2147483648',
  '-2147483648',
  '3000000000',
  '9223372036854775808',
  '1.5',
  '-0.0',
  '00.50',
];

const shapes = [
  'SELECT #',
  'SELECT # AS n, # + id FROM t WHERE id = 1',
  'SELECT id, c FROM t WHERE id = #',
  'SELECT id FROM t WHERE id IN (1, #, 3) ORDER BY id',
  'SELECT id FROM t WHERE id BETWEEN # AND 5 ORDER BY id DESC',
  'SELECT id FROM t ORDER BY # LIMIT 3',
  'SELECT id, a FROM t ORDER BY 2, id LIMIT #',
  'SELECT id FROM t ORDER BY id OFFSET # LIMIT 2',
  'SELECT id FROM t ORDER BY id FETCH FIRST # ROWS ONLY',
  'SELECT e % 3, count(*) FROM t GROUP BY # ORDER BY 1',
  'SELECT id + #, count(*) FROM t GROUP BY id + # ORDER BY 1 LIMIT 2',
  'SELECT DISTINCT id / 10 + # FROM t ORDER BY 1',
  'SELECT a - #, a -#, a - -#, a * -#, -# ^ 2 FROM t WHERE id = 2',
  'SELECT -#::int2, #::int8, #::text, #::numeric(6,1) FROM t WHERE id = 2',
  'SELECT CAST(# AS varchar(3)), b::numeric(10,#) FROM t WHERE id = 3',
  'SELECT b * #, d * #, e + # FROM t WHERE id = 4',
  'SELECT 10 / # FROM t WHERE id = 4',
  'SELECT substring(c from #), left(c, #) FROM t WHERE id = 5',
  'SELECT round(b, #), round(b) FROM t WHERE id = 7',
  "SELECT interval '1 day' * #, date '2020-01-31' + #",
  'SELECT sum(a) OVER (ORDER BY id ROWS # PRECEDING) FROM t ORDER BY id LIMIT 5',
  'SELECT CASE WHEN id > # THEN 1 ELSE # END FROM t ORDER BY id LIMIT 5',
  'SELECT * FROM (VALUES (1, #), (2, 5)) v (x, y)',
  'SELECT count(*) FROM generate_series(1, 20) WHERE # < 1000 OR generate_series > #',
  'SELECT (SELECT max(id) FROM t u WHERE u.id < t.id + #) FROM t WHERE id = 6',
  'SELECT ARRAY[1, #], (ARRAY[5,6,7])[#]',
  'SELECT id FROM t WHERE f = # ORDER BY id',
  "SELECT id FROM t WHERE f = '1' OR c = 'row 2' OR id = # ORDER BY id",
  'SELECT pg_typeof(#), pg_typeof(a + #) FROM t WHERE id = 1',
  'UPDATE t SET a = a + # WHERE id = 8 RETURNING id, a',
  'UPDATE t SET b = #, e = # WHERE id = 9 RETURNING b, e',
  'INSERT INTO t VALUES (100, #, #) RETURNING id, a, b',
  'INSERT INTO t (id, a) SELECT 200 + #, # RETURNING *',
  'DELETE FROM t WHERE id = # RETURNING id, c',
  'SELECT nope FROM t WHERE id = #',
];

/** Each in the place of every ?: what the types take and do not take, other spellings, the current time, quotes. */
const strings = [
  'row 2',
  'row 3',
  'ROW 2',
  'v5',
  'v5   ',
  'p1',
  '',
  ' ',
  '1',
  ' -5 ',
  '1.50',
  '1e2',
  'NaN',
  'infinity',
  't',
  'off',
  '2026-01-31',
  '31/01/2026',
  '2026-01-31 12:00:00.1239+02',
  'Jan 30 2026 14:00 America/New_York',
  '12:30',
  'today',
  'tomorrow',
  'see you tomorrow',
  '1 day 02:00',
  'P1D',
  '{"a": 2}',
  ' [1, 2]',
  'null',
  '{x,y2}',
  '0a0b0c0d-0000-4000-8000-00000000000f',
  "it's",
  'row%',
  '_ow 4',
  'ä€😀',
  'x'.repeat(300),
];

const stringShapes = [
  'SELECT ?',
  'SELECT ? AS s, length(?), ? || k FROM s WHERE i = 1',
  'SELECT i FROM s WHERE k = ?',
  "SELECT k FROM s WHERE k IN (?, ?, 'row 8') ORDER BY k",
  'SELECT k FROM s WHERE k BETWEEN ? AND ? ORDER BY i',
  'SELECT k FROM s WHERE k LIKE ? OR v ILIKE ? ORDER BY i',
  'SELECT k FROM s WHERE k ~ ? ORDER BY i',
  'SELECT i FROM s WHERE v = ? OR v > ? ORDER BY i',
  'SELECT i FROM s WHERE p = ? ORDER BY i',
  'SELECT i FROM s WHERE n = ? OR n < ? ORDER BY i',
  'SELECT k FROM s WHERE i = ?',
  'SELECT k FROM s WHERE b = ? ORDER BY i',
  'SELECT k FROM s WHERE f >= ? ORDER BY i',
  'SELECT k FROM s WHERE j = ? OR j @> ? ORDER BY i',
  'SELECT k, j -> ?, j ->> ?, js -> 0 FROM s WHERE j ? ORDER BY i',
  'SELECT k FROM s WHERE u = ?',
  'SELECT k FROM s WHERE d >= ? ORDER BY i',
  'SELECT k FROM s WHERE ti = ? OR ti > ? ORDER BY i',
  'SELECT k FROM s WHERE ts < ? ORDER BY i',
  'SELECT k FROM s WHERE tz >= ? AND k <> ? ORDER BY i',
  'SELECT k FROM s WHERE iv = ? ORDER BY i',
  'SELECT k FROM s WHERE a = ? OR ? = ANY (a) ORDER BY i',
  'SELECT ?::date, ?::timestamptz',
  'SELECT ?::int + 1, CAST(? AS numeric(4,1))',
  'SELECT ?::varchar(3), ?::char(3), ?::text, ?::interval(0)',
  'SELECT ?::json, ?::jsonb',
  'SELECT ?::text[], ?::regclass',
  'SELECT date_trunc(?, tz) FROM s WHERE i < 3 ORDER BY i',
  "SELECT date_trunc('day', tz), count(*) FROM s WHERE k <> ? GROUP BY date_trunc('day', tz) ORDER BY 1",
  'SELECT to_char(tz, ?), to_char(n, ?) FROM s WHERE i = 3',
  'SELECT tz AT TIME ZONE ? FROM s WHERE i = 3',
  'SELECT count(*) FROM s GROUP BY ?',
  'SELECT k FROM s ORDER BY ?',
  'SELECT DISTINCT ? FROM s',
  'SELECT k FROM s ORDER BY i LIMIT ?',
  'SELECT CASE WHEN k > ? THEN ? ELSE v END FROM s ORDER BY i',
  'SELECT coalesce(NULL, ?), nullif(k, ?) FROM s ORDER BY i',
  'SELECT string_agg(k, ? ORDER BY i) FROM s',
  "SELECT * FROM (VALUES (1, ?), (2, 'b')) v (x, y)",
  'SELECT ? UNION SELECT k FROM s ORDER BY 1',
  'SELECT ? = ?, ? < ?, pg_typeof(?)',
  'SELECT ARRAY[?, ?], ROW(?, 1)',
  'SELECT format(?, 1), replace(k, ?, ?) FROM s WHERE i = 1',
  'SELECT current_setting(?)',
  'UPDATE s SET v = ? WHERE k = ? RETURNING k, v',
  'UPDATE s SET n = ?, tz = ?, j = ? WHERE i = 2 RETURNING n, tz, j',
  'INSERT INTO s (k, v, p) VALUES (?, ?, ?) RETURNING k, v, p',
  'INSERT INTO s (k, i, b, f) VALUES (?, ?, ?, ?) RETURNING k, i, b, f',
  "INSERT INTO s (k, d, ti, ts, tz, iv) VALUES ('new', ?, ?, ?, ?, ?) RETURNING d, ti, ts, tz, iv",
  'INSERT INTO s (k, j, js, u, a) SELECT ?, ?, ?, ?, ? RETURNING j, js, u, a',
  'INSERT INTO s (k, v) VALUES (?, ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v || ? RETURNING k, v',
  'DELETE FROM s WHERE k = ? RETURNING i',
  'SELECT nope FROM s WHERE k = ?',
];

/** What is sent must be answered as it is with a comment, which keeps it from having a template. */
async function sameAsWithout(texts: Iterable<string>): Promise<void> {
  for (const text of texts) {
    const run = async (variant: string): Promise<Answer> => {
      // One transaction for both: the current time is the same.
      await client.query('SAVEPOINT before');
      const got = await answer(variant);
      await client.query('ROLLBACK TO before');
      return got;
    };
    await client.query('BEGIN');
    const plain = await run(`${text} -- as it is`);
    expect({ text, ...(await run(text)) }).toEqual({ text, ...plain });
    await client.query('ROLLBACK');
  }
}

test.each(shapes)('%s', async (shape) => {
  for (const [i, number] of numbers.entries()) {
    const other = numbers[(i * 7 + 1) % numbers.length]!;
    // The same number everywhere, and another one after the first place.
    await sameAsWithout(
      new Set([shape.replaceAll('#', number), shape.replace('#', number).replaceAll('#', other)]),
    );
  }
});

test.each(stringShapes)('%s', async (shape) => {
  const literals = strings.map((value) => `'${value.replaceAll("'", "''")}'`);
  for (const [i, literal] of literals.entries()) {
    const other = literals[(i * 5 + 1) % literals.length]!;
    await sameAsWithout(
      new Set([
        shape.replaceAll('?', () => literal),
        shape.replace('?', () => literal).replaceAll('?', () => other),
      ]),
    );
  }
});

test('an INSERT of many rows', async () => {
  await client.query('CREATE TABLE many (id int PRIMARY KEY, day date, note varchar(20))');
  const insert = (from: number, wrong?: string): string =>
    `INSERT INTO many VALUES ${Array.from({ length: 500 }, (_, i) => {
      const day =
        i === 400 && wrong !== undefined
          ? wrong
          : `2026-01-${String((i % 28) + 1).padStart(2, '0')}`;
      return `(${from + i}, '${day}', 'note ${from + i}, isn''t it')`;
    }).join(', ')}`;
  for (const from of [1000, 2000, 3000, 4000])
    expect(await answer(insert(from))).toMatchObject({ rowCount: 500 });
  for (const [wrong, code] of [
    ['2026-02-30', '22008'],
    ['soon', '22007'],
  ] as const) {
    const text = insert(5000, wrong);
    const found = await answer(text);
    expect(found).toMatchObject({ code, position: `${text.indexOf(`'${wrong}'`) + 1}` });
    expect(found).toEqual(await answer(`${text} --`));
  }
  expect(await answer(insert(4400))).toMatchObject({ code: '23505' });
  const sums = `SELECT count(*)::int, sum(id)::int, count(DISTINCT day)::int, count(*) FILTER (WHERE note = 'note ' || id || ', isn''t it')::int FROM many`;
  expect((await answer(sums))['rows']).toEqual([[2000, 5_499_000, 28, 2000]]);
});

test('strings that the settings read in another way are read so', async () => {
  const read = (text: string): Promise<Answer> =>
    answer(`SELECT k, '${text}'::timestamptz FROM s WHERE d = '${text}'`);
  for (const setting of [
    "datestyle = 'SQL, DMY'",
    "datestyle = 'ISO, MDY'",
    "timezone = 'Asia/Tokyo'",
  ]) {
    await client.query(`SET ${setting}`);
    for (const text of ['01/02/2026', '02/01/2026', '31/01/2026', '2026-01-30'])
      expect({ text, ...(await read(text)) }).toEqual({
        text,
        ...(await answer(`SELECT k, '${text}'::timestamptz FROM s WHERE d = '${text}' --`)),
      });
  }
  await client.query('RESET datestyle');
  await client.query('RESET timezone');
});

test('a template ends with what it was made under', async () => {
  const read = async (id: number): Promise<unknown[]> =>
    (await client.query({ text: `SELECT x FROM changing WHERE id = ${id}`, rowMode: 'array' }))
      .rows;
  await client.query('CREATE TABLE changing (id int PRIMARY KEY, x int)');
  await client.query('INSERT INTO changing VALUES (1, 10), (2, 20)');
  for (const id of [1, 2, 1, 2]) expect(await read(id)).toEqual([[id * 10]]);
  await client.query("ALTER TABLE changing DROP COLUMN x, ADD COLUMN x text DEFAULT 'new'");
  for (const id of [1, 2, 1]) expect(await read(id)).toEqual([['new']]);
  await client.query('CREATE SCHEMA other; CREATE TABLE other.changing (id bigint, x text)');
  await client.query('SET search_path = other, public');
  for (const id of [1, 2, 1]) expect(await read(id)).toEqual([]);
  await client.query('BEGIN; ALTER TABLE changing RENAME TO gone');
  for (const id of [1, 2, 1]) expect(await read(id)).toEqual([['new']]);
  await client.query('ROLLBACK');
  await client.query('RESET search_path');
  await client.query('CREATE ROLE reader');
  await client.query('SET ROLE reader');
  for (const id of [1, 2, 1]) await expect(read(id)).rejects.toMatchObject({ code: '42501' });
  await client.query('RESET ROLE');
  await client.query('DROP TABLE changing');
  await expect(read(1)).rejects.toMatchObject({ code: '42P01', position: '15' });
});

test('what a literal meant when it was analyzed is not kept', async () => {
  const now = async (): Promise<unknown> =>
    (await client.query(`SELECT extract(epoch FROM 'now'::timestamptz)::float8 AS n, 1`)).rows[0];
  // Others of its shape may have a template.
  for (const time of ['2026-01-31', 'yesterday', '2026-02-01', '2026-02-02'])
    await client.query(`SELECT extract(epoch FROM '${time}'::timestamptz)::float8 AS n, 1`);
  const first = await now();
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await now()).not.toEqual(first);
  }
});

test('read-only transactions, failed ones, cancelled ones', async () => {
  const update = (n: number): string => `UPDATE t SET a = ${n} WHERE id = 8`;
  for (const n of [1, 2, 3]) await client.query(update(n));
  await client.query('BEGIN READ ONLY');
  expect(await answer(update(4))).toMatchObject({ code: '25006' });
  expect(await answer(update(5))).toMatchObject({ code: '25P02' });
  await client.query('ROLLBACK');
  const sleep = (n: string): string => `SELECT count(*) FROM t, pg_sleep(0) WHERE id < ${n}`;
  for (const n of ['1', '2', '3'])
    expect(await answer(sleep(n))).toEqual(await answer(`${sleep(n)} --`));
});
