import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PgError } from '../base/index.ts';
import { parse } from './index.ts';
import type { Statement } from './index.ts';

function one(text: string): Statement {
  const statements = parse(text);
  expect(statements).toHaveLength(1);
  return statements[0]!;
}

function errorOf(work: () => unknown): PgError {
  try {
    work();
  } catch (error) {
    if (error instanceof PgError) return error;
    throw error;
  }
  throw new Error('no error');
}

describe('splitting', () => {
  test('statements, comments and nothing', () => {
    expect(parse('')).toEqual([]);
    expect(parse('  -- nothing\n ; ; /* x; */')).toEqual([]);
    expect(
      parse("select 'é;' ; insert into t values (1) -- end\n;select 2").map((s) => s.text.trim()),
    ).toEqual(["select 'é;'", 'insert into t values (1) -- end', 'select 2']);
  });

  test('function bodies keep their semicolons', () => {
    expect(
      parse('create function f() returns int begin atomic select 1; select 2; end; select 3'),
    ).toHaveLength(2);
    expect(parse('do $$ begin x; end $$; select 1')).toHaveLength(2);
  });

  test('positions lead back to the whole text', () => {
    const [, second] = parse("select 'é😀'; select nope");
    expect(second!.text).toBe('select nope');
    expect(second!.sourcePosition(8)).toBe(21);
  });

  test('node locations are bytes into the statement’s own text', () => {
    const [, second] = parse("select 'é'; select 1, nope");
    expect(JSON.stringify(second!.node)).toContain('"location":10');
  });
});

describe('syntax errors', () => {
  test.each([
    ['selec 1', 'syntax error at or near "selec"', 1],
    ['select 1 +', 'syntax error at end of input', 11],
    ["select 'é' from from", 'syntax error at or near "from"', 17],
    ["select '😀' from from", 'syntax error at or near "from"', 17],
    ["select 'abc", 'unterminated quoted string at or near "\'abc"', 8],
    ['select 1; selec 2', 'syntax error at or near "selec"', 11],
    ['create user table t (a int', 'syntax error at end of input', 27],
    ['create shared table t (a int,)', 'syntax error at or near ")"', 30],
    ['flush table', 'syntax error at end of input', 12],
    ['flush table a.b.c', 'syntax error at or near "."', 16],
    ['flush table a, b', 'syntax error at or near ","', 14],
    ['execute as user bob (select 1)', 'syntax error at or near "bob"', 17],
    ["execute as user 'bob' select 1", 'syntax error at or near "select"', 23],
    ["execute as user 'bob' (select 1) x", 'syntax error at or near "x"', 34],
    ["execute as user 'bob' (select 1; select 2)", 'syntax error at or near ";"', 32],
    ["execute as user 'bob' ()", 'syntax error at or near ")"', 24],
    ["execute as user 'bob' (selec 1)", 'syntax error at or near "selec"', 24],
  ])('%s', (text, message, position) => {
    expect(errorOf(() => parse(text)).report).toMatchObject({ code: '42601', message, position });
  });

  test.each([
    ['select 1 limit 1, 2', '42601', 'Use separate LIMIT and OFFSET clauses.'],
    ["select E'\\u12'", '22025', 'Unicode escapes must be \\uXXXX or \\UXXXXXXXX.'],
    ["select U&'\\00'", '42601', 'Unicode escapes must be \\XXXX or \\+XXXXXX.'],
    ["select float(60) '1'", '22023', undefined],
    ['create schema if not exists s create table t (a int)', '0A000', undefined],
    ['alter table t add foreign key (a) references b match partial', '0A000', undefined],
  ])('%s: state and hint as PostgreSQL has them', (text, code, hint) => {
    const { report } = errorOf(() => parse(text));
    expect([report.code, report.hint]).toEqual([code, hint]);
  });

  test('what nests too deeply is 54001', () => {
    expect(errorOf(() => parse(`select ${'1+'.repeat(30_000)}1`)).code).toBe('54001');
    expect(parse('select 1')).toHaveLength(1);
  });
});

