import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDuckdb } from '../../../src/duckdb/index.ts';
import type { DuckDBConnection, Duckdb } from '../../../src/duckdb/index.ts';
import { columnDecoder } from '../../../src/executor/columnar/decode.ts';
import { Unprintable, printQuery } from '../../../src/executor/print/index.ts';
import type { Mirror } from './mirror.ts';
import { openMirror, testStatement } from './mirror.ts';
import { schema, statements } from './statements.ts';
import { pgType } from '../../../src/types/registry.ts';
import { defaultTypeContext } from '../../../src/types/type.ts';
import type { Query } from '../../../src/analyzer/tree.ts';
import type { Value } from '../../../src/types/value.ts';
import {
  duckdbDialect,
  relationColumn,
  shippableAggregates,
  shippableFunctions,
} from '../../../src/planner/shippable/index.ts';
import { edgeTable, edgesOf } from './edges.ts';

let mirror: Mirror;
let duckdb: Duckdb;
let connection: DuckDBConnection;

beforeAll(async () => {
  mirror = await openMirror(`${schema}; ${edgeTable}`);
  duckdb = await openDuckdb();
  connection = await duckdb.acquire();
  for (const { create, insert } of await mirror.duckTables()) {
    await connection.run(create);
    for (const row of insert) await connection.run(row);
  }
}, 60_000);

afterAll(async () => {
  duckdb.release(connection);
  duckdb.close();
  await mirror.handle.close();
});

function printForDuckdb(query: Query): string {
  return printQuery(query, duckdbDialect(testStatement), {
    catalog: mirror.catalog,
    params: [],
    paramTypes: [],
    relation: (request) => {
      if (request.wholeRow || request.rte.rteKind !== 'relation') {
        throw new Unprintable('a whole-row reference');
      }
      return {
        sql: mirror.catalog.table(request.rte.relid)!.stored.name,
        column: (attno) => relationColumn(request, mirror.catalog, attno),
      };
    },
  }).sql;
}

async function runInDuckdb(sql: string, typeOids: readonly number[]): Promise<(string | null)[][]> {
  const result = await connection.stream(sql);
  const rows: (string | null)[][] = [];
  const decoders = typeOids.map((oid, at) =>
    columnDecoder(result.columnType(at) as { typeId: number }, oid),
  );
  for (;;) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) return rows;
    const columns = decoders.map((decode, at) => {
      const into: Value[] = [];
      decode(chunk.getColumnVector(at), chunk.rowCount, into);
      return into;
    });
    for (let row = 0; row < chunk.rowCount; row++) {
      rows.push(
        columns.map((column, at) => {
          const value = column[row]!;
          return value === null ? null : pgType(typeOids[at]!)!.format(value, defaultTypeContext);
        }),
      );
    }
  }
}

const text = (rows: readonly (readonly (string | null)[])[]): string[] =>
  rows.map((row) => row.map((value) => value ?? '∅').join(' | '));

/** PostgreSQL's rows or error; DuckDB may fail where it likes (the query then runs elsewhere), but not answer otherwise. */
async function compare(sql: string): Promise<string> {
  let query: Query;
  try {
    query = await mirror.analyze(sql);
  } catch (error) {
    return `analysis: ${(error as Error).message}`;
  }
  let printed: string;
  try {
    printed = printForDuckdb(query);
  } catch (error) {
    if (error instanceof Unprintable) return `unprintable: ${error.message}`;
    throw error;
  }
  const typeOids = query.targetList
    .filter((target) => !target.junk)
    .map((target) => target.expr.typeOid);
  const expected = await mirror.handle
    .query(sql, [])
    .then((result) => text(result.rows))
    .catch((error: Error) => error.message);
  const actual = await runInDuckdb(printed, typeOids)
    .then(text)
    .catch((error: Error) => ({ error: error.message }));
  if (!Array.isArray(actual)) {
    const known =
      /letter of another|Out of Range|division by zero|Overflow|overflow|Conversion Error|Invalid Input|out of range|infinite|More than one row|escape/;
    if (known.test(actual.error)) return 'elsewhere';
    return `DuckDB: ${actual.error}\n${printed}`;
  }
  if (JSON.stringify(actual) === JSON.stringify(expected)) return 'same';
  return `PostgreSQL ${JSON.stringify(expected)}\nDuckDB     ${JSON.stringify(actual)}\n${printed}`;
}

