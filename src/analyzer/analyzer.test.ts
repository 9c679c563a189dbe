import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PgError } from '../base/index.ts';
import { clusterTemplate, openPglite } from '../pglite/index.ts';
import type { PgliteHandle } from '../pglite/index.ts';
import { analyzerParameters, createAnalyzer, readStoredExpr } from './index.ts';
import type { Analyzed, Analyzer, Expr, Query } from './index.ts';

const schema = `
  create role alice;
  create schema chat;
  create type chat.mood as enum ('sad', 'ok', 'happy');
  create type chat.pair as (a int, b text);
  create domain chat.positive as int check (value > 0);
  create table chat.m (
    id bigint primary key, room text not null default 'lobby', body text, n int, amount numeric(10,2),
    tags text[], data jsonb, at timestamptz default now(), mood chat.mood, p chat.pair, pos chat.positive
  );
  create table chat.r (name text primary key, owner text, size int generated always as identity,
    twice int generated always as (length(name) * 2) stored);
  create view chat.busy as select room, count(*) as messages from chat.m group by room having count(*) > 10;
  create view chat.mine with (security_barrier) as select id, body from chat.m where room = 'mine';
  create view chat.checked as select id, n from chat.m where n > 0 with cascaded check option;
  create table chat.secret (id int, owner text);
  alter table chat.secret enable row level security;
  create policy own on chat.secret using (owner = current_user) with check (owner = current_user and id > 0);
  grant all on all tables in schema chat to alice;
  grant usage on schema chat to alice;
  create function chat.series(n int) returns table (i int, t text) language sql as 'select 1, ''a''';
  create function _updated(record) returns timestamptz language plpgsql immutable as 'begin return null; end'`;