describe('sugar', () => {
  test.each([
    ['create namespace if not exists chat', 'create SCHEMA if not exists chat', 'CREATE SCHEMA'],
    ['DROP NAMESPACE IF EXISTS chat CASCADE', 'DROP SCHEMA IF EXISTS chat CASCADE', 'DROP SCHEMA'],
    ['create user table t (a int)', 'create table t (a int)', 'CREATE TABLE'],
    ['create /* x */ Shared  table t (a int)', 'create /* x */ table t (a int)', 'CREATE TABLE'],
    ["create stream table t (a int) with (ttl = '10s')", 'create table t (a int) ', 'CREATE TABLE'],
    [
      'drop user table if exists a, b.c cascade',
      'drop table if exists a, b.c cascade',
      'DROP TABLE',
    ],
    ['flush table chat.messages', 'table chat.messages', 'FLUSH TABLE'],
    ["execute as user 'bob' (select 1)", 'select 1', 'SELECT'],
    ["execute as user 'bob' (flush table t)", 'table t', 'FLUSH TABLE'],
    ['create user bob', 'create user bob', 'CREATE ROLE'],
    ['drop user bob', 'drop user bob', 'DROP ROLE'],
    [
      'create table namespace (shared int, stream text, flush int)',
      'create table namespace (shared int, stream text, flush int)',
      'CREATE TABLE',
    ],
    [
      'select \'create user table\', "flush table", 1 as stream -- drop namespace',
      'select \'create user table\', "flush table", 1 as stream -- drop namespace',
      'SELECT',
    ],
  ])('%s', (text, rewritten, tag) => {
    const statement = one(text);
    expect([statement.text, statement.tag]).toEqual([rewritten, tag]);
  });

  test('kinds of tables', () => {
    expect(one('create user table t (a int)')).toMatchObject({
      table: { kind: 'user', name: { schema: undefined, name: 't' } },
    });
    expect(
      one("create table if not exists a.t (a int) with (type = 'user', fillfactor = 70)"),
    ).toMatchObject({
      text: 'create table if not exists a.t (a int) with (fillfactor = 70)',
      table: { kind: 'user', ifNotExists: true, name: { schema: 'a', name: 't' } },
    });
    expect(one('create table t (a int)')).toMatchObject({
      table: { kind: 'shared', temporary: false },
    });
    expect(one('create temp table t (a int) tablespace x')).toMatchObject({
      table: { temporary: true, tablespace: 'x' },
    });
    expect(one('drop stream table a.b, c')).toMatchObject({
      drop: {
        tableKind: 'stream',
        cascade: false,
        missingOk: false,
        objects: [{ schema: 'a', name: 'b' }, { name: 'c' }],
      },
    });
    expect(one('drop table a')).toMatchObject({ drop: { tableKind: undefined } });
  });

  test('who executes', () => {
    const statement = one("EXECUTE AS USER 'o''brien é' ( insert into t values (')', 1) )");
    expect(statement).toMatchObject({
      executeAs: "o'brien é",
      kind: 'insert',
      text: "insert into t values (')', 1) ",
    });
    expect(statement.sourcePosition(1)).toBe(32);
    expect(one('execute as user $$x$$ (select 1)').executeAs).toBe('x');
    expect(one('execute p').executeAs).toBeUndefined();
    const several = parse(
      "select 1; execute as user 'a' (select 2); create user table t (a int); select 3",
    );
    expect(several.map((statement) => statement.executeAs)).toEqual([
      undefined,
      'a',
      undefined,
      undefined,
    ]);
    expect(several[2]).toMatchObject({ table: { kind: 'user' } });
  });
});

