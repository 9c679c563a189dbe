/**
 * Every type against PostgreSQL itself: what literals mean, as text and on the wire, which are refused with which words,
 * and how values are ordered. The expectations are never written down here; PGlite answers them.
 */
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PgError } from '../../src/base/index.ts';
import { allTypes, createKeyWriter, defaultTypeContext } from '../../src/types/index.ts';
import type { PgType, TypeContext, Value } from '../../src/types/index.ts';
import { limitedTypes, literalsByType } from './type-literals.ts';

interface Answer {
  readonly text?: string;
  readonly hex?: string;
  readonly code?: string;
  readonly message?: string;
  readonly detail?: string;
  readonly hint?: string;
}

const helpers = `
create function ask(literal text, type_name text, send text) returns text[] language plpgsql as $body$
declare
  answer text[];
  message text; detail text; hint text;
begin
  execute format('select array[concat(v), encode(%s(v), ''hex'')] from (select %L::%s as v offset 0)', send, literal, type_name)
    into answer;
  return answer;
exception when others then
  get stacked diagnostics message = message_text, detail = pg_exception_detail, hint = pg_exception_hint;
  return array[sqlstate, message, detail, hint, 'error'];
end $body$;
create function ask_input(literal text, type_name text) returns text[] language plpgsql as $body$
declare
  info record;
  answer text[];
begin
  select * into info from pg_input_error_info(literal, type_name);
  if info.message is null then
    execute format('select array[concat(%L::%s), '''']', literal, type_name) into answer;
    return answer;
  end if;
  return array[info.sql_error_code, info.message, coalesce(info.detail, ''), coalesce(info.hint, ''), 'error'];
exception when others then
  return array['unsupported'];
end $body$;`;

let database: PGlite;

beforeAll(async () => {
  database = await PGlite.create();
  await database.exec(helpers);
});

afterAll(async () => {
  await database.close();
});

function typeNamed(name: string): PgType {
  const wanted = name.endsWith('[]') ? `_${name.slice(0, -2)}` : name;
  const type = allTypes.find((candidate) => candidate.name === wanted);
  if (!type) throw new Error(`no type ${name}`);
  return type;
}

const sendNames: Readonly<Record<string, string>> = {
  numeric: 'numeric_send',
  date: 'date_send',
  time: 'time_send',
  timetz: 'timetz_send',
  timestamp: 'timestamp_send',
  timestamptz: 'timestamptz_send',
  interval: 'interval_send',
  uuid: 'uuid_send',
  json: 'json_send',
  jsonb: 'jsonb_send',
};

function sendOf(name: string): string {
  if (name.endsWith('[]')) return 'array_send';
  return sendNames[name] ?? `${name}send`;
}

function toAnswer(row: string[]): Answer {
  if (row.length !== 5) return { text: row[0]!, hex: row[1]! };
  const [code, message, detail, hint] = row;
  return {
    code: code!,
    message: message!,
    ...(detail ? { detail } : {}),
    ...(hint ? { hint } : {}),
  };
}

async function askPostgres(literals: readonly string[], type: string): Promise<Answer[]> {
  const result = await database.query<[string[]]>(
    'select ask(literal, $2, $3) from unnest($1::text[]) with ordinality as t(literal, n) order by n',
    [literals, type, sendOf(type)],
    { rowMode: 'array' },
  );
  return result.rows.map(([row]) => toAnswer(row));
}

function attempt(action: () => Answer): Answer {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    const { code, message, detail, hint } = error.report;
    return { code, message, ...(detail ? { detail } : {}), ...(hint ? { hint } : {}) };
  }
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function askOurs(literal: string, type: PgType, context: TypeContext): Answer {
  return attempt(() => {
    const value = type.parse(literal, -1, context);
    return { text: type.format(value, context), hex: hexOf(type.encode(value)) };
  });
}

/** Differences, as a readable list, so that one run shows them all. */
function differences(
  literals: readonly string[],
  theirs: readonly Answer[],
  ours: readonly Answer[],
): unknown[] {
  return literals.flatMap((literal, i) => {
    const same = JSON.stringify(theirs[i]) === JSON.stringify(ours[i]);
    return same ? [] : [{ literal, postgres: theirs[i], pgtide: ours[i] }];
  });
}

describe('input, output and wire form', () => {
  test.each(Object.keys(literalsByType))('%s', async (name) => {
    const literals = literalsByType[name]!;
    const type = typeNamed(name);
    const theirs = await askPostgres(literals, name);
    const ours = literals.map((literal) => askOurs(literal, type, defaultTypeContext));
    expect(differences(literals, theirs, ours)).toEqual([]);
  });

  test.each(Object.keys(literalsByType))('%s comes back from its wire form', (name) => {
    const type = typeNamed(name);
    for (const literal of literalsByType[name]!) {
      let value: Value;
      try {
        value = type.parse(literal, -1, defaultTypeContext);
      } catch {
        continue;
      }
      expect({ literal, value: type.decode(type.encode(value), -1) }).toEqual({ literal, value });
    }
  });
});

