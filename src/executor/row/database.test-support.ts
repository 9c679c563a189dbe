/** For tests: tables in PGlite, and the same rows as storage would give them, so that both can answer one statement. */
import { createAnalyzer, analyzerParameters } from '../../analyzer/index.ts';
import { manualClock, PgError } from '../../base/index.ts';
import type { CatalogColumn, CatalogSnapshot, CatalogTable } from '../../catalog/types.ts';
import { clusterTemplate, openPglite } from '../../pglite/index.ts';
import type { Query } from '../../analyzer/tree.ts';
import type { Scope, StoredRow, StoredTable, StorageTransaction } from '../../storage/types.ts';
import { defaultTypeContext, encodeKeyValues, pgType, requirePgType } from '../../types/index.ts';
import type { Row, TypeContext, Value } from '../../types/index.ts';
import { coerceSetOperands } from '../../planner/coerce-set-operations.ts';
import { transformQueries } from '../../planner/walk.ts';
import type { ExecutionContext, StatementContext } from '../types.ts';
import { rowSupports } from './compiled-query.ts';
import { runRow, runRowSync } from './run-select.ts';

/** The answer of either side: rows as text, or the error's SQLSTATE and message. */
export type Answer =
  | { readonly rows: readonly (readonly (string | null)[])[] }
  | { readonly code: string; readonly message: string };

export interface TestDatabase {
  /** Why the row executor can't; undefined when it can. */
  unsupported(sql: string, paramTypes?: readonly number[]): Promise<string | undefined>;
  /** The row executor's answer. Throws when it does not support the statement. */
  row(sql: string, params?: readonly (string | null)[], options?: RunOptions): Promise<Answer>;
  /** PostgreSQL's answer. */
  postgres(sql: string, params?: readonly (string | null)[]): Promise<Answer>;
  /** Plain SQL on PGlite. */
  query(sql: string): Promise<(string | null)[][]>;
  /** DDL and INSERTs that both sides are to see; `key` names the primary key columns of new tables. */
  load(sql: string): Promise<void>;
  /** Calls that reached storage since the last look. */
  calls(): string[];
  prepare(
    sql: string,
    params?: readonly (string | null)[],
    options?: RunOptions,
  ): Promise<{ query: Query; context: ExecutionContext }>;
  close(): Promise<void>;
}

export interface RunOptions {
  readonly statement?: Partial<StatementContext>;
}

export const testTypes: TypeContext = { ...defaultTypeContext, timeZone: 'America/New_York' };