describe('table options', () => {
  test('ours are taken out, PostgreSQL’s stay', () => {
    expect(
      one(
        "create table t (a int) with (fillfactor=70, flush_policy='rows:10', toast.autovacuum_enabled=false, deleted_retention='30 days', type=user) tablespace x",
      ),
    ).toMatchObject({
      text: 'create table t (a int) with (fillfactor=70, toast.autovacuum_enabled=false) tablespace x',
      table: {
        kind: 'user',
        options: new Map([
          ['flush_policy', 'rows:10'],
          ['deleted_retention', '30 days'],
          ['type', 'user'],
        ]),
      },
    });
    expect(one("create table t with (type='user') as select 1 as a with no data")).toMatchObject({
      text: 'create table t  as select 1 as a with no data',
      table: { kind: 'user', noData: true, inner: { kind: 'select', text: 'select 1 as a ' } },
    });
  });

  test('ALTER TABLE', () => {
    expect(
      one("alter table a.t set (flush_policy = 'rows:1', fillfactor = 50), reset (ttl), add x int"),
    ).toMatchObject({
      text: 'alter table a.t set (fillfactor = 50), SET WITHOUT OIDS, add x int',
      alterTable: {
        name: { schema: 'a', name: 't' },
        setOptions: new Map([['flush_policy', 'rows:1']]),
        resetOptions: ['ttl'],
        optionsOnly: false,
      },
    });
    expect(one("alter table t set (ttl = '1s')")).toMatchObject({
      text: 'alter table t SET WITHOUT OIDS',
      alterTable: { optionsOnly: true },
    });
    expect(one('alter index i set (fillfactor = 50)')).toMatchObject({ tag: 'ALTER INDEX' });
  });

  test.each([
    [
      "create table t (a int) with (ttl = '1s')",
      'parameter "ttl" applies to stream tables only, not to shared tables',
    ],
    ['create stream table t (a int)', 'stream tables require parameter "ttl"'],
    [
      "create stream table t (a int) with (ttl = '1s', flush_policy = 'rows:1')",
      'parameter "flush_policy" does not apply to stream tables',
    ],
    [
      "create user table t (a int) with (type = 'shared')",
      'parameter "type" is "shared", but the statement says USER TABLE',
    ],
    ["create table t (a int) with (type = 'x')", 'invalid value for parameter "type": "x"'],
    [
      "create table t (a int) with (type = 'user', type = 'user')",
      'parameter "type" specified more than once',
    ],
    ['create table t (a int) with (type)', 'parameter "type" requires a value'],
    ['alter table t reset (type)', 'parameter "type" cannot be reset'],
  ])('%s', (text, message) => {
    expect(errorOf(() => parse(text)).report).toMatchObject({ code: '22023', message });
  });

  test('positions survive the cut', () => {
    const statement = one("create table t (a int) with (type='user') tablespace nowhere");
    expect(statement.sourcePosition(statement.text.indexOf('nowhere') + 1)).toBe(
      "create table t (a int) with (type='user') tablespace nowhere".indexOf('nowhere') + 1,
    );
  });
});

