import type { DuckDBConnection } from '../../duckdb/index.ts';
import type { ScanNode } from '../../planner/nodes.ts';
import { SystemColumn } from '../../planner/nodes.ts';
import { columnForm } from '../../storage/cold/columns.ts';
import { hasRowId, quoteName, systemColumns } from '../../storage/cold/layout.ts';
import { columnSql, fileGroups, missingLiteral, readParquet } from '../../storage/cold/relation.ts';
import type {
  ColdScan,
  ManifestFile,
  Storage,
  StorageTransaction,
  StoredColumn,
} from '../../storage/types.ts';
import { Oid } from '../../types/oid.ts';
import type { ExecutionContext } from '../types.ts';
import { NotShippable } from '../not-shippable.ts';
import { columnName, loadHotRows } from './hot-rows.ts';
import { fromStored, openLoader } from './load.ts';
import type { Mirrors } from './mirrors.ts';
import { scopeOf, scopeTitle } from '../scan-scope.ts';
import { scanPredicates } from './scan-options.ts';

/** What the relations of one execution share. */
export interface RelationContext {
  readonly connection: DuckDBConnection;
  readonly context: ExecutionContext;
  readonly storage: Storage;
  readonly transaction: StorageTransaction;
  /** Set when the execution reads at a snapshot of its own: the version of a shared table then. */
  readonly versionOf: ((tableId: number) => number) | undefined;
  readonly mirrors: Mirrors;
  freshName(): string;
  /** To be done when the execution is over. */
  defer(work: () => Promise<void> | void): void;
}

const systemNames: ReadonlyMap<number, string> = new Map([
  [SystemColumn.seq, systemColumns.seq.name],
  [SystemColumn.updated, systemColumns.updated.name],
  [SystemColumn.deleted, systemColumns.deleted.name],
  [SystemColumn.userId, systemColumns.userId.name],
]);

/** A scan as a SELECT in parentheses: Parquet files read in place and hot rows, superseded and deleted ones left out. */
export async function scanRelation(scan: ScanNode, relation: RelationContext): Promise<string> {
  const { context, storage, transaction } = relation;
  const { stored } = scan.table;
  const scope = scopeOf(scan, context);
  const predicates = scanPredicates(scan, context);
  const report = {
    table: `${stored.namespace}.${stored.name}`,
    scope: scopeTitle(scope),
    hotRows: 0,
    coldRows: 0,
    filesKnown: 0,
    filesOpened: 0,
  };
  context.scanReports?.push(report);
  const parts: string[] = [];
  if (predicates !== undefined) {
    const hot = await hotSelect(scan, relation, predicates, (rows) => {
      report.hotRows = rows;
    });
    if (hot !== undefined) parts.push(hot);
    if (stored.kind !== 'stream') {
      const cold = await storage.coldScan(transaction, stored, { scope, predicates });
      relation.defer(() => cold.release());
      report.filesKnown = cold.filesKnown;
      report.filesOpened = cold.files.length;
      for (const file of cold.files) report.coldRows += file.rows;
      if (cold.files.length > 0) parts.push(await coldSelect(scan, cold, relation));
    }
  }
  if (parts.length === 0) parts.push(await emptySelect(scan, relation));
  return `(${parts.join(' UNION ALL ')})`;
}

/** What the relation yields when a query counts rows only. */
const noColumns = 'TRUE AS c0';

const listOf = (columns: readonly string[]): string =>
  columns.length > 0 ? columns.join(', ') : noColumns;

async function hotSelect(
  scan: ScanNode,
  relation: RelationContext,
  predicates: NonNullable<ReturnType<typeof scanPredicates>>,
  report: (rows: number) => void,
): Promise<string | undefined> {
  const { connection, context, storage, transaction, mirrors, versionOf } = relation;
  const { stored } = scan.table;
  const { includeDeleted } = context.statement;
  const list = (select: ReadonlyMap<string, string>): string =>
    listOf(
      scan.columns.map((attno) => {
        const name = columnName(attno);
        return `${select.get(name) ?? 'CAST(NULL AS VARCHAR)'} AS ${name}`;
      }),
    );
  if (versionOf && stored.kind === 'shared') {
    const used = await mirrors.use(stored, versionOf(stored.tableId), transaction, storage);
    if (used) {
      relation.defer(used.release);
      const { base, changes } = used;
      report(base.rows + (changes?.now.rows ?? 0));
      const deleted = columnName(SystemColumn.deleted);
      const live = includeDeleted ? '' : ` WHERE NOT ${deleted}`;
      // A join, since DuckDB runs NOT EXISTS over all of the left side twice.
      const unchanged = changes ? ` ANTI JOIN ${changes.gone} AS x ON ${changes.sameKey}` : '';
      const parts = [
        { from: base, without: unchanged },
        ...(changes ? [{ from: changes.now, without: '' }] : []),
      ].filter(({ from }) => from.rows > 0);
      if (parts.length === 0) return undefined;
      return parts
        .map(
          ({ from, without }) =>
            `SELECT ${list(from.select)} FROM ${from.name} AS b${without}${live}`,
        )
        .join(' UNION ALL ');
    }
  }
  const name = relation.freshName();
  const batches = storage.scanHot(transaction, stored, {
    scope: scopeOf(scan, context),
    predicates,
    columns: scan.columns.filter((attno) => attno > 0),
    includeDeleted,
    signal: context.signal,
  });
  const loaded = await loadHotRows(connection, name, stored, scan.columns, batches, {
    signal: context.signal,
  });
  relation.defer(async () => {
    await connection.run(`DROP TABLE IF EXISTS ${name}`);
  });
  report(loaded!.rows);
  return loaded!.rows === 0 ? undefined : `SELECT ${list(loaded!.select)} FROM ${name}`;
}

