/** Random DDL, savepoints and rollbacks, with others looking in between, against a plain PGlite that is told the same. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readStoredExpr } from '../analyzer/index.ts';
import { clusterTemplate, openPglite } from '../pglite/index.ts';
import type { PgliteHandle } from '../pglite/index.ts';
import type { Storage } from '../storage/types.ts';
import { testFolder } from '../storage/testing-folder.ts';
import type { DdlMark } from './catalog.ts';
import { readRelations } from './read-mirror.ts';
import { catalogTable } from './reconcile.ts';
import type { TestCatalog, TestTransaction } from './open-catalog.test-support.ts';
import { beginTestDdl, openTestCatalog } from './open-catalog.test-support.ts';
import type { CatalogSnapshot } from './types.ts';

/** Of this run; PGTIDE_TEST_SEED repeats another. */
const seed = Number(process.env['PGTIDE_TEST_SEED'] ?? Date.now() % 1_000_000);
const transactions = Number(process.env['PGTIDE_TEST_TRANSACTIONS'] ?? 10);

const folder = testFolder();
let storage: Storage;
let ours: TestCatalog;
let plain: PgliteHandle;

beforeAll(async () => {
  storage = await folder.open();
  ours = await openTestCatalog(storage);
  plain = await openPglite({ name: 'plain', templateTar: await clusterTemplate() });
});
afterAll(async () => {
  await ours.close();
  await plain.close();
  await storage.close();
  folder.remove();
});

/** Everything of the users' catalog that has no OID in it. */
const describeSql = `
  select n.nspname || '.' || c.relname, c.relkind, pg_get_userbyid(c.relowner), obj_description(c.oid, 'pg_class'),
    (select string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
        a.atthasmissing), ', ' order by a.attnum)
      from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
    (select string_agg(conname || ' ' || pg_get_constraintdef(o.oid), ', ' order by conname) from pg_constraint o where conrelid = c.oid),
    (select string_agg(pg_get_indexdef(indexrelid), ', ' order by indexrelid::regclass::text) from pg_index where indrelid = c.oid),
    (select concat_ws(' ', seqstart, seqincrement, seqmax, seqcycle) from pg_sequence where seqrelid = c.oid),
    case when c.relkind = 'v' then pg_get_viewdef(c.oid) end, c.relacl::text
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tide', 'system') and c.relkind in ('r', 'S', 'v')
  order by 1`;

type Description = readonly (readonly (string | null)[])[];

async function describePlain(): Promise<Description> {
  return (await plain.query(describeSql, undefined, new Map())).rows;
}

const noMirror = {
  exec: () => Promise.reject(new Error('reads only')),
  inTransaction: () => true,
};

const inOrder = (a: string | null, b: string | null): number => ((a ?? '') < (b ?? '') ? -1 : 1);

/** The snapshot says what the mirror says: tables with columns and indexes, sequences with their parameters. */
function expectSnapshot(snapshot: CatalogSnapshot, description: Description): void {
  const named = (of: { readonly namespace: string; readonly name: string }): string =>
    `${of.namespace}.${of.name}`;
  const kind = (relkind: string): (string | null)[] =>
    description
      .filter((row) => row[1] === relkind)
      .map((row) => row[0] ?? null)
      .sort(inOrder);
  expect(snapshot.tables.map(({ stored }) => named(stored)).sort(inOrder)).toEqual(kind('r'));
  expect(snapshot.sequences.map(named).sort(inOrder)).toEqual(kind('S'));
  for (const table of snapshot.tables) {
    expect(snapshot.table(table.relid)).toBe(table);
    const [, , , , columns, , indexes] = description.find((row) => row[0] === named(table.stored))!;
    const names = (columns ?? '').split(', ').map((column) => column.split(' ')[0] ?? '');
    expect(table.columns.map((column) => column.name)).toEqual(columns === null ? [] : names);
    const { primaryKeyName } = table.stored;
    const known = table.stored.indexes.map((index) => index.name);
    if (primaryKeyName !== undefined) known.push(primaryKeyName);
    const mirrored = [...(indexes ?? '').matchAll(/INDEX (\S+) ON/g)].map((match) => match[1]!);
    expect(known.sort(inOrder)).toEqual(mirrored.sort(inOrder));
  }
  for (const sequence of snapshot.sequences) {
    const row = description.find((one) => one[0] === named(sequence))!;
    expect(row[7]).toMatch(new RegExp(`^${sequence.start} ${sequence.increment} ${sequence.max} `));
    // The position exists in storage.
    storage.sequences.state(sequence.sequenceId);
  }
}

