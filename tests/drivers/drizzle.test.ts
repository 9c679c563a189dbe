import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { and, asc, count, desc, eq, gt, ilike, inArray, relations, sql, sum } from 'drizzle-orm';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import {
  boolean,
  integer,
  jsonb,
  numeric,
  pgSchema,
  serial,
  text,
  timestamp,
  uuid,
  varchar,
} from 'drizzle-orm/pg-core';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Target } from './target.ts';
import { startTarget } from './target.ts';

const shop = pgSchema('with_drizzle');

const customers = shop.table('customers', {
  id: serial('id').primaryKey(),
  email: varchar('email', { length: 200 }).notNull().unique(),
  name: text('name').notNull(),
  active: boolean('active').notNull().default(true),
  tags: text('tags').array().notNull().default([]),
});

const orders = shop.table('orders', {
  id: uuid('id').primaryKey().defaultRandom(),
  customerId: integer('customer_id').notNull(),
  total: numeric('total', { precision: 12, scale: 2 }).notNull(),
  lines: jsonb('lines').$type<readonly { readonly what: string; readonly n: number }[]>().notNull(),
  placedAt: timestamp('placed_at', { withTimezone: true }).notNull().defaultNow(),
});

const customerRelations = relations(customers, ({ many }) => ({ orders: many(orders) }));
const orderRelations = relations(orders, ({ one }) => ({
  customer: one(customers, { fields: [orders.customerId], references: [customers.id] }),
}));
const schema = { customers, orders, customerRelations, orderRelations };

/** As drizzle-kit writes them. */
const migrations = {
  '0000_start': `CREATE SCHEMA "with_drizzle";
--> statement-breakpoint
CREATE TABLE "with_drizzle"."customers" (
	"id" serial PRIMARY KEY NOT NULL,
	"email" varchar(200) NOT NULL,
	"name" text NOT NULL,
	"active" boolean DEFAULT true NOT NULL,
	CONSTRAINT "customers_email_unique" UNIQUE("email")
);
--> statement-breakpoint
CREATE TABLE "with_drizzle"."orders" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"customer_id" integer NOT NULL,
	"total" numeric(12, 2) NOT NULL,
	"lines" jsonb NOT NULL,
	"placed_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE INDEX "orders_customer_index" ON "with_drizzle"."orders" USING btree ("customer_id");`,
  '0001_tags': `ALTER TABLE "with_drizzle"."customers" ADD COLUMN "tags" text[] DEFAULT '{}' NOT NULL;`,
};

async function writeMigrations(folder: string): Promise<void> {
  await mkdir(join(folder, 'meta'));
  const entries = Object.keys(migrations).map((tag, idx) => ({
    idx,
    version: '7',
    when: 1_700_000_000_000 + idx,
    tag,
    breakpoints: true,
  }));
  await writeFile(
    join(folder, 'meta', '_journal.json'),
    JSON.stringify({ version: '7', dialect: 'postgresql', entries }),
  );
  for (const [tag, text] of Object.entries(migrations))
    await writeFile(join(folder, `${tag}.sql`), text);
}

let target: Target;
let pool: pg.Pool;
let folder: string;
let db: NodePgDatabase<typeof schema>;

beforeAll(async () => {
  target = await startTarget();
  const { host, port, user, database } = target;
  pool = new pg.Pool({ host, port, user, database, max: 3 });
  db = drizzle(pool, { schema });
  await pool.query(
    'DROP SCHEMA IF EXISTS with_drizzle CASCADE; DROP SCHEMA IF EXISTS drizzle CASCADE',
  );
  folder = await mkdtemp(join(tmpdir(), 'pgtide-drizzle-'));
  await writeMigrations(folder);
  await migrate(db, { migrationsFolder: folder });
});