async function emptySelect(scan: ScanNode, relation: RelationContext): Promise<string> {
  const name = relation.freshName();
  const empty = (async function* () {})();
  const loaded = await loadHotRows(
    relation.connection,
    name,
    scan.table.stored,
    scan.columns,
    empty,
    {},
  );
  relation.defer(async () => {
    await relation.connection.run(`DROP TABLE IF EXISTS ${name}`);
  });
  const list = scan.columns.map(
    (attno) => `${loaded!.select.get(columnName(attno))} AS ${columnName(attno)}`,
  );
  return `SELECT ${listOf(list)} FROM ${name}`;
}

async function coldSelect(
  scan: ScanNode,
  cold: ColdScan,
  relation: RelationContext,
): Promise<string> {
  const { stored } = scan.table;
  const superseded = await supersededTable(scan, cold, relation);
  const { includeDeleted } = relation.context.statement;
  // Files known to hold no deleted row need not be asked for them.
  const groups = [false, true].flatMap((filtered) => {
    const at = cold.files
      .keys()
      .filter((i) => filtered === filters(cold.files[i]!))
      .toArray();
    const of = <T>(list: readonly T[]): T[] => at.map((i) => list[i]!);
    return fileGroups(stored, of(cold.files), of(cold.paths)).map((group) => ({
      ...group,
      filtered,
    }));
  });
  function filters(file: ManifestFile): boolean {
    return !includeDeleted && file.deletedRows !== 0;
  }
  const selects = groups.map((group) => {
    const list = scan.columns.map((attno) => {
      if (attno < 0) {
        const known = attno !== SystemColumn.userId || stored.kind === 'user';
        const name = known ? systemNames.get(attno) : undefined;
        return `${name === undefined ? 'CAST(NULL AS VARCHAR)' : `f.${quoteName(name)}`} AS ${columnName(attno)}`;
      }
      const column = stored.columns.find((candidate) => candidate.id === attno)!;
      const written = columnSql(group, column, 'f.');
      if (written === undefined && !carriesMissing(column)) {
        throw new NotShippable('a default that DuckDB cannot hold');
      }
      const value = written ?? missingLiteral(column.typeOid, column.typmod, column.missing);
      return `${fromStored(value, column.typeOid)} AS ${columnName(attno)}`;
    });
    let without = '';
    if (superseded !== undefined) {
      const keys = hasRowId(stored)
        ? [`f.${quoteName(systemColumns.rowId.name)} = x.k0`]
        : stored.primaryKey.map(
            (id, at) => `f.${quoteName(group.names.get(id)!)} = ${superseded.keys[at]}`,
          );
      if (stored.kind === 'user') keys.push(`f.${quoteName(systemColumns.userId.name)} = x.u`);
      without = ` ANTI JOIN ${superseded.name} AS x ON ${keys.join(' AND ')} AND f.${quoteName(systemColumns.seq.name)} < x.q`;
    }
    const live = group.filtered ? ` WHERE NOT f.${quoteName(systemColumns.deleted.name)}` : '';
    return `SELECT ${listOf(list)} FROM ${readParquet(group.paths)} AS f${without}${live}`;
  });
  return selects.join(' UNION ALL ');
}

function carriesMissing({ typeOid, typmod, missing }: StoredColumn): boolean {
  return missing === null || columnForm(typeOid, typmod).carries?.(missing) !== false;
}

/** Types whose equal keys may differ as DuckDB holds them. */
const inexactKeys: ReadonlySet<number> = new Set([Oid.interval, Oid.timetz]);

async function supersededTable(
  scan: ScanNode,
  cold: ColdScan,
  relation: RelationContext,
): Promise<{ readonly name: string; readonly keys: readonly string[] } | undefined> {
  if (cold.superseded.length === 0) return undefined;
  const { stored } = scan.table;
  const keyTypes = hasRowId(stored)
    ? [{ typeOid: Oid.int8, typmod: -1 }]
    : stored.primaryKey.map((id) => stored.columns.find((column) => column.id === id)!);
  for (const { typeOid, typmod } of keyTypes) {
    if (inexactKeys.has(typeOid) || (typeOid === Oid.numeric && typmod < 0)) {
      throw new NotShippable('changed cold rows whose key DuckDB cannot compare');
    }
  }
  const name = relation.freshName();
  const loader = await openLoader(relation.connection, name, [
    ...keyTypes.map(({ typeOid, typmod }, at) => ({
      name: `k${at}`,
      typeOid,
      typmod,
      position: at,
    })),
    { name: 'u', typeOid: Oid.text, typmod: -1, position: keyTypes.length },
    { name: 'q', typeOid: Oid.int8, typmod: -1, position: keyTypes.length + 1 },
  ]);
  relation.defer(async () => {
    await relation.connection.run(`DROP TABLE IF EXISTS ${name}`);
  });
  loader.add(
    cold.superseded.map(({ key, userId, seq }) => [
      ...(hasRowId(stored) ? [BigInt(key[0] as number | bigint)] : key),
      userId,
      BigInt(seq),
    ]),
  );
  loader.finish();
  const keys = keyTypes.map((_, at) => loader.select.get(`k${at}`)!.replace(`k${at}`, `x.k${at}`));
  return { name, keys };
}
