import type { Query, RangeTblEntry } from '../../analyzer/tree.ts';
import type { Duckdb } from '../../duckdb/index.ts';
import { SystemColumn } from '../../planner/nodes.ts';
import { duckdbDialect, relationColumn } from '../../planner/shippable/index.ts';
import type { Storage } from '../../storage/types.ts';
import type { Row, Value } from '../../types/value.ts';
import { Unprintable, printQuery, walkTree } from '../print/index.ts';
import type { ExecutionContext, RunSelect } from '../types.ts';
import { columnDecoder } from './decode.ts';
import { translateError } from './errors.ts';
import { openLoader } from './load.ts';
import type { Mirrors } from './mirrors.ts';
import { createMirrors } from './mirrors.ts';
import type { RelationContext } from './relation.ts';
import { scanRelation } from './relation.ts';

export interface Columnar {
  readonly run: RunSelect;
  /** Drops the mirrors of hot rows. */
  close(): void;
}

/** The columnar executor over one DuckDB, which is opened when first needed. */
export function createColumnar(duckdb: () => Promise<Duckdb>): Columnar {
  const mirrors = createMirrors(duckdb);
  return {
    run: (query, context) => runColumnar(query, context, duckdb, mirrors),
    close: () => mirrors.close(),
  };
}

let names = 0;

/** How often a snapshot between two commits is tried, and how long a try waits for a commit to end. */
const pinTriesMax = 50;
const pinWaitMs = 5;

type RowsRte = RangeTblEntry & { readonly rteKind: 'rows' };

async function* runColumnar(
  query: Query,
  context: ExecutionContext,
  duckdb: () => Promise<Duckdb>,
  mirrors: Mirrors,
): AsyncGenerator<Row[]> {
  const { signal } = context;
  signal.throwIfAborted();
  const duck = await duckdb();
  const connection = await duck.acquire();
  const deferred: (() => Promise<void> | void)[] = [];
  const interrupt = (): void => connection.interrupt();
  signal.addEventListener('abort', interrupt);
  let delivered = false;
  try {
    const relation: RelationContext = {
      connection,
      context,
      storage: context.storage,
      ...(await snapshotOf(context, mirrors, deferred)),
      mirrors,
      freshName: () => `r${++names}`,
      defer: (work) => deferred.push(work),
    };
    const relations = new Map<RangeTblEntry, string>();
    for (const [rte, scan] of context.scans) {
      relations.set(rte, await scanRelation(scan, relation));
    }
    for (const rte of rowsOf(query)) {
      if (!relations.has(rte)) relations.set(rte, await sourceRelation(rte, relation));
    }
    const printed = printQuery(query, duckdbDialect(context.statement), {
      catalog: context.catalog,
      params: context.params,
      paramTypes: context.paramTypes,
      relation(request) {
        const sql = relations.get(request.rte);
        if (sql === undefined || request.wholeRow)
          throw new Unprintable(`the relation "${request.rte.name}"`);
        return { sql, column: (attno) => relationColumn(request, context.catalog, attno) };
      },
    });
    const result = await connection.stream(printed.sql);
    const typeOids = query.targetList
      .filter((target) => !target.junk)
      .map((target) => target.expr.typeOid);
    const decoders = typeOids.map((oid, at) => columnDecoder(result.columnType(at), oid));
    for (;;) {
      signal.throwIfAborted();
      const chunk = await result.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) break;
      const count = chunk.rowCount;
      const columns = decoders.map((decode, at) => {
        const into: Value[] = Array.from({ length: count });
        decode(chunk.getColumnVector(at), count, into);
        return into;
      });
      const batch: Row[] = [];
      for (let row = 0; row < count; row++) batch.push(columns.map((column) => column[row]!));
      delivered = true;
      yield batch;
    }
  } catch (error) {
    throw translateError(error, signal, delivered);
  } finally {
    signal.removeEventListener('abort', interrupt);
    for (const work of deferred.reverse()) await work();
    duck.release(connection);
  }
}

/**
 * A statement without writes of its own reads at a snapshot taken now, whose table versions are known, so that mirrors of hot
 * rows can serve it. With writes, or when the transaction must not see later commits, it reads through its transaction.
 */
async function snapshotOf(
  context: ExecutionContext,
  mirrors: Mirrors,
  deferred: (() => Promise<void> | void)[],
): Promise<Pick<RelationContext, 'transaction' | 'versionOf'>> {
  const { storage, transaction } = context;
  const shared = [...context.scans.values()].some((scan) => scan.table.stored.kind === 'shared');
  const forDml = [...context.scans.values()].some((scan) =>
    scan.columns.includes(SystemColumn.rowKey),
  );
  if (!shared || transaction.hasWrites || forDml || transaction.isolation !== 'read committed') {
    return { transaction, versionOf: undefined };
  }
  const own = storage.begin();
  deferred.push(() => own.rollback());
  for (let tries = 0; !own.newStatement().pin(); tries++) {
    // A commit that is being written is told of soon: the versions are known right behind it.
    if (tries === pinTriesMax) return { transaction: own, versionOf: undefined };
    await nextCommit(storage);
  }
  // In the tick of the snapshot: no commit can come between.
  const versions = new Map<number, number>();
  for (const scan of context.scans.values()) {
    if (scan.kind !== 'scan') continue;
    const { stored } = scan.table;
    versions.set(stored.tableId, storage.tableVersion(stored.tableId));
    if (stored.kind === 'shared') mirrors.watch(stored, storage);
  }
  return { transaction: own, versionOf: (tableId) => versions.get(tableId)! };
}

/** Resolves in the tick in which a batch of commits has been written, before the next one is begun; or after a moment. */
function nextCommit(storage: Storage): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stop();
      clearTimeout(timer);
      resolve();
    };
    const stop = storage.onCommit(done);
    const timer = setTimeout(done, pinWaitMs);
  });
}

function rowsOf(query: Query): RowsRte[] {
  const found: RowsRte[] = [];
  walkTree(query, (node) => {
    const rte = node as unknown as RangeTblEntry;
    if (node.kind === 'rte' && rte.rteKind === 'rows') found.push(rte);
  });
  return found;
}

async function sourceRelation(rte: RowsRte, relation: RelationContext): Promise<string> {
  const source = relation.context.sources.get(rte.source);
  if (!source) throw new Unprintable(`the rows "${rte.source}"`);
  const name = relation.freshName();
  const columns = rte.columnTypes.map((typeOid, at) => ({
    name: `c${at + 1}`,
    typeOid,
    typmod: rte.columnTypmods[at] ?? -1,
    position: at,
  }));
  if (columns.length === 0) throw new Unprintable('rows of no columns');
  const loader = await openLoader(relation.connection, name, columns);
  relation.defer(async () => {
    await relation.connection.run(`DROP TABLE IF EXISTS ${name}`);
  });
  loader.add(source.rows);
  loader.finish();
  const list = [...loader.select].map(([column, sql]) => `${sql} AS ${column}`);
  return `(SELECT ${list.join(', ')} FROM ${name})`;
}