function generator(start: number): (below: number) => number {
  let state = start + 1;
  return (below) => {
    state = (Math.imul(state, 48_271) >>> 0) % 2_147_483_647;
    return state % below;
  };
}

function statement(next: (below: number) => number, { tables }: CatalogSnapshot): string {
  const made = tables.length > 0 && next(4) > 0 ? tables[next(tables.length)] : undefined;
  const { namespace, name } = made?.stored ?? { namespace: 'public', name: `t${next(5)}` };
  const table = namespace === 'public' ? name : `${namespace}.${name}`;
  const other = `t${next(5)}`;
  const columns = made?.columns ?? [];
  const column = next(2) > 0 ? (columns[next(columns.length)]?.name ?? 'c0') : `c${next(4)}`;
  const kinds: readonly (() => string)[] = [
    () =>
      `create table ${table} (id serial primary key, ${column} int default 3 check (${column} > 0), w text)`,
    () => `create table t${next(5)} (id int, ${column} text unique)`,
    () => `create table t${next(5)} (id int primary key, c0 int, c1 text not null)`,
    () => `create table t${next(5)} (id int primary key, c2 int references ${table})`,
    () => `create table if not exists ${table} (id bigint generated always as identity)`,
    () => `alter table ${table} add column ${column} int default 7 -- seven`,
    () =>
      `alter table ${table} add column ${column} timestamptz default now(), add column d${next(3)} text`,
    () => `alter table ${table} rename column ${column} to c${next(4)}`,
    () => `alter table ${table} drop column ${column} cascade`,
    () => `alter table ${table} alter column ${column} set not null`,
    () => `alter table ${table} alter column ${column} drop default`,
    () => `alter table ${table} add constraint k${next(3)} check (${column} is not null) not valid`,
    () => `alter table ${table} add primary key (id)`,
    () => `alter table ${table} rename to ${other}`,
    () => `alter table ${table} add foreign key (${column}) references ${other}`,
    () => `alter table ${table} set schema s${next(2)}`,
    () => `create index i${next(4)} on ${table} (${column}, id)`,
    () => `create unique index on ${table} (id)`,
    () => `drop index i${next(4)}`,
    () => `drop table ${table} cascade`,
    () => `drop table ${table}, ${other}`,
    () => `create sequence q${next(3)} start ${1 + next(9)}`,
    () => `alter sequence q${next(3)} increment ${1 + next(5)}`,
    () => `drop sequence q${next(3)}`,
    () => `create view v${next(3)} as select * from ${table}`,
    () => `drop view v${next(3)}`,
    () => `create schema s${next(2)}`,
    () => `drop schema s${next(2)} cascade`,
    () => `create table s${next(2)}.${table} (a int)`,
    () => `comment on table ${table} is 'it''s ${next(9)}'`,
    () => `grant select on ${table} to public`,
    () => `truncate nothing.there`,
  ];
  return kinds[next(kinds.length)]!();
}

/** The SQLSTATE that `work` fails with; undefined: it does not. */
async function failure(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return (error as { report?: { code: string } }).report?.code ?? String(error);
  }
}

interface Mark {
  readonly name: string;
  readonly ddl: DdlMark;
  readonly storage: ReturnType<TestTransaction['storage']['savepoint']>;
}