describe('limits in the type', () => {
  async function typmodOf(): Promise<number> {
    const { rows } = await database.query<{ m: number }>(
      `select atttypmod as m from pg_attribute where attrelid = 'limited'::regclass and attname = 'c'`,
    );
    return rows[0]!.m;
  }

  test.each(limitedTypes)('$type', async ({ type: sqlType, literals }) => {
    await database.exec(`drop table if exists limited; create table limited (c ${sqlType})`);
    const typmod = await typmodOf();
    const base = sqlType
      .replace(/\(.*?\)| (?:year|month|day|hour|minute|second).*/g, '')
      .replace('char', 'bpchar');
    const type = typeNamed(base.replace('varbpchar', 'varchar'));
    const asked = await database.query<[string[]]>(
      'select ask_input(literal, $2) from unnest($1::text[]) with ordinality as t(literal, n) order by n',
      [literals, sqlType],
      { rowMode: 'array' },
    );
    const theirs = asked.rows.map(([row]) => toAnswer(row));
    const ours = literals.map((literal) =>
      attempt(() => ({
        text: type.format(type.parse(literal, typmod, defaultTypeContext), defaultTypeContext),
        hex: '',
      })),
    );
    // bpchar's text cast drops the padding that its output function shows.
    const shown = (answer: Answer): Answer =>
      type.name === 'bpchar' && answer.text !== undefined
        ? { ...answer, text: answer.text.trimEnd() }
        : answer;
    expect(differences(literals, theirs.map(shown), ours.map(shown))).toEqual([]);
  });
});

describe('session settings', () => {
  const styles: readonly (readonly [string, Partial<TypeContext>])[] = [
    [`set datestyle = 'ISO, DMY'`, { dateOrder: 'DMY' }],
    [`set datestyle = 'ISO, YMD'`, { dateOrder: 'YMD' }],
    [`set datestyle = 'SQL, MDY'`, { dateStyle: 'SQL' }],
    [`set datestyle = 'SQL, DMY'`, { dateStyle: 'SQL', dateOrder: 'DMY' }],
    [`set datestyle = 'Postgres, MDY'`, { dateStyle: 'Postgres' }],
    [`set datestyle = 'Postgres, DMY'`, { dateStyle: 'Postgres', dateOrder: 'DMY' }],
    [`set datestyle = 'German, DMY'`, { dateStyle: 'German', dateOrder: 'DMY' }],
    [`set timezone = 'America/New_York'`, { timeZone: 'America/New_York' }],
    [
      `set timezone = 'Europe/Berlin'; set datestyle = 'SQL'`,
      { timeZone: 'Europe/Berlin', dateStyle: 'SQL' },
    ],
    [`set timezone = 'Asia/Kolkata'`, { timeZone: 'Asia/Kolkata' }],
    [`set timezone = '<+02>-02'`, { timeZone: '<+02>-02' }],
    [
      `set timezone = 'UTC+3'; set datestyle = 'Postgres'`,
      { timeZone: 'UTC+3', dateStyle: 'Postgres' },
    ],
  ];

  test.each(styles)('%s', async (statement, settings) => {
    const context = { ...defaultTypeContext, ...settings };
    await database.exec(`reset all; ${statement}`);
    // A time without a date takes today's offset, so both sides must agree on today.
    const now = await database.query<{ t: string }>(
      `select (extract(epoch from now() - '2000-01-01 00:00:00+00'::timestamptz) * 1000000)::int8::text as t`,
    );
    const dated = { ...context, transactionTime: BigInt(now.rows[0]!.t) };
    for (const name of ['date', 'timestamp', 'timestamptz', 'timetz']) {
      const literals = literalsByType[name]!;
      const theirs = await askPostgres(literals, name);
      const ours = literals.map((literal) => askOurs(literal, typeNamed(name), dated));
      expect({ name, found: differences(literals, theirs, ours) }).toEqual({ name, found: [] });
    }
    await database.exec('reset all');
  });

  const intervalStyles = ['postgres', 'postgres_verbose', 'sql_standard', 'iso_8601'] as const;
  test.each(intervalStyles)('intervalstyle %s', async (intervalStyle) => {
    await database.exec(`set intervalstyle = '${intervalStyle}'`);
    const literals = literalsByType['interval']!;
    const theirs = await askPostgres(literals, 'interval');
    const context = { ...defaultTypeContext, intervalStyle };
    const ours = literals.map((literal) => askOurs(literal, typeNamed('interval'), context));
    await database.exec('reset all');
    expect(differences(literals, theirs, ours)).toEqual([]);
  });

  test.each([-15, -3, 0, 1, 3])('extra_float_digits %i', async (extraFloatDigits) => {
    await database.exec(`set extra_float_digits = ${extraFloatDigits}`);
    const context = { ...defaultTypeContext, extraFloatDigits };
    for (const name of ['float4', 'float8']) {
      const literals = literalsByType[name]!;
      const theirs = await askPostgres(literals, name);
      const ours = literals.map((literal) => askOurs(literal, typeNamed(name), context));
      expect({ name, found: differences(literals, theirs, ours) }).toEqual({ name, found: [] });
    }
    await database.exec('reset all');
  });

  test('bytea_output escape', async () => {
    await database.exec(`set bytea_output = 'escape'`);
    const literals = literalsByType['bytea']!;
    const theirs = await askPostgres(literals, 'bytea');
    const context = { ...defaultTypeContext, byteaOutput: 'escape' as const };
    const ours = literals.map((literal) => askOurs(literal, typeNamed('bytea'), context));
    await database.exec('reset all');
    expect(differences(literals, theirs, ours)).toEqual([]);
  });

  test('now, today, tomorrow, yesterday', async () => {
    for (const zone of ['UTC', 'Asia/Tokyo', 'America/Los_Angeles']) {
      await database.exec(`set timezone = '${zone}'; begin`);
      const now = await database.query<{ t: string }>(
        `select (extract(epoch from now() - '2000-01-01 00:00:00+00'::timestamptz) * 1000000)::int8::text as t`,
      );
      const context = {
        ...defaultTypeContext,
        timeZone: zone,
        transactionTime: BigInt(now.rows[0]!.t),
      };
      const literals = [
        'now',
        'today',
        'tomorrow',
        'yesterday',
        'today 12:00',
        'tomorrow allballs',
        'now 12:00',
        '12:00 today',
      ];
      for (const name of ['date', 'timestamp', 'timestamptz', 'time', 'timetz']) {
        const theirs = await askPostgres(literals, name);
        const ours = literals.map((literal) => askOurs(literal, typeNamed(name), context));
        expect({ name, zone, found: differences(literals, theirs, ours) }).toEqual({
          name,
          zone,
          found: [],
        });
      }
      await database.exec('rollback; reset all');
    }
  });
});

