import type { Query } from '../../analyzer/tree.ts';
import { notSupported } from '../../base/index.ts';
import type { Row } from '../../types/value.ts';
import { batchRowsMax } from '../types.ts';
import type { ExecutionContext, RunSelect } from '../types.ts';
import { compiledQuery } from './compiled-query.ts';
import type { CompiledQuery } from './compiled-query.ts';
import type { CompiledSelect } from './compile-select.ts';
import { createEnvironment, createFrame } from './frame.ts';
import type { Environment, Frame, SlotRow } from './frame.ts';
import { rowsPerClockLook, sliceMs, tooManyRows, workRowsMax } from './limits.ts';
import { loadByLookup, loadRelation } from './relation-source.ts';
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

/** Driving rows up to which other tables are read by key, one row or index prefix each. */
const lookupDriversMax = 256;

/** Runs a SELECT over typed rows. Tables other than the driving one are read into memory first. */
export const runRow: RunSelect = async function* (query, context) {
  const compiled = compiledOrFail(query, context);
  const { plan, sources, streamed } = compiled;
  const environment = createEnvironment(context);
  context.signal.throwIfAborted();
  const byKey = lookupSources(compiled);
  for (const source of sources) {
    if (source !== streamed && !byKey.includes(source)) await loadRelation(source, environment);
  }
  if (byKey.length === 0 || !streamed) {
    yield* streamRows(plan, environment);
    return;
  }
  const batches = streamed.fetch(environment)[Symbol.asyncIterator]();
  try {
    const first = await firstRows(batches);
    await loadOthers(byKey, first, createFrame(query.rtable.length, undefined, environment));
    yield* streamRows(plan, environment, continued(first.rows, batches));
  } finally {
    await batches.return?.();
  }
};

/** Tables of which each driving row of the outermost level needs the rows with one key. */
function lookupSources({ plan, sources, streamed }: CompiledQuery): RelationSource[] {
  const source = plan.driver?.source;
  if (!streamed || source?.relation !== streamed) return [];
  return sources.filter((item) => item !== streamed && item.lookup?.varno === source.varno);
}

interface FirstRows {
  readonly rows: readonly SlotRow[];
  /** There are no more. */
  readonly all: boolean;
}

async function firstRows(batches: AsyncIterator<readonly SlotRow[]>): Promise<FirstRows> {
  const rows: SlotRow[] = [];
  while (rows.length <= lookupDriversMax) {
    const next = await batches.next();
    if (next.done) return { rows, all: true };
    for (const row of next.value) rows.push(row);
  }
  return { rows, all: false };
}

async function loadOthers(
  sources: readonly RelationSource[],
  first: FirstRows,
  frame: Frame,
): Promise<void> {
  const few = first.all && first.rows.length <= lookupDriversMax;
  for (const source of sources) {
    const loaded = few && (await loadByLookup(source, first.rows, frame));
    if (!loaded) await loadRelation(source, frame.environment);
  }
}

async function* continued(
  first: readonly SlotRow[],
  rest: AsyncIterator<readonly SlotRow[]>,
): AsyncIterable<readonly SlotRow[]> {
  if (first.length > 0) yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

async function* streamRows(
  plan: CompiledSelect,
  environment: Environment,
  driving?: AsyncIterable<readonly SlotRow[]>,
): AsyncGenerator<Row[]> {
  const { signal } = environment.context;
  let out: Row[] = [];
  try {
    if (!plan.driver) {
      plan.run(undefined, environment, (row) => {
        if (out.push(row) > workRowsMax) throw tooManyRows('the result');
        return true;
      });
      yield* batchesOf(out);
      return;
    }
    const chain = plan.driver.start(environment, (row) => {
      out.push(row);
      return true;
    });
    const breathe = breather(environment);
    let wanted = true;
    const batches = driving ?? driverBatches(plan.driver.source, chain.frame, environment);
    for await (const batch of batches) {
      signal.throwIfAborted();
      let count = 0;
      for (const slot of batch) {
        if (++count % rowsPerClockLook === 0 && breathe.due()) await breathe.turn();
        wanted = chain.push(slot);
        if (out.length >= batchRowsMax) {
          const full = out;
          out = [];
          yield* batchesOf(full);
        }
        if (!wanted) break;
      }
      if (!wanted) break;
    }
    chain.finish();
  } catch (error) {
    // Rows before the one that fails are an answer already.
    if (!signal.aborted) yield* batchesOf(out);
    throw error;
  }
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
  } else if (source.each) yield* batchesOfEach(source.each(frame));
  else yield source.rows(frame);
}

/** One that fails comes after those before it. */
function* batchesOfEach(rows: Iterable<SlotRow>): Iterable<readonly SlotRow[]> {
  const out: SlotRow[] = [];
  try {
    for (const row of rows) out.push(row);
  } catch (error) {
    yield out;
    throw error;
  }
  yield out;
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
  const { transaction, scanReports, lockPoint } = environment.context;
  const { stored } = source.leaf.table;
  const slots: SlotRow[] = [];
  for (const key of point.keys) {
    const row = lockPoint
      ? lockPoint(stored, point.userId, key)
      : transaction.getSync(stored, point.userId, key);
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