test.each(statements.map((sql) => [sql]))('%s', async (sql) => {
  const outcome = await compare(sql);
  if (outcome.startsWith('unprintable: ') || outcome.startsWith('analysis: ')) {
    expect(outcome.length).toBeGreaterThan('unprintable: '.length);
    return;
  }
  expect(outcome).toMatch(/^(?:same|elsewhere)$/);
});

test('every function of the table, edge values row by row', async () => {
  const failures: string[] = [];
  let same = 0;
  let elsewhere = 0;
  const untried: string[] = [];
  for (const [oid, signature] of shippableFunctions) {
    let tried = 0;
    for (const sql of edgesOf(mirror.catalog, oid, signature)) {
      const outcome = await compare(sql);
      if (outcome === 'same') same++;
      else if (outcome === 'elsewhere') elsewhere++;
      else if (!outcome.startsWith('unprintable: '))
        failures.push(`${signature}: ${sql}\n${outcome}`);
      if (outcome === 'same') tried++;
    }
    if (tried === 0) untried.push(signature);
  }
  expect(failures.slice(0, 60).join('\n\n')).toBe('');
  expect(untried).toEqual([]);
  expect(same).toBeGreaterThan(2000);
  expect(elsewhere).toBeGreaterThan(0);
}, 300_000);

test('chains of float operators under one guard', async () => {
  const chains = [
    'a.v * b.v + 1',
    'a.v + b.v - a.v',
    'a.v * 2 * b.v',
    'a.v / 3 + b.v',
    '1 / (a.v * b.v)',
    '(a.v - b.v) * (a.v + b.v)',
    '-(a.v * b.v)',
    'a.v * 0.5 * 1e-300',
  ];
  const failures: string[] = [];
  let same = 0;
  for (const chain of chains) {
    for (let a = 0; a < 14; a++) {
      for (const b of [0, 3, 6, 7, 11]) {
        const outcome = await compare(
          `select ${chain} from e_double_precision a, e_double_precision b where a.id = ${a} and b.id = ${b}`,
        );
        if (outcome === 'same') same++;
        else if (outcome !== 'elsewhere') failures.push(`${chain}: ${outcome}`);
      }
    }
  }
  expect(failures.join('\n\n')).toBe('');
  expect(same).toBeGreaterThan(150);
}, 120_000);

test('every letter has the same case or is refused', async () => {
  const letters = 'from generate_series(1, 1114111) g where g not between 55296 and 57343';
  for (const name of ['upper', 'lower']) {
    const expected = await mirror.handle.query(
      `select g, ${name}(chr(g)) ${letters} and ${name}(chr(g)) <> chr(g) order by g`,
      [],
    );
    const query = await mirror.analyze(`select ${name}(name) from item`);
    const sql = printForDuckdb(query)
      .replace(/FROM.*/, '')
      .replaceAll(/t\d+\.c2/g, 'x')
      .replace(/SELECT (.*) AS c1 /, '$1');
    const tried = sql.replace(/error\('[^']*'\)/, "'?'");
    const actual = await connection.runAndReadAll(
      `select g, u from (select g, ${tried} as u, x from (select g, chr(g::integer) as x from range(1, 1114112) t(g) where g not between 55296 and 57343)) where u <> x order by g`,
    );
    const refused = new Set<number>();
    const answered = actual.getRowsJson().filter(([g, u]) => {
      if (u === '?' && g !== '63') refused.add(Number(g));
      return u !== '?';
    });
    expect(answered.map(([g, u]) => [String(g as string), u])).toEqual(
      expected.rows.filter(([g]) => !refused.has(Number(g))),
    );
    expect(refused.size).toBeLessThan(100);
  }
}, 60_000);

test('every aggregate and window function of the table', async () => {
  const failures: string[] = [];
  for (const [oid, signature] of shippableAggregates) {
    let tried = 0;
    for (const sql of edgesOf(mirror.catalog, oid, signature)) {
      const outcome = await compare(sql);
      if (outcome === 'same') tried++;
      else if (outcome !== 'elsewhere' && !outcome.startsWith('unprintable: ')) {
        failures.push(`${sql}\n${outcome}`);
      }
    }
    if (tried === 0) failures.push(`${signature} was never tried`);
  }
  expect(failures.join('\n\n')).toBe('');
}, 120_000);
