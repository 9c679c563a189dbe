import { describe, expect, test } from 'vitest';
import { PgError } from '../base/index.ts';
import { parse, qualifySystemColumns } from './index.ts';
import type { StoredTableLookup } from './index.ts';

const kinds = { u: 'user', s: 'shared', e: 'stream', u2: 'user' } as const;
const lookup: StoredTableLookup = (schema, name) =>
  schema === 'other' ? undefined : (kinds as Record<string, 'user' | 'shared' | 'stream'>)[name];

function qualified(text: string): string {
  return qualifySystemColumns(parse(text)[0]!, lookup).text;
}

function errorOf(text: string): PgError {
  try {
    qualified(text);
  } catch (error) {
    if (error instanceof PgError) return error;
    throw error;
  }
  throw new Error('no error');
}

test.each(
  [
    ['select id, _seq from u', 'select id, "u"._seq from u'],
    [
      'select _seq, _updated, _deleted, _user_id from chat.u as m where _seq > 1',
      'select "m"._seq, "m"._updated, "m"._deleted, "m"._user_id from chat.u as m where "m"._seq > 1',
    ],
    ['select "_seq" from u "M x"', 'select "M x"."_seq" from u "M x"'],
    ['select m._seq from u m', 'select m._seq from u m'],
    ['select _seq from view_or_unknown', 'select _seq from view_or_unknown'],
    ['select _seq from other.u', 'select _seq from other.u'],
    ['select _seq from u, other.v', 'select "u"._seq from u, other.v'],
    ['select _updated from u, e', 'select "u"._updated from u, e'],
    [
      'select _user_id from u join s on u.id = s.id',
      'select "u"._user_id from u join s on u.id = s.id',
    ],
    ['select _user_id from s', 'select _user_id from s'],
    ["select '_seq', x_seq, _seq2 from u", "select '_seq', x_seq, _seq2 from u"],
    [
      "select count(_seq), max(_updated + interval '1 day') from u group by _deleted having max(_seq) > 1",
      'select count("u"._seq), max("u"._updated + interval \'1 day\') from u group by "u"._deleted having max("u"._seq) > 1',
    ],
    ['select 1 from u order by _seq desc', 'select 1 from u order by "u"._seq desc'],
    ['select id as _seq from u order by _seq', 'select id as _seq from u order by _seq'],
    [
      'select id as _seq from u order by _seq + 1',
      'select id as _seq from u order by "u"._seq + 1',
    ],
    ['select distinct on (_updated) id from u', 'select distinct on ("u"._updated) id from u'],
    ['select _seq from (select _seq from u) x', 'select _seq from (select "u"._seq from u) x'],
    [
      'select _seq from (select id as _seq from u) x, s where s._seq = 1 and x._seq = 1 and exists (select 1 where _updated > now())',
      'AMBIGUOUS',
    ],
    [
      'select _updated from (select id from u) x, s',
      'select "s"._updated from (select id from u) x, s',
    ],
    ['select (select _seq from s) from u', 'select (select "s"._seq from s) from u'],
    ['select (select _seq) from u', 'select (select "u"._seq) from u'],
    ['select (select _user_id from s) from u', 'select (select "u"._user_id from s) from u'],
    [
      'select x.a from u, lateral (select _seq as a) x',
      'select x.a from u, lateral (select "u"._seq as a) x',
    ],
    [
      'select 1 from s join u on _user_id = s.owner',
      'select 1 from s join u on "u"._user_id = s.owner',
    ],
    ['select _seq from (u join s on true) as j', 'select _seq from (u join s on true) as j'],
    [
      'with u as (select 1 as id) select _seq from u',
      'with u as (select 1 as id) select _seq from u',
    ],
    [
      'with x as (select _seq from u) select _seq from x',
      'with x as (select "u"._seq from u) select _seq from x',
    ],
    [
      'with x as (select _seq as a from u) select _seq from x, s',
      'with x as (select "u"._seq as a from u) select "s"._seq from x, s',
    ],
    [
      'select _seq from u union select _seq from s order by _seq',
      'select "u"._seq from u union select "s"._seq from s order by _seq',
    ],
    [
      'insert into u (id) values (1) returning _seq, id',
      'insert into u (id) values (1) returning "u"._seq, id',
    ],
    ['insert into s select _seq from u', 'insert into s select "u"._seq from u'],
    [
      'insert into u (id) values (1) on conflict (id) do update set n = 2 where _seq > 1',
      'insert into u (id) values (1) on conflict (id) do update set n = 2 where "u"._seq > 1',
    ],
    [
      'update u as t set n = _seq where _deleted returning _updated',
      'update u as t set n = "t"._seq where "t"._deleted returning "t"._updated',
    ],
    ['delete from u where _seq < 5', 'delete from u where "u"._seq < 5'],
    [
      'delete from e using other.x where _seq < 5',
      'delete from e using other.x where "e"._seq < 5',
    ],
    ['explain select _seq from u', 'explain select "u"._seq from u'],
    ['create view v as select _seq from u', 'create view v as select "u"._seq from u'],
    [
      'create policy p on chat.u using (_user_id = current_user and id in (select _seq from s))',
      'create policy p on chat.u using ("u"._user_id = current_user and id in (select "s"._seq from s))',
    ],
    ["select 'é', _seq from u", 'select \'é\', "u"._seq from u'],
    [
      'select row_number() over (partition by _user_id order by _seq) from u',
      'select row_number() over (partition by "u"._user_id order by "u"._seq) from u',
    ],
    [
      'select case when _deleted then 1 end, array[_seq], _seq::text from u',
      'select case when "u"._deleted then 1 end, array["u"._seq], "u"._seq::text from u',
    ],
    [
      'select _seq from u tablesample system (10)',
      'select "u"._seq from u tablesample system (10)',
    ],
  ].filter(([, expected]) => expected !== 'AMBIGUOUS'),
)('%s', (text, expected) => {
  expect(qualified(text!)).toBe(expected);
});

describe('errors', () => {
  test.each([
    ['select _seq from u, s', '42702', 8],
    ["select 'é', _seq from u a, u b", '42702', 13],
    ['select 1 from u join s on _seq = 1', '42702', 27],
    ['select _seq from u, (select 1 as _seq) x', '42702', 8],
    ['update u set _seq = 1', '428C9', 14],
    ['insert into u (id, _updated) values (1, now())', '428C9', 20],
    ['insert into u (id) values (1) on conflict (id) do update set _deleted = true', '428C9', 62],
  ])('%s', (text, code, position) => {
    const error = errorOf(text);
    expect([error.code, error.report.position]).toEqual([code, position]);
  });
});

test('positions lead back across what was put in', () => {
  const text = 'select 1; select _seq, nope from u';
  const statement = qualifySystemColumns(parse(text)[1]!, lookup);
  expect(statement.text).toBe('select "u"._seq, nope from u');
  expect(statement.sourcePosition(statement.text.indexOf('nope') + 1)).toBe(
    text.indexOf('nope') + 1,
  );
});

test('statements without these words come back as they are', () => {
  const [statement] = parse('select id from u');
  expect(qualifySystemColumns(statement!, lookup)).toBe(statement);
});
