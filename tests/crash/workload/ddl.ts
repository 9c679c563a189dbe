/** Tables that come, change and go: each statement or transaction of DDL wholly or not at all, in the catalog and on disk. */
import type { Reader } from '../check/reader.ts';
import type { Outcome, Session } from '../client.ts';
import { Violation } from '../client.ts';
import type { Random } from '../random.ts';
import type { Part } from './actor.ts';

interface Shape {
  readonly kind: 'shared' | 'user';
  /** Beside id and word, each an int with a default: its name and that default. */
  readonly columns: ReadonlyMap<string, number>;
  readonly indexes: ReadonlySet<string>;
  /** Id to word; the id is the row's number. */
  readonly rows: ReadonlyMap<number, string>;
}

type Shapes = ReadonlyMap<string, Shape>;

interface Change {
  readonly label: string;
  readonly after: Shapes;
  /** Run one by one; BEGIN and COMMIT among them where several belong together. */
  readonly statements: readonly string[];
}

const tablesKept = 5;
/** Columns that other clients' table gets and loses while they work on it. */
const extraColumn = 'extra';

function text(shapes: Shapes): string {
  return JSON.stringify(
    [...shapes]
      .map(([name, shape]) => [
        name,
        shape.kind,
        [...shape.columns].toSorted((a, b) => a[0].localeCompare(b[0])),
        [...shape.indexes].toSorted(),
        [...shape.rows].toSorted((a, b) => a[0] - b[0]),
      ])
      .toSorted((a, b) => String(a[0]).localeCompare(String(b[0]))),
  );
}

