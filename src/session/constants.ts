/** Constants that fail: PostgreSQL computes them while it plans, so that they are an error where no row comes, too. */
import { PgError } from '../base/index.ts';
import type { Analyzed, Expr, Query } from '../analyzer/tree.ts';
import { valueText } from '../executor/print/index.ts';
import type { Execution } from '../executor/run-plan.ts';
import { constantParts, selectOfConstants } from '../planner/constants.ts';
import { normalizeQuery } from '../planner/normalize.ts';
import { withMirror } from './mirror-access.ts';
import type { Prepared, SessionState } from './state.ts';

/** What there is to find out about an analyzed statement. */
interface Constants {
  readonly runFirst: boolean;
  /** Made when first asked for: nothing fails in most statements that compute their constants first. */
  trials: Trials | undefined;
  /** Without parameters: what PostgreSQL has said. Undefined: not asked yet. */
  answer: { readonly error: PgError | undefined } | undefined;
}

/** The constants as queries of the row executor. */
interface Trials {
  /** Of constants alone: whether they have been computed without an error. Undefined: not tried yet. */
  fixedHold: boolean | undefined;
  readonly fixed: Query | undefined;
  /** With parameters: computed for each execution. */
  readonly bound: Query | undefined;
  /** There is something that the row executor can't compute. */
  readonly unknown: boolean;
}

const none = 'none';
const known = new WeakMap<Analyzed, { version: number; constants: Constants | typeof none }>();

function constantsOf(session: SessionState, analyzed: Analyzed): Constants | undefined {
  const { catalog } = session.transaction;
  let found = known.get(analyzed);
  if (found?.version !== catalog.version) {
    const [query] = analyzed.queries;
    const parts = query && constantParts(query, catalog);
    const constants =
      parts === undefined
        ? none
        : { runFirst: parts.runFirst, trials: undefined, answer: undefined };
    found = { version: catalog.version, constants };
    known.set(analyzed, found);
  }
  return found.constants === none ? undefined : found.constants;
}

function findTrials(session: SessionState, analyzed: Analyzed): Trials {
  const { catalog } = session.transaction;
  const { support } = session.engine;
  const parts = constantParts(normalizeQuery(analyzed.queries[0]!, catalog), catalog);
  if (parts === undefined)
    return { fixedHold: true, fixed: undefined, bound: undefined, unknown: false };
  let unknown = parts.opaque;
  const queryOf = (all: readonly Expr[]): Query | undefined => {
    const computable = all.filter(
      (expr) => support.row(selectOfConstants([expr]), catalog) === undefined,
    );
    if (computable.length < all.length) unknown = true;
    return computable.length === 0 ? undefined : selectOfConstants(computable);
  };
  const [fixed, bound] = [queryOf(parts.fixed), queryOf(parts.bound)];
  return { fixedHold: undefined, fixed, bound, unknown };
}

/** Whether the expressions can be computed, by our own means and at once. */
function holds(query: Query | undefined, execution: Execution): boolean {
  if (query === undefined) return true;
  const { executors, ...context } = execution;
  try {
    executors.rowSync(query, { ...context, scans: new Map(), sources: new Map() });
    return true;
  } catch (error) {
    if (error instanceof PgError) return false;
    throw error;
  }
}

function surelyHold(
  session: SessionState,
  analyzed: Analyzed,
  constants: Constants,
  execution: Execution,
): boolean {
  const trials = (constants.trials ??= findTrials(session, analyzed));
  if (trials.unknown) return false;
  trials.fixedHold ??= holds(trials.fixed, execution);
  return trials.fixedHold && holds(trials.bound, execution);
}

/** Whether no constant of the statement can be an error, found out within the tick; false: requireConstants tells. */
export function constantsHold(
  session: SessionState,
  prepared: Prepared,
  execution: Execution,
): boolean {
  const analyzed = prepared.plan?.analyzed;
  if (analyzed === undefined) return true;
  const constants = constantsOf(session, analyzed);
  if (constants === undefined || constants.runFirst) return true;
  if (constants.answer !== undefined) return constants.answer.error === undefined;
  return surelyHold(session, analyzed, constants, execution);
}

/** @throws the error that PostgreSQL's planner meets in a constant */
export async function requireConstants(
  session: SessionState,
  prepared: Prepared,
  execution: Execution,
): Promise<void> {
  if (!constantsHold(session, prepared, execution)) await askPostgres(session, prepared, execution);
}

/**
 * A statement that computes its constants first of all is not asked about before. It has failed with `error`; returned is what to
 * tell, which is that of a constant, though an earlier row be wrong in another way.
 */
export async function errorToTell(
  session: SessionState,
  prepared: Prepared,
  execution: Execution,
  error: unknown,
): Promise<unknown> {
  const analyzed = prepared.plan?.analyzed;
  if (!(error instanceof PgError) || session.signal.aborted || analyzed === undefined) return error;
  const constants = constantsOf(session, analyzed);
  if (constants?.runFirst !== true || surelyHold(session, analyzed, constants, execution))
    return error;
  try {
    await askPostgres(session, prepared, execution);
    return error;
  } catch (own) {
    return own;
  }
}

async function askPostgres(
  session: SessionState,
  prepared: Prepared,
  execution: Execution,
): Promise<void> {
  const analyzed = prepared.plan?.analyzed;
  const constants = analyzed && constantsOf(session, analyzed);
  let answer = constants?.answer;
  if (answer === undefined) {
    const { params, paramTypes } = execution;
    const { engine, settings } = session;
    const texts = params.map((value, i) =>
      value === null ? null : valueText(value, paramTypes[i]!),
    );
    const error = await withMirror(session, () =>
      engine.analyzer.planningError(prepared.text, paramTypes, texts, settings.forPostgres),
    );
    answer = { error };
    if (params.length === 0 && constants !== undefined) constants.answer = answer;
  }
  if (answer.error !== undefined) throw answer.error;
}
