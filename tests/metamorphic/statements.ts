/** Random statements over a world, and what they make of it. */
import type { Random } from '../crash/random.ts';
import type { Column, ColumnType, Table, World } from './world.ts';
import { columnTypes, tableNames } from './world.ts';

export interface Statement {
  readonly sql: string;
  /** The same in PostgreSQL's own grammar, when that is another. */
  readonly plain?: string;
  /** The table; what it does to a user table's definition is done to each user's copy by the oracle. */
  readonly table: Table;
  /** Set by DDL: the world once it has succeeded. */
  readonly after?: World;
}

const idsMax = 60;
/** Of the names of unique indexes. */
const uniquePrefix = 'u';

export function literal(random: Random, type: ColumnType): string {
  if (random.chance(0.15)) return 'NULL';
  switch (type) {
    case 'int':
      return String(random.between(-20, 200));
    case 'bigint':
      return random.pick(['0', '-7', '42', '5000000000', '9007199254740993']);
    case 'numeric(12,2)':
      return random.pick(['0', '1.50', '-3.25', '123456789.99', '2.005']);
    case 'text':
    case 'varchar(40)':
      return random.pick([`''`, `'plum'`, `'7'`, `'über ''quoted'''`, `'a|b\\c'`, `'12'`]);
    case 'boolean':
      return random.pick(['true', 'false']);
    case 'date':
      return random.pick([`'2024-02-29'`, `'1999-12-31'`, `'2030-01-01'`]);
    case 'timestamptz':
      return random.pick([`'2024-02-29 12:30:00.123456+00'`, `'1970-01-01 00:00:00+02'`]);
    case 'jsonb':
      return random.pick([`'{"a": [1, 2], "b": null}'`, `'[]'`, `'"x"'`, `'null'`]);
  }
}

function condition(random: Random, { columns }: Table): string {
  const id = random.between(0, idsMax);
  const choices = [
    `id = ${id}`,
    `id between ${id} and ${id + random.between(0, 15)}`,
    `id % ${random.between(2, 7)} = 1`,
    `id in (${[id, id + 3, id + 5].join(', ')})`,
  ];
  const column = columns.length > 0 ? random.pick(columns) : undefined;
  if (column !== undefined) {
    choices.push(`${column.name} is null`, `${column.name} is not null and id < ${id}`);
    if (column.type === 'int') choices.push(`${column.name} > ${random.between(0, 100)}`);
    if (column.type === 'text')
      choices.push(`${column.name} = 'plum'`, `${column.name} like '%u%'`);
  }
  return random.pick(choices);
}

function insert(random: Random, table: Table): string {
  const columns = table.columns.filter(() => random.chance(0.8));
  const first = random.between(0, idsMax);
  const rows = Array.from({ length: random.pick([1, 1, 2, 8]) }, (_, i) => {
    const values = [String(first + i), ...columns.map(({ type }) => literal(random, type))];
    return `(${values.join(', ')})`;
  });
  const names = ['id', ...columns.map(({ name }) => name)];
  const head = `insert into ${table.name} (${names.join(', ')}) values ${rows.join(', ')}`;
  if (!table.hasKey || random.chance(0.4)) return head;
  const [set] = columns;
  if (set === undefined || random.chance(0.3)) return `${head} on conflict do nothing`;
  return `${head} on conflict (id) do update set ${set.name} = excluded.${set.name}`;
}

function update(random: Random, table: Table): string {
  const { columns, hasKey, indexes } = table;
  // Which row is first decides whether the next one's key is free yet; PostgreSQL takes them as they lie (docs/compatibility.md).
  const where = (shiftsKeys: boolean): string =>
    shiftsKeys ? `id = ${random.between(0, idsMax)}` : condition(random, table);
  const column = columns.length > 0 ? random.pick(columns) : undefined;
  if (column === undefined || random.chance(0.1)) {
    const set = `id = id + ${random.between(1, 3)}`;
    return `update ${table.name} set ${set} where ${where(hasKey)}`;
  }
  if (column.type === 'int' && random.chance(0.5)) {
    const set = `${column.name} = coalesce(${column.name}, 0) + 1`;
    const isKey = indexes.some((index) => index.startsWith(uniquePrefix));
    return `update ${table.name} set ${set} where ${where(isKey)}`;
  }
  const set = `${column.name} = ${literal(random, column.type)}`;
  return `update ${table.name} set ${set} where ${where(false)}`;
}

export function dml(random: Random, table: Table): Statement {
  const roll = random.next();
  if (roll < 0.5) return { sql: insert(random, table), table };
  if (roll < 0.8) return { sql: update(random, table), table };
  if (roll < 0.97)
    return { sql: `delete from ${table.name} where ${condition(random, table)}`, table };
  return { sql: `truncate ${table.name}`, table };
}

