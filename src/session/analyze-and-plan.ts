import type { Analyzed } from '../analyzer/tree.ts';
import { planStatement } from './planned.ts';
import type { Planned } from './planned.ts';
import { mirrorOf } from './mirror-access.ts';
import { checkPermissions } from './roles.ts';
import type { CurrentPlan, SessionState } from './state.ts';

/** Plans by analyzed statement: shared by all sessions that analysis does not tell apart (roles and settings are its key). */
interface CachedPlan {
  readonly catalogVersion: number;
  readonly planned: Planned;
}

const plans = new WeakMap<Analyzed, CachedPlan>();

/** Analysis and plan under the session's present settings and catalog. Throws PostgreSQL's own errors. */
export function analyzeAndPlan(
  session: SessionState,
  text: string,
  declaredTypes: readonly number[],
): Promise<CurrentPlan> {
  const { ddl } = session.transaction;
  const work = (): Promise<CurrentPlan> => analyzeNow(session, text, declaredTypes);
  // The mirror must not be given away in between: the privileges to be asked about are those of the OIDs just read.
  return ddl === undefined ? work() : ddl.hold(work);
}

async function analyzeNow(
  session: SessionState,
  text: string,
  declaredTypes: readonly number[],
): Promise<CurrentPlan> {
  const { engine, settings, transaction } = session;
  const { ddl } = transaction;
  const analyze = (): Promise<Analyzed> =>
    engine.analyzer.analyze(text, declaredTypes, settings.forPostgres, {
      cache: ddl === undefined,
    });
  const analyzed =
    ddl === undefined
      ? (engine.analyzer.cached(text, declaredTypes, settings.forPostgres) ??
        (await engine.catalog.shared(analyze, transaction.owner.backend)))
      : await analyze();
  const { catalog } = transaction;
  for (const notice of analyzed.notices) session.notice(notice);
  const cached = plans.get(analyzed);
  let planned: Planned;
  if (cached?.catalogVersion === catalog.version) {
    planned = cached.planned;
  } else {
    planned = planStatement(analyzed, catalog, engine.support);
    for (const query of analyzed.queries)
      await checkPermissions(mirrorOf(session), session.roles, query);
    plans.set(analyzed, { catalogVersion: catalog.version, planned });
  }
  return {
    catalogVersion: catalog.version,
    settingsFingerprint: settings.fingerprint,
    analyzed,
    planned,
  };
}
