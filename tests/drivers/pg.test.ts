import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { buffer, text } from 'node:stream/consumers';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Target } from './target.ts';
import { startTarget } from './target.ts';

let target: Target;
let client: pg.Client;

const address = (): pg.ClientConfig => ({
  host: target.host,
  port: target.port,
  user: target.user,
  database: target.database,
});

async function withClient<T>(
  work: (client: pg.Client) => Promise<T>,
  config: pg.ClientConfig = {},
): Promise<T> {
  const own = new pg.Client({ ...address(), ...config });
  await own.connect();
  try {
    return await work(own);
  } finally {
    await own.end();
  }
}

async function errorOf(work: Promise<unknown>): Promise<pg.DatabaseError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof pg.DatabaseError) return error;
    throw error;
  }
  throw new Error('no error');
}

/** An error's fields that mean something to an application. */
async function fieldsOf(work: Promise<unknown>): Promise<Record<string, unknown>> {
  const error = await errorOf(work);
  const { severity, code, message, detail, hint, position, schema, table, column, constraint } =
    error;
  const fields = {
    severity,
    code,
    message,
    detail,
    hint,
    position,
    schema,
    table,
    column,
    constraint,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

beforeAll(async () => {
  target = await startTarget();
  client = new pg.Client(address());
  await client.connect();
  await client.query(
    `DROP SCHEMA IF EXISTS with_pg CASCADE; CREATE SCHEMA with_pg; SET search_path = with_pg`,
  );
  await client.query(`CREATE TABLE item (
    id serial PRIMARY KEY,
    name text NOT NULL UNIQUE,
    price numeric(10,2) CHECK (price >= 0),
    tags text[] NOT NULL DEFAULT '{}',
    made timestamptz NOT NULL DEFAULT now())`);
});

afterAll(async () => {
  await client?.query('DROP SCHEMA with_pg CASCADE');
  await client?.end();
  await target?.stop();
});

describe('connecting', () => {
  test('tells what it is, and its settings', async () => {
    const { rows } = await client.query<Record<string, string | null>>(
      `SELECT current_setting('server_version_num') AS version, current_setting('DateStyle') AS style,
        current_setting('search_path', true) AS path, current_setting('no.such', true) AS none`,
    );
    expect(Number(rows[0]!.version)).toBeGreaterThanOrEqual(150_000);
    expect(rows[0]).toMatchObject({ style: 'ISO, MDY', path: 'with_pg', none: null });
    expect(await fieldsOf(client.query(`SELECT current_setting('no.such')`))).toMatchObject({
      code: '42704',
      message: 'unrecognized configuration parameter "no.such"',
    });
  });

  test('takes settings with the start-up packet', async () => {
    const config = {
      application_name: 'shop',
      options: '-c search_path=with_pg -c TimeZone=Asia/Tokyo',
    };
    await withClient(async (own) => {
      const shown = async (name: string): Promise<unknown> =>
        (await own.query(`SHOW ${name}`)).rows[0];
      expect(await shown('application_name')).toEqual({ application_name: 'shop' });
      expect(await shown('TimeZone')).toEqual({ TimeZone: 'Asia/Tokyo' });
      expect(await shown('search_path')).toEqual({ search_path: 'with_pg' });
    }, config);
  });

  test('to a database that is not there fails with 3D000', async () => {
    const own = new pg.Client({ ...address(), database: 'nowhere' });
    expect(await fieldsOf(own.connect())).toMatchObject({
      severity: 'FATAL',
      code: '3D000',
      message: 'database "nowhere" does not exist',
    });
  });

  test('with TLS is refused, as it is not configured', async () => {
    const own = new pg.Client({ ...address(), ssl: { rejectUnauthorized: false } });
    await expect(own.connect()).rejects.toThrow('The server does not support SSL connections');
  });
});

describe('queries', () => {
  test('without parameters may be several, each with its result', async () => {
    const results = (await client.query(
      `CREATE TABLE two (a int); INSERT INTO two VALUES (1), (2); SELECT a FROM two ORDER BY a; DROP TABLE two`,
    )) as unknown as pg.QueryResult[];
    expect(results.map((result) => [result.command, result.rowCount, result.rows])).toEqual([
      ['CREATE', null, []],
      ['INSERT', 2, []],
      ['SELECT', 2, [{ a: 1 }, { a: 2 }]],
      ['DROP', null, []],
    ]);
  });

  test('describe their columns', async () => {
    const { fields } = await client.query(
      'SELECT id, name AS title, price, 1 + 1 AS two FROM item',
    );
    const { rows } = await client.query<{ oid: number }>(
      `SELECT 'with_pg.item'::regclass::oid::int AS oid`,
    );
    const tableID = rows[0]!.oid;
    expect(
      fields.map((field) => [
        field.name,
        field.tableID,
        field.columnID,
        field.dataTypeID,
        field.dataTypeModifier,
      ]),
    ).toEqual([
      ['id', tableID, 1, 23, -1],
      ['title', tableID, 2, 25, -1],
      ['price', tableID, 3, 1700, (10 << 16) + 2 + 4],
      ['two', 0, 0, 23, -1],
    ]);
  });

  test('take rows as arrays, and none', async () => {
    const { rows } = await client.query({
      text: 'SELECT 1, $1::text',
      values: ['x'],
      rowMode: 'array',
    });
    expect(rows).toEqual([[1, 'x']]);
    expect(await client.query('SELECT 1 WHERE false')).toMatchObject({ rows: [], rowCount: 0 });
    expect((await client.query('')).command).toBeNull();
  });

  test('carry each type there and back', async () => {
    const values: readonly (readonly [type: string, sent: unknown, received: unknown])[] = [
      ['bool', true, true],
      ['int2', -32768, -32768],
      ['int4', 2147483647, 2147483647],
      ['int8', '9223372036854775807', '9223372036854775807'],
      ['float4', 0.1, 0.1],
      ['float8', Math.PI, Math.PI],
      ['numeric', '12345678901234567890.0000001', '12345678901234567890.0000001'],
      ['text', 'naïve \'"\\ 😀\n', 'naïve \'"\\ 😀\n'],
      ['varchar(3)', 'abc', 'abc'],
      ['char(4)', 'ab', 'ab  '],
      ['bytea', Buffer.from([0, 1, 255]), Buffer.from([0, 1, 255])],
      ['timestamptz', new Date('2024-02-29T12:34:56.789Z'), new Date('2024-02-29T12:34:56.789Z')],
      ['uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
      ['json', { a: [1, null, 'x'] }, { a: [1, null, 'x'] }],
      ['jsonb', JSON.stringify([{ b: 1, a: 2 }]), [{ a: 2, b: 1 }]],
      ['text[]', ['a', 'b,"c"', null, ''], ['a', 'b,"c"', null, '']],
      ['int[]', [1, 2, null], [1, 2, null]],
      ['time', '23:59:59.5', '23:59:59.5'],
      ['text', null, null],
    ];
    for (const [type, sent, received] of values) {
      const { rows } = await client.query<{ v: unknown }>(`SELECT $1::${type} AS v`, [sent]);
      expect([type, rows[0]!.v]).toEqual([type, received]);
    }
  });

  test("keep a table's values as they were", async () => {
    await client.query(
      `CREATE TABLE kinds (i int, big int8, n numeric, f float8, t text, b bool, d date, ts timestamp, j jsonb, a int[], y bytea)`,
    );
    const sent = [
      1,
      '2',
      '3.10',
      4.5,
      'five',
      false,
      '2024-06-07',
      '2024-06-07 08:09:10',
      { z: 1 },
      [8, 9],
      Buffer.from('ten'),
    ];
    await client.query(
      `INSERT INTO kinds VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
      sent,
    );
    const { rows } = await client.query<Record<string, unknown>>('SELECT * FROM kinds');
    expect(rows[0]).toEqual({
      i: 1,
      big: '2',
      n: '3.10',
      f: 4.5,
      t: 'five',
      b: false,
      d: new Date(2024, 5, 7),
      ts: new Date(2024, 5, 7, 8, 9, 10),
      j: { z: 1 },
      a: [8, 9],
      y: Buffer.from('ten'),
    });
    await client.query('DROP TABLE kinds');
  });

  test('give binary results to those who ask', async () => {
    const { rows } = await client.query<{ n: number; t: string; b: boolean }>({
      text: `SELECT 42::int4 AS n, 'text' AS t, true AS b, 1.5::float8 AS f`,
      values: [],
      binary: true,
    } as pg.QueryConfig);
    expect(rows).toEqual([{ n: 42, t: 'text', b: true, f: 1.5 }]);
  });

  test('move long values and many rows', async () => {
    const long = 'ü'.repeat(1_000_000);
    const { rows } = await client.query<{ v: string }>('SELECT $1::text AS v', [long]);
    expect(rows[0]!.v).toBe(long);
    const many = await client.query<{ n: number }>('SELECT n FROM generate_series(1, 50000) AS n');
    expect(many.rows).toHaveLength(50_000);
    expect(many.rows.at(-1)).toEqual({ n: 50_000 });
  });
});

describe('named prepared statements', () => {
  test('are planned once and run with other values', async () => {
    const add = (name: string, price: string | null): Promise<pg.QueryResult<{ id: number }>> =>
      client.query({
        name: 'add item',
        text: 'INSERT INTO item (name, price) VALUES ($1, $2) RETURNING id',
        values: [name, price],
      });
    const first = (await add('lamp', '12.5')).rows[0]!.id;
    const second = (await add('chair', null)).rows[0]!.id;
    expect(second).toBeGreaterThan(first);
    const get = (id: number): Promise<pg.QueryResult> =>
      client.query({
        name: 'get item',
        text: 'SELECT name, price FROM item WHERE id = $1',
        values: [id],
      });
    expect((await get(first)).rows).toEqual([{ name: 'lamp', price: '12.50' }]);
    expect((await get(second)).rows).toEqual([{ name: 'chair', price: null }]);
    const { rows } = await client.query(
      `SELECT name FROM pg_prepared_statements WHERE name = 'get item'`,
    );
    expect(rows.length).toBeLessThanOrEqual(1);
  });

  test('stay usable after a value that does not fit', async () => {
    const get = (id: unknown): Promise<pg.QueryResult> =>
      client.query({
        name: 'by id',
        text: 'SELECT 1 AS one FROM item WHERE id = $1',
        values: [id],
      });
    expect(await fieldsOf(get('lamp'))).toMatchObject({
      code: '22P02',
      message: 'invalid input syntax for type integer: "lamp"',
    });
    expect((await get(-1)).rows).toEqual([]);
  });

  test('follow a table that changes', async () => {
    await client.query('CREATE TABLE growing (a int); INSERT INTO growing VALUES (1)');
    const count = (): Promise<pg.QueryResult> =>
      client.query({
        name: 'count growing',
        text: 'SELECT count(*)::int AS n FROM growing',
        values: [],
      });
    expect((await count()).rows).toEqual([{ n: 1 }]);
    await client.query(
      'ALTER TABLE growing ADD COLUMN b int DEFAULT 7; INSERT INTO growing VALUES (2, 3)',
    );
    expect((await count()).rows).toEqual([{ n: 2 }]);
    await client.query('DROP TABLE growing');
    expect(await fieldsOf(count())).toMatchObject({ code: '42P01' });
  });
});

describe('transactions', () => {
  test('commit and roll back', async () => {
    await client.query('CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL)');
    await client.query('INSERT INTO account VALUES (1, 100), (2, 0)');
    const total = async (): Promise<unknown> =>
      (await client.query(`SELECT id, balance FROM account ORDER BY id`)).rows.map(
        (row) => row.balance,
      );
    await client.query('BEGIN');
    await client.query('UPDATE account SET balance = balance - 30 WHERE id = 1');
    await client.query('UPDATE account SET balance = balance + 30 WHERE id = 2');
    expect(await total()).toEqual([70, 30]);
    await withClient(async (other) => {
      const { rows } = await other.query('SELECT balance FROM with_pg.account ORDER BY id');
      expect(rows).toEqual([{ balance: 100 }, { balance: 0 }]);
    });
    await client.query('COMMIT');
    expect(await total()).toEqual([70, 30]);
    await client.query('BEGIN');
    await client.query('DELETE FROM account');
    expect(await total()).toEqual([]);
    await client.query('ROLLBACK');
    expect(await total()).toEqual([70, 30]);
    await client.query('DROP TABLE account');
  });

  test('that fail take nothing more until they end', async () => {
    await client.query('BEGIN');
    await client.query(`INSERT INTO item (name) VALUES ('in vain')`);
    expect(await fieldsOf(client.query('SELECT 1/0'))).toMatchObject({
      code: '22012',
      message: 'division by zero',
    });
    expect(await fieldsOf(client.query('SELECT 1'))).toMatchObject({
      code: '25P02',
      message: 'current transaction is aborted, commands ignored until end of transaction block',
    });
    expect((await client.query('COMMIT')).command).toBe('ROLLBACK');
    expect((await client.query(`SELECT 1 FROM item WHERE name = 'in vain'`)).rows).toEqual([]);
  });

  test('warn of a COMMIT without one', async () => {
    const notices: unknown[] = [];
    await withClient(async (own) => {
      own.on('notice', (notice) => void notices.push(notice));
      await own.query('COMMIT');
    });
    expect(notices).toMatchObject([
      { severity: 'WARNING', code: '25P01', message: 'there is no transaction in progress' },
    ]);
  });
});

describe('errors', () => {
  test('of constraints name what was violated', async () => {
    await client.query(`INSERT INTO item (id, name) VALUES (1000, 'taken')`);
    const where = { severity: 'ERROR', schema: 'with_pg', table: 'item' };
    expect(await fieldsOf(client.query(`INSERT INTO item (name) VALUES ('taken')`))).toEqual({
      ...where,
      code: '23505',
      message: 'duplicate key value violates unique constraint "item_name_key"',
      detail: 'Key (name)=(taken) already exists.',
      constraint: 'item_name_key',
    });
    expect(
      await fieldsOf(client.query(`INSERT INTO item (id, name) VALUES (1000, 'other')`)),
    ).toEqual({
      ...where,
      code: '23505',
      message: 'duplicate key value violates unique constraint "item_pkey"',
      detail: 'Key (id)=(1000) already exists.',
      constraint: 'item_pkey',
    });
    expect(
      await fieldsOf(client.query(`UPDATE item SET name = NULL WHERE id = 1000`)),
    ).toMatchObject({
      ...where,
      code: '23502',
      message: 'null value in column "name" of relation "item" violates not-null constraint',
      column: 'name',
    });
    expect(
      await fieldsOf(client.query(`UPDATE item SET price = -1 WHERE id = 1000`)),
    ).toMatchObject({
      ...where,
      code: '23514',
      message: 'new row for relation "item" violates check constraint "item_price_check"',
      constraint: 'item_price_check',
    });
  });

  test('of names and types say where in the text', async () => {
    expect(await fieldsOf(client.query('SELECT nothing FROM item'))).toEqual({
      severity: 'ERROR',
      code: '42703',
      message: 'column "nothing" does not exist',
      position: '8',
    });
    expect(await fieldsOf(client.query('SELECT * FROM nowhere'))).toEqual({
      severity: 'ERROR',
      code: '42P01',
      message: 'relation "nowhere" does not exist',
      position: '15',
    });
    expect(await fieldsOf(client.query('SELEC 1'))).toEqual({
      severity: 'ERROR',
      code: '42601',
      message: 'syntax error at or near "SELEC"',
      position: '1',
    });
    expect(await fieldsOf(client.query('SELECT nme FROM item'))).toMatchObject({
      code: '42703',
      hint: 'Perhaps you meant to reference the column "item.name".',
    });
    expect(await fieldsOf(client.query(`SELECT lower(1, 2)`))).toMatchObject({
      code: '42883',
      message: 'function lower(integer, integer) does not exist',
      position: '8',
    });
  });

  test("of values are PostgreSQL's", async () => {
    const failure = (sql: string, values?: unknown[]): Promise<Record<string, unknown>> =>
      fieldsOf(client.query(sql, values));
    expect(await failure('SELECT 2147483647 + 1')).toMatchObject({
      code: '22003',
      message: 'integer out of range',
    });
    expect(
      await failure('INSERT INTO item (name, price) VALUES ($1, $2)', ['dear', '123456789.00']),
    ).toMatchObject({
      code: '22003',
      message: 'numeric field overflow',
      detail: 'A field with precision 10, scale 2 must round to an absolute value less than 10^8.',
    });
    expect(await failure(`SELECT '2024-02-30'::date`)).toMatchObject({
      code: '22008',
      message: 'date/time field value out of range: "2024-02-30"',
    });
    expect(await failure(`SELECT $1::uuid`, ['x'])).toMatchObject({
      code: '22P02',
      message: 'invalid input syntax for type uuid: "x"',
    });
    expect(await failure(`SELECT (SELECT id FROM item UNION ALL VALUES (1), (2))`)).toMatchObject({
      code: '21000',
      message: 'more than one row returned by a subquery used as an expression',
    });
  });

  test('leave the connection usable, also amid several statements', async () => {
    expect(
      await fieldsOf(client.query(`INSERT INTO item (name) VALUES ('half'); SELECT 1/0`)),
    ).toMatchObject({
      code: '22012',
    });
    expect((await client.query(`SELECT 1 FROM item WHERE name = 'half'`)).rows).toEqual([]);
  });
});

describe('a pool', () => {
  test('serves more work than it has connections', async () => {
    const pool = new pg.Pool({ ...address(), max: 4 });
    try {
      await pool.query('CREATE TABLE with_pg.counter (id int PRIMARY KEY, by_whom int NOT NULL)');
      await Promise.all(
        Array.from({ length: 40 }, async (_, i) => {
          await pool.query('INSERT INTO with_pg.counter VALUES ($1, $2)', [i, i % 5]);
        }),
      );
      const { rows } = await pool.query(
        'SELECT by_whom, count(*)::int AS n FROM with_pg.counter GROUP BY by_whom ORDER BY by_whom',
      );
      expect(rows).toEqual([0, 1, 2, 3, 4].map((by_whom) => ({ by_whom, n: 8 })));
      expect(pool.totalCount).toBe(4);
    } finally {
      await pool.query('DROP TABLE IF EXISTS with_pg.counter');
      await pool.end();
    }
  });

  test('keeps what one checked-out client does in its transaction apart', async () => {
    const pool = new pg.Pool({ ...address(), max: 2 });
    const [one, two] = [await pool.connect(), await pool.connect()];
    try {
      await one.query('BEGIN');
      await one.query(`INSERT INTO with_pg.item (name) VALUES ('not yet')`);
      expect((await two.query(`SELECT 1 FROM with_pg.item WHERE name = 'not yet'`)).rowCount).toBe(
        0,
      );
      await one.query('COMMIT');
      expect((await two.query(`SELECT 1 FROM with_pg.item WHERE name = 'not yet'`)).rowCount).toBe(
        1,
      );
    } finally {
      one.release();
      two.release();
      await pool.end();
    }
  });
});

describe('cursors', () => {
  test('read some rows at a time, then the rest', async () => {
    const cursor = client.query(
      new Cursor<{ n: number }>('SELECT n FROM generate_series(1, $1::int) AS n', [250]),
    );
    const sizes: number[] = [];
    for (let rows = await cursor.read(100); rows.length > 0; rows = await cursor.read(100)) {
      sizes.push(rows.length);
    }
    await cursor.close();
    expect(sizes).toEqual([100, 100, 50]);
  });

  test('may be closed early', async () => {
    const cursor = client.query(
      new Cursor<{ n: number }>('SELECT n FROM generate_series(1, 100000) AS n'),
    );
    expect(await cursor.read(2)).toEqual([{ n: 1 }, { n: 2 }]);
    await cursor.close();
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test('report an error and leave the connection usable', async () => {
    const cursor = client.query(new Cursor('SELECT 10 / (3 - n) FROM generate_series(1, 5) AS n'));
    await expect(cursor.read(10)).rejects.toMatchObject({ code: '22012' });
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});

describe('COPY', () => {
  beforeAll(() =>
    client.query('CREATE TABLE line (id int PRIMARY KEY, label text, amount numeric)'),
  );
  afterAll(() => client.query('DROP TABLE line'));

  test('in and out, text and csv', async () => {
    const input = Array.from({ length: 5000 }, (_, i) => `${i}\tlabel ${i}\t${i}.5\n`);
    const copy = client.query(copyFrom('COPY line FROM STDIN'));
    await pipeline(Readable.from(input), copy);
    expect(copy.rowCount).toBe(5000);
    const csv = await text(
      client.query(
        copyTo(`COPY (SELECT * FROM line WHERE id < 2 ORDER BY id) TO STDOUT (FORMAT csv, HEADER)`),
      ),
    );
    expect(csv).toBe('id,label,amount\n0,label 0,0.5\n1,label 1,1.5\n');
    await client.query('DELETE FROM line');
    await pipeline(
      Readable.from(['id;label;amount\n1;"a;""b""\nc";\n2;;7\n3;"";8\n']),
      client.query(copyFrom(`COPY line FROM STDIN WITH (FORMAT csv, HEADER, DELIMITER ';')`)),
    );
    expect((await client.query('SELECT * FROM line ORDER BY id')).rows).toEqual([
      { id: 1, label: 'a;"b"\nc', amount: null },
      { id: 2, label: null, amount: '7' },
      { id: 3, label: '', amount: '8' },
    ]);
  });

  test('binary out goes back in', async () => {
    const bytes = await buffer(client.query(copyTo('COPY line TO STDOUT (FORMAT binary)')));
    expect(bytes.subarray(0, 6).toString()).toBe('PGCOPY');
    const before = await client.query('SELECT * FROM line ORDER BY id');
    await client.query('DELETE FROM line');
    await pipeline(
      Readable.from([bytes]),
      client.query(copyFrom('COPY line FROM STDIN (FORMAT binary)')),
    );
    expect((await client.query('SELECT * FROM line ORDER BY id')).rows).toEqual(before.rows);
  });

  test('that fails says in which line, and changes nothing', async () => {
    const before = await client.query('SELECT * FROM line ORDER BY id');
    const failed = await errorOf(
      pipeline(
        Readable.from(['10\tten\t10\n11\televen\tx\n']),
        client.query(copyFrom('COPY line FROM STDIN')),
      ),
    );
    expect(failed).toMatchObject({
      code: '22P02',
      message: 'invalid input syntax for type numeric: "x"',
      where: 'COPY line, line 2, column amount: "x"',
    });
    expect((await client.query('SELECT * FROM line ORDER BY id')).rows).toEqual(before.rows);
  });

  test('is undone with its transaction', async () => {
    await client.query('BEGIN');
    await pipeline(Readable.from(['77\tx\t1\n']), client.query(copyFrom('COPY line FROM STDIN')));
    expect((await client.query('SELECT label FROM line WHERE id = 77')).rows).toEqual([
      { label: 'x' },
    ]);
    await client.query('ROLLBACK');
    expect((await client.query('SELECT label FROM line WHERE id = 77')).rows).toEqual([]);
  });
});

describe('cancelling', () => {
  /** CancelRequest, as drivers and psql send it: on a connection of its own, without an answer. */
  async function cancel(of: pg.Client): Promise<void> {
    const { processID, secretKey } = of as unknown as { processID: number; secretKey: number };
    const request = Buffer.alloc(16);
    request.writeInt32BE(16, 0);
    request.writeInt32BE(80877102, 4);
    request.writeInt32BE(processID, 8);
    request.writeInt32BE(secretKey, 12);
    const socket = connect(target.port, target.host);
    socket.end(request);
    socket.resume();
    await once(socket, 'close');
  }

  test('ends the running statement only', async () => {
    await withClient(async (own) => {
      const sleeping = errorOf(own.query('SELECT pg_sleep(30)'));
      await new Promise((resolve) => setTimeout(resolve, 300));
      await cancel(own);
      expect(await sleeping).toMatchObject({
        code: '57014',
        message: 'canceling statement due to user request',
      });
      expect((await own.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
  });

  test('by statement_timeout', async () => {
    await withClient(async (own) => {
      await own.query('SET statement_timeout = 100');
      expect(await fieldsOf(own.query('SELECT pg_sleep(30)'))).toMatchObject({
        code: '57014',
        message: 'canceling statement due to statement timeout',
      });
      await own.query('RESET statement_timeout');
      expect((await own.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
  });
});

test('notices reach their listener', async () => {
  const notices: unknown[] = [];
  await withClient(async (own) => {
    own.on('notice', (notice) => void notices.push(notice));
    await own.query('DROP TABLE IF EXISTS with_pg.nothing_there');
    await own.query('CREATE TABLE IF NOT EXISTS with_pg.item (id int)');
  });
  expect(notices).toMatchObject([
    {
      severity: 'NOTICE',
      code: '00000',
      message: 'table "nothing_there" does not exist, skipping',
    },
    { severity: 'NOTICE', code: '42P07', message: 'relation "item" already exists, skipping' },
  ]);
});
