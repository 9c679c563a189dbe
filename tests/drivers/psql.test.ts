/** psql as people and scripts use it. The expected output is real PostgreSQL's (see target.ts), rewritten by `vitest -u`. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { psql } from '../support/psql.ts';
import type { PsqlResult } from '../support/psql.ts';
import type { Target } from './target.ts';
import { startTarget, targetIsPgtide } from './target.ts';

let target: Target;
let folder: string;

const run = (script: string, ...args: string[]): Promise<PsqlResult> => psql(target, script, args);

/** What a script writes; it must succeed without complaint. */
async function output(script: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(script, ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return `\n${stdout}`;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pgtide-psql-'));
  target = await startTarget();
  const { stderr } = await run(`
    SET client_min_messages = warning;
    DROP SCHEMA IF EXISTS with_psql CASCADE;
    CREATE SCHEMA with_psql;
    SET search_path = with_psql;
    CREATE TABLE room (name text PRIMARY KEY, topic varchar(40), opened date DEFAULT '2024-01-01');
    CREATE TABLE message (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      room text NOT NULL,
      body text NOT NULL CHECK (body <> ''),
      score numeric(6,2) DEFAULT 0,
      length int GENERATED ALWAYS AS (char_length(body)) STORED,
      UNIQUE (room, body));
    CREATE INDEX message_score ON message (score);
    CREATE VIEW loud AS SELECT id, upper(body) AS body FROM message WHERE score > 1;
    COMMENT ON TABLE room IS 'where people meet';
    INSERT INTO room VALUES ('general', 'anything'), ('flights', NULL);
    INSERT INTO message (room, body, score) VALUES ('general', 'hello', 1.5), ('flights', 'late', 12), ('general', 'bye', NULL);`);
  if (stderr !== '') throw new Error(stderr);
});

afterAll(async () => {
  await run('SET client_min_messages = warning; DROP SCHEMA with_psql CASCADE');
  await target?.stop();
  await rm(folder, { recursive: true, force: true });
});

const inSchema = `SET search_path = with_psql;\n`;

describe('queries', () => {
  test("in psql's formats", async () => {
    const sql = `${inSchema}SELECT id, room, score, length FROM message ORDER BY id;\n`;
    expect(await output(sql)).toMatchInlineSnapshot(`
      "
       id |  room   | score | length 
      ----+---------+-------+--------
        1 | general |  1.50 |      5
        2 | flights | 12.00 |      4
        3 | general |       |      3
      (3 rows)

      "
    `);
    expect(await output(sql, '--csv')).toMatchInlineSnapshot(`
      "
      id,room,score,length
      1,general,1.50,5
      2,flights,12.00,4
      3,general,,3
      "
    `);
    expect(await output(sql, '-t', '-A', '-F', ';')).toMatchInlineSnapshot(`
      "
      1;general;1.50;5
      2;flights;12.00;4
      3;general;;3
      "
    `);
    expect(await output(`\\x on\n${inSchema}SELECT * FROM room ORDER BY name;\n`))
      .toMatchInlineSnapshot(`
      "
      -[ RECORD 1 ]------
      name   | flights
      topic  | 
      opened | 2024-01-01
      -[ RECORD 2 ]------
      name   | general
      topic  | anything
      opened | 2024-01-01

      "
    `);
  });

  test('show their tags, several in a line too', async () => {
    const script = `${inSchema}CREATE TABLE tags (a int); INSERT INTO tags VALUES (1), (2); UPDATE tags SET a = 3 WHERE a = 2; SELECT * FROM tags ORDER BY a; DELETE FROM tags; TRUNCATE tags; DROP TABLE tags;\nBEGIN; COMMIT;\n`;
    const { stdout } = await psql(target, `\\set QUIET off\n${script}`);
    expect(`\n${stdout}`).toMatchInlineSnapshot(`
      "
      SET
      CREATE TABLE
      INSERT 0 2
      UPDATE 1
       a 
      ---
       1
       3
      (2 rows)

      DELETE 2
      TRUNCATE TABLE
      DROP TABLE
      BEGIN
      COMMIT
      "
    `);
  });

  test('describe themselves before they run', async () => {
    expect(await output(`${inSchema}SELECT id, room, score, now() FROM message \\gdesc\n`))
      .toMatchInlineSnapshot(`
      "
       Column |           Type           
      --------+--------------------------
       id     | bigint
       room   | text
       score  | numeric(6,2)
       now    | timestamp with time zone
      (4 rows)

      "
    `);
  });
});