export async function createTestDatabase(): Promise<TestDatabase> {
  const handle = await openPglite({
    name: 'test database',
    templateTar: await clusterTemplate(),
    parameters: { ...analyzerParameters, TimeZone: testTypes.timeZone },
  });
  const functionNames = new Map<number, string>();
  let version = 0;
  const analyzer = createAnalyzer(
    () => handle,
    () => version,
  );
  const tables = new Map<number, CatalogTable>();
  const rowsOf = new Map<number, StoredRow[]>();
  const calls: string[] = [];

  const named = await handle.query("select oid, 'pg_catalog.' || proname from pg_proc");
  for (const [oid, name] of named.rows) functionNames.set(Number(oid), name!);

  const query = async (sql: string): Promise<(string | null)[][]> =>
    (await handle.query(sql)).rows as (string | null)[][];

  async function load(sql: string): Promise<void> {
    await handle.query(sql);
    version++;
    tables.clear();
    rowsOf.clear();
    const found =
      await query(`select c.oid, c.relname, n.nspname from pg_class c join pg_namespace n
      on n.oid = c.relnamespace where c.relkind = 'r' and n.nspname in ('public')`);
    for (const [oid, name, namespace] of found) await readTable(Number(oid), name!, namespace!);
  }

  async function readTable(relid: number, name: string, namespace: string): Promise<void> {
    const attributes =
      await query(`select attnum, attname, atttypid, atttypmod, attnotnull, attisdropped
      from pg_attribute where attrelid = ${relid} and attnum > 0 order by attnum`);
    const positionOf = [-1];
    const columns: CatalogColumn[] = [];
    for (const [id, columnName, typeOid, typmod, notNull, dropped] of attributes) {
      if (dropped === 't') {
        positionOf[Number(id)] = -1;
        continue;
      }
      positionOf[Number(id)] = columns.length;
      columns.push({
        id: Number(id),
        name: columnName!,
        typeOid: Number(typeOid),
        typmod: Number(typmod),
        missing: null,
        notNull: notNull === 't',
        generated: undefined,
        identity: undefined,
        defaultExpr: undefined,
        storedTypeOid: Number(typeOid),
      });
    }
    const indexes =
      await query(`select i.indexrelid, c.relname, i.indkey::text, i.indisunique, i.indisprimary
      from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = ${relid} order by 1`);
    const keysOf = (text: string | null): number[] => text!.split(' ').map(Number);
    const stored: StoredTable = {
      tableId: relid,
      namespace,
      name,
      kind: 'user',
      schemaVersion: 1,
      columns,
      layouts: new Map(),
      primaryKey: keysOf(indexes.find((index) => index[4] === 't')?.[2] ?? '').filter(
        (id) => id > 0,
      ),
      indexes: indexes
        .filter((index) => index[4] !== 't')
        .map(([id, indexName, key, unique]) => ({
          indexId: Number(id),
          name: indexName!,
          columns: keysOf(key!),
          unique: unique === 't',
          nullsNotDistinct: false,
        })),
    };
    tables.set(relid, {
      relid,
      rowTypeOid: 0,
      stored,
      columns,
      positionOf,
      checks: [],
      foreignKeys: [],
      referencedBy: [],
      schemas: [],
      deferrableUniques: [],
      owner: 'postgres',
      rowSecurity: false,
      options: new Map(),
    });
    const list = columns.map((column) => `"${column.name}"`).join(', ');
    const data =
      columns.length > 0 ? await query(`select ${list} from ${namespace}."${name}"`) : [];
    rowsOf.set(
      relid,
      data.map((texts, at) => ({
        key: Uint8Array.of(at >> 8, at & 255),
        userId: at % 2 === 0 ? 'alice' : 'bob',
        values: texts.map((text, i) => parseText(columns[i]!.typeOid, text)),
        seq: at + 1,
        updated: BigInt(at) * 1_000_000n,
        deleted: false,
        tier: 'hot',
      })),
    );
  }

  function parseText(typeOid: number, text: string | null): Value {
    if (text === null) return null;
    const type = pgType(typeOid);
    return type ? type.parse(text, -1, testTypes) : text;
  }

  const catalog = (): CatalogSnapshot => snapshot;
  let snapshot = makeSnapshot();

  function makeSnapshot(): CatalogSnapshot {
    return {
      version,
      table: (relid: number) => tables.get(relid),
      tableByName: () => undefined,
      sequence: (relid: number) => ({ relid }) as never,
      virtual: () => undefined,
      tables: [],
      sequences: [],
      typeName: () => undefined,
      functionName: (oid: number) => functionNames.get(oid),
      operatorName: () => undefined,
      collationName: () => undefined,
      constraintName: () => undefined,
      volatility: () => 'immutable',
    } as unknown as CatalogSnapshot;
  }

  function matching(table: StoredTable, scope: Scope): StoredRow[] {
    const all = rowsOf.get(table.tableId) ?? [];
    return scope.kind === 'all'
      ? all
      : all.filter((row) => scope.userId === '' || row.userId === scope.userId);
  }

  const keyBytes = (
    table: StoredTable,
    columns: readonly number[],
    values: readonly Value[],
  ): string => {
    const types = columns.map((id) =>
      requirePgType(table.columns.find((column) => column.id === id)!.typeOid),
    );
    return Buffer.from(encodeKeyValues(types.slice(0, values.length), values)).toString('hex');
  };
  const valuesAt = (table: StoredTable, columns: readonly number[], row: StoredRow): Value[] =>
    columns.map((id) => row.values[table.columns.findIndex((column) => column.id === id)]!);

  const transaction = {
    getSync(table: StoredTable, userId: string, key: readonly Value[]) {
      calls.push(`get ${table.name}`);
      const wanted = keyBytes(table, table.primaryKey, key);
      return matching(table, { kind: 'one', userId }).find(
        (row) =>
          keyBytes(table, table.primaryKey, valuesAt(table, table.primaryKey, row)) === wanted,
      );
    },
    get(table: StoredTable, userId: string, key: readonly Value[]) {
      return Promise.resolve(transaction.getSync(table, userId, key));
    },
    async *scan(
      table: StoredTable,
      options: { scope: Scope; predicates?: readonly { op: string }[] },
    ) {
      calls.push(
        `scan ${table.name} ${(options.predicates ?? []).map((item) => item.op).join(' ')}`.trim(),
      );
      await Promise.resolve();
      const rows = matching(table, options.scope);
      for (let i = 0; i < rows.length; i += 1000) yield rows.slice(i, i + 1000);
    },
    async *indexLookup(
      table: StoredTable,
      index: { name: string; columns: readonly number[] },
      userId: string,
      values: readonly Value[],
    ) {
      calls.push(`index ${index.name}`);
      await Promise.resolve();
      const columns = index.columns.slice(0, values.length);
      const wanted = keyBytes(table, columns, values);
      const rows = matching(table, { kind: 'one', userId }).filter(
        (row) => keyBytes(table, columns, valuesAt(table, columns, row)) === wanted,
      );
      if (rows.length > 0) yield rows;
    },
  };

  const statement: StatementContext = {
    types: testTypes,
    userId: '',
    allUsers: false,
    includeDeleted: false,
    hardDelete: false,
    materializeLimit: 1000,
    currentUser: 'postgres',
    sessionUser: 'postgres',
    database: 'postgres',
    backendPid: 1,
    transactionTime: 700_000_000_000_000n,
    statementTime: 700_000_000_000_000n,
    clock: manualClock(),
    random: (count) => new Uint8Array(count),
    snowflakeId: () => 1n,
    uuidV7: () => '00000000-0000-7000-8000-000000000000',
    sequences: {
      nextval: () => 1n,
      currval: () => 1n,
      lastval: () => 1n,
      setval: (_relid, value) => value,
    },
    advisory: {
      tryLock: () => true,
      lock: () => Promise.resolve(),
      unlock: () => true,
      unlockAll: () => undefined,
    },
    blockingPids: () => [],
    setSetting: (_name, value) => Promise.resolve(value ?? ''),
    setting: (name) => (name === 'search_path' ? 'public' : undefined),
    settings: new Map(),
  };

  async function prepare(
    sql: string,
    params: readonly (string | null)[] = [],
    options: RunOptions = {},
  ): Promise<{ query: Query; context: ExecutionContext }> {
    const analyzed = await analyzer.analyze(sql, [], new Map());
    if (snapshot.version !== version) snapshot = makeSnapshot();
    const [tree] = analyzed.queries;
    if (!tree) throw new Error(`no query in ${sql}`);
    const query = transformQueries(tree, coerceSetOperands);
    const own = { ...statement, ...options.statement };
    const context = {
      statement: own,
      catalog: catalog(),
      storage: undefined as never,
      transaction: transaction as unknown as StorageTransaction,
      scans: new Map(),
      params: analyzed.paramTypes.map((typeOid, i) => parseText(typeOid, params[i] ?? null)),
      paramTypes: analyzed.paramTypes,
      sources: new Map(),
      signal: new AbortController().signal,
      scanReports: undefined,
      text: sql,
    } satisfies ExecutionContext;
    return { query, context };
  }

  return {
    query,
    load,
    prepare,
    calls: () => calls.splice(0),
    async unsupported(sql) {
      const { query: tree, context } = await prepare(sql);
      return rowSupports(tree, context.catalog);
    },
    async row(sql, params, options) {
      const { query: tree, context } = await prepare(sql, params, options);
      const why = rowSupports(tree, context.catalog);
      if (why !== undefined) throw new Error(`unsupported: ${why} in ${sql}`);
      const types = tree.targetList
        .filter((target) => !target.junk)
        .map((target) => target.expr.typeOid);
      try {
        const rows: Row[] = [];
        const direct = runRowSync(tree, context);
        if (direct) rows.push(...direct);
        else for await (const batch of runRow(tree, context)) rows.push(...batch);
        return {
          rows: rows.map((row) =>
            row.map((value, i) =>
              value === null
                ? null
                : requirePgType(types[i]!).format(value, context.statement.types),
            ),
          ),
        };
      } catch (error) {
        if (!(error instanceof PgError)) throw error;
        return { code: error.code, message: error.message };
      }
    },
    async postgres(sql, params) {
      try {
        const result = await handle.query(sql, params ?? []);
        return { rows: result.rows };
      } catch (error) {
        if (!(error instanceof PgError)) throw error;
        return { code: error.code, message: error.message };
      }
    },
    close: () => handle.close(),
  };
}