describe('records', () => {
  const cases: readonly (readonly [string, object])[] = [
    ['select 1', { class: 'query', kind: 'select', modifies: false, locks: false }],
    ['values (1)', { kind: 'values' }],
    ['table t', { kind: 'select' }],
    ['select 1 from t for update', { locks: true }],
    ['with x as (delete from t returning *) select * from x', { kind: 'select', modifies: true }],
    ['merge into t using s on true when matched then delete', { kind: 'merge' }],
    [
      'begin isolation level serializable, read only, deferrable',
      {
        class: 'transaction',
        kind: 'begin',
        tag: 'BEGIN',
        options: { isolation: 'serializable', readOnly: true, deferrable: true },
      },
    ],
    ['start transaction read write', { tag: 'START TRANSACTION', options: { readOnly: false } }],
    ['end', { kind: 'commit' }],
    ['abort and chain', { kind: 'rollback', chain: true }],
    ['savepoint "S p"', { kind: 'savepoint', savepoint: 'S p' }],
    ['rollback to x', { kind: 'rollbackTo', savepoint: 'x' }],
    ['release x', { kind: 'release', savepoint: 'x' }],
    ["prepare transaction 'g'", { kind: 'prepareTransaction', gid: 'g' }],
    [
      'set local search_path = a, "B c", public',
      { kind: 'set', name: 'search_path', value: 'a, "B c", public', local: true },
    ],
    ["set DateStyle to 'ISO, DMY'", { name: 'datestyle', value: 'ISO, DMY', local: false }],
    ['set work_mem to default', { value: undefined }],
    ["set tide.user_id = 'bob'", { name: 'tide.user_id', value: 'bob' }],
    ['set time zone -5.5', { name: 'timezone', value: '-5.5' }],
    ["set time zone interval '-08:00' hour to minute", { name: 'timezone', value: '-08:00' }],
    ['set time zone local', { name: 'timezone', value: undefined }],
    ['set role bob', { name: 'role', value: 'bob' }],
    ['set session authorization default', { name: 'session_authorization', value: undefined }],
    ["set names 'utf8'", { name: 'client_encoding', value: 'utf8' }],
    ['set x.y = on', { value: 'on' }],
    ['set x.y = 0', { value: '0' }],
    ['set x.y = 0.50', { value: '0.50' }],
    [
      'set transaction isolation level read committed',
      { kind: 'setTransaction', sessionDefault: false, options: { isolation: 'read committed' } },
    ],
    [
      'set session characteristics as transaction read only',
      { kind: 'setTransaction', sessionDefault: true, options: { readOnly: true } },
    ],
    ["set transaction snapshot '1'", { kind: 'setTransaction', snapshot: '1' }],
    ['show TimeZone', { kind: 'show', name: 'timezone', tag: 'SHOW' }],
    ['show all', { kind: 'show', name: 'all' }],
    ['reset x.y', { kind: 'reset', name: 'x.y' }],
    ['reset all', { kind: 'reset', name: 'all', tag: 'RESET' }],
    ['discard all', { kind: 'discard', target: 'all', tag: 'DISCARD ALL' }],
    ['discard temp', { kind: 'discard', target: 'temp' }],
    [
      'prepare p (int, numeric(10, 2), text[]) as select $1',
      {
        kind: 'prepare',
        name: 'p',
        paramTypes: ['int', 'numeric(10, 2)', 'text[]'],
        inner: { kind: 'select', text: 'select $1' },
      },
    ],
    [
      'prepare "as" as update t set a = 1',
      { name: 'as', paramTypes: [], inner: { kind: 'update' } },
    ],
    [
      "execute p (1, f(2, 3), 'a,b'::text, array[1,2])",
      { kind: 'execute', name: 'p', args: ['1', 'f(2, 3)', "'a,b'::text", 'array[1,2]'] },
    ],
    ['execute p', { args: [] }],
    ['deallocate prepare p', { kind: 'deallocate', name: 'p' }],
    ['deallocate all', { kind: 'deallocate', name: undefined, tag: 'DEALLOCATE ALL' }],
    ['explain select 1', { kind: 'explain', options: new Map(), inner: { text: 'select 1' } }],
    [
      'explain analyze verbose (select 1)',
      {
        options: new Map([
          ['analyze', undefined],
          ['verbose', undefined],
        ]),
        inner: { text: '(select 1)' },
      },
    ],
    [
      'explain (analyze, costs off, format json) insert into t values (1)',
      {
        options: new Map([
          ['analyze', undefined],
          ['costs', 'off'],
          ['format', 'json'],
        ]),
        inner: { kind: 'insert' },
      },
    ],
    ['explain (select 1)', { inner: { kind: 'select' } }],
    [
      'vacuum (full, analyze) a.b (x, y), c',
      {
        kind: 'vacuum',
        options: new Map([
          ['full', undefined],
          ['analyze', undefined],
        ]),
        tables: [
          { name: { schema: 'a', name: 'b' }, columns: ['x', 'y'] },
          { name: { name: 'c' }, columns: [] },
        ],
      },
    ],
    ['analyze', { kind: 'analyze', tables: [], tag: 'ANALYZE' }],
    ['checkpoint', { kind: 'checkpoint' }],
    ['listen "A"', { kind: 'listen', channel: 'A' }],
    ["notify a, 'p'", { kind: 'notify', channel: 'a', payload: 'p' }],
    ['unlisten *', { kind: 'unlisten', channel: undefined }],
    ['unlisten a', { channel: 'a' }],
    [
      'lock table a, b.c in share mode nowait',
      { kind: 'lock', mode: 5, nowait: true, tables: [{ name: 'a' }, { schema: 'b', name: 'c' }] },
    ],
    ['do $$ begin end $$', { kind: 'do' }],
    ['call p(1)', { kind: 'call' }],
    ['set constraints all deferred', { kind: 'setConstraints' }],
    [
      "copy a.t (x, y) from stdin with (format csv, header, delimiter ',', force_null (x), null '') where x > 1",
      {
        class: 'copy',
        kind: 'copyFrom',
        table: { schema: 'a', name: 't' },
        columns: ['x', 'y'],
        filename: undefined,
        options: new Map([
          ['format', 'csv'],
          ['header', undefined],
          ['delimiter', ','],
          ['force_null', 'x'],
          ['null', ''],
        ]),
        listOptions: new Map([['force_null', ['x']]]),
        where: 'x > 1',
      },
    ],
    [
      'copy t to stdout (format csv, force_quote *)',
      { kind: 'copyTo', columns: undefined, listOptions: new Map([['force_quote', ['*']]]) },
    ],
    [
      "copy (select ')' as x) to '/x' csv header",
      {
        kind: 'copyTo',
        table: undefined,
        inner: { text: "select ')' as x" },
        filename: '/x',
        options: new Map([
          ['format', 'csv'],
          ['header', 'true'],
        ]),
      },
    ],
    ["copy t from program 'ls'", { program: true, filename: 'ls' }],
    [
      'declare "for" binary no scroll cursor with hold for select 1',
      {
        class: 'cursor',
        kind: 'declare',
        name: 'for',
        binary: true,
        scroll: false,
        hold: true,
        inner: { text: 'select 1' },
      },
    ],
    [
      'declare c cursor for values (1)',
      { scroll: undefined, hold: false, inner: { kind: 'values' } },
    ],
    ['fetch c', { kind: 'fetch', name: 'c', direction: 'forward', count: 1 }],
    ['fetch backward all from c', { direction: 'backward', count: Infinity }],
    ['fetch absolute -2 c', { direction: 'absolute', count: -2 }],
    ['fetch prior c', { direction: 'backward', count: 1 }],
    ['fetch last c', { direction: 'absolute', count: -1 }],
    ['fetch relative 0 c', { direction: 'relative', count: 0 }],
    ['move 3 in c', { kind: 'move', count: 3 }],
    ['close c', { kind: 'closeCursor', name: 'c' }],
    ['close all', { kind: 'closeCursor', name: undefined }],
    [
      'create view v as select 1',
      { class: 'ddl', kind: 'create', objectType: 'view', tag: 'CREATE VIEW' },
    ],
    [
      'create materialized view v as select 1 with no data',
      { objectType: 'materialized view', tag: 'CREATE MATERIALIZED VIEW' },
    ],
    [
      'create table a.b as select 1 as x',
      {
        kind: 'create',
        tag: 'CREATE TABLE AS',
        table: {
          name: { schema: 'a', name: 'b' },
          noData: false,
          inner: { text: 'select 1 as x' },
        },
      },
    ],
    ['create table b as execute p(1)', { table: { inner: { kind: 'execute' } } }],
    [
      'select a, b into temp table x.y from t where a = 1',
      {
        kind: 'create',
        tag: 'SELECT INTO',
        table: { temporary: true, inner: { text: 'select a, b from t where a = 1' } },
      },
    ],
    ['select 1 as a into y', { table: { name: { name: 'y' }, inner: { text: 'select 1 as a ' } } }],
    ['create unique index concurrently i on t (a)', { tag: 'CREATE INDEX' }],
    [
      'alter table t add x int',
      { kind: 'alter', objectType: 'table', alterTable: { optionsOnly: false } },
    ],
    ['alter table t rename to u', { kind: 'alter', tag: 'ALTER TABLE' }],
    ['alter table t rename column a to b', { tag: 'ALTER TABLE' }],
    ['alter view v rename to w', { tag: 'ALTER VIEW' }],
    ['alter table t set schema s', { tag: 'ALTER TABLE' }],
    ['alter table t owner to bob', { tag: 'ALTER TABLE' }],
    ["alter type t add value 'x'", { tag: 'ALTER TYPE' }],
    ['alter domain d drop constraint c', { tag: 'ALTER DOMAIN' }],
    ['alter schema s owner to bob', { tag: 'ALTER SCHEMA' }],
    ['alter role bob set x.y = 1', { tag: 'ALTER ROLE' }],
    ['create function f() returns int language sql as $$ select 1 $$', { tag: 'CREATE FUNCTION' }],
    ['create procedure p() language sql as $$ select 1 $$', { tag: 'CREATE PROCEDURE' }],
    ['create aggregate a (int) (sfunc = x, stype = int)', { tag: 'CREATE AGGREGATE' }],
    ['create type t as enum ()', { tag: 'CREATE TYPE' }],
    [
      'drop function f(int), g',
      { kind: 'drop', objectType: 'function', drop: { objects: [{ name: 'f' }, { name: 'g' }] } },
    ],
    [
      'drop schema if exists a, b cascade',
      { drop: { missingOk: true, cascade: true, objects: [{ name: 'a' }, { name: 'b' }] } },
    ],
    ['drop type a.b', { drop: { objects: [{ schema: 'a', name: 'b' }] } }],
    ['drop materialized view m', { tag: 'DROP MATERIALIZED VIEW' }],
    ['drop tablespace x', { tag: 'DROP TABLESPACE' }],
    [
      'truncate a, b.c restart identity cascade',
      {
        kind: 'truncate',
        tag: 'TRUNCATE TABLE',
        truncate: {
          restartSequences: true,
          cascade: true,
          tables: [{ name: 'a' }, { schema: 'b', name: 'c' }],
        },
      },
    ],
    ['grant select on t to bob', { kind: 'grant', tag: 'GRANT' }],
    ['revoke all on schema s from bob', { tag: 'REVOKE' }],
    ['grant a to b', { tag: 'GRANT ROLE' }],
    ["comment on table t is 'x'", { kind: 'comment', tag: 'COMMENT' }],
    ['refresh materialized view m', { kind: 'refresh' }],
    ['create policy p on t using (true)', { tag: 'CREATE POLICY' }],
    ["create tablespace x location '/x'", { tag: 'CREATE TABLESPACE' }],
  ];

  test.each(cases)('%s', (text, expected) => {
    expect(one(text)).toMatchObject(expected);
  });

  test('positions inside a statement inside a statement', () => {
    const text = '  explain (costs off) /* é */ select nope from t';
    const statement = one(text);
    if (statement.kind !== 'explain') throw new Error(statement.kind);
    expect(statement.inner.sourcePosition(8)).toBe(text.indexOf('nope') + 1);
  });
});

