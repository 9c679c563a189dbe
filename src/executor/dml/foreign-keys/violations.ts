import { PgError, SqlState } from '../../../base/index.ts';
import type { CatalogTable } from '../../../catalog/types.ts';
import type { Row } from '../../../types/value.ts';
import type { Execution } from '../../run-plan.ts';
import type { KeyLookup } from '../constraint-events/key-lookup.ts';
import type { PreparedKey } from './prepared-key.ts';

/** ri_triggers.c, ri_ReportViolation: `Key (a, b)=(1, 2)`, or `Key` for whoever may not read those columns. */
async function describeKey(lookup: KeyLookup, key: Row, execution: Execution): Promise<string> {
  const { table, positions, types } = lookup;
  const columns = positions.map((position) => table.columns[position]!);
  const attnums = columns.map((column) => column.id);
  if (!(await execution.constraints.mayRead(table.relid, attnums))) return 'Key';
  const context = execution.statement.types;
  const values = key.map((value, i) =>
    value === null ? 'null' : types[i]!.format(value, context),
  );
  return `Key (${columns.map((column) => column.name).join(', ')})=(${values.join(', ')})`;
}

function where(child: CatalogTable, constraint: string): Record<string, string> {
  return { schema: child.stored.namespace, table: child.stored.name, constraint };
}

/** @param key the referencing one */
export async function missingParent(
  { constraint, child, parent, children }: PreparedKey,
  key: Row,
  execution: Execution,
): Promise<PgError> {
  const detail = key.includes(null)
    ? 'MATCH FULL does not allow mixing of null and nonnull key values.'
    : `${await describeKey(children, key, execution)} is not present in table "${parent.stored.name}".`;
  return new PgError(
    SqlState.foreignKeyViolation,
    `insert or update on table "${child.stored.name}" violates foreign key constraint "${constraint.name}"`,
    { ...where(child, constraint.name), detail },
  );
}

/** @param key the referenced one */
export async function stillReferenced(
  { constraint, child, parent, parents }: PreparedKey,
  key: Row,
  action: 'noAction' | 'restrict',
  execution: Execution,
): Promise<PgError> {
  const described = await describeKey(parents, key, execution);
  const by = `"${child.stored.name}"`;
  const what = `update or delete on table "${parent.stored.name}" violates`;
  return action === 'restrict'
    ? new PgError(
        SqlState.restrictViolation,
        `${what} RESTRICT setting of foreign key constraint "${constraint.name}" on table ${by}`,
        {
          ...where(child, constraint.name),
          detail: `${described} is referenced from table ${by}.`,
        },
      )
    : new PgError(
        SqlState.foreignKeyViolation,
        `${what} foreign key constraint "${constraint.name}" on table ${by}`,
        {
          ...where(child, constraint.name),
          detail: `${described} is still referenced from table ${by}.`,
        },
      );
}

export function concurrentChange(what: 'update' | 'delete' = 'update'): PgError {
  return new PgError(
    SqlState.serializationFailure,
    `could not serialize access due to concurrent ${what}`,
  );
}

export function readWriteConflict(): PgError {
  return new PgError(
    SqlState.serializationFailure,
    'could not serialize access due to read/write dependencies among transactions',
    { hint: 'The transaction might succeed if retried.' },
  );
}
