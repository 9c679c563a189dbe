/** Constants that fail: PostgreSQL computes them while it plans, so that they are an error where no row comes, too. */
import { PgError } from '../base/index.ts';
import type { Analyzed, Expr, Query } from '../analyzer/tree.ts';
import { valueText } from '../executor/print/index.ts';
import { runRowSync } from '../executor/row/index.ts';
import type { Execution } from '../executor/run-plan.ts';
import { constantParts, selectOfConstants } from '../planner/constants.ts';
import { normalizeQuery } from '../planner/normalize.ts';
import { withMirror } from './mirror-access.ts';
import type { Planned } from './planned.ts';
import type { CurrentPlan, Prepared, SessionState } from './state.ts';

/** What there is to find out about an analyzed statement. */
interface Constants {
  readonly runFirst: boolean;
  /** No stable function is called: a value is the same until settings change. */
  readonly immutable: boolean;
  /** Made when first asked for: nothing fails in most statements that compute their constants first. */
  trials: Trials | undefined;
  /** Without parameters: what PostgreSQL has said. Undefined: not asked yet. */
  answer: { readonly error: PgError | undefined } | undefined;
}

/** The constants as queries of the row executor. */
interface Trials {
  /** Of immutable constants alone: whether they have been computed without an error. Undefined: not tried yet. */
  fixedHold: boolean | undefined;
  readonly fixed: Query | undefined;
  /** With parameters: computed for each execution. */
  readonly bound: Query | undefined;
  /** The row executor can't compute one: of constants alone, with parameters. */
  readonly fixedUnknown: boolean;
  readonly boundUnknown: boolean;
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
        : {
            runFirst: parts.runFirst,
            immutable: !parts.stable,
            trials: undefined,
            answer: undefined,
          };
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
    return {
      fixedHold: true,
      fixed: undefined,
      bound: undefined,
      fixedUnknown: false,
      boundUnknown: false,
    };
  const computable = (all: readonly Expr[]): readonly Expr[] =>
    all.filter((expr) => support.row(selectOfConstants([expr]), catalog) === undefined);
  const queryOf = (all: readonly Expr[]): Query | undefined =>
    all.length === 0 ? undefined : selectOfConstants(all);
  const [fixed, bound] = [computable(parts.fixed), computable(parts.bound)];
  const hasParams = analyzed.paramTypes.length > 0;
  return {
    fixedHold: undefined,
    fixed: queryOf(fixed),
    bound: queryOf(bound),
    fixedUnknown: fixed.length < parts.fixed.length || (parts.opaque && !hasParams),
    boundUnknown: bound.length < parts.bound.length || (parts.opaque && hasParams),
  };
}

/** Whether the expressions can be computed, by our own means and at once. */
function holds(query: Query | undefined, execution: Execution): boolean {
  if (query === undefined) return true;
  try {
    runRowSync(query, { ...execution, scans: new Map(), sources: new Map() });
    return true;
  } catch (error) {
    if (error instanceof PgError) return false;
    throw error;
  }
}

function surelyHold(
  session: SessionState,
  { analyzed, planned }: CurrentPlan,
  constants: Constants,
  execution: Execution,
): boolean {
  const trials = (constants.trials ??= findTrials(session, analyzed));
  const { fixedUnknown, boundUnknown } = trials;
  // Asked once for all, or each time: then only if nobody else would find it.
  if (fixedUnknown && constants.immutable && analyzed.paramTypes.length === 0) return false;
  if ((fixedUnknown || boundUnknown) && !plannedByPostgres(planned)) return false;
  const fixedHold = trials.fixedHold ?? holds(trials.fixed, execution);
  if (constants.immutable) trials.fixedHold = fixedHold;
  return fixedHold && holds(trials.bound, execution);
}

/** The executor that hands the query on to PostgreSQL is the only one that can run it: its constants are found there. */
function plannedByPostgres(planned: Planned): boolean {
  if (planned.kind !== 'select' && planned.kind !== 'dml') return false;
  const { support } = planned.kind === 'select' ? planned.plan : planned.plan.source;
  return support.row !== undefined && support.columnar !== undefined;
}

/** Whether no constant of the statement can be an error, found out within the tick; false: requireConstants tells. */
export function constantsHold(
  session: SessionState,
  prepared: Prepared,
  execution: Execution,
): boolean {
  const { plan } = prepared;
  if (plan === undefined) return true;
  const constants = constantsOf(session, plan.analyzed);
  if (constants === undefined || constants.runFirst) return true;
  if (constants.answer !== undefined) return constants.answer.error === undefined;
  return surelyHold(session, plan, constants, execution);
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
  const { plan } = prepared;
  if (!(error instanceof PgError) || session.signal.aborted || plan === undefined) return error;
  const constants = constantsOf(session, plan.analyzed);
  if (constants?.runFirst !== true || surelyHold(session, plan, constants, execution)) return error;
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
    if (params.length === 0 && constants?.immutable === true) constants.answer = answer;
  }
  if (answer.error !== undefined) throw answer.error;
}