test(`the catalog is as PostgreSQL's after every step, seed ${seed}`, async () => {
  const next = generator(seed);
  const log: string[] = [];
  /** A failure comes with what led to it. */
  const told = (check: () => void): void => {
    try {
      check();
    } catch (error) {
      throw new Error(`after\n${log.join(';\n')}`, { cause: error });
    }
  };
  let committed = await describePlain();
  let ran = 0;
  let failed = 0;
  // Most statements of a seed may fail: a run goes on until enough have done something.
  for (let t = 0; t < transactions || ran - failed <= transactions; t++) {
    const transaction = await beginTestDdl(ours, storage);
    const { ddl } = transaction;
    await plain.query('begin');
    log.push('begin');
    let marks: Mark[] = [];
    let over = false;
    const same = async (): Promise<void> => {
      const expected = await describePlain();
      const found = await ddl.hold(() => ours.rows(describeSql));
      told(() => expect(found).toEqual(expected));
      expectSnapshot(ddl.snapshot, expected);
      // What was read of the changes alone is what a full reading gives.
      const whole = await ddl.hold(() => readRelations({ ...noMirror, rows: ours.rows }));
      for (const { referencedBy: _, ...table } of ddl.snapshot.tables) {
        const { relation } = whole.get(table.relid)!;
        const { referencedBy: __, ...read } = catalogTable(relation, table, readStoredExpr);
        told(() => expect(table).toEqual(read));
      }
    };
    for (let steps = 5 + next(14); steps > 0 && !over; steps--) {
      const what = next(12);
      if (what === 0 || (what > 3 && marks.length === 0 && next(8) > 0)) {
        const name = `m${next(3)}`;
        log.push(`savepoint ${name}`);
        await plain.query(log.at(-1)!);
        marks.push({ name, ddl: ddl.savepoint(), storage: transaction.storage.savepoint() });
      } else if (what === 1 && marks.length > 0) {
        const at = next(marks.length);
        const mark = marks[at]!;
        // A name may stand for several: the last counts.
        if (marks.findLastIndex((one) => one.name === mark.name) !== at) continue;
        log.push(`rollback to ${mark.name}`);
        await plain.query(log.at(-1)!);
        marks = marks.slice(0, at + 1);
        await transaction.storage.rollbackTo(mark.storage);
        await ddl.rollbackTo(mark.ddl);
      } else if (what === 2) {
        // Somebody else looks, which takes the transaction's view out of the mirror.
        log.push('-- others look');
        expect(await ours.catalog.shared(() => ours.rows(describeSql))).toEqual(committed);
        expectSnapshot(ours.catalog.current, committed);
        continue;
      } else {
        const sql = statement(next, ddl.snapshot);
        log.push(sql);
        const expected = await failure(plain.query(sql));
        const found = await failure(transaction.run(sql));
        ran++;
        // What PostgreSQL takes and we do not: it is not there then, in either.
        const refused = expected === undefined && found === '0A000';
        if (!refused) told(() => expect(found).toBe(expected));
        if (found !== undefined) {
          failed++;
          const mark = marks.at(-1);
          if (mark === undefined) {
            over = true;
            continue;
          }
          await plain.query(`rollback to ${mark.name}`);
          await transaction.storage.rollbackTo(mark.storage);
          await ddl.rollbackTo(mark.ddl);
          log.push(`-- failed; rollback to ${mark.name}`);
        }
      }
      await same();
    }
    if (over || next(3) === 0) {
      log.push('rollback');
      await plain.query('rollback');
      await transaction.rollback();
    } else {
      log.push('commit');
      await plain.query('commit');
      await transaction.commit();
    }
    committed = await describePlain();
    const after = await ours.catalog.shared(() => ours.rows(describeSql));
    told(() => expect(after).toEqual(committed));
    expectSnapshot(ours.catalog.current, committed);
  }
  // The journal alone makes the same catalog.
  const again = await openTestCatalog(storage);
  expect(await again.catalog.shared(() => again.rows(describeSql))).toEqual(committed);
  expectSnapshot(again.catalog.current, committed);
  await again.close();
}, 120_000);
