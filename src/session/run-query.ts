import { PgError, SqlState, assert, unreachable } from '../base/index.ts';
import { runDml } from '../executor/dml/dml.ts';
import type { DmlResult } from '../executor/dml/dml.ts';
import { startUpdate } from '../executor/dml/change.ts';
import { startInsert } from '../executor/dml/insert.ts';
import type { DmlPlan } from '../planner/plan-dml.ts';
import type { SelectPlan } from '../planner/nodes.ts';
import type { Execution } from '../executor/run-plan.ts';
import { collectPlan, runPlan, runPlanSync } from '../executor/run-plan.ts';
import { Oid } from '../types/oid.ts';
import type { Row, Value } from '../types/value.ts';
import type { RawParameters } from './bind-params.ts';
import { constantsHold, errorToTell, requireConstants } from './constants.ts';
import { createExecution } from './context.ts';
import { requireLabels } from './enum-input.ts';
import { lockTables, lockTablesNow, tablesAreFree, tableUses } from './lock-tables.ts';
import { mirrorOf } from './mirror-access.ts';
import type { Planned } from './planned.ts';
import type { PgliteSession } from '../pglite/index.ts';
import { figureSettings } from './figures.ts';
import { freshPlan, validPlan } from './prepare.ts';
import { refuseRowLocks } from './row-locks.ts';
import { runVerbatim } from './run-verbatim.ts';
import { recordText, returnsRows, runServerFunction } from './server-functions.ts';
import type { Prepared, SessionState, StatementResult } from './state.ts';

/** What a query is run with. */
export interface QueryInput {
  readonly raw: RawParameters;
  readonly params: readonly (Value | undefined)[];
  readonly resultFormats: readonly number[];
  /** Set by a simple query: whether other statements are in it, which makes it a transaction block of its own. */
  readonly simple?: 'alone' | 'several';
}

const selectTag = (rows: number): string => `SELECT ${rows}`;

function dmlTag(kind: DmlPlan['kind'], count: number): string {
  return kind === 'insert' ? `INSERT 0 ${count}` : `${kind.toUpperCase()} ${count}`;
}

/** Values that our executors can take: every type known. */
function knownParams(params: readonly (Value | undefined)[], types: readonly number[]): Value[] {
  return params.map((value, i) => {
    if (value !== undefined) return value;
    throw new PgError(
      SqlState.featureNotSupported,
      `parameter $${i + 1} of type with OID ${types[i]} is not supported in this statement`,
    );
  });
}

export function executionOf(
  session: SessionState,
  prepared: Prepared,
  input: QueryInput,
): Execution {
  const params = knownParams(input.params, prepared.paramTypes);
  requireLabels(session, params, prepared.paramTypes);
  return createExecution(
    session,
    session.transaction.statement(),
    params,
    prepared.paramTypes,
    prepared.text,
  );
}

/** A query's answer without waiting, for point queries on a valid plan; undefined when it takes more. */
export function runQueryNow(
  session: SessionState,
  prepared: Prepared,
  input: QueryInput,
): StatementResult | undefined {
  const planned = validPlan(session, prepared);
  if (planned?.kind !== 'select') return undefined;
  const { plan } = planned;
  if (!plan.pointLookup && plan.scans.size > 0) return undefined;
  if (plan.support.row !== undefined) return undefined;
  const { transaction } = session;
  transaction.takesSnapshot();
  const uses = tableUses(planned, session.transaction.catalog);
  if (!(transaction.inBlock ? lockTablesNow(session, uses) : tablesAreFree(session, uses)))
    return undefined;
  const execution = executionOf(session, prepared, input);
  if (!constantsHold(session, prepared, execution)) return undefined;
  const rows = runPlanSync(plan, execution);
  if (rows === undefined) return undefined;
  execution.transaction.endStatement();
  return { kind: 'rowsNow', fields: prepared.fields ?? [], rows, tag: selectTag };
}

/**
 * An INSERT or UPDATE on a valid plan, begun within the call and often done with it; undefined when it is none, or may not be
 * run this way.
 */
export function startDmlNow(
  session: SessionState,
  prepared: Prepared,
  input: QueryInput,
): StatementResult | Promise<StatementResult> | undefined {
  const planned = validPlan(session, prepared);
  if (planned?.kind !== 'dml') return undefined;
  const { plan } = planned;
  if (plan.kind === 'delete' || (plan.kind === 'update' && !plan.source.pointLookup))
    return undefined;
  if (session.transaction.readOnly || prepared.statement?.executeAs !== undefined) return undefined;
  session.transaction.takesSnapshot();
  if (!lockTablesNow(session, tableUses(planned, session.transaction.catalog))) return undefined;
  const execution = executionOf(session, prepared, input);
  if (!constantsHold(session, prepared, execution)) return undefined;
  const failed = async (error: unknown): Promise<never> => {
    throw await errorToTell(session, prepared, execution, error);
  };
  let result: DmlResult | Promise<DmlResult>;
  try {
    result = plan.kind === 'insert' ? startInsert(plan, execution) : startUpdate(plan, execution);
  } catch (error) {
    return failed(error);
  }
  return result instanceof Promise
    ? result.then((done) => dmlResult(prepared, plan.kind, done), failed)
    : dmlResult(prepared, plan.kind, result);
}