/** Every kind of node that the executors are to understand must come from one of these, and none may be unknown. */
const statements: readonly string[] = [
  'select 1',
  "select 'a', 1.5, true, null, 12345678901, 'x'::text, date '2024-01-01'",
  'select * from chat.m',
  'select m.* from chat.m m where m.id = $1',
  'select m from chat.m m',
  'select m.ctid, m.tableoid, m.xmin from chat.m m',
  'select m._updated from chat.m m',
  'select id, n + 1, n * amount, -n, n / 2, n % 3, n ^ 2, |/ n from chat.m',
  "select body || 'x', body like 'a%', body ilike 'b', body ~ 'c', body similar to 'd', body not like 'e' from chat.m",
  'select n = 1, n <> 1, n < 1, n is distinct from 1, n is not distinct from 2, nullif(n, 1) from chat.m',
  'select n between 1 and 2, n not between symmetric 5 and 3 from chat.m',
  'select n in (1, 2, 3), n not in (1, 2), n in (1, id), n = any($1), n > all(array[1, 2]), n = any(tags::int[]) from chat.m',
  'select n = 1 and id = 2 or not (amount > 3) from chat.m',
  'select n is null, n is not null, (n > 1) is true, (n > 1) is not true, (n > 1) is false, (n > 1) is not false, (n > 1) is unknown, (n > 1) is not unknown from chat.m',
  'select row(n, id) is null, (m) is not null from chat.m m',
  "select case when n > 1 then 'a' when n > 2 then 'b' else 'c' end, case n when 1 then 'x' end from chat.m",
  'select coalesce(n, 0), greatest(n, id), least(n, 3) from chat.m',
  'select array[n, 1], array[[1, 2], [3, 4]], array[]::int[] from chat.m',
  'select tags[1], tags[1:2], tags[:2], tags[n:], tags[:], data[$1], data[0] from chat.m',
  'select row(n, id), (n, id) = (1, 2), (n, id) < (1, 2), (n, id) <> (3, 4), (n, id) >= (1, 1) from chat.m',
  'select (p).a, (p).b, p, (m.p).* from chat.m m',
  'select n::text, n::bigint, amount::int, body::varchar(10), body::char(3), at::date, n::bool, tags::varchar[], tags::int[] from chat.m',
  "select data -> 'a', data ->> 'b', data @> '{}', data #> '{a,b}' from chat.m",
  "select cast(n as chat.positive), pos + 1, mood = 'ok', 'sad'::chat.mood, body::chat.mood from chat.m",
  'select body collate "C", body < body collate "C" from chat.m order by body collate "C"',
  'select current_date, current_time, current_time(2), current_timestamp, current_timestamp(3), localtime, localtime(1), localtimestamp, localtimestamp(0)',
  'select current_user, session_user, user, current_role, current_catalog, current_schema',
  "select extract(year from at), date_trunc('day', at), at at time zone 'UTC', at + interval '1 day', now() from chat.m",
  "select substring(body from 1 for 2), position('a' in body), trim(both ' ' from body), overlay(body placing 'x' from 1), upper(body), length(body) from chat.m",
  'select count(*), count(n), count(distinct n), sum(n), avg(amount), min(at), max(body) from chat.m',
  "select string_agg(body, ',' order by id desc), array_agg(distinct n order by n), count(*) filter (where n > 1) from chat.m",
  'select percentile_cont(0.5) within group (order by n), mode() within group (order by body), rank(1) within group (order by n) from chat.m',
  'select percentile_disc(array[0.1, 0.9]) within group (order by amount) from chat.m',
  'select room, count(*) from chat.m group by room having sum(n) > 1 order by 2 desc, 1 nulls first limit 10 offset 5',
  'select room, n, count(*), grouping(room, n) from chat.m group by rollup (room, n)',
  'select room, n, count(*) from chat.m group by cube (room, n)',
  'select room, n, count(*) from chat.m group by grouping sets ((room), (n), ()), id',
  'select room, n from chat.m group by distinct rollup (room, n), rollup (room)',
  'select n + 1, count(*) from chat.m group by n + 1 order by n + 1',
  'select id, body, count(*) from chat.m group by id',
  'select distinct room from chat.m',
  'select distinct on (room) room, id from chat.m order by room, id desc',
  'select id from chat.m order by n using >, id asc nulls last',
  'select id from chat.m order by n fetch first 3 rows with ties',
  'select id from chat.m limit $1 offset $2',
  'select id from chat.m for update',
  'select m.id from chat.m m join chat.r on true for share of m skip locked',
  'select id from chat.m for no key update nowait',
  'select id from chat.m for key share',
  'select * from chat.m, chat.r where m.room = r.name',
  'select m.id, r.owner from chat.m m join chat.r r on m.room = r.name',
  'select m.id, r.owner from chat.m m left join chat.r r on m.room = r.name and r.size > 1',
  'select m.id, r.owner from chat.m m right join chat.r r on m.room = r.name',
  'select m.id, r.owner from chat.m m full join chat.r r on m.room = r.name',
  'select * from chat.m m cross join chat.r',
  'select * from chat.m m join chat.m k using (id, room)',
  'select j.id from (chat.m m join chat.m k using (id)) as j',
  'select x.id from chat.m m join chat.m k using (id) as x',
  'select * from chat.r natural join chat.r s',
  'select a.id from chat.m a join (chat.m b left join chat.m c on b.id = c.id) on a.id = b.id',
  'select s.x from (select n as x from chat.m where n > 1 order by n limit 3) s',
  'select m.id, s.c from chat.m m, lateral (select count(*) as c from chat.r where r.name = m.room) s',
  'select m.id, t.x from chat.m m left join lateral unnest(m.tags) as t(x) on true',
  "select * from (values (1, 'a'), (2, 'b')) as v(i, t)",
  'values (1, 2), (3, $1)',
  'select * from generate_series(1, 10) g',
  'select * from generate_series(1, 10) with ordinality as g(v, i)',
  'select * from rows from (generate_series(1, 2), unnest(array[1, 2])) as t(a, b)',
  'select * from chat.series(3)',
  "select * from json_to_recordset('[]') as t(a int, b text)",
  'select generate_series(1, 3), unnest(tags) from chat.m',
  'select * from chat.m tablesample system (10)',
  'select exists (select 1 from chat.r), not exists (select from chat.r where name = m.room) from chat.m m',
  'select (select owner from chat.r where name = m.room), array(select name from chat.r) from chat.m m',
  'select id from chat.m where room in (select name from chat.r)',
  'select id from chat.m where room not in (select name from chat.r) and n > all (select size from chat.r) and n < any (select size from chat.r)',
  'select id from chat.m where (room, n) in (select name, size from chat.r)',
  'select id from chat.m where (n, room) = (select size, name from chat.r)',
  'select id from chat.m m where n = (select max(k.n) from chat.m k where k.room = m.room and exists (select 1 from chat.r where r.name = m.room))',
  'select count(*) over (), rank() over (order by n), sum(n) over (partition by room order by at rows between 1 preceding and current row) from chat.m',
  'select lag(n, 1, 0) over w, first_value(n) over (w rows unbounded preceding exclude ties) from chat.m window w as (partition by room order by id)',
  "select sum(n) over (order by at range between interval '1 day' preceding and current row), count(*) filter (where n > 1) over (order by n groups 2 preceding) from chat.m",
  'select room, sum(count(*)) over (order by room) from chat.m group by room',
  'select id from chat.m union select size from chat.r',
  'select id from chat.m union all select size from chat.r order by 1 limit 3',
  'select n from chat.m intersect select size from chat.r except all select 1',
  '(select n from chat.m order by n limit 1) union (select 2 order by 1)',
  "select 1, 'a' union select 2.5, null",
  'with a as (select 1 as x), b as materialized (select x from a), c as not materialized (select 2) select * from a, b, c',
  'with recursive t(n) as (values (1) union all select n + 1 from t where n < 10) select sum(n) from t',
  'with recursive t as (select 1 as n union select n * 2 from t where n < 100) search depth first by n set o select * from t',
  'with recursive t as (select 1 as n union all select 3 - n from t) cycle n set looped using path select * from t',
  'with d as (delete from chat.m where id = 1 returning *) insert into chat.r (name) select room from d',
  'with x as (select 1 as a) select (select a from x), (with y as (select a from x) select a from y)',
  'select * from chat.busy where messages > 5',
  'select * from chat.mine where body = $1',
  'insert into chat.m (id, body) values (1, $1)',
  "insert into chat.m (id, n, amount, tags, data) values ($1, $2, $3, $4, $5), (2, 3, 4.567, '{a}', '{}'), (3, default, null, array['x'], $6)",
  'insert into chat.m default values',
  'insert into chat.m (id) select id + 1 from chat.m returning id, room, at',
  "insert into chat.m (id, p.a, tags[1]) values (1, 2, 'x')",
  'insert into chat.r (name) values ($1) returning size, twice',
  "insert into chat.r overriding system value values ('a', 'b', 7)",
  "insert into chat.r (name, owner, size) overriding user value values ('a', 'b', 7)",
  'insert into chat.m (id, n) values ($1, $2) on conflict do nothing',
  'insert into chat.m as t (id, n) values ($1, $2) on conflict (id) do update set n = excluded.n + t.n, body = default where t.n < 10 returning old.n, new.n, *',
  "insert into chat.m (id) values (1) on conflict on constraint m_pkey do update set (n, body) = (1, 'x')",
  'insert into chat.m (id) values (1) returning with (old as o, new as w) o.id, w.id',
  'insert into chat.checked (id, n) values (1, 2)',
  'update chat.m set n = n + 1 where id = $1',
  'update chat.m as t set body = r.owner, n = default from chat.r r where r.name = t.room returning t.id, r.owner, old.body',
  'update chat.m set (n, body) = (select size, owner from chat.r where name = room)',
  "update chat.m set p.a = 1, p.b = $1, tags[2] = 'x', tags[1:2] = array['a', 'b'], data['k'] = '1'",
  'update chat.m set pos = $1, mood = $2, amount = $3, body = 5',
  'update chat.checked set n = $1 where id = 1',
  'delete from chat.m',
  'delete from chat.m using chat.r where r.name = m.room and m.id = any($1) returning m.*',
  'delete from chat.mine where id = 1',
  'select * from chat.secret',
  "insert into chat.secret values (1, 'x') on conflict do nothing",
  'update chat.secret set id = 2 where owner = $1 returning *',
  "select make_interval(days => 3), concat_ws(',', variadic array['a', 'b']), format('%s', body) from chat.m",
  "select to_char(at, 'YYYY'), jsonb_build_object('a', n), jsonb_agg(n), json_object_agg(room, n) from chat.m group by at, n",
  "select nextval('chat.r_size_seq'), currval(pg_get_serial_sequence('chat.r', 'size'))",
  "select '{1,2}'::int[] || 3, 5 = any('{1,2}'::int[]), array_position(tags, 'a') from chat.m",
  'select count(*) from chat.m where id = 1 group by ()',
  'select "ü {x}" from (select 1 as "ü {x}", 2 as "a b\\ (c)") q',
  'select 1 as "aaaaaaaaaa bbbbbbbbbb cccccccccc dddddddddd eeeeeeeeee ffffffff"',
  'select 1 as "                                                               "',
  'select 1 as "{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{", 2 as b',
  'select 1 as "two\nlines", 2 as "3x", 3 as "<>", 4 as "+5", 5 as "\\"',
  'select x from (values (1)) "v" (x) where x::text = \'\'',
  'select n from chat.m where at > $1 and room = coalesce($2, room) and amount >= $3::numeric',
];