describe('catalog commands', () => {
  const meta = (command: string): Promise<string> => output(`${inSchema}${command}\n`);

  test('list relations', async () => {
    expect(await meta('\\d')).toMatchInlineSnapshot(`
      "
                      List of relations
        Schema   |      Name      |   Type   |  Owner   
      -----------+----------------+----------+----------
       with_psql | loud           | view     | postgres
       with_psql | message        | table    | postgres
       with_psql | message_id_seq | sequence | postgres
       with_psql | room           | table    | postgres
      (4 rows)

      "
    `);
    expect(await meta('\\dt')).toMatchInlineSnapshot(`
      "
                 List of relations
        Schema   |  Name   | Type  |  Owner   
      -----------+---------+-------+----------
       with_psql | message | table | postgres
       with_psql | room    | table | postgres
      (2 rows)

      "
    `);
    expect(await meta('\\di')).toMatchInlineSnapshot(`
      "
                             List of relations
        Schema   |         Name          | Type  |  Owner   |  Table  
      -----------+-----------------------+-------+----------+---------
       with_psql | message_pkey          | index | postgres | message
       with_psql | message_room_body_key | index | postgres | message
       with_psql | message_score         | index | postgres | message
       with_psql | room_pkey             | index | postgres | room
      (4 rows)

      "
    `);
    expect(await meta('\\dv')).toMatchInlineSnapshot(`
      "
               List of relations
        Schema   | Name | Type |  Owner   
      -----------+------+------+----------
       with_psql | loud | view | postgres
      (1 row)

      "
    `);
    expect(await meta('\\ds')).toMatchInlineSnapshot(`
      "
                      List of relations
        Schema   |      Name      |   Type   |  Owner   
      -----------+----------------+----------+----------
       with_psql | message_id_seq | sequence | postgres
      (1 row)

      "
    `);
    expect(await meta('\\dt with_psql.m*')).toMatchInlineSnapshot(`
      "
                 List of relations
        Schema   |  Name   | Type  |  Owner   
      -----------+---------+-------+----------
       with_psql | message | table | postgres
      (1 row)

      "
    `);
  });

  test('describe relations', async () => {
    expect(await meta('\\d room')).toMatchInlineSnapshot(`
      "
                                 Table "with_psql.room"
       Column |         Type          | Collation | Nullable |      Default       
      --------+-----------------------+-----------+----------+--------------------
       name   | text                  |           | not null | 
       topic  | character varying(40) |           |          | 
       opened | date                  |           |          | '2024-01-01'::date
      Indexes:
          "room_pkey" PRIMARY KEY, btree (name)

      "
    `);
    expect(await meta('\\d message')).toMatchInlineSnapshot(`
      "
                                         Table "with_psql.message"
       Column |     Type     | Collation | Nullable |                    Default                     
      --------+--------------+-----------+----------+------------------------------------------------
       id     | bigint       |           | not null | generated always as identity
       room   | text         |           | not null | 
       body   | text         |           | not null | 
       score  | numeric(6,2) |           |          | 0
       length | integer      |           |          | generated always as (char_length(body)) stored
      Indexes:
          "message_pkey" PRIMARY KEY, btree (id)
          "message_room_body_key" UNIQUE CONSTRAINT, btree (room, body)
          "message_score" btree (score)
      Check constraints:
          "message_body_check" CHECK (body <> ''::text)

      "
    `);
    expect(await meta('\\d message_score')).toMatchInlineSnapshot(`
      "
            Index "with_psql.message_score"
       Column |     Type     | Key? | Definition 
      --------+--------------+------+------------
       score  | numeric(6,2) | yes  | score
      btree, for table "with_psql.message"

      "
    `);
    expect(await meta('\\d loud')).toMatchInlineSnapshot(`
      "
                    View "with_psql.loud"
       Column |  Type  | Collation | Nullable | Default 
      --------+--------+-----------+----------+---------
       id     | bigint |           |          | 
       body   | text   |           |          | 

      "
    `);
    expect(await meta('\\dd with_psql.*')).toMatchInlineSnapshot(`
      "
               Object descriptions
       Schema | Name | Object | Description 
      --------+------+--------+-------------
      (0 rows)

      "
    `);
    expect(await meta('\\dp with_psql.room')).toMatchInlineSnapshot(`
      "
                                    Access privileges
        Schema   | Name | Type  | Access privileges | Column privileges | Policies 
      -----------+------+-------+-------------------+-------------------+----------
       with_psql | room | table |                   |                   | 
      (1 row)

      "
    `);
  });

  test('find nothing where nothing is', async () => {
    const { stderr } = await run('\\set QUIET off\n\\d nothing_there\n');
    expect(stderr).toBe('Did not find any relation named "nothing_there".\n');
    expect(await meta('\\df with_psql.*')).toMatchInlineSnapshot(`
      "
                             List of functions
       Schema | Name | Result data type | Argument data types | Type 
      --------+------+------------------+---------------------+------
      (0 rows)

      "
    `);
  });

  test('list namespaces, roles, functions, types, databases', async () => {
    expect(await meta('\\dn with_psql')).toMatchInlineSnapshot(`
      "
         List of schemas
         Name    |  Owner   
      -----------+----------
       with_psql | postgres
      (1 row)

      "
    `);
    expect(await meta('\\df pg_catalog.lower')).toMatchInlineSnapshot(`
      "
                               List of functions
         Schema   | Name  | Result data type | Argument data types | Type 
      ------------+-------+------------------+---------------------+------
       pg_catalog | lower | anyelement       | anymultirange       | func
       pg_catalog | lower | anyelement       | anyrange            | func
       pg_catalog | lower | text             | text                | func
      (3 rows)

      "
    `);
    expect(await meta('\\dT pg_catalog.int4')).toMatchInlineSnapshot(`
      "
                                 List of data types
         Schema   |  Name   |                   Description                   
      ------------+---------+-------------------------------------------------
       pg_catalog | integer | -2 billion to 2 billion integer, 4-byte storage
      (1 row)

      "
    `);
    expect(await meta('\\du')).toMatch(/^ postgres +\| .*Superuser/m);
    // \l of psql 15 and 16 asks for a column that PostgreSQL 17 and later do not have.
    expect(
      await meta(
        `SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'postgres';`,
      ),
    ).toContain('UTF8');
  });
});

