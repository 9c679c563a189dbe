import type { ColumnType, Generated, Kysely as KyselyType } from 'kysely';
import { Kysely, Migrator, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import Cursor from 'pg-cursor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Target } from './target.ts';
import { startTarget } from './target.ts';

interface Database {
  readonly pet: {
    id: Generated<number>;
    name: string;
    species: 'cat' | 'dog' | 'fish';
    owner_id: number | null;
    weight: ColumnType<string, string | number>;
    bought_at: Generated<Date>;
  };
  readonly cats: { readonly id: number; readonly name: string };
  readonly owner: {
    id: Generated<number>;
    name: string;
    details: ColumnType<{ city: string }, string>;
  };
}

let target: Target;
let db: KyselyType<Database>;

beforeAll(async () => {
  target = await startTarget();
  const { host, port, user, database } = target;
  const pool = new pg.Pool({
    host,
    port,
    user,
    database,
    max: 3,
    options: '-c search_path=with_kysely',
  });
  db = new Kysely<Database>({ dialect: new PostgresDialect({ pool, cursor: Cursor }) });
  await db.schema.dropSchema('with_kysely').ifExists().cascade().execute();
  await db.schema.createSchema('with_kysely').execute();
});

afterAll(async () => {
  await db?.schema.dropSchema('with_kysely').cascade().execute();
  await db?.destroy();
  await target?.stop();
});

describe('the schema builder', () => {
  test('makes tables, indexes, views', async () => {
    await db.schema
      .createTable('owner')
      .addColumn('id', 'serial', (column) => column.primaryKey())
      .addColumn('name', 'varchar(100)', (column) => column.notNull().unique())
      .addColumn('details', 'jsonb', (column) => column.notNull().defaultTo(sql`'{}'::jsonb`))
      .execute();
    await db.schema
      .createTable('pet')
      .ifNotExists()
      .addColumn('id', 'integer', (column) => column.generatedAlwaysAsIdentity().primaryKey())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('species', 'text', (column) =>
        column.notNull().check(sql`species in ('cat', 'dog', 'fish')`),
      )
      .addColumn('owner_id', 'integer')
      .addColumn('weight', 'numeric(8, 3)', (column) => column.notNull())
      .addColumn('bought_at', 'timestamptz', (column) => column.notNull().defaultTo(sql`now()`))
      .addUniqueConstraint('pet_name_of_owner', ['owner_id', 'name'])
      .execute();
    await db.schema.createIndex('pet_species').on('pet').column('species').execute();
    await db.schema
      .createView('cats')
      .as(db.selectFrom('pet').where('species', '=', 'cat').select(['id', 'name']))
      .execute();
  });

  test('alters them', async () => {
    await db.schema
      .alterTable('pet')
      .addColumn('nick', 'text', (column) => column.defaultTo('none'))
      .execute();
    await db.schema.alterTable('pet').renameColumn('nick', 'nickname').execute();
    await db.schema
      .alterTable('pet')
      .alterColumn('nickname', (column) => column.setNotNull())
      .execute();
    await db.schema
      .alterTable('pet')
      .alterColumn('nickname', (column) => column.dropDefault())
      .execute();
    await db.schema.alterTable('pet').dropColumn('nickname').execute();
  });

  test('shows them by introspection', async () => {
    const all = await db.introspection.getTables();
    const ours = all.filter((table) => table.schema === 'with_kysely');
    expect(ours.map((table) => [table.name, table.isView])).toEqual(
      expect.arrayContaining([
        ['owner', false],
        ['pet', false],
        ['cats', true],
      ]),
    );
    expect(ours).toHaveLength(3);
    const pet = ours.find((table) => table.name === 'pet')!;
    expect(
      pet.columns.map((column) => [
        column.name,
        column.dataType,
        column.isNullable,
        column.isAutoIncrementing,
        column.hasDefaultValue,
      ]),
    ).toEqual([
      ['id', 'int4', false, true, false],
      ['name', 'text', false, false, false],
      ['species', 'text', false, false, false],
      ['owner_id', 'int4', true, false, false],
      ['weight', 'numeric', false, false, false],
      ['bought_at', 'timestamptz', false, false, true],
    ]);
    expect((await db.introspection.getSchemas()).map((schema) => schema.name)).toContain(
      'with_kysely',
    );
  });
});

describe('queries', () => {
  test('insert rows and return them', async () => {
    const owners = await db
      .insertInto('owner')
      .values([
        { name: 'ann', details: JSON.stringify({ city: 'Oslo' }) },
        { name: 'bob', details: JSON.stringify({ city: 'Lagos' }) },
      ])
      .returning(['id', 'name'])
      .execute();
    expect(owners).toEqual([
      { id: 1, name: 'ann' },
      { id: 2, name: 'bob' },
    ]);
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('pet')
      .values([
        { name: 'tom', species: 'cat', owner_id: 1, weight: 4.2 },
        { name: 'rex', species: 'dog', owner_id: 1, weight: '30.125' },
        { name: 'dory', species: 'fish', owner_id: 2, weight: '0.1' },
        { name: 'stray', species: 'cat', owner_id: null, weight: 3 },
      ])
      .executeTakeFirstOrThrow();
    expect(numInsertedOrUpdatedRows).toBe(4n);
  });

  test('select with conditions, order and limit', async () => {
    expect(
      await db
        .selectFrom('pet')
        .select(['name', 'weight'])
        .where((eb) => eb.or([eb('species', '=', 'cat'), eb('weight', '>', '20')]))
        .orderBy('weight', 'desc')
        .limit(2)
        .execute(),
    ).toEqual([
      { name: 'rex', weight: '30.125' },
      { name: 'tom', weight: '4.200' },
    ]);
  });

  test('join, group, and use sub-selects and CTEs', async () => {
    expect(
      await db
        .selectFrom('owner')
        .leftJoin('pet', 'pet.owner_id', 'owner.id')
        .groupBy('owner.name')
        .select((eb) => [
          'owner.name',
          eb.fn.count<string>('pet.id').as('pets'),
          eb.fn.sum<string>('weight').as('kg'),
        ])
        .having((eb) => eb.fn.count('pet.id'), '>', 0)
        .orderBy('owner.name')
        .execute(),
    ).toEqual([
      { name: 'ann', pets: '2', kg: '34.325' },
      { name: 'bob', pets: '1', kg: '0.100' },
    ]);
    expect(
      await db
        .with('heavy', (qb) => qb.selectFrom('pet').where('weight', '>', '1').selectAll())
        .selectFrom('heavy')
        .where('owner_id', 'in', (eb) =>
          eb.selectFrom('owner').select('id').where('name', '=', 'ann'),
        )
        .select((eb) => eb.fn.countAll<string>().as('n'))
        .executeTakeFirstOrThrow(),
    ).toEqual({ n: '2' });
    expect(
      await db
        .selectFrom('owner')
        .select((eb) => ['name', eb.ref('details', '->>').key('city').as('city')])
        .orderBy('name')
        .execute(),
    ).toEqual([
      { name: 'ann', city: 'Oslo' },
      { name: 'bob', city: 'Lagos' },
    ]);
  });

  test('insert or update on conflict', async () => {
    const upsert = (name: string, city: string): Promise<unknown> =>
      db
        .insertInto('owner')
        .values({ name, details: JSON.stringify({ city }) })
        .onConflict((oc) =>
          oc.column('name').doUpdateSet((eb) => ({ details: eb.ref('excluded.details') })),
        )
        .returning('details')
        .executeTakeFirst();
    expect(await upsert('bob', 'Abuja')).toEqual({ details: { city: 'Abuja' } });
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('owner')
      .values({ name: 'bob', details: '{}' })
      .onConflict((oc) => oc.doNothing())
      .executeTakeFirstOrThrow();
    expect(numInsertedOrUpdatedRows).toBe(0n);
  });

  test('update and delete with counts and rows', async () => {
    const { numUpdatedRows } = await db
      .updateTable('pet')
      .set((eb) => ({ weight: eb('weight', '+', '1') }))
      .where('species', '=', 'cat')
      .executeTakeFirstOrThrow();
    expect(numUpdatedRows).toBe(2n);
    expect(
      await db
        .updateTable('pet')
        .from('owner')
        .whereRef('pet.owner_id', '=', 'owner.id')
        .where('owner.name', '=', 'bob')
        .set({ name: 'nemo' })
        .returning(['pet.name', 'owner.name as owner'])
        .execute(),
    ).toEqual([{ name: 'nemo', owner: 'bob' }]);
    expect(
      await db.deleteFrom('pet').where('name', '=', 'stray').returning('weight').execute(),
    ).toEqual([{ weight: '4.000' }]);
    expect(await db.selectFrom('cats').select('name').execute()).toEqual([{ name: 'tom' }]);
  });

  test('stream rows', async () => {
    const names: string[] = [];
    for await (const { name } of db.selectFrom('pet').select('name').orderBy('id').stream(1)) {
      names.push(name);
    }
    expect(names).toEqual(['tom', 'rex', 'nemo']);
  });
});

describe('transactions', () => {
  test('commit, and roll back when they throw', async () => {
    await db.transaction().execute(async (trx) => {
      await trx.insertInto('owner').values({ name: 'chandra', details: '{}' }).execute();
    });
    await expect(
      db.transaction().execute(async (trx) => {
        await trx.deleteFrom('owner').execute();
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    const { n } = await db
      .selectFrom('owner')
      .select((eb) => eb.fn.countAll<string>().as('n'))
      .executeTakeFirstOrThrow();
    expect(n).toBe('3');
  });
});

test('raw SQL with parameters', async () => {
  const { rows } = await sql<{ sum: number }>`SELECT ${1}::int + ${2}::int AS sum`.execute(db);
  expect(rows).toEqual([{ sum: 3 }]);
});

function migratorOf(of: KyselyType<Database>): Migrator {
  return new Migrator({
    db: of,
    migrationTableSchema: 'with_kysely',
    provider: {
      getMigrations: async () => ({
        '2024_01_first': {
          up: (of) => of.schema.createTable('toy').addColumn('id', 'integer').execute(),
          down: (of) => of.schema.dropTable('toy').execute(),
        },
        '2024_02_second': {
          up: (of) => of.schema.alterTable('toy').addColumn('name', 'text').execute(),
          down: (of) => of.schema.alterTable('toy').dropColumn('name').execute(),
        },
      }),
    },
  });
}

test('migrations run up, down, and only once', async () => {
  const migrator = migratorOf(db);
  const first = await migrator.migrateToLatest();
  expect(first.error).toBeUndefined();
  expect(first.results?.map((result) => [result.migrationName, result.status])).toEqual([
    ['2024_01_first', 'Success'],
    ['2024_02_second', 'Success'],
  ]);
  expect((await migrator.migrateToLatest()).results).toEqual([]);
  await sql`INSERT INTO toy (id, name) VALUES (1, 'ball')`.execute(db);
  expect((await migrator.migrateDown()).error).toBeUndefined();
  expect((await sql`SELECT * FROM toy`.execute(db)).rows).toEqual([{ id: 1 }]);
});

test('of migrators that start together one migrates, the others wait for it', async () => {
  const all = await Promise.all([1, 2, 3].map(() => migratorOf(db).migrateToLatest()));
  expect(all.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
  expect(all.flatMap(({ results }) => results ?? [])).toHaveLength(1);
});
