/** Casts, numeric arithmetic, extract() and date_trunc() against PostgreSQL itself. */
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PgError } from '../../src/base/index.ts';
import {
  allTypes,
  Oid,
  arrayOidOf,
  castFunction,
  dateTrunc,
  dateTruncInterval,
  dateTruncTimestamptz,
  defaultTypeContext,
  extractDate,
  extractInterval,
  extractTime,
  extractTimestamp,
  extractTimestamptz,
  extractTimetz,
  findZone,
  numericAbs,
  numericAdd,
  numericCeil,
  numericCompare,
  numericDiv,
  numericFloor,
  numericMod,
  numericMul,
  numericNeg,
  numericRound,
  numericSub,
  numericTrunc,
  pgType,
} from '../../src/types/index.ts';
import type { Interval, PgType, TimeTz, TypeContext, Value } from '../../src/types/index.ts';
import { literalsByType } from './type-literals.ts';

let database: PGlite;

beforeAll(async () => {
  database = await PGlite.create();
  await database.exec(`
create function try_sql(statement text) returns text language plpgsql as $body$
declare answer text; detail text;
begin
  execute statement into answer;
  return coalesce(answer, 'NULL');
exception when others then
  get stacked diagnostics detail = pg_exception_detail;
  return sqlstate || ' ' || sqlerrm || coalesce(nullif(' | ' || detail, ' | '), '');
end $body$;`);
});

afterAll(async () => {
  await database.close();
});

/** Text results of one-value statements; errors as `SQLSTATE message | detail`. */
async function ask(statements: readonly string[]): Promise<string[]> {
  const { rows } = await database.query<{ answer: string }>(
    'select try_sql(s) as answer from unnest($1::text[]) with ordinality as t(s, n) order by n',
    [statements],
  );
  return rows.map((row) => row.answer);
}

function attempt(action: () => string | null): string {
  try {
    return action() ?? 'NULL';
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    const { code, message, detail } = error.report;
    return `${code} ${message}${detail === undefined ? '' : ` | ${detail}`}`;
  }
}

/** Asks PostgreSQL each statement and compares with our answer. */
async function compare(
  cases: readonly (readonly [statement: string, ours: () => string | null])[],
): Promise<void> {
  expect(cases.length).toBeGreaterThan(0);
  const theirs = await ask(cases.map(([statement]) => statement));
  const wrong = cases.flatMap(([statement, ours], i) => {
    const pgtide = attempt(ours);
    return pgtide === theirs[i] ? [] : [{ statement, postgres: theirs[i], pgtide }];
  });
  expect(wrong).toEqual([]);
}

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

function validValues(type: PgType, context: TypeContext): { literal: string; value: Value }[] {
  const name = type.elementOid === 0 ? type.name : `${type.name.slice(1)}[]`;
  return (literalsByType[name] ?? []).flatMap((literal) => {
    try {
      return [{ literal, value: type.parse(literal, -1, context) }];
    } catch {
      return [];
    }
  });
}

describe('casts', () => {
  const pairs = allTypes.flatMap((source) =>
    allTypes.flatMap((target) =>
      source.oid !== target.oid &&
      castFunction(source.oid, target.oid) &&
      literalsByType[source.name]
        ? [{ source, target }]
        : [],
    ),
  );

  test.each(['UTC', 'America/New_York'])('every cast function in %s', async (timeZone) => {
    await database.exec(`set timezone = '${timeZone}'`);
    const now = await database.query<{ t: string }>(
      `select (extract(epoch from now() - '2000-01-01 00:00:00+00'::timestamptz) * 1000000)::int8::text as t`,
    );
    const context = { ...defaultTypeContext, timeZone, transactionTime: BigInt(now.rows[0]!.t) };
    await compare(
      pairs.flatMap(({ source, target }) =>
        validValues(source, context).map(({ literal, value }) => {
          // concat shows a value as its output function does.
          const cast = `cast((select ${quote(literal)}::${source.name} offset 0) as ${target.sqlName === 'character' ? 'bpchar' : target.name})`;
          const statement = `select case when ${cast} is not null then concat(${cast}) end`;
          return [
            statement,
            () => {
              const result = castFunction(source.oid, target.oid)!(value, context);
              return result === null ? null : target.format(result, context);
            },
          ] as const;
        }),
      ),
    );
    await database.exec('reset timezone');
  });

  test('the table is pg_cast', async () => {
    const scalars = allTypes.filter((type) => type.elementOid === 0).map((type) => type.oid);
    const { rows } = await database.query<{ s: number; t: number }>(
      `select castsource::int as s, casttarget::int as t from pg_cast
       where castsource = any($1::oid[]) and casttarget = any($1::oid[]) and castsource <> casttarget`,
      [`{${scalars.join(',')}}`],
    );
    const theirs = rows.map(({ s, t }) => `${pgType(s)!.name} to ${pgType(t)!.name}`).sort();
    const ours = scalars
      .flatMap((s) =>
        scalars
          .filter((t) => s !== t && castFunction(s, t))
          .map((t) => `${pgType(s)!.name} to ${pgType(t)!.name}`),
      )
      .sort();
    expect(ours).toEqual(theirs);
  });

  test('OIDs and names are pg_type’s', async () => {
    const { rows } = await database.query<{
      oid: number;
      name: string;
      sql: string;
      size: number;
      array: number;
    }>(
      `select oid::int as oid, typname as name, format_type(oid, null) as sql, typlen::int as size, typarray::int as array
       from pg_type where oid = any($1::oid[])`,
      [`{${allTypes.map((type) => type.oid).join(',')}}`],
    );
    const theirs = rows.map((row) => ({ ...row })).sort((a, b) => a.oid - b.oid);
    const ours = allTypes
      .map((type) => ({
        oid: type.oid,
        name: type.name,
        sql: type.sqlName,
        size: type.size,
        array: type.arrayOid,
      }))
      .sort((a, b) => a.oid - b.oid);
    expect(ours).toEqual(theirs);
    // Every type here has its array type here; enum types share one pair, which is not of pg_type's own making.
    const known = new Set(allTypes.map((type) => type.oid));
    const pairs = [...arrayOidOf];
    const others = pairs.filter((pair) => !pair.every((oid) => known.has(oid)));
    expect(others).toEqual([[Oid.anyenum, Oid.anyarray]]);
    expect((pairs.length - others.length) * 2).toBe(allTypes.length);
  });
});