describe('\\copy', () => {
  test('out to a file and back in', async () => {
    const file = join(folder, 'messages.csv');
    await output(
      `${inSchema}\\copy (SELECT room, body, score FROM message ORDER BY id) to '${file}' csv header\n`,
    );
    expect(await readFile(file, 'utf8')).toBe(
      'room,body,score\ngeneral,hello,1.50\nflights,late,12.00\ngeneral,bye,\n',
    );
    expect(
      await output(
        `${inSchema}
        CREATE TABLE copied (LIKE message);
        \\copy copied (room, body, score) from '${file}' csv header
        SELECT room, body, score FROM copied ORDER BY body;
        DROP TABLE copied;`
          .replaceAll(/^ +/gm, '')
          .replace('LIKE message', 'room text, body text, score numeric'),
      ),
    ).toMatchInlineSnapshot(`
      "
        room   | body  | score 
      ---------+-------+-------
       general | bye   |      
       general | hello |  1.50
       flights | late  | 12.00
      (3 rows)

      "
    `);
  });

  test('from the script itself, and to the screen', async () => {
    expect(
      await output(
        `${inSchema}CREATE TABLE inline (a int, b text);\n\\copy inline from stdin\n1\tone\n2\t\\N\n3\ttab\\there\n\\.\n` +
          `COPY inline TO STDOUT;\n\\copy inline to stdout csv\nCOPY inline FROM STDIN (DELIMITER ',');\n4,four\n\\.\nSELECT count(*) FROM inline;\nDROP TABLE inline;\n`,
      ),
    ).toMatchInlineSnapshot(`
      "
      1	one
      2	\\N
      3	tab\\there
      1,one
      2,
      3,tab	here
       count 
      -------
           4
      (1 row)

      "
    `);
  });

  test('of a broken file says where and changes nothing', async () => {
    const file = join(folder, 'broken.csv');
    await writeFile(file, 'a,b\nopen,door\ntoo,many,columns\n');
    const { code, stderr } = await run(
      `${inSchema}\\copy room (name, topic) from '${file}' csv header\n`,
    );
    expect({ code, stderr }).toEqual({
      code: 3,
      stderr:
        'ERROR:  extra data after last expected column\nCONTEXT:  COPY room, line 3: "too,many,columns"\n',
    });
    expect(await output(`${inSchema}SELECT count(*) FROM room;\n`, '-tA')).toBe('\n2\n');
  });
});

