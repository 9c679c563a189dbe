import { PgError, SqlState, assert } from '../base/index.ts';
import type { RangeTblEntry } from '../analyzer/tree.ts';
import type { CatalogTable } from '../catalog/types.ts';
import type { LockWait } from '../locks/index.ts';
import type { LockRows, MarkedRelation, SelectPlan } from '../planner/nodes.ts';
import type { StoredRow } from '../storage/types.ts';
import type { Row } from '../types/value.ts';
import type { Execution } from './run-plan.ts';
import { sameValue } from './same-value.ts';

/** What locking rows needs of the plan that yields them. */
export interface LockingHost {
  readonly execution: Execution;
  /** The plan's rows if these tables held the given rows alone. */
  recheck(instead: ReadonlyMap<RangeTblEntry, readonly StoredRow[]>): Promise<Row[]>;
  /** The one row of a plan without FROM. */
  rowOf(plan: SelectPlan): Promise<Row | undefined>;
}

/** PostgreSQL's LockRows and the Limit above it (nodeLockRows.c, nodeLimit.c), a row at a time. */
export interface RowLocker {
  /** LIMIT has been reached: no more rows are to be locked. */
  readonly done: boolean;
  /**
   * Locks the row's tables' rows in turn and gives it as it is now, without the hidden columns; undefined: it is none of the
   * result's rows.
   * @throws 55P03, 40001 where there is one snapshot, what ends a wait
   */
  lock(row: Row): Row | undefined | Promise<Row | undefined>;
}

/** Streams what `rows` has, locked; reads no further than LIMIT needs. Each row comes as soon as it is locked. */
export async function* lockRows(
  locks: LockRows,
  rows: AsyncIterable<Row[]>,
  host: LockingHost,
): AsyncGenerator<Row[]> {
  const locker = await createRowLocker(locks, host);
  if (locker.done) return;
  for await (const batch of rows) {
    for (const row of batch) {
      host.execution.signal.throwIfAborted();
      const locked = locker.lock(row);
      const now = locked instanceof Promise ? await locked : locked;
      if (now !== undefined) yield [now];
      if (locker.done) return;
    }
  }
}

export async function createRowLocker(locks: LockRows, host: LockingHost): Promise<RowLocker> {
  const window = await limitWindow(locks, host);
  let passed = 0;
  const counted = (row: Row | undefined): Row | undefined => {
    if (row === undefined || passed++ < window.skip) return undefined;
    row.length = locks.width;
    return row;
  };
  return {
    get done() {
      return passed >= window.end;
    },
    lock(row) {
      const locked = lockOne(locks, host, row);
      return locked instanceof Promise ? locked.then(counted) : counted(locked);
    },
  };
}

/** Which of the locked rows are the result's, counted from 0. */
async function limitWindow(
  { limit }: LockRows,
  host: LockingHost,
): Promise<{ readonly skip: number; readonly end: number }> {
  if (limit === undefined) return { skip: 0, end: Infinity };
  const row = await host.rowOf(limit);
  assert(row !== undefined, 'OFFSET and LIMIT are one row');
  const [offset, count] = row.map((value) => (value === null ? undefined : Number(value)));
  const skip = offset ?? 0;
  if (skip < 0) {
    throw new PgError(SqlState.invalidRowCountInResultOffsetClause, 'OFFSET must not be negative');
  }
  if (count === undefined) return { skip, end: Infinity };
  if (count < 0) {
    throw new PgError(SqlState.invalidRowCountInLimitClause, 'LIMIT must not be negative');
  }
  return { skip, end: count === 0 ? 0 : skip + count };
}

const waits: Readonly<Record<MarkedRelation['wait'], LockWait>> = {
  block: 'wait',
  skip: 'skip',
  error: 'nowait',
};

/** The rows of marked tables as they are now; undefined: the whole row is out. */
type Versions = (StoredRow | undefined)[];

