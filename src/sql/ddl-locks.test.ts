import { expect, test } from 'vitest';
import { ddlLockTargets, isConcurrent, parse } from './index.ts';

function locks(text: string): string[] {
  const [statement] = parse(text);
  return ddlLockTargets(statement!.node).map(({ name, mode, index, referenced }) =>
    [
      name.schema,
      name.name,
      mode,
      index ? 'index' : undefined,
      referenced ? 'referenced' : undefined,
    ]
      .filter((part) => part !== undefined)
      .join(' '),
  );
}

// tablecmds.c, AlterTableGetLockLevel and its callers.
test.each([
  ['alter table t add column a int', ['t accessExclusive']],
  [
    'alter table s.t add column a int references p (x)',
    ['s t accessExclusive', 'p shareRowExclusive referenced'],
  ],
  [
    'alter table t add foreign key (a) references s.p',
    ['t shareRowExclusive', 's p shareRowExclusive referenced'],
  ],
  ['alter table t add check (a > 0)', ['t accessExclusive']],
  ['alter table t validate constraint c', ['t shareUpdateExclusive']],
  [
    'alter table t alter a set statistics 3, alter b set (n_distinct = 1)',
    ['t shareUpdateExclusive'],
  ],
  [
    'alter table t alter a set statistics 3, add foreign key (a) references p',
    ['t shareRowExclusive', 'p shareRowExclusive referenced'],
  ],
  ['alter table t set (fillfactor = 70)', ['t shareUpdateExclusive']],
  ['alter table t disable trigger all', ['t shareRowExclusive']],
  ['alter table t rename to u', ['t accessExclusive']],
  ['alter table t rename column a to b', ['t accessExclusive']],
  ['alter table t rename constraint a to b', ['t accessExclusive']],
  ['alter table t set schema s', ['t accessExclusive']],
  ['alter table t owner to r', ['t accessExclusive']],
  ['alter index i rename to j', ['i shareUpdateExclusive index']],
  ['alter view v rename to w', []],
  [
    'create table t (a int references p, foreign key (a) references q)',
    ['p shareRowExclusive referenced', 'q shareRowExclusive referenced'],
  ],
  ['create index on s.t (a)', ['s t share']],
  ['create policy p on t', ['t accessExclusive']],
  ['drop policy p on s.t', ['s t accessExclusive']],
  ['drop table t, s.u cascade', ['t accessExclusive', 's u accessExclusive']],
  ['drop index i, s.j', ['i accessExclusive index', 's j accessExclusive index']],
  ['drop view v', []],
  ['drop schema s cascade', []],
  ["comment on table s.t is 'x'", ['s t shareUpdateExclusive']],
  ["comment on column s.t.a is 'x'", ['s t shareUpdateExclusive']],
  ["comment on schema s is 'x'", []],
  ['grant select on t to r', []],
  ['create role r', []],
])('%s', (text, expected) => {
  expect(locks(text)).toEqual(expected);
});

test('CONCURRENTLY is seen wherever it stands', () => {
  const concurrent = (text: string): boolean => isConcurrent(parse(text)[0]!.node);
  expect(concurrent('create index concurrently on t (a)')).toBe(true);
  expect(concurrent('drop index concurrently i')).toBe(true);
  expect(concurrent('create index concurrently_not on t (a)')).toBe(false);
});
