import { expect, test } from 'vitest';
import { formatEntries, formatFile, readEntries, readFileBlocks, renderAnswer } from './output.ts';
import type { Entry } from './output.ts';
import { casesOf, readScenario } from './script.ts';

const source = `
# words
with level = a | b
schema
  create table t (
    id int);
data
  insert into t values (1);
s1
  b: begin \${level}
  r: select *
    from t
s2
  w: update t set id = 2
run s1.b s2.w* await(s2)
  s1.r
run allow 40001: cancel(s1) close(s2) end(s1)
`;

test('a scenario is read', () => {
  const scenario = readScenario(source);
  expect(scenario).toMatchObject({ fresh: false, alone: false, races: false, variants: undefined });
  expect(scenario.sessions).toEqual(['s1', 's2']);
  expect(scenario.schema).toEqual(['create table t ( id int);']);
  expect(scenario.steps.get('s1.r')).toBe('select * from t');
  const cases = casesOf(scenario);
  expect(cases.map(({ title }) => title)).toEqual([
    'level = a: s1.b s2.w* await(s2) s1.r',
    'level = a: cancel(s1) close(s2) end(s1)',
    'level = b: s1.b s2.w* await(s2) s1.r',
    'level = b: cancel(s1) close(s2) end(s1)',
  ]);
  expect(cases[2]!.steps.get('s1.b')).toBe('begin b');
  expect(cases[0]!.run.actions.map(({ kind }) => kind)).toEqual(['step', 'send', 'await', 'step']);
  expect(cases[1]!.run.allowed).toEqual(['40001']);
});

test.each([
  ['what', 'line 1: what is "what"?'],
  ['s1\n  r: select 1\nrun s1.x', 'line 3: no such step: s1.x'],
  ['s1\n  r: select 1\nrun await(s2)', 'line 3: no such session: await(s2)'],
  ['s1\n  r: select 1\nrun wait(s1)', 'line 3: no such action: wait(s1)'],
  ['s1\n  r: select 1\n  r: select 2', 'line 3: s1.r is there already'],
  ['s1\n  select 1', 'line 2: a step has a name, a colon and SQL'],
  ['schema\n  create table t ()\nrun', 'line 3: what is "run"?'],
  ['s1\n  r: select 1', 'nothing is run'],
  [
    'schema\n  create\ns1\n  r: select 1\nrun s1.r',
    'the last statement of schema lacks its semicolon',
  ],
])('%j is refused', (text, message) => {
  expect(() => readScenario(text)).toThrow(message);
});

test('an unknown parameter is refused', () => {
  const scenario = readScenario('s1\n  r: select ${x}\nrun s1.r');
  expect(() => casesOf(scenario)).toThrow('no such parameter: x');
});

test('entries are written and read', () => {
  const entries: Entry[] = [
    { kind: 'answer', head: 's1.r: select 1', body: '(a int4)\n|1\nSELECT 1' },
    { kind: 'waits', head: 's2.w: update t', body: '' },
    { kind: 'answer', head: 'cancel(s2)', body: '' },
    { kind: 'done', head: 's2.w', body: 'ERROR 57014: canceling statement due to user request' },
  ];
  expect(readEntries(formatEntries(entries))).toEqual(entries);
  const blocks = new Map([
    ['one', formatEntries(entries)],
    ['two', 's1.r'],
  ]);
  expect(readFileBlocks(formatFile(blocks))).toEqual(blocks);
  expect(() => readFileBlocks('=== a\nx\n=== a\ny\n')).toThrow('twice: a');
});

test('process ids become sessions, numbers of transactions and tuples words', () => {
  const error = {
    type: 'ErrorResponse',
    severity: 'ERROR',
    code: '40P01',
    message: 'deadlock detected',
    detail:
      'Process 12 waits for ShareLock on transaction 745; blocked by process 13.\nProcess 13 waits for ExclusiveLock on tuple (0,1) of relation 16384 of database 5; blocked by process 12.',
  };
  const sessionOf = new Map([
    [12, 's1'],
    [13, 's2'],
  ]);
  expect(renderAnswer('x', [error], sessionOf)).toBe(
    'ERROR 40P01: deadlock detected\n  detail: Process <s1> waits for ShareLock on transaction <xid>; blocked by process <s2>.\\n' +
      'Process <s2> waits for ExclusiveLock on tuple <tid> of relation <oid> of database <oid>; blocked by process <s1>.',
  );
});

test('why a serializable transaction is given up is not compared; rows are sorted unless the query does it', () => {
  const error = {
    type: 'ErrorResponse',
    severity: 'ERROR',
    code: '40001',
    message: 'm',
    detail: 'd',
  };
  expect(renderAnswer('commit', [error], new Map())).toBe('ERROR 40001: m');
  const rows = ['b', 'a'].map((value) => ({ type: 'DataRow', values: [value] }));
  const complete = { type: 'CommandComplete', tag: 'SELECT 2' };
  expect(renderAnswer('select v from t', [...rows, complete], new Map())).toBe('|a\n|b\nSELECT 2');
  expect(renderAnswer('select v from t order by v desc', [...rows, complete], new Map())).toBe(
    '|b\n|a\nSELECT 2',
  );
});
