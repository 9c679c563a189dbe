import { afterAll, beforeAll, expect, test } from 'vitest';
import { aggregates } from '../accumulators.ts';
import { sessionFunctions } from '../session-functions.ts';
import { setFunctionSignatures } from '../table-function.ts';
import { createTestDatabase } from '../database.test-support.ts';
import type { TestDatabase } from '../database.test-support.ts';
import { comparisonRows } from './comparison-table.ts';
import { functionEntries } from './index.ts';
import { lower, upper } from './letter-case.ts';

let database: TestDatabase;
const names = new Map<number, { name: string; args: string; strict: boolean }>();

beforeAll(async () => {
  database = await createTestDatabase();
  const rows = await database.query(`select p.oid, proname, proisstrict,
    array_to_string(array(select t.typname from unnest(proargtypes) with ordinality a(oid, n)
      join pg_type t on t.oid = a.oid order by n), ',') from pg_proc p`);
  for (const [oid, name, strict, args] of rows) {
    names.set(Number(oid), { name: name!, args: args!, strict: strict === 't' });
  }
});

afterAll(async () => database.close());

test('every function has the OID, name, arguments and strictness of pg_proc', () => {
  const seen = new Set<number>();
  expect(functionEntries.length).toBeGreaterThan(300);
  for (const { oid, signature, strict } of functionEntries) {
    const known = names.get(oid)!;
    const full = `${known.name}(${known.args})`;
    expect(signature.startsWith('(') ? `(${known.args})` : full).toBe(signature);
    expect([full, strict, seen.has(oid)]).toEqual([full, known.strict, false]);
    seen.add(oid);
  }
  for (const [oid, signature] of [...aggregates, ...sessionFunctions, ...setFunctionSignatures]) {
    const known = names.get(oid)!;
    expect(`${known.name}(${known.args})`).toBe(signature);
  }
});

test('every comparison is that of pg_operator', async () => {
  const rows =
    await database.query(`select o.oid, o.oprcode::oid, o.oprname, l.typname, r.typname from pg_operator o
    join pg_type l on l.oid = o.oprleft join pg_type r on r.oid = o.oprright`);
  const operators = new Map(rows.map(([oid, ...rest]) => [Number(oid), rest]));
  for (const [funcId, operatorId, op, left, right] of comparisonRows) {
    expect(operators.get(operatorId)).toEqual([String(funcId), op, left, right]);
  }
});

test('upper and lower map every code point as PostgreSQL does', async () => {
  const rows =
    await database.query(`select i, upper(chr(i)), lower(chr(i)) from generate_series(1, 1114111) i
    where i not between 55296 and 57343 and (upper(chr(i)) <> chr(i) or lower(chr(i)) <> chr(i))`);
  const changed = new Map(rows.map(([code, u, l]) => [Number(code), [u, l]]));
  expect(changed.size).toBeGreaterThan(2000);
  for (let code = 1; code <= 0x10ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const character = String.fromCodePoint(code);
    const [u, l] = changed.get(code) ?? [character, character];
    if (upper(character) !== u || lower(character) !== l)
      expect([code, upper(character), lower(character)]).toEqual([code, u, l]);
  }
});
