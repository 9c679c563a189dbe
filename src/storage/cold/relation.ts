import { Oid } from '../../types/oid.ts';
import { requirePgType } from '../../types/registry.ts';
import { defaultTypeContext } from '../../types/type.ts';
import type { PgArray, Value } from '../../types/value.ts';
import { layoutOf } from '../tuple/codec.ts';
import { elementOid, physicalType } from '../tuple/physical.ts';
import type { ManifestFile, ScanPredicate, StoredColumn, StoredTable } from '../types.ts';
import { columnForm } from './columns.ts';
import { duckLiteral } from './key-decode.ts';
import { hasRowId, parquetNames, quoteName, quoteText, systemColumns } from './layout.ts';

/** Files that one statement can read alike: their columns have the same names and types. */
export interface FileGroup {
  /** Column ids of the layout that wrote them, with the columns' names in the files. */
  readonly names: ReadonlyMap<number, string>;
  readonly paths: readonly string[];
  /** Column ids whose type in the files is not that of the table's column now: what the files have. */
  readonly formerTypes: ReadonlyMap<number, string>;
}

/**
 * Files grouped by what the schema version that wrote them called and typed its columns: renames, drops, additions and types that
 * have changed are resolved here, so that DuckDB reads each file by its own plain names (which keeps its pruning; a `schema` map
 * costs it).
 */
export function fileGroups(
  table: StoredTable,
  files: readonly ManifestFile[],
  paths: readonly string[],
): readonly FileGroup[] {
  const now = new Map(table.columns.map((column) => [column.id, parquetType(column)]));
  const groups = new Map<string, FileGroup & { readonly paths: string[] }>();
  files.forEach((file, i) => {
    const layout = layoutOf(table, file.schemaVersion);
    const written = parquetNames(layout);
    const names = new Map(layout.map((column, at) => [column.id, written[at]!]));
    const formerTypes = new Map(
      layout
        .filter(({ id }) => now.has(id))
        .map((column) => [column.id, parquetType(column)] as const)
        .filter(([id, type]) => now.get(id) !== type),
    );
    const signature = JSON.stringify([[...names], [...formerTypes]]);
    let group = groups.get(signature);
    if (group === undefined) {
      group = { names, paths: [], formerTypes };
      groups.set(signature, group);
    }
    group.paths.push(paths[i]!);
  });
  return [...groups.values()];
}

const parquetType = ({ typeOid, typmod }: StoredColumn): string =>
  columnForm(typeOid, typmod).parquetType;

/** A file's column as SQL, in the type that the table's column has now; undefined: the file lacks it. */
export function columnSql(
  { names, formerTypes }: FileGroup,
  column: StoredColumn,
  relation = '',
): string | undefined {
  const name = names.get(column.id);
  if (name === undefined) return undefined;
  const plain = `${relation}${quoteName(name)}`;
  return formerTypes.has(column.id) ? `CAST(${plain} AS ${parquetType(column)})` : plain;
}

/** `read_parquet([…])` over absolute paths. */
export function readParquet(paths: readonly string[], rowNumbers = false): string {
  const numbered = rowNumbers ? ', file_row_number = true' : '';
  return `read_parquet([${paths.map(quoteText).join(', ')}]${numbered})`;
}

/**
 * A SELECT that gives the columns (by id; null for those not needed) as their files have them, then _seq, _updated, _deleted
 * and, for user tables, _user_id, for tables without a key, _rowid. Columns have the type that
 * ColumnForm.read takes. `reverse` (one file only): last rows first.
 */
export function coldSelect(
  table: StoredTable,
  files: readonly ManifestFile[],
  paths: readonly string[],
  columnIds: readonly number[],
  where: (nameOf: (columnId: number) => string | undefined) => string,
  reverse = false,
): string {
  const columns = columnIds.map((id) => table.columns.find((column) => column.id === id)!);
  const system = [
    systemColumns.seq,
    systemColumns.updated,
    systemColumns.deleted,
    ...(table.kind === 'user' ? [systemColumns.userId] : []),
    ...(hasRowId(table) ? [systemColumns.rowId] : []),
  ];
  const selects = fileGroups(table, files, paths).map((group) => {
    const nameOf = (id: number): string | undefined => {
      const name = group.names.get(id);
      return name === undefined ? undefined : quoteName(name);
    };
    const list = columns.map((column) => {
      const name = columnSql(group, column);
      const form = columnForm(column.typeOid, column.typmod);
      // A column that the file lacks reads as its missing value, which the caller fills in.
      return name === undefined ? `CAST(NULL AS ${form.stage.toString()})` : form.fromParquet(name);
    });
    const names = [...list, ...system.map((column) => quoteName(column.name))];
    const condition = where(nameOf);
    return `SELECT ${names.join(', ')} FROM ${readParquet(group.paths, reverse)}${condition === '' ? '' : ` WHERE ${condition}`}${reverse ? ' ORDER BY file_row_number DESC' : ''}`;
  });
  return selects.join(' UNION ALL ');
}

/** Types of which DuckDB compares values as PostgreSQL does. */
const comparable: ReadonlySet<number> = new Set([
  Oid.bool,
  Oid.int2,
  Oid.int4,
  Oid.int8,
  Oid.oid,
  Oid.float8,
  Oid.text,
  Oid.varchar,
  Oid.name,
  Oid.uuid,
  Oid.date,
  Oid.timestamp,
  Oid.timestamptz,
]);

/** Predicates as SQL, those that DuckDB judges exactly; '' when none. Columns that a file lacks are not judged. */
export function predicateSql(
  table: StoredTable,
  predicates: readonly ScanPredicate[],
  nameOf: (columnId: number) => string | undefined,
): string {
  const terms: string[] = [];
  for (const predicate of predicates) {
    const column = table.columns.find((candidate) => candidate.id === predicate.columnId);
    const name = nameOf(predicate.columnId);
    if (column === undefined || name === undefined || !comparable.has(column.typeOid)) continue;
    const literals = predicate.values.map((value) => duckLiteral(column.typeOid, value));
    if (literals.length === 0 || literals.some((literal) => literal === undefined)) continue;
    if (predicate.op === 'in') terms.push(`${name} IN (${literals.join(', ')})`);
    else terms.push(`${name} ${predicate.op} ${literals[0]!}`);
  }
  return terms.join(' AND ');
}

/** A column's missing value as SQL in the type of its files; for queries that read files in place. */
export function missingLiteral(typeOid: number, typmod: number, value: Value): string {
  const form = columnForm(typeOid, typmod);
  if (value === null) return `CAST(NULL AS ${form.parquetType})`;
  const literal = duckLiteral(typeOid, value);
  if (literal !== undefined) return literal;
  // DuckDB's texts of these two are not PostgreSQL's.
  if (physicalType(typeOid) === 'bytes')
    return `unhex('${Buffer.from(value as Uint8Array).toString('hex')}')`;
  if (physicalType(typeOid) === 'array') {
    const element = elementOid(typeOid);
    const items = (value as PgArray).elements.map((e) => missingLiteral(element, typmod, e));
    return `CAST([${items.join(', ')}] AS ${form.parquetType})`;
  }
  const text = requirePgType(typeOid).format(value, defaultTypeContext);
  return `CAST(${quoteText(text)} AS ${form.parquetType})`;
}
