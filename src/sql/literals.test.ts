import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  liftLiterals,
  literalsMax,
  liftedTextMax,
  stringValue,
  withParameters,
} from './literals.ts';

const numbersAlone = { strings: false };
const stringsToo = { strings: true };

function lifted(text: string): string | undefined {
  const found = liftLiterals(text, numbersAlone);
  return found && withParameters(text, found.literals);
}

function numbers(text: string): readonly string[] | undefined {
  return liftLiterals(text, numbersAlone)?.literals.map(
    ({ start, end, type }) => `${text.slice(start, end)} ${type}`,
  );
}

test.each([
  ['select 1', 'select $1'],
  ['SELECT a FROM t WHERE b = 12 AND c<>-3;', 'SELECT a FROM t WHERE b = $1 AND c<>-$2;'],
  ['update t set a = a + -2345 where b = 7', 'update t set a = a + $1 where b = $2'],
  ['update t set a = a - 2345', 'update t set a = a - $1'],
  ['update t set a = a -2345', 'update t set a = a -$1'],
  ['select (a)-1, b[2]-3, 4-5', 'select (a)-$1, b[$2]-$3, $4-$5'],
  ['select -1', 'select $1'],
  ['select - 1', 'select - $1'],
  ['values (1, -2.50), (+3, 0.5)', 'values ($1, $2), (+$3, $4)'],
  [
    `select 'it''s 5', "a ""6""", x7, y$8 from t9 limit 10`,
    `select 'it''s 5', "a ""6""", x7, y$8 from t9 limit $1`,
  ],
  ['select a.b1 from größe2 a where c in (1,2)', 'select a.b1 from größe2 a where c in ($1,$2)'],
  ['', ''],
])('%s', (text, expected) => {
  expect(lifted(text)).toBe(expected);
});

test.each([
  'select 1 -- one',
  'select /* one */ 1',
  `select 'a\\b'`,
  `select E'a\\'1'`,
  'select $1',
  'select $$1$$',
  'select 1; select 2',
  'select 1e5',
  'select 0x1F',
  'select 1_000',
  'select .5',
  'select 1.',
  'select 1.5.5',
  'select 12abc',
  'select 2147483648',
  'select -9223372036854775808',
  `select 'open`,
  'select "open',
  `select '${'x'.repeat(liftedTextMax)}'`,
  `select 1${',1'.repeat(literalsMax)}`,
])('%s is left as it is', (text) => {
  expect(liftLiterals(text, numbersAlone)).toBeUndefined();
  expect(liftLiterals(text, stringsToo)).toBeUndefined();
});

test.each([
  [`select 'a', "b", 'it''s'`, `select $1, "b", $2`, ['a', "it's"]],
  [
    `insert into t values ('', 1, ' x ')`,
    'insert into t values ($1, $2, $3)',
    ['', undefined, ' x '],
  ],
  [
    `select a from t where b='x' and c::text like'y%'`,
    `select a from t where b=$1 and c::text like$2`,
    ['x', 'y%'],
  ],
  [`select date '2026-01-01', interval'1 day', E'a', b'1', n'x'`, undefined, []],
  [`select a at time zone 'utc', 'x'::date`, `select a at time zone 'utc', $1::date`, ['x']],
  [`select 'a' 'b'`, `select $1 'b'`, ['a']],
])('strings of %s', (text, expected, values) => {
  const found = liftLiterals(text, stringsToo)!;
  expect(withParameters(text, found.literals)).toBe(expected ?? text);
  expect(
    found.literals.map((literal) =>
      literal.type === 'string' ? stringValue(text, literal) : undefined,
    ),
  ).toEqual(values);
});

test('types go by size', () => {
  expect(
    numbers(
      'values (0, 007, 2147483647, -2147483647, 2147483649, 9223372036854775807, 9223372036854775809, 1.0)',
    ),
  ).toEqual([
    '0 int4',
    '007 int4',
    '2147483647 int4',
    '-2147483647 int4',
    '2147483649 int8',
    '9223372036854775807 int8',
    '9223372036854775809 numeric',
    '1.0 numeric',
  ]);
});

test('the key tells type and sign, and nothing else of the number', () => {
  const key = (text: string): string | undefined => liftLiterals(text, stringsToo)?.key;
  expect(key('select a + 1')).toBe(key('select a + 99'));
  expect(key('select a + 1')).not.toBe(key('select a + -1'));
  expect(key('select a + 1')).not.toBe(key('select a + 1.0'));
  expect(key('select a + 1')).not.toBe(key('select a + 3000000000'));
  expect(key('select a + 1')).not.toBe(key('select a +1'));
  expect(key(`select 'a'`)).toBe(key(`select 'it''s ''b'''`));
  expect(key(`select 'a'`)).not.toBe(key('select 1'));
  expect(key('select a1')).not.toBe(key('select a2'));
});

test('texts with one key differ in nothing but literals, whatever they are made of', () => {
  const piece = fc.constantFrom(
    '1',
    '22',
    '-',
    '3.5',
    ' ',
    'a',
    '(',
    ')',
    "'",
    "'b'",
    '"',
    ',',
    '+',
    '*',
    '.',
    ';',
    'in',
    '::',
    '[',
    ']',
    'e',
    '<',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.boolean(), (pieces, strings) => {
      const text = pieces.join('');
      const found = liftLiterals(text, { strings });
      if (found === undefined) return;
      const again = found.literals.reduceRight(
        (out, { start, end, type }) =>
          out.slice(0, start) +
          (type === 'string'
            ? "'it''s -1'"
            : (text[start] === '-' ? '-' : '') + (type === 'numeric' ? '8.25' : '7')) +
          out.slice(end),
        text,
      );
      const other = liftLiterals(again, { strings });
      expect(other?.key).toBe(found.key);
      expect(other?.literals).toHaveLength(found.literals.length);
    }),
  );
});
