import type { Query } from '../analyzer/tree.ts';
import type { CatalogSnapshot } from '../catalog/types.ts';
import type { ScanNode, SelectPlan, Support } from './nodes.ts';
import { normalizeQuery } from './normalize.ts';
import { mentionsCalls, takeCalls } from './plan-calls.ts';
import { planOwnLocks } from './plan-locks.ts';
import { catalogRelations, findScans, rowSources } from './scans.ts';
import type { WithoutNested } from './take-steps.ts';
import { mentionsLocks, takeNested } from './take-steps.ts';

/** What the executors say of a query; handed in at composition, since the planner knows no executor. */
export interface ExecutorSupport {
  row(query: Query, catalog: CatalogSnapshot): string | undefined;
  columnar(query: Query, catalog: CatalogSnapshot): string | undefined;
  postgres(query: Query, catalog: CatalogSnapshot): string | undefined;
  /** Two queries with the meaning of one, the lower one columnar; undefined when there is no such cut. */
  split(
    query: Query,
    catalog: CatalogSnapshot,
  ): { readonly source: string; readonly lower: Query; readonly upper: Query } | undefined;
}

function fixesWholeKey(scan: ScanNode): boolean {
  const { primaryKey } = scan.table.stored;
  return (
    primaryKey.length > 0 &&
    primaryKey.every((columnId) =>
      scan.predicates.some((predicate) => predicate.columnId === columnId && predicate.op === '='),
    )
  );
}

export function planSelect(
  query: Query,
  catalog: CatalogSnapshot,
  executors: ExecutorSupport,
): SelectPlan {
  const { query: own, before } = takeSteps(normalizeQuery(query, catalog), catalog, executors);
  const plan = planWithoutNested(own, catalog, executors);
  return before.length === 0 ? plan : Object.freeze({ ...plan, before });
}

/** The query without those inside of it that have to be run before it: they lock rows, or call what acts on the session. */
export function takeSteps(
  normalized: Query,
  catalog: CatalogSnapshot,
  executors: ExecutorSupport,
): WithoutNested {
  if (!mentionsLocks(normalized) && !mentionsCalls(normalized))
    return { query: normalized, before: [] };
  return takeNested(normalized, catalog, (query) => planWithoutNested(query, catalog, executors));
}

function planWithoutNested(
  query: Query,
  catalog: CatalogSnapshot,
  executors: ExecutorSupport,
): SelectPlan {
  const { query: own, calls } = takeCalls(query);
  const plan = planOwnLocks(own, catalog, (inner) => planNormalized(inner, catalog, executors));
  return calls === undefined ? plan : Object.freeze({ ...plan, calls });
}

function planNormalized(
  query: Query,
  catalog: CatalogSnapshot,
  executors: ExecutorSupport,
  depth = 0,
): SelectPlan {
  const scans = findScans(query, catalog);
  const usesCatalog = catalogRelations(query, catalog).length > 0;
  const onlyPostgres = 'it reads PostgreSQL’s own catalog';
  const support: Support = {
    row: usesCatalog ? onlyPostgres : executors.row(query, catalog),
    columnar: usesCatalog ? onlyPostgres : executors.columnar(query, catalog),
    postgres: executors.postgres(query, catalog),
  };
  let split: SelectPlan['split'];
  if (depth === 0 && !usesCatalog && support.columnar !== undefined && scans.size > 0) {
    const parts = executors.split(query, catalog);
    if (parts !== undefined) {
      split = {
        source: parts.source,
        lower: planNormalized(parts.lower, catalog, executors, depth + 1),
        upper: planNormalized(parts.upper, catalog, executors, depth + 1),
      };
    }
  }
  const pointLookup = scans.size > 0 && [...scans.values()].every(fixesWholeKey);
  return Object.freeze({
    kind: 'select',
    query,
    scans,
    rowSources: rowSources(query),
    usesCatalog,
    pointLookup,
    support,
    split,
  });
}
