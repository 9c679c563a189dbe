/** Expressions with edge values whose answers are compared with PostgreSQL's. Test data. */

const pairs = (left: readonly string[], ops: readonly string[], right: readonly string[]): string[] =>
  left.flatMap((l) => ops.flatMap((op) => right.map((r) => `${l} ${op} ${r}`)));
const calls = (names: readonly string[], values: readonly string[]): string[] =>
  names.flatMap((name) => values.map((value) => `${name}(${value})`));
const casts = (values: readonly string[], types: readonly string[]): string[] =>
  values.flatMap((value) => types.map((type) => `(${value})::${type}`));

const comparisons = ['=', '<>', '<', '<=', '>', '>='];
const arithmetic = ['+', '-', '*', '/', '%'];
const int2s = ["'32767'::int2", "'-32768'::int2", "'0'::int2", "'-7'::int2"];
const int4s = ['2147483647', "'-2147483648'::int4", '0', '-1', '7', 'null::int4'];
const int8s = ["'9223372036854775807'::int8", "'-9223372036854775808'::int8", '0::int8', '-1::int8', '3::int8'];
const floats = ["'NaN'::float8", "'Infinity'::float8", "'-Infinity'::float8", '0::float8', "'-0'::float8", '1.5::float8',
  '1e308::float8', '1e-320::float8', '-2.5::float8'];
const singles = ["'NaN'::float4", '3.4e38::float4', '1e-44::float4', '0.1::float4', '0::float4'];
const numerics = ["'NaN'::numeric", "'Infinity'::numeric", "'-Infinity'::numeric", '0::numeric', '1.50', '-2.5', '0.000001',
  '12345678901234567890.123', '2.5'];

