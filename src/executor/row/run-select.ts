import type { Query } from '../../analyzer/tree.ts';
import { notSupported } from '../../base/index.ts';
import type { Row } from '../../types/value.ts';
import { batchRowsMax } from '../types.ts';
import type { ExecutionContext, RunSelect } from '../types.ts';
import { compiledQuery } from './compiled-query.ts';
import type { CompiledQuery } from './compiled-query.ts';
import type { CompiledSelect } from './compile-select.ts';
import { createEnvironment } from './frame.ts';
import type { Environment, Frame, SlotRow } from './frame.ts';
import { limitedRows, rowsPerClockLook, sliceMs } from './limits.ts';
import { loadRelation } from './relation-source.ts';
import type { RelationSource } from './relation-source.ts';
import type { Source } from './source.ts';
import { Unsupported } from './unsupported.ts';

function compiledOrFail(query: Query, context: ExecutionContext): CompiledQuery {
  const result = compiledQuery(query, context.catalog);
  if (result instanceof Unsupported) {
    throw notSupported('this query in the row executor', { detail: `It uses ${result.message}.` });
  }
  return result;
}

/** Runs a SELECT over typed rows. Tables other than the driving one are read into memory first. */
export const runRow: RunSelect = async function* (query, context) {
  const { plan, sources, streamed } = compiledOrFail(query, context);
  const environment = createEnvironment(context);
  context.signal.throwIfAborted();
  for (const source of sources) {
    if (source !== streamed) await loadRelation(source, environment);
  }
  yield* streamRows(plan, environment);
};

async function* streamRows(plan: CompiledSelect, environment: Environment): AsyncGenerator<Row[]> {
  if (!plan.driver) {
    const rows = limitedRows<Row>('the result', (emit) => plan.run(undefined, environment, emit));
    yield* batchesOf(rows);
    return;
  }
  const { signal } = environment.context;
  let out: Row[] = [];
  const chain = plan.driver.start(environment, (row) => {
    out.push(row);
    return true;
  });
  const breathe = breather(environment);
  let wanted = true;
  for await (const batch of driverBatches(plan.driver.source, chain.frame, environment)) {
    signal.throwIfAborted();
    let count = 0;
    for (const slot of batch) {
      if (++count % rowsPerClockLook === 0 && breathe.due()) await breathe.turn();
      wanted = chain.push(slot);
      if (out.length >= batchRowsMax) {
        yield* batchesOf(out);
        out = [];
      }
      if (!wanted) break;
    }
    if (!wanted) break;
  }
  chain.finish();
  yield* batchesOf(out);
}

function* batchesOf(rows: Row[]): Iterable<Row[]> {
  if (rows.length > 0 && rows.length <= batchRowsMax) yield rows;
  else for (let i = 0; i < rows.length; i += batchRowsMax) yield rows.slice(i, i + batchRowsMax);
}

/** Lets the event loop turn after each slice of work, so that a cancel gets through. */
function breather(environment: Environment): { due(): boolean; turn(): Promise<void> } {
  const { signal, statement } = environment.context;
  let since = statement.clock.monotonicMs();
  return {
    due: () => statement.clock.monotonicMs() - since > sliceMs,
    async turn() {
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
      since = statement.clock.monotonicMs();
    },
  };
}

async function* driverBatches(
  source: Source,
  frame: Frame,
  environment: Environment,
): AsyncIterable<readonly SlotRow[]> {
  if (source.relation) yield* source.relation.fetch(environment);
  else if (source.subquery?.driver) {
    for await (const rows of streamRows(source.subquery, environment)) {
      yield rows.map((values) => ({ values }));
    }
  } else yield source.rows(frame);
}

/**
 * The whole result without leaving the tick: for queries that read no table, or one by its primary key when hot rows and
 * memory can answer. undefined: use runRow.
 */
export function runRowSync(query: Query, context: ExecutionContext): Row[] | undefined {
  const { plan, sources, streamed } = compiledOrFail(query, context);
  const [only, more] = sources;
  if (more || (only && only !== streamed)) return undefined;
  const environment = createEnvironment(context);
  const rows: Row[] = [];
  const emit = (row: Row): boolean => {
    rows.push(row);
    return true;
  };
  if (!only) {
    // Sub-queries and series without tables can be long: only what is one row per se runs in the tick.
    if (plan.driver || plan.columnTypes.length === 0) return undefined;
    plan.run(undefined, environment, emit);
    return rows;
  }
  if (plan.driver?.source.relation !== only) return undefined;
  const slots = pointRows(only, environment);
  if (!slots) return undefined;
  const chain = plan.driver.start(environment, emit);
  for (const slot of slots) if (!chain.push(slot)) break;
  chain.finish();
  return rows;
}

function pointRows(source: RelationSource, environment: Environment): SlotRow[] | undefined {
  const point = source.pointKey(environment);
  if (!point) return undefined;
  const { transaction, scanReports } = environment.context;
  const { stored } = source.leaf.table;
  const slots: SlotRow[] = [];
  for (const key of point.keys) {
    const row = transaction.getSync(stored, point.userId, key);
    if (row === 'unknown') return undefined;
    if (row) slots.push(row);
  }
  scanReports?.push({
    table: `${stored.namespace}.${stored.name}`,
    scope: point.userId,
    hotRows: slots.length,
    coldRows: 0,
    filesKnown: 0,
    filesOpened: 0,
  });
  return slots;
}
