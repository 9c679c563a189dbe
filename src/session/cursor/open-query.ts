import { notSupported } from '../../base/index.ts';
import type { Query } from '../../analyzer/tree.ts';
import type { Execution } from '../../executor/run-plan.ts';
import { createRowLocker } from '../../executor/lock-rows.ts';
import type { RowLocker } from '../../executor/lock-rows.ts';
import { lockingHost, runPlan, runUnlocked } from '../../executor/run-plan.ts';
import { scansBackward, withRowKeys } from '../../planner/cursor-query.ts';
import type { CursorTarget } from '../../planner/cursor-query.ts';
import type { SelectPlan } from '../../planner/nodes.ts';
import { planSelect } from '../../planner/plan-select.ts';
import type { Row } from '../../types/value.ts';
import { requireConstants } from '../constants.ts';
import { decodeRows } from '../decode-rows.ts';
import type { Planned } from '../planned.ts';
import type { QueryInput } from '../run-query.ts';
import { executionOf, lockedPlan, runQuery } from '../run-query.ts';
import type { Prepared, SessionState } from '../state.ts';
import { refuseRowLocks } from '../row-locks.ts';
import type { Guard } from './guard.ts';
import { queryGuard } from './guard.ts';
import type { RowFeed } from './row-feed.ts';
import { lockingFeed } from './locking-feed.ts';
import { feedOf, feedOfRows } from './row-feed.ts';

/** A query that has been begun: its snapshot is the statement's that opened it. */
export interface OpenQuery {
  readonly feed: RowFeed;
  readonly guard: Guard;
  /** PostgreSQL's plan could run backwards. */
  readonly backward: boolean;
  readonly targets: readonly CursorTarget[];
  readonly locked: boolean;
}

/** How a query is run for a cursor. */
interface CursorPlan {
  readonly backward: boolean;
  readonly targets: readonly CursorTarget[];
  readonly locked: boolean;
  /** Undefined: run as it is outside of a cursor. */
  readonly plan: SelectPlan | undefined;
}

const plans = new WeakMap<Planned, CursorPlan>();

function cursorPlan(session: SessionState, planned: Planned, query: Query): CursorPlan {
  const known = plans.get(planned);
  if (known !== undefined) return known;
  const backward = scansBackward(query);
  let made: CursorPlan = { backward, targets: [], locked: false, plan: undefined };
  if (planned.kind === 'select') {
    const { catalog } = session.transaction;
    const { query: keyed, targets, locked } = withRowKeys(query, catalog);
    const plan =
      keyed === query ? planned.plan : planSelect(keyed, catalog, session.engine.support);
    made = { backward, targets, locked, plan };
  }
  plans.set(planned, made);
  return made;
}

/** Begins a cursor's query, so far that what it sees is fixed. */
export async function openQuery(
  session: SessionState,
  prepared: Prepared,
  input: QueryInput,
): Promise<OpenQuery> {
  const planned = await lockedPlan(session, prepared);
  const query = prepared.plan?.analyzed.queries[0];
  if (query === undefined || planned.kind === 'dml')
    throw notSupported('a cursor over this statement');
  const { backward, targets, locked, plan } = cursorPlan(session, planned, query);
  const { signal, guard } = queryGuard(session);
  if (plan === undefined) {
    const rows = await guard(() => allRows(session, prepared, input));
    return { feed: feedOfRows(rows), guard, backward, targets, locked };
  }
  refuseRowLocks(session, plan);
  const execution = executionOf(session, prepared, input);
  await requireConstants(session, prepared, execution);
  const run = streaming({ ...execution, signal }, plan, targets);
  const feed = feedOfPlan(plan, run);
  try {
    // The first rows fix the snapshot: later statements of the transaction have their own.
    await guard(() => feed.prime());
  } catch (error) {
    // PostgreSQL begins with the first FETCH, which will meet the error; only what is constant it computes before.
    if (signal.aborted || query.jointree.items.length === 0) throw error;
  }
  return { feed, guard, backward, targets, locked };
}

function feedOfPlan(plan: SelectPlan, run: Execution): RowFeed {
  const check = (): void => run.signal.throwIfAborted();
  const { locks, calls } = plan;
  if (locks === undefined || calls !== undefined) return feedOf(runPlan(plan, run), check);
  const create = (): Promise<RowLocker> => createRowLocker(locks, lockingHost(plan, run));
  return lockingFeed(feedOf(runUnlocked(plan, run), check), create);
}

/** A plain scan goes row by row: nothing is gathered first, and the keys of its rows are at hand. */
function streaming(run: Execution, plan: SelectPlan, targets: readonly CursorTarget[]): Execution {
  const byRow =
    targets.length > 0 &&
    plan.query.sortClause.length === 0 &&
    run.forced === 'auto' &&
    plan.support.row === undefined;
  return byRow ? { ...run, forced: 'row' } : run;
}

/** What the session or PostgreSQL itself computes, all of it at once. */
async function allRows(
  session: SessionState,
  prepared: Prepared,
  input: QueryInput,
): Promise<readonly Row[]> {
  const result = await runQuery(session, prepared, { ...input, resultFormats: [] });
  switch (result.kind) {
    case 'rowsNow':
      return result.rows;
    case 'encoded':
      return decodeRows(result.rows, result.fields, [], session.settings.types);
    default:
      throw notSupported('a cursor over this statement');
  }
}
