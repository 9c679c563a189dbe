import { afterAll, beforeAll, expect, test } from 'vitest';
import { clusterTemplate, openPglite } from '../pglite/index.ts';
import type { PgliteHandle } from '../pglite/index.ts';
import { defaultTypeContext, requirePgType } from '../types/index.ts';
import { analyzerParameters, createAnalyzer } from './index.ts';
import type { Analyzer } from './index.ts';

let handle: PgliteHandle;
let analyzer: Analyzer;

beforeAll(async () => {
  handle = await openPglite({
    name: 'analyzer',
    templateTar: await clusterTemplate(),
    parameters: analyzerParameters,
  });
  analyzer = createAnalyzer(
    () => handle,
    () => 1,
  );
});

afterAll(() => handle.close());

/** Literals by type: constants that the parser makes by the type's own input function. */
const literals: Readonly<Record<string, readonly string[]>> = {
  bool: ['t', 'f'],
  int2: ['0', '-1', '32767', '-32768'],
  int4: ['0', '-1', '2147483647', '-2147483648'],
  int8: ['0', '-1', '9223372036854775807', '-9223372036854775808', '4294967296'],
  oid: ['0', '4294967295'],
  float4: ['0', '-0', '1.5', '3.4028235e38', '1e-45', 'NaN', 'Infinity', '-Infinity', '0.1'],
  float8: ['0', '-0', '0.1', '1e308', '5e-324', 'NaN', '-Infinity', '123456789.123456789'],
  text: ['', 'hi', 'é 漢字 😀', 'a\\b{}()"', "it''s", 'x'.repeat(500)],
  varchar: ['', 'abc'],
  'varchar(3)': ['abc'],
  'char(5)': ['ab', 'abcde', ''],
  name: ['abc', 'é', 'n'.repeat(63)],
  json: ['{"a" :  1}', '[]', 'null'],
  bytea: ['', '\\x00ff10', 'abc', `\\x${'ab'.repeat(200)}`],
  numeric: [
    '0',
    '0.0',
    '0.000',
    '1',
    '-1',
    '1.5',
    '10000',
    '9999',
    '100000000',
    '12345678901234567890.123456789',
    '-0.00012345',
    '0.1',
    '0.00001',
    '1e30',
    '1e-30',
    '1e100',
    '-1e-100',
    'NaN',
    'Infinity',
    '-Infinity',
    '10000.0001',
    '99990000',
    '1.10',
    `${'9'.repeat(300)}.${'1'.repeat(300)}`,
    '1e131071',
    '0.0000000000000001',
    '1000000000000000000000000',
    '20000.00',
    '5e-16383',
  ],
  'numeric(10,2)': ['12.5', '-0.005'],
  date: [
    '2000-01-01',
    '1999-12-31',
    '4713-01-01 BC',
    '5874897-12-31',
    'infinity',
    '-infinity',
    '2024-02-29',
  ],
  time: ['00:00', '24:00', '12:34:56.789012'],
  timetz: ['00:00+00', '12:34:56.7-05:30', '24:00+15:59', '23:59:59.999999-15:59'],
  timestamp: [
    '2000-01-01',
    '1999-12-31 23:59:59.999999',
    '294276-12-31 23:59:59',
    '4714-11-24 BC',
    'infinity',
    '-infinity',
  ],
  timestamptz: ['2000-01-01 12:00+02', '1970-01-01', 'infinity', '-infinity', 'epoch'],
  interval: [
    '0',
    '1 year 2 mons 3 days 04:05:06.7',
    '-1 month 1 day -00:00:01',
    'infinity',
    '-infinity',
    '178000000 years',
  ],
  uuid: ['00000000-0000-0000-0000-000000000000', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'],
  jsonb: [
    'null',
    'true',
    'false',
    '1',
    '-1.50',
    '"s"',
    '""',
    '"\\u0000x"'.replace('\\u0000', '\\u0001'),
    '[]',
    '{}',
    '[1, "a", null, true, false, {"a": [1.5, {"b": 2}]}, []]',
    '{"b": 1, "a": 2, "ccc": "x", "": 0}',
    '{"k": "quote\\"\\\\\\n\\t\\b\\f\\r\\u001f\\u007f é 😀"}',
    '[12345678901234567890.123456789, 1e-20, 0.0001, 100000]',
    `[${Array.from({ length: 100 }, (_, i) => `"s${i}"`).join(',')}]`,
    `{${Array.from({ length: 70 }, (_, i) => `"key${i}": ${i}.25`).join(',')}}`,
    '[[[[[1]]]]]',
    '{"a":{"b":{"c":[1,2,{"d":null}]}}}',
  ],
  'int4[]': ['{}', '{1,2,3}', '{1,NULL,3}', '{{1,2},{3,4}}', '[2:3]={7,8}', '{NULL}'],
  'int2[]': ['{1,2,3}', '{1,NULL,3}'],
  'int8[]': ['{1,NULL,9223372036854775807}', '{1}'],
  'bool[]': ['{t,f,NULL,t}'],
  'float4[]': ['{1.5,NaN}'],
  'float8[]': ['{1.5,NULL,NaN,-Infinity}'],
  'text[]': ['{a,"b c",NULL,"NULL","",é,"x\\"y"}', '{}', '{{a,bb},{ccc,dddd}}'],
  'varchar[]': ['{a,bb}'],
  'char(3)[]': ['{a,bb}'],
  'numeric[]': ['{1.5,NULL,-10000.00,NaN}'],
  'date[]': ['{2000-01-01,infinity}'],
  'time[]': ['{12:00,13:00}'],
  'timetz[]': ['{12:00+01,13:00-02,NULL,14:00+00}'],
  'timestamp[]': ['{2000-01-01,NULL,1999-01-01}'],
  'timestamptz[]': ['{2000-01-01 00:00+00}'],
  'interval[]': ['{1 day,NULL,2 mons}'],
  'uuid[]': ['{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,NULL}'],
  'jsonb[]': ['{"{\\"a\\": 1}",NULL,"[1]"}'],
  'json[]': ['{"{\\"a\\" : 1}"}'],
  'bytea[]': ['{"\\\\x00ff",NULL,"\\\\x"}'],
  'oid[]': ['{1,4294967295}'],
  'name[]': ['{abc,NULL,d}'],
};

test.each(Object.entries(literals))(
  '%s constants read as PostgreSQL prints them',
  async (type, texts) => {
    const list = texts.map(
      (text) => `${/\[\]$|\d+\)$/.test(type) ? `cast('${text}' as ${type})` : `${type} '${text}'`}`,
    );
    const { queries, fields } = await analyzer.analyze(`select ${list.join(', ')}`, [], new Map());
    const printed = (await handle.query(`select ${list.join(', ')}`)).rows[0]!;
    const decoded = queries[0]!.targetList.map(({ expr }, i) => {
      // A length coercion may stand around the constant.
      const inner =
        expr.kind === 'func' || expr.kind === 'arrayCoerce'
          ? 'args' in expr
            ? expr.args[0]!
            : expr.arg
          : expr;
      if (inner.kind !== 'const' || inner.value === undefined || inner.value === null) {
        throw new Error(
          `${list[i]} is ${JSON.stringify(inner, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}`,
        );
      }
      const pg = requirePgType(fields![i]!.typeOid);
      const value =
        expr === inner ? inner.value : pg.applyTypmod(inner.value, fields![i]!.typmod, true);
      return pg.format(value, defaultTypeContext);
    });
    expect(decoded).toEqual(printed);
  },
);

test('null, unknown, registered names and types that are not ours', async () => {
  await handle.query("create type mood as enum ('sad', 'ok')");
  const { queries } = await analyzer.analyze(
    "select null::int, 'pg_class'::regclass, 'ok'::mood, point '(1,2)', num_nulls('x')",
    [],
    new Map(),
  );
  const targets = queries[0]!.targetList.map(({ expr }) => expr);
  expect(targets[0]).toMatchObject({ kind: 'const', isNull: true, value: null });
  expect(targets[1]).toMatchObject({ kind: 'const', value: 1259 });
  expect(targets[2]).toMatchObject({ kind: 'const', value: undefined });
  expect((targets[2] as { datum: Uint8Array }).datum).toHaveLength(4);
  expect((targets[3] as { datum: Uint8Array }).datum).toHaveLength(16);
});
