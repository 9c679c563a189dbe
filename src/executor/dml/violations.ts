import { PgError, SqlState } from '../../base/index.ts';
import type { CatalogColumn, CatalogTable } from '../../catalog/types.ts';
import type { StoredIndex, StoredRow } from '../../storage/types.ts';
import { requirePgType } from '../../types/registry.ts';
import type { TypeContext } from '../../types/type.ts';
import type { Row, Value } from '../../types/value.ts';

/** PostgreSQL cuts each value of a DETAIL at this many bytes (execMain.c, maxfieldlen). */
const detailValueBytesMax = 64;

function shown(value: Value, typeOid: number, types: TypeContext): string {
  if (value === null) return 'null';
  const text = requirePgType(typeOid).format(value, types);
  if (Buffer.byteLength(text) <= detailValueBytesMax) return text;
  let end = detailValueBytesMax;
  const bytes = Buffer.from(text);
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return `${bytes.subarray(0, end).toString()}...`;
}

/** `Failing row contains (1, null, …).` */
function failingRow(table: CatalogTable, row: Row, types: TypeContext): string {
  const values = table.columns.map((column, i) =>
    shown(row[i] ?? null, column.storedTypeOid, types),
  );
  return `Failing row contains (${values.join(', ')}).`;
}

function where(table: CatalogTable): { schema: string; table: string } {
  return { schema: table.stored.namespace, table: table.stored.name };
}

export function notNullViolation(
  table: CatalogTable,
  column: CatalogColumn,
  row: Row,
  types: TypeContext,
): PgError {
  return new PgError(
    SqlState.notNullViolation,
    `null value in column "${column.name}" of relation "${table.stored.name}" violates not-null constraint`,
    { ...where(table), column: column.name, detail: failingRow(table, row, types) },
  );
}

export function checkViolation(
  table: CatalogTable,
  constraint: string,
  row: Row,
  types: TypeContext,
): PgError {
  return new PgError(
    SqlState.checkViolation,
    `new row for relation "${table.stored.name}" violates check constraint "${constraint}"`,
    { ...where(table), constraint, detail: failingRow(table, row, types) },
  );
}

/** WITH CHECK OPTION of a view. */
export function viewCheckViolation(
  table: CatalogTable,
  view: string,
  row: Row,
  types: TypeContext,
): PgError {
  return new PgError(
    SqlState.withCheckOptionViolation,
    `new row violates check option for view "${view}"`,
    { detail: failingRow(table, row, types) },
  );
}

/** `Key (a, b)=(1, 2) already exists.`; `index` null is the primary key. */
export function uniqueViolation(
  table: CatalogTable,
  index: StoredIndex | null,
  values: Row,
  types: TypeContext,
): PgError {
  const { name, detail } = describeKey(table, index, values, types);
  return new PgError(
    SqlState.uniqueViolation,
    `duplicate key value violates unique constraint "${name}"`,
    { ...where(table), constraint: name, detail: `Key ${detail} already exists.` },
  );
}

/** ON CONFLICT by a constraint that is not checked at once (execIndexing.c). */
export function deferrableArbiter(table: CatalogTable, constraint: string): PgError {
  return new PgError(
    SqlState.objectNotInPrerequisiteState,
    'ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters',
    { ...where(table), constraint },
  );
}

/** CREATE UNIQUE INDEX over rows that are not. */
export function uniqueIndexViolation(
  table: CatalogTable,
  index: StoredIndex,
  existing: Pick<StoredRow, 'values'>,
  types: TypeContext,
): PgError {
  const { name, detail } = describeKey(table, index, existing.values, types);
  return new PgError(SqlState.uniqueViolation, `could not create unique index "${name}"`, {
    ...where(table),
    constraint: name,
    detail: `Key ${detail} is duplicated.`,
  });
}

function describeKey(
  table: CatalogTable,
  index: StoredIndex | null,
  values: Row,
  types: TypeContext,
): { name: string; detail: string } {
  const columns = index?.columns ?? table.stored.primaryKey;
  const names: string[] = [];
  const texts: string[] = [];
  for (const id of columns) {
    const position = table.positionOf[id] ?? -1;
    const column = table.columns[position];
    if (column === undefined) continue;
    names.push(quoted(column.name));
    const value = values[position] ?? null;
    texts.push(value === null ? 'null' : requirePgType(column.storedTypeOid).format(value, types));
  }
  return {
    name: index?.name ?? table.stored.primaryKeyName ?? table.stored.name,
    detail: `(${names.join(', ')})=(${texts.join(', ')})`,
  };
}

/** quote_identifier for the plain case; PostgreSQL quotes keys in DETAIL the same way. */
function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