const numbers = [
  '0',
  '0.00',
  '1',
  '-1',
  '1.5',
  '-2.25',
  '2.5',
  '-2.5',
  '0.5',
  '-0.5',
  '3',
  '7',
  '-7',
  '10',
  '100',
  '9999',
  '10000',
  '0.0001',
  '0.00001',
  '123456789.987654321',
  '99999999999999999999.99',
  '1e-20',
  '1e30',
  '3.0000',
  '0.3333333333',
  '33.333',
  '65536',
  '12345678901234567890',
  '1.00000000000000000001',
  'NaN',
  'Infinity',
  '-Infinity',
];

describe('numeric', () => {
  const canonical = numbers.map(
    (number) => pgType(1700)!.parse(number, -1, defaultTypeContext) as string,
  );
  const binary: readonly (readonly [string, (left: string, right: string) => string])[] = [
    ['+', numericAdd],
    ['-', numericSub],
    ['*', numericMul],
    ['/', numericDiv],
    ['%', numericMod],
  ];

  test.each(binary)('%s', async (operator, operation) => {
    await compare(
      canonical.flatMap((left) =>
        canonical.map(
          (right) =>
            [
              `select ${quote(left)}::numeric ${operator} ${quote(right)}::numeric`,
              () => operation(left, right),
            ] as const,
        ),
      ),
    );
  });

  test('order', async () => {
    await compare(
      canonical.flatMap((left) =>
        canonical.map(
          (right) =>
            [
              `select numeric_cmp(${quote(left)}, ${quote(right)})`,
              () => String(numericCompare(left, right)),
            ] as const,
        ),
      ),
    );
  });

  test('round, trunc, ceil, floor, abs, minus', async () => {
    await compare(
      canonical.flatMap((number) => {
        const literal = `${quote(number)}::numeric`;
        const scaled = [-30, -2, -1, 0, 1, 3, 12, 30].flatMap((scale) => [
          [`select round(${literal}, ${scale})`, () => numericRound(number, scale)] as const,
          [`select trunc(${literal}, ${scale})`, () => numericTrunc(number, scale)] as const,
        ]);
        return [
          ...scaled,
          [`select ceil(${literal})`, () => numericCeil(number)] as const,
          [`select floor(${literal})`, () => numericFloor(number)] as const,
          [`select abs(${literal})`, () => numericAbs(number)] as const,
          [`select -(${literal})`, () => numericNeg(number)] as const,
        ];
      }),
    );
  });
});

const units = [
  'microseconds',
  'milliseconds',
  'second',
  'minute',
  'hour',
  'day',
  'week',
  'month',
  'quarter',
  'year',
  'decade',
  'century',
  'millennium',
  'julian',
  'isoyear',
  'dow',
  'isodow',
  'doy',
  'epoch',
  'timezone',
  'timezone_hour',
  'timezone_minute',
  'HOURS',
  'secs',
  'fortnight',
];

describe('extract and date_trunc', () => {
  const zoneName = 'America/St_Johns';
  const zone = findZone(zoneName)!;
  const context = { ...defaultTypeContext, timeZone: zoneName };
  const functions: Readonly<
    Record<
      string,
      {
        extract: (unit: string, value: never) => string | null;
        trunc?: (unit: string, value: never) => Value;
      }
    >
  > = {
    timestamp: { extract: extractTimestamp, trunc: dateTrunc },
    timestamptz: {
      extract: (unit: string, value: bigint) => extractTimestamptz(unit, value, zone),
      trunc: (unit: string, value: bigint) => dateTruncTimestamptz(unit, value, zone),
    },
    date: { extract: extractDate },
    time: { extract: (unit: string, value: number) => extractTime(unit, value) },
    timetz: { extract: (unit: string, value: TimeTz) => extractTimetz(unit, value) },
    interval: {
      extract: (unit: string, value: Interval) => extractInterval(unit, value),
      trunc: (unit: string, value: Interval) => dateTruncInterval(unit, value),
    },
  };

  test.each(Object.keys(functions))('%s', async (name) => {
    await database.exec(`set timezone = '${zoneName}'`);
    const type = allTypes.find((candidate) => candidate.name === name)!;
    const { extract, trunc } = functions[name]!;
    const values = validValues(type, context).filter((_, i) => i % 2 === 0 || name === 'interval');
    await compare(
      values.flatMap(({ value }) =>
        units.flatMap((unit) => {
          const literal = `${quote(type.format(value, context))}::${name}`;
          const cases: [string, () => string | null][] = [
            [`select extract(${unit} from ${literal})`, () => extract(unit, value as never)],
          ];
          if (trunc) {
            cases.push([
              `select date_trunc('${unit}', ${literal})`,
              () => type.format(trunc(unit, value as never), context),
            ]);
          }
          return cases;
        }),
      ),
    );
    await database.exec('reset timezone');
  });
});
