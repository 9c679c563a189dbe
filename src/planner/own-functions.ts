import type { Expr, Query } from '../analyzer/tree.ts';
import type { CatalogSnapshot } from '../catalog/types.ts';
import { advisoryFunctions } from './advisory-functions.ts';
import { walk } from './walk.ts';

/** Volatile functions whose state is pgtide's own: only its own evaluation may call them. */
const ownNames: ReadonlySet<string> = new Set([
  'pg_catalog.nextval',
  'pg_catalog.currval',
  'pg_catalog.lastval',
  'pg_catalog.setval',
  'pg_catalog.snowflake_id',
  'pg_catalog.pg_blocking_pids',
  ...[...advisoryFunctions.values()].map(({ name }) => `pg_catalog.${name}`),
]);

/** Functions that tell facts of the statement or session; PostgreSQL inside would tell its own. */
const factNames: ReadonlySet<string> = new Set([
  'pg_catalog.now',
  'pg_catalog.transaction_timestamp',
  'pg_catalog.statement_timestamp',
  'pg_catalog."current_user"',
  'pg_catalog."session_user"',
  'pg_catalog.current_database',
  'pg_catalog.pg_backend_pid',
]);

/** The name of the first function (or identity default) with state of pgtide's own in the tree. */
export function ownFunctionIn(
  root: Query | Expr | readonly Expr[],
  catalog: CatalogSnapshot,
): string | undefined {
  let found: string | undefined;
  walk(root, (expr) => {
    if (expr.kind === 'nextValue') found ??= 'nextval';
    if (expr.kind !== 'func') return;
    const name = catalog.functionName(expr.funcId);
    if (name !== undefined && ownNames.has(name)) found ??= name.slice('pg_catalog.'.length);
  });
  return found;
}

/** Whether the tree asks for facts of this statement or session: now(), current_user and the like. */
export function asksForFacts(root: Query, catalog: CatalogSnapshot): boolean {
  let asks = false;
  walk(root, (expr) => {
    if (expr.kind === 'sqlValue') asks = true;
    if (expr.kind === 'func' && factNames.has(catalog.functionName(expr.funcId) ?? '')) asks = true;
  });
  return asks;
}