afterAll(async () => {
  await pool?.query('DROP SCHEMA with_drizzle CASCADE; DROP SCHEMA drizzle CASCADE');
  await pool?.end();
  await target?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('migrations are applied once', async () => {
  await migrate(db, { migrationsFolder: folder });
  const { rows } = await db.execute(
    sql`SELECT count(*)::int AS n FROM drizzle.__drizzle_migrations`,
  );
  expect(rows).toEqual([{ n: 2 }]);
});

describe('queries', () => {
  const ids: number[] = [];

  test('insert rows and return them', async () => {
    const inserted = await db
      .insert(customers)
      .values([
        { email: 'ann@example.org', name: 'Ann', tags: ['vip', 'early, "bird"'] },
        { email: 'bob@example.org', name: 'Bob', active: false },
        { email: 'cat@example.org', name: 'Cat' },
      ])
      .returning();
    expect(inserted[0]).toEqual({
      id: 1,
      email: 'ann@example.org',
      name: 'Ann',
      active: true,
      tags: ['vip', 'early, "bird"'],
    });
    ids.push(...inserted.map((row) => row.id));
    const [ann = 0, bob = 0] = ids;
    await db.insert(orders).values([
      {
        customerId: ann,
        total: '10.50',
        lines: [{ what: 'lamp', n: 1 }],
        placedAt: new Date('2024-01-01T10:00:00Z'),
      },
      {
        customerId: ann,
        total: '99.99',
        lines: [{ what: 'chair', n: 4 }],
        placedAt: new Date('2024-02-01T10:00:00Z'),
      },
      { customerId: bob, total: '5', lines: [], placedAt: new Date('2024-03-01T10:00:00Z') },
    ]);
  });

  test('select with conditions', async () => {
    expect(
      await db
        .select({ name: customers.name })
        .from(customers)
        .where(and(eq(customers.active, true), ilike(customers.email, '%EXAMPLE.org')))
        .orderBy(desc(customers.name)),
    ).toEqual([{ name: 'Cat' }, { name: 'Ann' }]);
    expect(await db.select().from(orders).where(gt(orders.total, '50'))).toMatchObject([
      {
        total: '99.99',
        lines: [{ what: 'chair', n: 4 }],
        placedAt: new Date('2024-02-01T10:00:00Z'),
      },
    ]);
    expect(await db.$count(customers, inArray(customers.id, ids.slice(0, 2)))).toBe(2);
  });

  test('join and group', async () => {
    expect(
      await db
        .select({ name: customers.name, orders: count(orders.id), spent: sum(orders.total) })
        .from(customers)
        .leftJoin(orders, eq(orders.customerId, customers.id))
        .groupBy(customers.id, customers.name)
        .orderBy(asc(customers.name)),
    ).toEqual([
      { name: 'Ann', orders: 2, spent: '110.49' },
      { name: 'Bob', orders: 1, spent: '5.00' },
      { name: 'Cat', orders: 0, spent: null },
    ]);
  });

  test('follow relations', async () => {
    expect(
      await db.query.customers.findMany({
        columns: { name: true },
        with: { orders: { columns: { total: true }, orderBy: asc(orders.placedAt) } },
        orderBy: asc(customers.id),
      }),
    ).toEqual([
      { name: 'Ann', orders: [{ total: '10.5' }, { total: '99.99' }] },
      { name: 'Bob', orders: [{ total: '5' }] },
      { name: 'Cat', orders: [] },
    ]);
    expect(
      await db.query.orders.findFirst({
        columns: { total: true },
        with: { customer: { columns: { name: true } } },
        orderBy: desc(orders.placedAt),
      }),
    ).toEqual({ total: '5.00', customer: { name: 'Bob' } });
  });

  test('update, upsert and delete', async () => {
    expect(
      await db
        .update(customers)
        .set({ active: true })
        .where(eq(customers.name, 'Bob'))
        .returning({ id: customers.id }),
    ).toEqual([{ id: ids[1] }]);
    await db
      .insert(customers)
      .values({ email: 'bob@example.org', name: 'Robert' })
      .onConflictDoUpdate({ target: customers.email, set: { name: sql`excluded.name` } });
    await db
      .insert(customers)
      .values({ email: 'bob@example.org', name: 'Nobody' })
      .onConflictDoNothing();
    expect(
      await db.select({ name: customers.name }).from(customers).where(eq(customers.id, ids[1]!)),
    ).toEqual([{ name: 'Robert' }]);
    expect((await db.delete(orders).where(eq(orders.customerId, ids[1]!))).rowCount).toBe(1);
  });

  test('prepared, with placeholders', async () => {
    const byEmail = db
      .select({ name: customers.name })
      .from(customers)
      .where(eq(customers.email, sql.placeholder('email')))
      .prepare('customer_by_email');
    expect(await byEmail.execute({ email: 'ann@example.org' })).toEqual([{ name: 'Ann' }]);
    expect(await byEmail.execute({ email: 'none@example.org' })).toEqual([]);
  });

  test('in transactions', async () => {
    await expect(
      db.transaction(async (tx) => {
        await tx.delete(customers);
        tx.rollback();
      }),
    ).rejects.toThrow('Rollback');
    await db.transaction(async (tx) => {
      await tx.insert(customers).values({ email: 'dan@example.org', name: 'Dan' });
    });
    expect(await db.$count(customers)).toBe(4);
  });

  test('that violate a constraint say which', async () => {
    const failed = db.insert(customers).values({ email: 'ann@example.org', name: 'Ann again' });
    await expect(failed).rejects.toMatchObject({
      cause: { code: '23505', constraint: 'customers_email_unique', table: 'customers' },
    });
  });
});