export function schemaChanges(busyTable: string): Part {
  let shapes: Shapes = new Map();
  let doubt: Shapes | undefined;
  let names = 0;
  let extra: 'there' | 'not there' | 'in doubt' = 'not there';

  const put = (name: string, shape: Shape | undefined, without?: string): Shapes => {
    const next = new Map(shapes);
    if (without !== undefined) next.delete(without);
    if (shape === undefined) next.delete(name);
    else next.set(name, shape);
    return next;
  };

  function create(random: Random): Change {
    const name = `t${++names}`;
    const kind = random.chance(0.4) ? 'user' : 'shared';
    const rows = new Map(Array.from({ length: random.below(30) }, (_, i) => [i, `${name} ${i}`]));
    const define = `create ${kind} table d.${name} (id int primary key, word text unique)`;
    const fill = `insert into d.${name} values ${[...rows].map(([id, word]) => `(${id}, '${word}')`).join(', ')}`;
    const shape = { kind, columns: new Map(), indexes: new Set<string>(), rows } as const;
    const statements = rows.size === 0 ? [define] : ['begin', define, fill, 'commit'];
    return { label: `create d.${name}`, after: put(name, shape), statements };
  }

  function alter(name: string, shape: Shape, random: Random): Change {
    const column = `c${++names}`;
    const add = `alter table d.${name} add column ${column} int default ${names}`;
    const columns = new Map([...shape.columns, [column, names]]);
    if (random.chance(0.4)) {
      // Two of them and a row, in one transaction.
      const second = `c${++names}`;
      const id = Math.max(-1, ...shape.rows.keys()) + 1;
      const word = `${name} ${id} at ${names}`;
      return {
        label: `add ${column} and ${second} to d.${name}`,
        after: put(name, {
          ...shape,
          columns: new Map([...columns, [second, names]]),
          rows: new Map([...shape.rows, [id, word]]),
        }),
        statements: [
          'begin',
          add,
          `insert into d.${name} (id, word) values (${id}, '${word}')`,
          `alter table d.${name} add column ${second} int default ${names}`,
          'commit',
        ],
      };
    }
    const [dropped] = shape.columns.keys();
    if (dropped !== undefined && random.chance(0.5)) {
      return {
        label: `drop ${dropped} of d.${name}`,
        after: put(name, { ...shape, columns: new Map([...shape.columns].slice(1)) }),
        statements: [`alter table d.${name} drop column ${dropped}`],
      };
    }
    return {
      label: `add ${column} to d.${name}`,
      after: put(name, { ...shape, columns }),
      statements: [add],
    };
  }

  function next(random: Random): Change {
    const all = [...shapes];
    if (all.length < 2 || (all.length < tablesKept && random.chance(0.3))) return create(random);
    const [name, shape] = random.pick(all);
    const kind = all.length >= tablesKept ? 99 : random.below(100);
    if (kind < 30) return alter(name, shape, random);
    if (kind < 45) {
      const index = `i${++names}`;
      return {
        label: `index ${index} on d.${name}`,
        after: put(name, { ...shape, indexes: new Set([...shape.indexes, index]) }),
        statements: [`create index ${index} on d.${name} (word)`],
      };
    }
    if (kind < 50 && shape.indexes.size > 0) {
      const [index] = shape.indexes;
      return {
        label: `drop index ${index}`,
        after: put(name, { ...shape, indexes: new Set([...shape.indexes].slice(1)) }),
        statements: [`drop index d.${index}`],
      };
    }
    if (kind < 60) {
      const renamed = `t${++names}`;
      return {
        label: `rename d.${name} to ${renamed}`,
        after: put(renamed, shape, name),
        statements: [`alter table d.${name} rename to ${renamed}`],
      };
    }
    if (kind < 70)
      return {
        label: `truncate d.${name}`,
        after: put(name, { ...shape, rows: new Map() }),
        statements: [`truncate d.${name}`],
      };
    if (kind < 78)
      return { label: `flush d.${name}`, after: shapes, statements: [`flush table d.${name}`] };
    if (kind < 84)
      return {
        label: `drop d.${name}, rolled back`,
        after: shapes,
        statements: ['begin', `drop table d.${name}`, 'rollback'],
      };
    // Flushed before it goes, mostly: then there are files to clean up.
    const flush = random.chance(0.7) ? [`flush table d.${name}`] : [];
    return {
      label: `drop d.${name}`,
      after: put(name, undefined),
      statements: [...flush, `drop table d.${name}`],
    };
  }

  /** The same columns come and go in a table that others are writing. */
  async function changeBusyTable(session: Session): Promise<Outcome<unknown>> {
    const adds = extra === 'not there';
    const outcome = await session.attempt(
      `${adds ? 'add' : 'drop'} ${busyTable}.${extraColumn}`,
      async () => {
        await session.run('begin');
        await session.run(
          `alter table ${busyTable} ${adds ? `add column ${extraColumn} int default 7` : `drop column ${extraColumn}`}`,
        );
        await session.run(
          adds
            ? `create index ${busyTable}_extra on ${busyTable} (amount)`
            : `drop index ${busyTable}_extra`,
        );
        await session.run('commit');
      },
    );
    if (outcome.kind === 'ok') extra = adds ? 'there' : 'not there';
    if (outcome.kind === 'unknown') extra = 'in doubt';
    return outcome;
  }

  async function readShapes(reader: Reader): Promise<Shapes> {
    const { session } = reader;
    const columns = (await session.rows(
      `select c.relname, a.attname, pg_get_expr(d.adbin, d.adrelid) from pg_class c
       join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
       where c.relnamespace = 'd'::regnamespace and c.relkind = 'r' order by c.relname, a.attnum`,
    )) as [string, string, string | null][];
    const indexes = (await session.rows(
      `select tablename, indexname from pg_indexes where schemaname = 'd' and indexname like 'i%'`,
    )) as [string, string][];
    const tables = new Map(
      (await session.rows(`select table_name, kind from system.tables where namespace = 'd'`)) as [
        string,
        Shape['kind'],
      ][],
    );
    const inMirror = new Set(columns.map(([table]) => table));
    if ([...inMirror].toSorted().join() !== [...tables.keys()].toSorted().join())
      throw new Violation(
        `tables in the mirror: ${[...inMirror].join(' ')}; in system.tables: ${[...tables.keys()].join(' ')}`,
      );
    const found = new Map<string, Shape>();
    for (const [name, kind] of tables) {
      const own = columns.filter(
        ([table, column]) => table === name && column !== 'id' && column !== 'word',
      );
      const defaults = own.map(([, column, given]): [string, number] => [column, Number(given)]);
      const list = ['id', 'word', ...own.map(([, column]) => column)].join(', ');
      const rows = (await reader.everyWay(`select ${list} from d.${name}`)) as [
        number,
        string,
        ...number[],
      ][];
      for (const [id, word, ...values] of rows) {
        const byWord = await reader.direct(`select id from d.${name} where word = $1`, [word]);
        if (byWord.length !== 1 || byWord[0]![0] !== id)
          throw new Violation(
            `d.${name}: ${word} is row ${id}, its index says ${JSON.stringify(byWord)}`,
          );
        values.forEach((value, i) => {
          if (value !== defaults[i]![1])
            throw new Violation(
              `d.${name} row ${id}: ${defaults[i]![0]} is ${value}, its default is ${defaults[i]![1]}`,
            );
        });
      }
      if (new Set(rows.map((row) => row[0])).size !== rows.length)
        throw new Violation(`d.${name} has an id twice`);
      found.set(name, {
        kind,
        columns: new Map(defaults),
        indexes: new Set(indexes.filter(([table]) => table === name).map(([, index]) => index)),
        rows: new Map(rows.map(([id, word]) => [id, word])),
      });
    }
    return found;
  }

  return {
    name: 'ddl',
    actors: [
      {
        name: 'ddl',
        pauseMs: 10,
        async step(session, random) {
          if (random.chance(0.08)) return (await changeBusyTable(session)).kind;
          const change = next(random);
          const outcome = await session.attempt(change.label, async () => {
            for (const statement of change.statements) await session.run(statement);
          });
          if (outcome.kind === 'ok') shapes = change.after;
          if (outcome.kind === 'unknown') doubt = change.after;
          return outcome.kind;
        },
      },
    ],
    setup: async (session) => void (await session.run('create schema d')),
    async check(reader) {
      await reader.as('postgres');
      const found = await readShapes(reader);
      const seen = text(found);
      if (seen !== text(shapes) && (doubt === undefined || seen !== text(doubt)))
        throw new Violation(
          `schema d is ${seen}, should be ${text(shapes)}${doubt === undefined ? '' : ` or ${text(doubt)}`}`,
        );
      shapes = found;
      doubt = undefined;
      // Both of the busy table's changes or neither.
      const [both] = await reader.session.rows(
        `select (select count(*)::int from pg_attribute where attrelid = '${busyTable}'::regclass and attname = '${extraColumn}' and not attisdropped),
                (select count(*)::int from pg_indexes where indexname = '${busyTable}_extra')`,
      );
      const expected = extra === 'in doubt' ? both![0] : extra === 'there' ? 1 : 0;
      if (both![0] !== expected || both![1] !== expected)
        throw new Violation(
          `${busyTable}: column ${String(both![0])}, index ${String(both![1])}, both should be ${String(expected)}`,
        );
      extra = expected === 1 ? 'there' : 'not there';
      if (extra === 'there') {
        const wrong = await reader.everyWay(
          `select id from ${busyTable} where ${extraColumn} is distinct from 7`,
        );
        if (wrong.length > 0)
          throw new Violation(`${wrong.length} rows of ${busyTable} lack the new column's default`);
      }
    },
  };
}