export const numberCases: readonly string[] = [
  ...pairs(int2s, [...arithmetic, ...comparisons], int2s),
  ...pairs(int4s, [...arithmetic, ...comparisons], int4s),
  ...pairs(int8s, [...arithmetic, ...comparisons], int8s),
  ...pairs(int2s, ['+', '-', '*', '/', ...comparisons], [...int4s, ...int8s]),
  ...pairs(int4s, ['+', '-', '*', '/', ...comparisons], [...int2s, ...int8s]),
  ...pairs(int8s, ['+', '-', '*', '/', ...comparisons], [...int2s, ...int4s]),
  ...pairs(floats, ['+', '-', '*', '/', ...comparisons], [...floats, ...singles]),
  ...pairs(singles, ['+', '-', '*', '/', ...comparisons], [...floats, ...singles]),
  ...pairs(numerics, [...arithmetic, ...comparisons], numerics),
  ...calls(['-', '+', 'abs'], [...int2s, ...int4s, ...int8s, ...floats, ...singles, ...numerics]),
  ...calls(['ceil', 'ceiling', 'floor', 'round', 'trunc', 'sign'], [...floats, ...numerics, '0.5', '-0.5', '-1.5', '0.5::float8', '-0.5::float8', '3.5::float8']),
  ...calls(['sqrt'], floats),
  ...numerics.flatMap((n) => ['-2', '0', '1', '5'].flatMap((s) => [`round(${n}, ${s})`, `trunc(${n}, ${s})`])),
  ...calls(['scale', 'min_scale', 'trim_scale'], [...numerics, '1.000', '100', '0.00']),
  ...pairs(['7.5', '-7.5', "'Infinity'::numeric", "'NaN'::numeric"], [',', ], ['2', '-2.1', '0', "'Infinity'::numeric"]).flatMap((args) => [`div(${args})`, `mod(${args})`]),
  ...casts([...int2s, ...int4s, ...int8s], ['int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'text', 'oid', 'numeric(5,1)']),
  ...casts([...floats, ...singles, ...numerics, '2.5::float8', '3.5::float8', '1e20::float8'], ['int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'text', 'numeric(6,2)']),
  ...casts(['true', 'false', 'null::bool'], ['int4', 'text']),
  ...casts(['0', '5', 'null::int4'], ['bool']),
  ...pairs(['5', '-8', '2147483647'], ['&', '|', '#', '<<', '>>'], ['3', '33', '0']),
  ...pairs(['5::int8', '-8::int8', "'9223372036854775807'::int8"], ['<<', '>>'], ['3', '65', '0']),
  ...pairs(['5::int8', '-8::int8'], ['&', '|', '#'], ['3::int8', '-1::int8']),
  ...pairs(["5::int2", '-8::int2'], ['&', '|', '#'], ['3::int2', '-1::int2']),
  '~5', '~5::int8', '~5::int2', 'gcd(12, 18)', 'gcd(-12::int8, 18)', 'lcm(4, 6)', "gcd('-2147483648'::int4, 0)",
  'lcm(2147483647, 2)', 'lcm(0, 0)', 'mod(-7, 2)', 'mod(5::int8, 0)', 'to_hex(255)', 'to_hex(-1)', 'to_hex(-1::int8)',
  'to_bin(5)', 'to_oct(64)', 'pi()', '2 between 1 and 3', 'greatest(1, null, 3)', 'least(1.5, 2)', "greatest('NaN'::float8, 1)",
  'nullif(1, 1)', 'nullif(1, 2)', '1 is distinct from null', 'null::int4 is not distinct from null', 'true and null', 'false and null',
  'true or null', 'false or null', 'not null::bool', '1 in (1, 2, null)', '3 in (1, 2, null)', '3 not in (1, 2, null)', '3 = any(null::int4[])',
  "3 = any('{}'::int4[])", "null = all('{}'::int4[])", '5 > all(array[1, 2])', '5 > all(array[1, null])', 'true > false', 'true = null',
  '(1, 2) < (1, 3)', '(1, null) < (1, 3)', '(1, 2) <= (1, 2)', '(1, null) = (2, null)', "('a', 1) >= ('a', 1)",
  '1 / 0', "case when false then 1 / 0 else 2 end", 'coalesce(null, 1, 1 / 0)', 'false and 1 / 0 = 1',
];

const texts = ["''", "'abc'", "'ABC'", "'äöü'", "'ŁÓDŹ ß İ ı ǅ'", "'👍🏽 a𝒳b'", "'  x '", "'a%b_c'", 'null::text', "'Ωmega ﬁ ᾳ'"];
const patterns = ["''", "'%'", "'a%'", "'%c'", "'%b%'", "'a_c'", "'_'", "'%_'", "'a\\%b\\_c'", "'%👍%'", "'a__c'", "'%b%c%'", "'x\\'", "'%\\'", "'%_\\'", "'abc\\'", "'\\%'"];
const counts = ['-2', '-1', '0', '1', '2', '5'];

export const textCases: readonly string[] = [
  ...pairs(texts, [...comparisons, '||'], texts),
  ...pairs(texts, ['like', 'not like', 'ilike', 'not ilike', '~~', '!~~'], patterns),
  ...pairs(["'a%b'", "'a!b'", "''"], ['like'], ["'a!%b' escape '!'", "'a!!b' escape '!'", "'a%b' escape ''", "'a\\b' escape '!'", "'!' escape '!'", "'x' escape 'ab'", "'%' escape '%'"]),
  ...calls(['length', 'char_length', 'octet_length', 'upper', 'lower', 'reverse', 'ascii', 'md5', 'trim', 'ltrim', 'rtrim', 'btrim', 'quote_literal'], [...texts, "'a''b\\c'"]),
  ...texts.flatMap((text) => counts.flatMap((n) => [
    `left(${text}, ${n})`, `right(${text}, ${n})`, `lpad(${text}, ${n})`, `rpad(${text}, ${n}, 'xy')`, `lpad(${text}, 7, 'ä👍')`,
    `repeat(${text}, ${n})`, `substring(${text} from ${n})`, `substring(${text} from ${n} for 2)`, `substring(${text} from 1 for ${n})`,
    `substr(${text}, ${n}, 3)`, `split_part(${text}, 'b', ${n})`, `overlay(${text} placing 'ZZ' from ${n})`,
  ])),
  ...texts.flatMap((text) => ["''", "'b'", "'👍'", "'ö'"].flatMap((part) => [
    `position(${part} in ${text})`, `strpos(${text}, ${part})`, `replace(${text}, ${part}, '$&')`, `starts_with(${text}, ${part})`,
    `split_part(${text}, ${part}, 1)`, `translate(${text}, ${part}, 'x')`, `ltrim(${text}, ${part})`, `btrim(${text}, ' ' || ${part})`,
  ])),
  ...calls(['chr'], ['65', '0', '-1', '8364', '128077', '55296', '1114112', '1114111']),
  "substring('hello' from -1 for 3)", "substring('hello' from 2147483647 for 2147483647)", "overlay('abcdef' placing 'X' from 2 for 3)",
  "repeat('x', 2000000000)", "lpad('x', 2000000000)", "lpad('', -5)", "rpad('abc', 2, '')", "lpad('abc', 5, '')",
  "concat('a', null, 1, true, 1.50, now() is null)", "concat(null)", "concat_ws(',', 'a', null, 2, false)", "concat_ws(null, 'a')", "concat_ws('', null)",
  "'a' || 1", "1 || 'a'", "true || 'x'::text", "'x'::text || 1.50", "'x'::char(5) || 'y'", "'x'::text || 'y'::char(3)", "null || 'a'::text",
  "'a '::char(5) = 'a'::char(2)", "'a '::char(5) = 'a '::text", "'a'::char(5) < 'b'::char(1)", "length('a  '::char(5))", "octet_length('a'::char(5))",
  "'abc'::varchar(2)", "'abcdef'::char(3)", "'ab'::char(4) || '|'", "'a'::name = 'a'::text", "'b'::name > 'a'::name", "'x'::name like 'x%'",
  "upper('äß' collate \"C\")", "lower('ÄS' collate \"C\")", "'Ä' ilike 'ä' collate \"C\"", "'a' < 'B' collate \"C\"",
  "'\\x0102'::bytea || '\\x03'::bytea", "length('\\x0102'::bytea)", "'\\x01'::bytea < '\\x02'::bytea", "md5('\\x00'::bytea)", "sha256('abc'::bytea)",
  "'550e8400-e29b-41d4-a716-446655440000'::uuid = '550E8400E29B41D4A716446655440000'::uuid", "'550e8400-e29b-41d4-a716-446655440000'::uuid::text",
  "'12'::text::int4", "'1x'::text::int4", "''::text::int8", "'2020-01-01'::text::date", "'t'::text::bool", "12::text::char(1)", "greatest('a', 'B', 'ä')",
  "case 'x' when 'y' then 1 when 'x' then 2 end", "'abc' in ('abc', 'd')", "'abc' = any(array['x', null])", "'a'::varchar = 'a'", "'a'::varchar like 'A'",
];

export const dateTimeCases: readonly string[] = [];
export const arrayCases: readonly string[] = [];
export const jsonCases: readonly string[] = [];