describe('variables', () => {
  test('are set, asked for and put into statements', async () => {
    expect(
      await output(
        `${inSchema}\\set who 'O''Brien'\n\\set limit 2\nSELECT :'who' AS who, :limit AS n;\nSELECT :"who" FROM (SELECT 1 AS "O'Brien") AS t;\n` +
          `SELECT max(id) AS top, count(*) AS n FROM message \\gset found_\n\\echo :found_top of :found_n\n` +
          `SELECT 'SELECT ' || n FROM generate_series(1, 2) AS n \\gexec\n` +
          `\\if :{?found_top}\n\\echo yes\n\\else\n\\echo no\n\\endif\n\\echo :AUTOCOMMIT :ENCODING :DBNAME :USER\n`,
      ),
    ).toMatchInlineSnapshot(`
      "
         who   | n 
      ---------+---
       O'Brien | 2
      (1 row)

       O'Brien 
      ---------
             1
      (1 row)

      3 of 3
       ?column? 
      ----------
              1
      (1 row)

       ?column? 
      ----------
              2
      (1 row)

      yes
      on UTF8 postgres postgres
      "
    `);
  });

  test('tell of the last statement', async () => {
    const { stdout } = await run(
      `SELECT 1 FROM generate_series(1, 3);\n\\echo :ROW_COUNT :SQLSTATE :ERROR\nSELECT 1/0;\n\\echo :ROW_COUNT :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE :ERROR\n`,
      '-v',
      'ON_ERROR_STOP=0',
      '-tA',
    );
    expect(`\n${stdout}`).toMatchInlineSnapshot(`
      "
      1
      1
      1
      3 00000 false
      0 22012 division by zero true
      "
    `);
  });

  test('turn autocommit off', async () => {
    expect(
      await output(
        `${inSchema}\\set AUTOCOMMIT off\nINSERT INTO room VALUES ('gone');\nSELECT count(*) FROM room;\nROLLBACK;\nSELECT count(*) FROM room;\n`,
        '-tA',
      ),
    ).toMatchInlineSnapshot(`
      "
      3
      2
      "
    `);
  });
});

