import { PgError, SqlState } from '../../base/index.ts';
import type { Query, RangeTblEntry } from '../../analyzer/tree.ts';
import type { ScanNode } from '../../planner/nodes.ts';
import { SystemColumn } from '../../planner/nodes.ts';
import { columnarSupports } from '../../planner/shippable/index.ts';
import type { StoredRow } from '../../storage/types.ts';
import { Oid } from '../../types/oid.ts';
import type { Row, Value } from '../../types/value.ts';
import { scanPredicates } from '../columnar/index.ts';
import { scopeOf, scopeTitle } from '../scan-scope.ts';
import type { ExecutionContext } from '../types.ts';

/** A column of rows in memory: where its values stand. */
export interface MaterializedColumn {
  readonly attno: number;
  readonly typeOid: number;
  readonly typmod: number;
  readonly position: number;
}

export interface Materialized {
  readonly columns: readonly MaterializedColumn[];
  readonly rows: readonly Row[];
}

const systemColumns: readonly (readonly [number, number, (row: StoredRow) => Value])[] = [
  [SystemColumn.seq, Oid.int8, (row) => BigInt(row.seq)],
  [SystemColumn.updated, Oid.timestamptz, (row) => row.updated],
  [SystemColumn.deleted, Oid.bool, (row) => row.deleted],
  [SystemColumn.userId, Oid.text, (row) => row.userId],
  [SystemColumn.rowKey, Oid.bytea, (row) => row.key],
];

/**
 * Reads every scan of the query into memory.
 * @throws PgError 54000 when they are more than tide.materialize_limit rows together
 */
export async function materializeScans(
  query: Query,
  context: ExecutionContext,
): Promise<Map<RangeTblEntry, Materialized>> {
  const out = new Map<RangeTblEntry, Materialized>();
  let total = 0;
  for (const [rte, scan] of context.scans) {
    out.set(
      rte,
      await materializeScan(rte, scan, context, (rows) => {
        total += rows;
        if (total > context.statement.materializeLimit) throw limitReached(query, context);
      }),
    );
  }
  return out;
}

async function materializeScan(
  rte: RangeTblEntry,
  scan: ScanNode,
  context: ExecutionContext,
  count: (rows: number) => void,
): Promise<Materialized> {
  const { stored, columns: own } = scan.table;
  const scope = scopeOf(scan, context);
  const columns: MaterializedColumn[] = [];
  const system: ((row: StoredRow) => Value)[] = [];
  for (const attno of scan.columns) {
    const position = own.findIndex((column) => column.id === attno);
    const column = own[position];
    if (column) {
      columns.push({ attno, typeOid: column.typeOid, typmod: column.typmod, position });
      continue;
    }
    const known = systemColumns.find(([id]) => id === attno);
    if (!known) continue;
    columns.push({
      attno,
      typeOid: known[1],
      typmod: -1,
      position: stored.columns.length + system.length,
    });
    system.push(known[2]);
  }
  const rows: Row[] = [];
  const predicates = scanPredicates(scan, context);
  const stats = { hotRows: 0, coldRows: 0, filesKnown: 0, filesOpened: 0 };
  if (predicates !== undefined) {
    const instead = context.rowsInstead?.get(rte);
    const batches = instead
      ? [instead]
      : context.transaction.scan(stored, {
          scope,
          predicates,
          columns: scan.columns.filter((attno) => attno > 0),
          includeDeleted: context.statement.includeDeleted,
          signal: context.signal,
          stats,
        });
    for await (const batch of batches) {
      context.signal.throwIfAborted();
      count(batch.length);
      for (const row of batch) {
        rows.push(
          system.length === 0 ? row.values : [...row.values, ...system.map((of) => of(row))],
        );
      }
    }
  }
  context.scanReports?.push({
    table: `${stored.namespace}.${stored.name}`,
    scope: scopeTitle(scope),
    ...stats,
  });
  return { columns, rows };
}

function limitReached(query: Query, context: ExecutionContext): PgError {
  const reason = columnarSupports(query, context.catalog, { statement: context.statement });
  return new PgError(
    SqlState.programLimitExceeded,
    `the statement would materialize more than ${context.statement.materializeLimit} rows`,
    {
      detail: reason === undefined ? undefined : `Only PostgreSQL computes ${reason} exactly.`,
      hint: 'Filter more rows out, or raise tide.materialize_limit.',
    },
  );
}
