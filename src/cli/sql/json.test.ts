import { expect, test } from 'vitest';
import { jsonLines } from './json.ts';

const line = (oid: number, text: string | null): string =>
  jsonLines([{ name: 'v', dataTypeID: oid }])([text]);

test.each([
  [20, '9223372036854775807', '9223372036854775807'],
  [1700, '1.10', '1.10'],
  [701, '1e+300', '1e+300'],
  [701, 'NaN', '"NaN"'],
  [701, '-Infinity', '"-Infinity"'],
  [16, 't', 'true'],
  [25, 'a"\n', '"a\\"\\n"'],
  [25, null, 'null'],
  [3802, '{"a": [1]}', '{"a": [1]}'],
  [114, '{\n"a":\r\n1}', '{ "a": 1}'],
  [1114, '2026-01-02 03:04:05.6', '"2026-01-02T03:04:05.6"'],
  [1184, '2026-01-02 03:04:05+00', '"2026-01-02T03:04:05+00:00"'],
  [1184, '2026-01-02 03:04:05+05:30', '"2026-01-02T03:04:05+05:30"'],
  [1184, 'infinity', '"infinity"'],
  [1007, '{1,NULL,-3}', '[1,null,-3]'],
  [1007, '{}', '[]'],
  [1007, '[0:1]={1,2}', '[1,2]'],
  [1007, '{{1,2},{3,4}}', '[[1,2],[3,4]]'],
  [1009, '{a,"b,\\"}\\\\",NULL,"NULL",""}', '["a","b,\\"}\\\\",null,"NULL",""]'],
  [1000, '{t,f}', '[true,false]'],
  [1185, '{"2026-01-02 03:04:05+00"}', '["2026-01-02T03:04:05+00:00"]'],
  [3807, '{"{\\"a\\": 1}",NULL}', '[{"a": 1},null]'],
  [2950, '00000000-0000-0000-0000-000000000000', '"00000000-0000-0000-0000-000000000000"'],
])('type %d, %j', (oid, text, json) => {
  expect(line(oid, text)).toBe(`{"v":${json}}\n`);
  expect(() => JSON.parse(line(oid, text)) as unknown).not.toThrow();
});

test('columns of one name are told apart, one that is called __proto__ stays', () => {
  const fields = ['a', 'a', 'a_2', '__proto__'].map((name) => ({ name, dataTypeID: 23 }));
  expect(jsonLines(fields)(['1', '2', '3', '4'])).toBe('{"a":1,"a_2":2,"a_2_2":3,"__proto__":4}\n');
});
