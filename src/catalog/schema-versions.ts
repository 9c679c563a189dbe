/** What a table's columns were like, version by version: what system.table_schemas tells. */
import { PgError, SqlState } from '../base/index.ts';
import type { MirrorRelation } from './read-mirror.ts';

/** A column as it was then; types and defaults in PostgreSQL's words. */
export interface SchemaColumn {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
  /** The default, or what a generated column is computed by; null: none. */
  readonly default: string | null;
  readonly generated?: 'stored';
  readonly identity?: 'always' | 'byDefault';
}

export interface SchemaVersion {
  readonly version: number;
  /** Microseconds since 2000-01-01 UTC, of the statement. */
  readonly changedAt: bigint;
  readonly columns: readonly SchemaColumn[];
}

/** Tuples keep the version in two bytes. */
const versionMax = 65_535;

export function schemaColumns(relation: MirrorRelation): SchemaColumn[] {
  return relation.columns
    .filter((column) => !column.dropped)
    .map(({ attnum, name, typeName, notNull, defaultText, generated, identity }) => ({
      id: attnum,
      name,
      type: typeName,
      notNull,
      default: defaultText,
      ...(generated === 's' ? { generated: 'stored' as const } : {}),
      ...(identity === ''
        ? {}
        : { identity: identity === 'a' ? ('always' as const) : ('byDefault' as const) }),
    }));
}

export function sameSchema(
  left: readonly SchemaColumn[] | undefined,
  right: readonly SchemaColumn[],
): boolean {
  return left !== undefined && JSON.stringify(left) === JSON.stringify(right);
}

/** @throws 54000 when there is none left */
export function nextSchemaVersion(relation: MirrorRelation, former: number): number {
  if (former < versionMax) return former + 1;
  throw new PgError(
    SqlState.programLimitExceeded,
    `table "${relation.name}" has been altered too often`,
    {
      detail: `A table can have at most ${versionMax} versions of its columns.`,
      hint: 'Make another table of its rows with CREATE TABLE AS.',
    },
  );
}
