import { createAnalyzer, analyzerParameters } from '../../../src/analyzer/index.ts';
import type { Query } from '../../../src/analyzer/tree.ts';
import { readNames } from '../../../src/catalog/names.ts';
import { catalogSnapshot } from '../../../src/catalog/snapshot.ts';
import type { CatalogSnapshot, CatalogTable } from '../../../src/catalog/types.ts';
import { openPglite } from '../../../src/pglite/index.ts';
import type { PgliteHandle } from '../../../src/pglite/index.ts';
import { columnarTypeOf } from '../../../src/planner/shippable/index.ts';
import { duckConstant } from '../../../src/planner/shippable/literals.ts';
import { pgType } from '../../../src/types/registry.ts';
import type { StatementContext } from '../../../src/executor/types.ts';
import { defaultTypeContext } from '../../../src/types/type.ts';
import { duckTypeName } from '../../../src/executor/print/columnar-type.ts';
import type { PrintEnvironment } from '../../../src/executor/print/dialect.ts';
import { Unprintable } from '../../../src/executor/print/dialect.ts';

/** PostgreSQL with some tables in it, the catalog as pgtide sees it, and analysis of statements. */
export interface Mirror {
  readonly handle: PgliteHandle;
  readonly catalog: CatalogSnapshot;
  analyze(text: string, paramTypes?: readonly number[]): Promise<Query>;
  /** Prints base relations as the mirror's own tables. */
  readonly environment: PrintEnvironment;
  /** The tables as CREATE TABLE for DuckDB, and their rows as text by table name. */
  duckTables(): Promise<readonly { create: string; insert: readonly string[] }[]>;
}

export const testStatement: StatementContext = {
  types: defaultTypeContext,
  userId: 'u',
  allUsers: false,
  includeDeleted: false,
  hardDelete: false,
  materializeLimit: 100_000,
  currentUser: 'postgres',
  sessionUser: 'postgres',
  database: 'postgres',
  backendPid: 1,
  transactionTime: 773_000_000_000_000n,
  statementTime: 773_000_000_000_000n,
  clock: { now: () => 773_000_000_000_000n, monotonicMs: () => 0 },
  random: (count) => new Uint8Array(count),
  snowflakeId: () => 1n,
  uuidV7: () => '018f0000-0000-7000-8000-000000000000',
  sequences: { nextval: () => 1n, currval: () => 1n, lastval: () => 1n, setval: () => 1n },
  advisory: {
    tryLock: () => true,
    lock: () => Promise.resolve(),
    unlock: () => true,
    unlockAll: () => undefined,
  },
  blockingPids: () => [],
  setSetting: (_name, value) => Promise.resolve(value ?? ''),
  setting: () => undefined,
  settings: new Map(),
};

export async function openMirror(schema: string): Promise<Mirror> {
  const handle = await openPglite({ name: 'mirror', parameters: analyzerParameters });
  await handle.query(schema);
  const connection = {
    exec: async (sql: string) => {
      const result = await handle.query(sql);
      return { tag: result.command, notices: [] };
    },
    inTransaction: () => false,
    rows: async (sql: string) => [...(await handle.query(sql, [])).rows],
  };
  const names = await readNames(connection);
  const tables = await readTables(handle);
  const catalog = catalogSnapshot({ version: 1, tables, sequences: [], virtuals: [], names });
  const analyzer = createAnalyzer(
    () => handle,
    () => 1,
  );
  return {
    handle,
    catalog,
    async analyze(text, paramTypes = []) {
      const { queries } = await analyzer.analyze(text, paramTypes, new Map());
      return queries[0]!;
    },
    environment: {
      catalog,
      params: [],
      paramTypes: [],
      relation({ rte }) {
        if (rte.rteKind !== 'relation') throw new Unprintable('rows in memory');
        const table = catalog.table(rte.relid);
        if (!table) throw new Unprintable(rte.name);
        const name = `${table.stored.namespace}.${table.stored.name}`;
        const list = table.columns.map((column) => `a."${column.name}" AS c${column.id}`);
        return {
          sql: `(SELECT ${list.join(', ')}, a AS c0 FROM ${name} AS a)`,
          column: (attno) => ({ name: `c${attno}` }),
        };
      },
    },
    async duckTables() {
      const out: { create: string; insert: string[] }[] = [];
      for (const { stored } of tables) {
        const { rows } = await handle.query(`SELECT * FROM ${stored.namespace}.${stored.name}`, []);
        const columns = stored.columns.map((column) => {
          const type = columnarTypeOf(column.typeOid, column.typmod);
          return `c${column.id} ${type ? duckTypeName(type) : 'VARCHAR'}`;
        });
        const insert = rows.map((row) => {
          const values = row.map((value, at) => {
            if (value === null) return 'NULL';
            const { typeOid, typmod } = stored.columns[at]!;
            // DuckDB would write DECIMAL -0.5 as -.5.
            if (typeOid === 1700 && typmod < 0) return `'${value}'`;
            const decoded = pgType(typeOid)!.parse(value, typmod, defaultTypeContext);
            return duckConstant(decoded, typeOid, typmod).sql;
          });
          return `INSERT INTO ${stored.name} VALUES (${values.join(', ')})`;
        });
        out.push({ create: `CREATE TABLE ${stored.name} (${columns.join(', ')})`, insert });
      }
      return out;
    },
  };
}

async function readTables(handle: PgliteHandle): Promise<CatalogTable[]> {
  const { rows } = await handle.query(
    `SELECT c.oid, c.reltype, n.nspname, c.relname, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relkind = 'r' AND a.attnum > 0 AND n.nspname = 'public' ORDER BY c.oid, a.attnum`,
    [],
  );
  const tables = new Map<number, CatalogTable>();
  for (const row of rows) {
    const relid = Number(row[0]);
    const column = {
      id: Number(row[4]),
      name: row[5]!,
      typeOid: Number(row[6]),
      typmod: Number(row[7]),
      missing: null,
      notNull: row[8] === 't',
      generated: undefined,
      identity: undefined,
      defaultExpr: undefined,
      storedTypeOid: Number(row[6]),
    };
    const columns = [...(tables.get(relid)?.columns ?? []), column];
    tables.set(relid, {
      relid,
      rowTypeOid: Number(row[1]),
      stored: {
        tableId: relid,
        namespace: row[2]!,
        name: row[3]!,
        kind: 'shared',
        schemaVersion: 1,
        columns,
        layouts: new Map([[1, columns]]),
        primaryKey: [1],
        indexes: [],
      },
      columns,
      positionOf: [-1, ...columns.map((_, at) => at)],
      checks: [],
      foreignKeys: [],
      referencedBy: [],
      deferrableUniques: [],
      owner: 'postgres',
      rowSecurity: false,
      options: new Map(),
      schemas: [],
    });
  }
  return [...tables.values()];
}