let handle: PgliteHandle;
let analyzer: Analyzer;
let version = 1;
let domainOid = 0;
const asAlice = new Map([
  ['role', 'alice'],
  ['search_path', 'chat'],
]);
const none: ReadonlyMap<string, string> = new Map();

beforeAll(async () => {
  handle = await openPglite({
    name: 'analyzer',
    templateTar: await clusterTemplate(),
    parameters: analyzerParameters,
  });
  await handle.query(schema);
  const domain = await handle.query("select 'chat.positive'::regtype::oid");
  domainOid = Number(domain.rows[0]![0]);
  analyzer = createAnalyzer(
    () => handle,
    () => version,
  );
});

afterAll(() => handle.close());

async function errorFrom(promise: Promise<unknown>): Promise<PgError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof PgError) return error;
    throw error;
  }
  throw new Error('no error');
}

/** Every record with a kind, depth first. */
function kinds(
  value: unknown,
  found: { kind: string; rteKind?: string }[] = [],
): { kind: string; rteKind?: string }[] {
  if (Array.isArray(value)) for (const element of value) kinds(element, found);
  else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    if ('kind' in value) found.push(value as { kind: string });
    for (const inner of Object.values(value)) kinds(inner, found);
  }
  return found;
}

async function queryOf(text: string, settings = none): Promise<Query> {
  const { queries } = await analyzer.analyze(text, [], settings);
  return queries[0]!;
}