function lockOne(
  locks: LockRows,
  host: LockingHost,
  row: Row,
): Row | undefined | Promise<Row | undefined> {
  const { transaction } = host.execution;
  const versions: Versions = [];
  for (const mark of locks.marks) {
    const key = keyAt(row, mark.key);
    if (key === undefined) {
      versions.push(undefined);
      continue;
    }
    const now = transaction.lockRowSync(mark.table.stored, key, mark.strength);
    if (now === 'unknown' || now.seq !== versionRead(mark, row) || isGone(now, host))
      return lockRest(locks, host, row, versions);
    versions.push(now);
  }
  return row;
}

/** From the first mark on that may have to wait, or has met another version than was read. */
async function lockRest(
  locks: LockRows,
  host: LockingHost,
  row: Row,
  versions: Versions,
): Promise<Row | undefined> {
  const { transaction } = host.execution;
  let changed = false;
  for (const mark of locks.marks.slice(versions.length)) {
    const key = keyAt(row, mark.key);
    if (key === undefined) {
      versions.push(undefined);
      continue;
    }
    const { stored } = mark.table;
    const now = await transaction.lockRow(stored, key, mark.strength, waits[mark.wait]);
    if (now === 'skipped') return undefined;
    if (now !== undefined && now.seq === versionRead(mark, row) && !isGone(now, host)) {
      versions.push(now);
      continue;
    }
    // The transaction itself has changed it since it was read: a cursor goes on, past that row.
    if (now?.seq === 0) return undefined;
    const gone = now === undefined || isGone(now, host);
    const read =
      gone || mark.strength !== 'keyShare' ? undefined : await transaction.getByKey(stored, key);
    if (!gone && read !== undefined && sameKeys(mark.table, read, now)) {
      // FOR KEY SHARE promises the key alone, and takes the rest as it was read.
      versions.push(read);
      continue;
    }
    if (transaction.isolation !== 'read committed') throw changedMeanwhile();
    if (gone) return undefined;
    versions.push(now);
    changed = true;
  }
  return changed ? evaluateAgain(locks, host, row, versions) : row;
}

/** The row with what its tables hold now, where it is still one of the query's (EvalPlanQual). */
async function evaluateAgain(
  locks: LockRows,
  host: LockingHost,
  row: Row,
  versions: Versions,
): Promise<Row | undefined> {
  const instead = new Map<RangeTblEntry, readonly StoredRow[]>();
  const put = (rte: RangeTblEntry, version: StoredRow | undefined): void =>
    void instead.set(rte, version === undefined ? [] : [version]);
  locks.marks.forEach(({ rte }, i) => put(rte, versions[i]));
  for (const { rte, table, key: at } of locks.others) {
    const key = keyAt(row, at);
    put(rte, key && (await host.execution.transaction.getByKey(table.stored, key)));
  }
  const again = await host.recheck(instead);
  return again.find((each) =>
    locks.identity.every((at) => sameValue(each[at] ?? null, row[at] ?? null)),
  );
}

/** Undefined where an outer join has filled up the row. */
function keyAt(row: Row, at: number): Uint8Array | undefined {
  const key = row[at];
  if (key === null) return undefined;
  assert(key instanceof Uint8Array, 'a row key is bytes');
  return key;
}

/** The transaction's own versions have 0. */
function versionRead(mark: MarkedRelation, row: Row): number {
  const seq = row[mark.seq];
  return typeof seq === 'bigint' ? Number(seq) : 0;
}

function isGone(row: StoredRow, { execution }: LockingHost): boolean {
  return row.deleted && !execution.statement.includeDeleted;
}

/** Whether two versions agree in all that foreign keys can point at. */
function sameKeys({ stored, positionOf }: CatalogTable, one: StoredRow, other: StoredRow): boolean {
  const unique = stored.indexes.filter((index) => index.unique);
  const columns = [...stored.primaryKey, ...unique.flatMap((index) => index.columns)];
  return columns.every((columnId) => {
    const at = positionOf[columnId] ?? -1;
    return sameValue(one.values[at] ?? null, other.values[at] ?? null);
  });
}

/** Of a row that is gone, too, as PostgreSQL's LockRows says it. */
function changedMeanwhile(): PgError {
  return new PgError(
    SqlState.serializationFailure,
    'could not serialize access due to concurrent update',
  );
}
