import type { Query } from '../../analyzer/tree.ts';
import { compileSelect } from './compile-select.ts';
import type { CompiledSelect } from './compile-select.ts';
import type { RelationSource } from './relation-source.ts';
import type { RowCatalog } from './scope.ts';
import { withEnumTypes } from './type-of.ts';
import { Unsupported } from './unsupported.ts';

/** A whole statement, compiled. */
export interface CompiledQuery {
  readonly plan: CompiledSelect;
  /** Every place in it that reads a stored table. */
  readonly sources: readonly RelationSource[];
  /** The one whose rows are fed in as they come; the others are read ahead. */
  readonly streamed: RelationSource | undefined;
}

interface Known {
  readonly catalog: RowCatalog;
  readonly result: CompiledQuery | Unsupported;
}

/** A query tree belongs to one version of the catalog, so its identity is the plan's. */
const compiled = new WeakMap<Query, Known>();

function compile(query: Query, catalog: RowCatalog): CompiledQuery {
  const sources: RelationSource[] = [];
  const plan = withEnumTypes(catalog.enums, () =>
    compileSelect(query, undefined, { catalog, sources }),
  );
  return { plan, sources, streamed: streamedRelation(plan) };
}

/** The table at the bottom of the chain of driving sub-queries. */
function streamedRelation(plan: CompiledSelect): RelationSource | undefined {
  const source = plan.driver?.source;
  if (!source) return undefined;
  return source.relation ?? (source.subquery && streamedRelation(source.subquery));
}

/** The compiled form, made once per tree; an Unsupported when the row executor can't run it exactly. */
export function compiledQuery(query: Query, catalog: RowCatalog): CompiledQuery | Unsupported {
  const known = compiled.get(query);
  if (known && known.catalog === catalog) return known.result;
  let result: Known['result'];
  try {
    result = compile(query, catalog);
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    result = error;
  }
  compiled.set(query, { catalog, result });
  return result;
}

/** Why the row executor can't run the query, naming the expression; undefined when it can. Exact: it has been compiled. */
export function rowSupports(query: Query, catalog: RowCatalog): string | undefined {
  const result = compiledQuery(query, catalog);
  return result instanceof Unsupported ? result.message : undefined;
}