function withTable(world: World, table: Table): World {
  return new Map([...world, [table.name, table]]);
}

export function createTable(random: Random, world: World): Statement | undefined {
  const free = tableNames.filter((name) => !world.has(name));
  if (free.length === 0) return undefined;
  const columns: Column[] = Array.from({ length: random.between(1, 4) }, (_, i) => ({
    name: `c${i}`,
    type: random.pick(columnTypes),
  }));
  const table: Table = {
    name: random.pick(free),
    kind: random.pick(['user', 'shared']),
    columns,
    hasKey: random.chance(0.75),
    constraints: [],
    indexes: [],
  };
  const list = [
    `id int${table.hasKey ? ' primary key' : ''}`,
    ...columns.map(({ name, type }) => `${name} ${type}`),
  ].join(', ');
  return {
    sql: `create ${table.kind} table ${table.name} (${list})`,
    plain: `create table ${table.name} (${list})`,
    table,
    after: withTable(world, table),
  };
}

/** Numbered through the run, so that no name comes twice. */
let names = 0;

export function ddl(random: Random, world: World, table: Table): Statement {
  const { name, columns } = table;
  const alter = (action: string, changed: Partial<Table> = {}): Statement => ({
    sql: `alter table ${name} ${action}`,
    table,
    after: withTable(world, { ...table, ...changed }),
  });
  const without = (gone: Column): readonly Column[] => columns.filter((one) => one !== gone);
  const column = columns.length > 0 ? random.pick(columns) : undefined;
  const roll = random.below(13);
  if (column === undefined || roll === 0) {
    // Names come back: a column added again must not show what the dropped one held.
    const free = ['c0', 'c1', 'c2', 'c3', 'c4', 'c5'].filter(
      (one) => !columns.some((known) => known.name === one),
    );
    if (free.length === 0) return alter('alter column id set default 5');
    const added: Column = { name: random.pick(free), type: random.pick(columnTypes) };
    const value = literal(random, added.type);
    const rest = random.pick(['', ` default ${value}`, ` default ${value}`, ' not null']);
    return alter(`add column ${added.name} ${added.type}${rest}`, { columns: [...columns, added] });
  }
  switch (roll) {
    case 1:
      return alter(`drop column ${column.name} cascade`, { columns: without(column) });
    case 2: {
      const renamed = { ...column, name: `r${++names}` };
      return alter(`rename column ${column.name} to ${renamed.name}`, {
        columns: columns.map((one) => (one === column ? renamed : one)),
      });
    }
    case 3:
    case 4: {
      const changed = { ...column, type: random.pick(columnTypes) };
      const using = random.chance(0.6)
        ? ` using ${column.name}::text::${changed.type}`
        : random.chance(0.3)
          ? ` using null`
          : '';
      return alter(`alter column ${column.name} type ${changed.type}${using}`, {
        columns: columns.map((one) => (one === column ? changed : one)),
      });
    }
    case 5:
      return alter(`alter column ${column.name} set not null`);
    case 6:
      return alter(`alter column ${column.name} drop not null`);
    case 7:
      return alter(`alter column ${column.name} set default ${literal(random, column.type)}`);
    case 8: {
      const constraint = `k${++names}`;
      const valid = random.chance(0.4) ? ' not valid' : '';
      return alter(
        `add constraint ${constraint} check (id >= 0 or ${column.name} is null)${valid}`,
        {
          constraints: [...table.constraints, constraint],
        },
      );
    }
    case 9: {
      if (table.constraints.length === 0) return alter('alter column id drop default');
      const constraint = random.pick(table.constraints);
      if (random.chance(0.4)) return alter(`validate constraint ${constraint}`);
      return alter(`drop constraint if exists ${constraint}`, {
        constraints: table.constraints.filter((one) => one !== constraint),
      });
    }
    case 10: {
      const unique = random.chance(0.3) ? 'unique ' : '';
      const index = `${unique === '' ? 'i' : uniquePrefix}${++names}`;
      if (column.type === 'jsonb') return alter(`alter column ${column.name} drop default`);
      return {
        sql: `create ${unique}index ${index} on ${name} (${column.name})`,
        table,
        after: withTable(world, { ...table, indexes: [...table.indexes, index] }),
      };
    }
    case 11: {
      if (table.indexes.length === 0) return alter('alter column id drop default');
      const index = random.pick(table.indexes);
      return {
        sql: `drop index if exists ${index}`,
        table,
        after: withTable(world, {
          ...table,
          indexes: table.indexes.filter((one) => one !== index),
        }),
      };
    }
    default:
      return {
        sql: `drop table ${name}`,
        table,
        after: new Map([...world].filter(([known]) => known !== name)),
      };
  }
}