describe('order', () => {
  const ordered = allTypes.filter(
    (type) => type.compare && literalsByType[type.name.replace(/^_(.*)$/, '$1[]')],
  );

  test.each(ordered.map((type) => type.name))('%s', async (name) => {
    const type = allTypes.find((candidate) => candidate.name === name)!;
    const sqlName = name.replace(/^_(.*)$/, '$1[]');
    const valid = literalsByType[sqlName]!.flatMap((literal) => {
      try {
        return [{ literal, value: type.parse(literal, -1, defaultTypeContext) }];
      } catch {
        return [];
      }
    });
    // PostgreSQL ranks the literals; equal values share a rank.
    const { rows } = await database.query<{ r: number }>(
      `select (dense_rank() over (order by literal::${sqlName} ${/text|char|name/.test(name) ? 'collate "C"' : ''}))::int as r
       from unnest($1::text[]) with ordinality as t(literal, n) order by n`,
      [valid.map(({ literal }) => literal)],
    );
    const keyOf = (value: Value): Uint8Array => {
      const writer = createKeyWriter();
      type.encodeKey!(writer, value);
      return writer.finish();
    };
    const keys = valid.map(({ value }) => keyOf(value));
    const wrong: string[] = [];
    valid.forEach((left, i) => {
      valid.forEach((right, j) => {
        const expected = Math.sign(rows[i]!.r - rows[j]!.r);
        const compared = type.compare!(left.value, right.value);
        const byKey = Math.sign(Buffer.compare(keys[i]!, keys[j]!));
        if (compared !== expected || byKey !== expected) {
          wrong.push(
            `${left.literal} | ${right.literal}: ${expected}, compare ${compared}, key ${byKey}`,
          );
        }
      });
    });
    expect(wrong).toEqual([]);
  });
});

describe('json errors name the place', () => {
  test('context line', async () => {
    const found: unknown[] = [];
    for (const literal of literalsByType['json']!) {
      for (const name of ['json', 'jsonb']) {
        const ours = await Promise.resolve()
          .then(() => typeNamed(name).parse(literal, -1, defaultTypeContext))
          .then(
            () => undefined,
            (error: unknown) => (error as PgError).report.where,
          );
        const theirs = await database
          .query(`select $1::${name}`, [literal], { serializers: { 114: String, 3802: String } })
          .then(
            () => undefined,
            (error: unknown) => (error as { where?: string }).where?.split('\n')[0],
          );
        const place = theirs?.startsWith('JSON data') ? theirs : undefined;
        if (ours !== place) found.push({ literal, name, postgres: place, pgtide: ours });
      }
    }
    expect(found).toEqual([]);
  });
});