describe('running', () => {
  test('-c several times, -f a file, and both', async () => {
    const file = join(folder, 'script.sql');
    await writeFile(file, `SELECT 'from the file';\n\\echo done\n`);
    expect(
      await output(
        '',
        '-tA',
        '-c',
        'SELECT 1',
        '-c',
        '\\echo two',
        '-f',
        file,
        '-c',
        'SELECT 3; SELECT 4',
      ),
    ).toMatchInlineSnapshot(`
      "
      1
      two
      from the file
      done
      3
      4
      "
    `);
  });

  test('-1 undoes everything after an error', async () => {
    const file = join(folder, 'failing.sql');
    await writeFile(
      file,
      `${inSchema}INSERT INTO room VALUES ('one');\nINSERT INTO room VALUES ('one');\n`,
    );
    const { code, stderr } = await run('', '-1', '-f', file);
    expect(code).toBe(3);
    expect(stderr.replaceAll(folder, '')).toBe(
      'psql:/failing.sql:3: ERROR:  duplicate key value violates unique constraint "room_pkey"\nDETAIL:  Key (name)=(one) already exists.\n',
    );
    expect(await output(`${inSchema}SELECT count(*) FROM room;\n`, '-tA')).toBe('\n2\n');
  });

  test('on after errors unless told to stop, and shows where they are', async () => {
    const { code, stdout, stderr } = await run(
      `SELECT 1;\nSELECT nothing;\nSELECT 2 +;\n${inSchema}SELECT bdy\nFROM message;\nINSERT INTO message (room, body) VALUES ('general', '');\nSELECT 3;\n`,
      '-v',
      'ON_ERROR_STOP=0',
      '-tA',
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: '1\n3\n' });
    expect(`\n${stderr.replace(/\(\d+, general/, '(N, general')}`).toMatchInlineSnapshot(`
      "
      ERROR:  column "nothing" does not exist
      LINE 1: SELECT nothing;
                     ^
      ERROR:  syntax error at or near ";"
      LINE 1: SELECT 2 +;
                        ^
      ERROR:  column "bdy" does not exist
      LINE 1: SELECT bdy
                     ^
      HINT:  Perhaps you meant to reference the column "message.body".
      ERROR:  new row for relation "message" violates check constraint "message_body_check"
      DETAIL:  Failing row contains (N, general, , 0.00, 0).
      "
    `);
  });

  test('shows notices', async () => {
    const { stderr } = await run(
      `${inSchema}DROP TABLE IF EXISTS nothing_there;\nCREATE TABLE IF NOT EXISTS room (a int);\n`,
    );
    expect(`\n${stderr}`).toMatchInlineSnapshot(`
      "
      NOTICE:  table "nothing_there" does not exist, skipping
      NOTICE:  relation "room" already exists, skipping
      "
    `);
  });

  test('fails to connect to what is not there', async () => {
    const { code, stderr } = await psql({ ...target, database: 'nowhere' }, 'SELECT 1');
    expect(code).toBe(2);
    expect(stderr).toContain('FATAL:  database "nowhere" does not exist');
  });
});

test.runIf(targetIsPgtide)("pgtide's own words work in psql as any other", async () => {
  expect(
    await output(`
      CREATE NAMESPACE sugar;
      CREATE USER TABLE sugar.note (id int PRIMARY KEY, body text);
      SET tide.user_id = 'ann';
      INSERT INTO sugar.note VALUES (1, 'of ann');
      SET tide.user_id = 'bob';
      INSERT INTO sugar.note VALUES (1, 'of bob');
      SELECT * FROM sugar.note;
      EXECUTE AS USER 'ann' (SELECT body FROM sugar.note);
      SELECT * FROM tide.flush('sugar.note') \\gset
      \\echo :rows_flushed rows of :users users in :files files
      SELECT body, _user_id FROM sugar.note WHERE id = 1;
      DROP USER TABLE sugar.note;
      DROP NAMESPACE sugar;`),
  ).toBe(`
 id |  body  
----+--------
  1 | of bob
(1 row)

  body  
--------
 of ann
(1 row)

2 rows of 2 users in 2 files
  body  | _user_id 
--------+----------
 of bob | bob
(1 row)

`);
});