/** The plan, with its tables locked: what it was made for stays as it is until the transaction ends. */
export async function lockedPlan(session: SessionState, prepared: Prepared): Promise<Planned> {
  for (;;) {
    const planned = await freshPlan(session, prepared);
    await lockTables(session, tableUses(planned, session.transaction.catalog));
    // The catalog may have changed before the locks were there, with a wait or without.
    if (validPlan(session, prepared) === planned) return planned;
  }
}

function dmlResult(prepared: Prepared, kind: DmlPlan['kind'], result: DmlResult): StatementResult {
  const tag = (rows: number): string => dmlTag(kind, rows);
  return result.rows === undefined
    ? { kind: 'done', tag: tag(result.count) }
    : { kind: 'rowsNow', fields: prepared.fields ?? [], rows: result.rows, tag };
}

export async function runQuery(
  session: SessionState,
  prepared: Prepared,
  input: QueryInput,
): Promise<StatementResult> {
  const planned = await lockedPlan(session, prepared);
  const fields = prepared.fields ?? [];
  switch (planned.kind) {
    case 'select': {
      refuseRowLocks(session, planned.plan);
      const run = executionOf(session, prepared, input);
      await requireConstants(session, prepared, run);
      return { kind: 'rows', fields, batches: runPlan(planned.plan, run), tag: selectTag };
    }
    case 'dml': {
      const run = executionOf(session, prepared, input);
      await requireConstants(session, prepared, run);
      try {
        return dmlResult(prepared, planned.plan.kind, await runDml(planned.plan, run));
      } catch (error) {
        throw await errorToTell(session, prepared, run, error);
      }
    }
    case 'verbatim': {
      const { engine } = session;
      engine.activity.verbatim++;
      const { forPostgres } = session.settings;
      const settings = planned.figures
        ? new Map([...forPostgres, ...(await figureSettings(session))])
        : forPostgres;
      const run = (postgres: PgliteSession): ReturnType<typeof runVerbatim> =>
        runVerbatim(
          postgres,
          prepared.text,
          prepared.paramTypes,
          input.raw,
          input.resultFormats,
          settings,
        );
      const result =
        planned.instance === 'mirror'
          ? await mirrorOf(session)(run)
          : await run(await engine.fallback());
      for (const notice of result.notices) session.notice(notice);
      return { kind: 'encoded', fields: result.fields, rows: result.rows, tag: result.tag };
    }
    case 'setConfig': {
      const args = await onlyRow(planned.plan, executionOf(session, prepared, input));
      const row: Row = [];
      for (let i = 0; i < args.length; i += 3) {
        const [name, value, local] = args.slice(i, i + 3);
        if (typeof name !== 'string') {
          throw new PgError(SqlState.nullValueNotAllowed, 'SET requires parameter name');
        }
        row.push(
          await session.setSetting(
            name,
            value === null ? undefined : (value as string),
            local === true,
          ),
        );
      }
      return { kind: 'rowsNow', fields, rows: [row], tag: selectTag };
    }
    case 'sleep': {
      const [seconds] = await onlyRow(planned.plan, executionOf(session, prepared, input));
      await sleep(Number(seconds) * 1000, session.signal);
      return { kind: 'rowsNow', fields, rows: [['']], tag: selectTag };
    }
    case 'serverFunction': {
      const args = await onlyRow(planned.plan, executionOf(session, prepared, input));
      const rows = await runServerFunction(session, planned.name, args);
      if (!planned.composite || !returnsRows(planned.name))
        return { kind: 'rowsNow', fields, rows, tag: selectTag };
      return {
        kind: 'rowsNow',
        fields: fields.map((field) => ({ ...field, typeOid: Oid.text })),
        rows: rows.map((row) => [recordText(row)]),
        tag: selectTag,
      };
    }
    default:
      return unreachable(planned, 'planned statement');
  }
}

async function onlyRow(plan: SelectPlan, run: Execution): Promise<Row> {
  const [row] = await collectPlan(plan, run);
  assert(row !== undefined, 'a query without FROM yields a row');
  return row;
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(
      () => {
        signal.removeEventListener('abort', stop);
        resolve();
      },
      Math.max(0, ms),
    );
    signal.addEventListener('abort', stop, { once: true });
  });
}
