import { PgError, SqlState, assert } from '../base/index.ts';
import type { Expr } from '../analyzer/tree.ts';
import type { StoredColumn, StoredIndex, StoredTable, TableKind } from '../storage/types.ts';
import { Oid, arrayOidOf } from '../types/oid.ts';
import { requirePgType } from '../types/registry.ts';
import { defaultTypeContext } from '../types/type.ts';
import type { PgArray, Value } from '../types/value.ts';
import type { DecodedTable } from './codec.ts';
import { deferrableUniquesOf, foreignKeysOf } from './foreign-keys.ts';
import type { MirrorColumn, MirrorRelation } from './read-mirror.ts';
import { readsAs } from './reads-as.ts';
import type { SchemaVersion } from './schema-versions.ts';
import { storedTypeOf } from './stored-type.ts';
import { nextSchemaVersion, sameSchema, schemaColumns } from './schema-versions.ts';
import { parseTableOptions } from './table-options.ts';
import type { CatalogColumn, CatalogTable } from './types.ts';

/** pg_attribute.attmissingval: the text of a one-element array, whose element is the value's own text, an array's too. */
function missingValue(column: MirrorColumn): Value {
  if (column.missing === null) return null;
  const texts = requirePgType(arrayOidOf.get(Oid.text) ?? 0);
  const { elements } = texts.parse(column.missing, -1, defaultTypeContext) as PgArray;
  const [text] = elements;
  if (typeof text !== 'string') return null;
  return requirePgType(storedTypeOf(column)).parse(text, column.typmod, defaultTypeContext);
}

export interface ReconcileContext {
  readonly nextId: () => number;
  /** Of the statement. */
  readonly now: bigint;
  /** What columns added with a default read as in older rows, by missingName; others have what the mirror says. */
  readonly missingValues?: ReadonlyMap<string, Value>;
}

export const missingName = (relid: number, attnum: number): string => `${relid} ${attnum}`;

export interface Reconciled {
  readonly stored: StoredTable;
  readonly options: ReadonlyMap<string, string>;
  /** Indexes that existing rows are not in yet. */
  readonly newIndexes: readonly StoredIndex[];
  /** Column or kind changes that existing rows can not follow in this version. */
  readonly needsEmptyTable: string | undefined;
  /** Existing rows must be written anew: their key is another, or values in them. */
  readonly rewritesRows: boolean;
  readonly schemas: readonly SchemaVersion[];
}

/**
 * The stored form of a mirror's table: the former one carried on, or a new one. `options` are ours as written now (a
 * new table, ALTER TABLE SET); undefined keeps the former.
 */
export function reconcileTable(
  relation: MirrorRelation,
  former: DecodedTable | undefined,
  options: ReadonlyMap<string, string> | undefined,
  { nextId, now, missingValues }: ReconcileContext,
): Reconciled {
  const merged = options ?? former?.options ?? new Map<string, string>();
  const { kind, ttlMicros } = parseTableOptions(merged, former?.stored.kind);
  const columns = relation.columns
    .filter((column) => !column.dropped)
    .map((column): StoredColumn => {
      const before = former?.stored.columns.find((candidate) => candidate.id === column.attnum);
      return Object.freeze({
        id: column.attnum,
        name: column.name,
        typeOid: storedTypeOf(column),
        typmod: column.typmod,
        // A default given later does not change what older rows read as: the first answer stands. Rows that are rewritten for a
        // new type all have a value.
        missing:
          before === undefined
            ? (missingValues?.get(missingName(relation.relid, column.attnum)) ??
              missingValue(column))
            : readsAs(before, { typeOid: storedTypeOf(column), typmod: column.typmod })
              ? before.missing
              : null,
      });
    });
  const primary = relation.indexes.find((index) => index.primary);
  const isStream = kind === 'stream';
  // A key that may have duplicates for a while can't be what rows are found by: they have hidden ids then, as streams' have.
  const keyedByPrimary = !isStream && primary?.immediate === true;
  const primaryKey = keyedByPrimary ? primary.columns.slice(0, primary.keyColumns) : [];
  const newIndexes: StoredIndex[] = [];
  const indexes = relation.indexes
    .filter((index) => !index.primary || !keyedByPrimary)
    .map((index): StoredIndex => {
      const shape = {
        name: index.name,
        columns: index.columns.slice(0, index.keyColumns),
        unique: index.unique && index.immediate,
        nullsNotDistinct: index.nullsNotDistinct,
      };
      const before = former?.stored.indexes.find(
        (candidate) =>
          candidate.name === index.name &&
          String(candidate.columns) === String(shape.columns) &&
          candidate.unique === shape.unique,
      );
      // A renamed index keeps its entries: found by what it covers when its name is new.
      const renamed = former?.stored.indexes.find(
        (candidate) =>
          !relation.indexes.some((other) => other.name === candidate.name) &&
          String(candidate.columns) === String(shape.columns) &&
          candidate.unique === shape.unique,
      );
      const indexId = before?.indexId ?? renamed?.indexId;
      if (indexId !== undefined) return Object.freeze({ ...shape, indexId });
      const created = Object.freeze({ ...shape, indexId: nextId() });
      newIndexes.push(created);
      return created;
    });
  const described = schemaColumns(relation);
  // A file names its columns as they were: a new name is a new layout, too.
  const unchanged = sameSchema(former?.schemas.at(-1)?.columns, described);
  const schemaVersion =
    former === undefined
      ? 1
      : unchanged
        ? former.stored.schemaVersion
        : nextSchemaVersion(relation, former.stored.schemaVersion);
  const layouts = new Map(former?.stored.layouts ?? []);
  layouts.set(schemaVersion, columns);
  const stored: StoredTable = Object.freeze({
    tableId: former?.stored.tableId ?? nextId(),
    namespace: relation.namespace,
    name: relation.name,
    kind,
    ...(ttlMicros === undefined ? {} : { ttlMicros }),
    schemaVersion,
    columns,
    layouts,
    primaryKey,
    ...(keyedByPrimary ? { primaryKeyName: primary.name } : {}),
    indexes,
  });
  return {
    stored,
    options: merged,
    newIndexes: former === undefined ? [] : newIndexes,
    needsEmptyTable: former === undefined ? undefined : cannotFollow(former.stored, stored),
    rewritesRows: former !== undefined && rewritesRows(former.stored, stored, relation),
    schemas: unchanged
      ? former!.schemas
      : [
          ...(former?.schemas ?? []),
          Object.freeze({ version: schemaVersion, changedAt: now, columns: described }),
        ],
  };
}