async function targetOf(text: string): Promise<Expr> {
  return (await queryOf(text)).targetList[0]!.expr;
}

function outputOf(query: Query): readonly { name: string | undefined; typeOid: number }[] {
  const list = query.commandType === 'select' ? query.targetList : query.returningList;
  return list
    .filter((entry) => !entry.junk)
    .map(({ name, expr }) => ({ name, typeOid: expr.typeOid }));
}

describe('statements', () => {
  test.each(statements)('%s', async (text) => {
    const analyzed: Analyzed = await analyzer.analyze(text, [], none);
    expect(analyzed.queries.length).toBeGreaterThan(0);
    const query = analyzed.queries[0]!;
    for (const found of kinds(query)) {
      if (found.kind === 'other' || found.rteKind === 'other') expect(found).toBeUndefined();
    }
    // What the tree says of the output is what the row description says, which names a domain's base type.
    expect(
      outputOf(query).map((column) =>
        column.typeOid === domainOid ? { ...column, typeOid: 23 } : column,
      ),
    ).toEqual((analyzed.fields ?? []).map(({ name, typeOid }) => ({ name, typeOid })));
    const params = new Set(
      kinds(query)
        .filter(
          (node): node is Extract<Expr, { kind: 'param' }> =>
            node.kind === 'param' &&
            (node as unknown as { paramKind: string }).paramKind === 'extern',
        )
        .map((param) => param.id),
    );
    expect(analyzed.paramTypes.length).toBe(params.size);
  });

  test('all kinds of expression that have an executor were met', async () => {
    const met = new Set<string>();
    for (const text of statements) {
      const { queries } = await analyzer.analyze(text, [], none);
      for (const found of kinds(queries)) met.add(found.rteKind ?? found.kind);
    }
    for (const kind of [
      'var',
      'const',
      'param',
      'aggref',
      'windowFunc',
      'grouping',
      'func',
      'op',
      'distinct',
      'nullIf',
      'scalarArrayOp',
      'bool',
      'subLink',
      'case',
      'caseTest',
      'array',
      'row',
      'rowCompare',
      'coalesce',
      'minMax',
      'sqlValue',
      'nullTest',
      'booleanTest',
      'relabel',
      'coerceViaIo',
      'arrayCoerce',
      'coerceToDomain',
      'collate',
      'subscript',
      'fieldSelect',
      'fieldStore',
      'nextValue',
      'namedArg',
      'relation',
      'subquery',
      'join',
      'function',
      'values',
      'cte',
      'group',
      'setOperation',
      'window',
      'groupingSet',
      'onConflict',
      'withCheck',
    ].filter((kind) => kind !== 'namedArg')) {
      expect([...met]).toContain(kind);
    }
  });
});