describe('words in other places', () => {
  const words = fc.constantFrom(
    'create user table',
    'drop namespace',
    'flush table x',
    "execute as user 'a' (",
    'stream',
    'namespace',
    ';',
    '(',
    ')',
    "''",
    'é😀',
    ' ',
    '--',
    '/*',
    '*/',
    '_seq',
  );
  const phrase = fc.array(words, { maxLength: 6 }).map((parts) => parts.join(' '));
  const literal = phrase.map((text) => `'${text.replaceAll("'", "''")}'`);
  const dollar = phrase.filter((text) => !text.includes('$')).map((text) => `$q$${text}$q$`);
  const escape = phrase.map((text) => `E'\\n${text.replaceAll("'", "\\'")}'`);
  const name = phrase.map((text) => `"x${text}"`);
  const comment = phrase
    .filter((text) => !text.includes('*/') && !text.includes('/*'))
    .map((text) => `/* ${text} */`);
  const lineComment = phrase.map((text) => `-- ${text}\n`);
  const piece = fc.oneof(
    literal,
    dollar,
    escape,
    name.map((text) => `1 as ${text}`),
    comment.map((text) => `${text} 1`),
    lineComment.map((text) => `${text} 1`),
  );

  test('stay untouched', () => {
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 5 }), (pieces) => {
        const text = `select ${pieces.join(', ')}`;
        expect(parse(text).map((statement) => statement.text)).toEqual([text]);
      }),
      { numRuns: 300 },
    );
  });

  test('do not hide the sugar around them, and positions lead back', () => {
    fc.assert(
      fc.property(literal, comment, name, (value, remark, column) => {
        const text = `select ${value}; create ${remark} user ${remark} table t (${column} text default ${value}, nope int); select 2`;
        const [, table, last] = parse(text);
        expect(table).toMatchObject({ table: { kind: 'user' } });
        const rest = (from: number): string =>
          Array.from(text)
            .slice(from - 1)
            .join('');
        const before = Array.from(table!.text.slice(0, table!.text.indexOf('nope int')));
        expect(rest(table!.sourcePosition(before.length + 1))).toMatch(/^nope int/);
        expect(rest(last!.sourcePosition(8))).toBe('2');
      }),
      { numRuns: 200 },
    );
  });
});