function cannotFollow(former: StoredTable, stored: StoredTable): string | undefined {
  return former.kind === stored.kind ? undefined : 'changing the kind';
}

/** Whether rows that are there need another place, or values that are not the ones they have. */
function rewritesRows(former: StoredTable, stored: StoredTable, relation: MirrorRelation): boolean {
  if (String(former.primaryKey) !== String(stored.primaryKey)) return true;
  return stored.columns.some((column) => {
    const before = former.columns.find((candidate) => candidate.id === column.id);
    if (before !== undefined) return !readsAs(before, column);
    const mirrored = relation.columns.find(({ attnum }) => attnum === column.id);
    return mirrored !== undefined && isComputed(mirrored);
  });
}

/** Whether a column that is added has a value of its own for each row: generated, or by a volatile default. */
function isComputed(column: MirrorColumn): boolean {
  return column.missing === null && (column.default !== null || column.identity !== '');
}

/** The SQL side of a table: defaults, checks, owner, from the mirror. */
export function catalogTable(
  relation: MirrorRelation,
  { stored, options, schemas }: DecodedTable,
  readExpr: (nodeTree: string) => Expr,
): CatalogTable {
  const last = relation.columns.at(-1)?.attnum ?? 0;
  const positionOf: number[] = new Array<number>(last + 1).fill(-1);
  const live = relation.columns.filter((column) => !column.dropped);
  const columns = live.map((column, position): CatalogColumn => {
    positionOf[column.attnum] = position;
    const layout = stored.columns[position];
    assert(layout?.id === column.attnum, 'stored columns follow attnum order');
    assert(
      layout.name === column.name && layout.typeOid === storedTypeOf(column),
      'the mirror and Level name the same column',
    );
    return Object.freeze({
      ...layout,
      typeOid: column.type,
      storedTypeOid: layout.typeOid,
      notNull: column.notNull,
      generated:
        column.generated === '' ? undefined : column.generated === 's' ? 'stored' : 'virtual',
      identity:
        column.identity === '' ? undefined : column.identity === 'a' ? 'always' : 'byDefault',
      defaultExpr: column.default === null ? undefined : readExpr(column.default),
    });
  });
  return Object.freeze({
    relid: relation.relid,
    rowTypeOid: relation.rowType,
    stored,
    columns,
    positionOf,
    checks: relation.constraints
      .filter((constraint) => constraint.type === 'c' && constraint.expr !== null)
      .map(({ name, expr, validated }) => ({ name, expr: readExpr(expr!), validated })),
    foreignKeys: foreignKeysOf(relation),
    referencedBy: [],
    deferrableUniques: deferrableUniquesOf(relation, stored.indexes),
    owner: relation.owner,
    rowSecurity: relation.rowSecurity,
    options,
    schemas,
  });
}

export function requireKind(stored: StoredTable, named: TableKind): void {
  if (stored.kind === named) return;
  throw new PgError(SqlState.wrongObjectType, `"${stored.name}" is not a ${named} table`, {
    hint: `It is a ${stored.kind} table: use DROP ${stored.kind.toUpperCase()} TABLE or DROP TABLE.`,
  });
}