describe('facts of the tree', () => {
  test('columns, permissions and origin', async () => {
    const query = await queryOf('select body, m.ctid from chat.m m where id = $1');
    expect(query.rtable[0]).toMatchObject({
      rteKind: 'relation',
      alias: 'm',
      relkind: 'r',
      permission: 1,
    });
    expect(query.permissions[0]).toMatchObject({
      required: 2,
      checkAsUser: 0,
      selectedColumns: [-1, 1, 3],
    });
    expect(query.targetList[0]).toMatchObject({
      name: 'body',
      originColumn: 3,
      expr: { kind: 'var', attno: 3, location: 7 },
    });
    expect(query.targetList[1]).toMatchObject({ expr: { kind: 'var', attno: -1 } });
  });

  test('system columns arrive as calls over the whole row', async () => {
    expect(await targetOf('select m._updated from chat.m m')).toMatchObject({
      kind: 'func',
      args: [{ kind: 'var', attno: 0 }],
    });
  });

  test('views are expanded and keep their owner’s rights', async () => {
    const query = await queryOf('select * from chat.mine');
    expect(query.rtable[0]).toMatchObject({
      rteKind: 'subquery',
      securityBarrier: true,
      query: { commandType: 'select' },
    });
    expect((query.rtable[0] as { viewRelid: number }).viewRelid).toBeGreaterThan(0);
  });

  test('row security applies by role', async () => {
    const own = await queryOf('select * from secret', asAlice);
    expect(own.hasRowSecurity).toBe(true);
    expect(own.rtable[0]!.securityQuals[0]).toMatchObject({ kind: 'op' });
    expect((await queryOf('select * from chat.secret')).rtable[0]!.securityQuals).toEqual([]);
    const insert = await queryOf("insert into secret values (1, 'a')", asAlice);
    expect(insert.withCheckOptions[0]).toMatchObject({
      checkKind: 'rlsInsert',
      relationName: 'secret',
    });
  });

  test('joins, their columns and sides', async () => {
    const query = await queryOf('select * from chat.m m left join chat.r on m.room = r.name');
    expect(query.jointree.items[0]).toMatchObject({
      kind: 'join',
      joinType: 'left',
      rtindex: 3,
      left: { kind: 'ref', rtindex: 1 },
      right: { kind: 'ref', rtindex: 2 },
    });
    expect(query.rtable[2]).toMatchObject({ rteKind: 'join' });
  });

  test('grouping sets, windows and set operations', async () => {
    const sets = await queryOf(
      'select room, n from chat.m group by grouping sets (room, rollup (room, n), ())',
    );
    expect(sets.groupingSets[0]!.content.map((set) => set.setKind)).toEqual([
      'simple',
      'rollup',
      'empty',
    ]);
    const window = await queryOf(
      'select sum(n) over (partition by room order by id desc rows 2 preceding) from chat.m',
    );
    expect(window.windowClause[0]).toMatchObject({
      winref: 1,
      startOffset: { kind: 'func' },
      order: [{ descending: true }],
    });
    const union = await queryOf('select 1 union all (select 2 except select 3)');
    expect(union.setOperations).toMatchObject({
      op: 'union',
      all: true,
      right: { op: 'except', all: false },
    });
  });

  test('ON CONFLICT and RETURNING', async () => {
    const query = await queryOf(
      'insert into chat.m (id, n) values (1, 2) on conflict (id) do update set n = excluded.n returning old.n, new.n, n',
    );
    expect(query.onConflict).toMatchObject({
      action: 'update',
      arbiterElements: [{ kind: 'var', attno: 1 }],
      excludedRelation: 2,
    });
    expect(
      query.returningList.map(({ expr }) => (expr as { returning: string }).returning),
    ).toEqual(['old', 'new', 'default']);
    expect([query.returningOldAlias, query.returningNewAlias]).toEqual(['old', 'new']);
  });

  test('names with anything in them', async () => {
    const { fields, queries } = await analyzer.analyze(
      'select 1 as "two\nlines", 2 as "3x", 3 as "a b (c) {d} \\e", 4 as "ünïcode 漢字", 5 as "", 6 as "\t"'.replace(
        ', 5 as ""',
        '',
      ),
      [],
      none,
    );
    expect(queries[0]!.targetList.map((entry) => entry.name)).toEqual(
      fields!.map((field) => field.name),
    );
  });

  test('names of anything, wherever the printed lines break', async () => {
    const part = fc.constantFrom(
      ' ',
      'a',
      '(',
      ')',
      '{',
      '}',
      '\\',
      '<>',
      '"',
      '1',
      ':',
      'é',
      '\t',
      'word ',
      '-',
    );
    const names = fc.array(
      fc.array(part, { minLength: 1, maxLength: 20 }).map((parts) => parts.join('')),
      {
        minLength: 1,
        maxLength: 6,
      },
    );
    await fc.assert(
      fc.asyncProperty(names, async (list) => {
        const columns = list.map((name, i) => `${i} as "${name.replaceAll('"', '""')}"`);
        const { fields, queries } = await analyzer.analyze(
          `select ${columns.join(', ')}`,
          [],
          none,
          { cache: false },
        );
        expect(queries[0]!.targetList.map((entry) => entry.name)).toEqual(
          fields!.map((field) => field.name),
        );
      }),
      { numRuns: 150 },
    );
  });

  test('row comparison and sublinks', async () => {
    expect(await targetOf('select (n, id) <= (1, 2) from chat.m')).toMatchObject({
      kind: 'rowCompare',
      op: '<=',
    });
    expect(await targetOf('select n = any (select 1) from chat.m')).toMatchObject({
      kind: 'subLink',
      linkKind: 'any',
      operatorName: '=',
      testExpr: { kind: 'op', args: [{ kind: 'var' }, { kind: 'param', paramKind: 'sublink' }] },
    });
  });

  test('utility statements have no tree but may have rows', async () => {
    const show = await analyzer.analyze('show timezone', [], none);
    expect([show.queries, show.fields?.[0]?.name]).toEqual([[], 'TimeZone']);
    expect((await analyzer.analyze('create table chat.x (a int)', [], none)).queries).toEqual([]);
  });

  test('what has no executor is named', async () => {
    expect(await targetOf('select json_array(1, 2)')).toMatchObject({
      kind: 'other',
      tag: 'JSONCONSTRUCTOREXPR',
      typeOid: 114,
    });
    expect(await targetOf("select '1' is json")).toMatchObject({
      kind: 'other',
      tag: 'JSONISPREDICATE',
      typeOid: 16,
    });
    expect(await targetOf('select xmlelement(name a)')).toMatchObject({
      kind: 'other',
      tag: 'XMLEXPR',
      typeOid: 142,
    });
    const table = await queryOf(
      "select * from json_table('[]', '$[*]' columns (a int path '$')) t",
    );
    expect(table.rtable[0]).toMatchObject({ rteKind: 'other' });
  });

  test('merge is read, for whoever refuses it', async () => {
    const merge = await queryOf(
      'merge into chat.m using chat.r on m.room = r.name when matched then delete',
    );
    expect(merge.commandType).toBe('merge');
  });

  test('expressions that the catalog keeps', async () => {
    const { rows } = await analyzer.catalogQuery(
      "select adbin::text from pg_attrdef where adrelid = 'chat.m'::regclass order by adnum",
    );
    expect(rows.map((row) => readStoredExpr(row[0]!))).toMatchObject([
      { kind: 'const', value: 'lobby' },
      { kind: 'func' },
    ]);
    const checks = await analyzer.catalogQuery(
      "select conbin::text from pg_constraint where conname = 'positive_check'",
    );
    expect(readStoredExpr(checks.rows[0]![0]!)).toMatchObject({
      kind: 'op',
      args: [{ kind: 'domainValue' }, { kind: 'const', value: 0 }],
    });
  });
});

describe('errors and notices', () => {
  test.each([
    ['select nope from chat.m', '42703', 8],
    ["select 'é', nope from chat.m", '42703', 13],
    ['select * from nowhere', '42P01', 15],
    ['select 1 +', '42601', 11],
    ["select 1 + 'x'", '22P02', 12],
    ['select nofunc(1)', '42883', 8],
    ['select body, count(*) from chat.m', '42803', 8],
    ['insert into chat.r (name, size) values (1, 2, 3)', '42601', 47],
  ])('%s', async (text, code, position) => {
    const error = await errorFrom(analyzer.analyze(text, [], none));
    expect([error.code, error.report.position]).toEqual([code, position]);
  });

  test('warnings stay apart from the tree', async () => {
    const { notices } = await analyzer.analyze(
      'create table chat.y (a int) with (fillfactor = 50)',
      [],
      none,
    );
    expect(notices).toEqual([]);
    const warned = await analyzer.analyze('set standard_conforming_strings = off', [], none);
    expect(warned.notices).toEqual([]);
    const escaped = await analyzer.analyze(
      "select 'a\\b'",
      [],
      new Map([['standard_conforming_strings', 'off']]),
    );
    expect(escaped.notices[0]).toMatchObject({ severity: 'WARNING', code: '22P06' });
  });
});

describe('the cache', () => {
  test('same text, types, settings and version: the same tree', async () => {
    const text = 'select id from chat.m where n = 41';
    const first = await analyzer.analyze(text, [], none);
    expect(await analyzer.analyze(text, [], new Map([['application_name', 'x']]))).toBe(first);
    expect(await analyzer.analyze(text, [], none, { cache: false })).not.toBe(first);
    expect(await analyzer.analyze(text, [], new Map([['TimeZone', 'Asia/Tokyo']]))).not.toBe(first);
    version++;
    expect(await analyzer.analyze(text, [], none)).not.toBe(first);
  });

  test('literals that mean the current time are analyzed again', async () => {
    for (const text of [
      "select timestamp 'now'",
      "select '12:00 Today'::timestamptz",
      "select E'\\x6eow'::date",
      'select $$yesterday$$::date',
    ]) {
      expect(await analyzer.analyze(text, [], none)).not.toBe(
        await analyzer.analyze(text, [], none),
      );
    }
    for (const text of ["select now(), 'a'", "select 'i know'", 'select 1 as today']) {
      expect(await analyzer.analyze(text, [], none)).toBe(await analyzer.analyze(text, [], none));
    }
  });

  test('settings change what literals mean', async () => {
    const value = async (settings: ReadonlyMap<string, string>): Promise<unknown> => {
      const query = await queryOf("select timestamptz '2024-01-01 00:00'", settings);
      return (query.targetList[0]!.expr as { value: unknown }).value;
    };
    const utc = await value(none);
    expect(await value(new Map([['timezone', 'Asia/Tokyo']]))).toBe(
      (utc as bigint) - 9n * 3_600_000_000n,
    );
    expect(await value(none)).toBe(utc);
  });
});
