import type { Expr } from '../analyzer/tree.ts';
import type { StoredColumn, StoredIndex, StoredTable } from '../storage/types.ts';
import type { EnumType } from '../types/enum-type.ts';
import type { DeferrableUnique, ForeignKey } from './foreign-keys.ts';
import type { SchemaVersion } from './schema-versions.ts';

export type { DeferrableUnique, ForeignKey, ReferentialAction } from './foreign-keys.ts';

/** A column as SQL knows it; `stored.id` is attnum. */
export interface CatalogColumn extends StoredColumn {
  readonly notNull: boolean;
  /** Name of the NOT NULL constraint, for error reports (PostgreSQL 18 names them). */
  readonly generated: 'stored' | 'virtual' | undefined;
  readonly identity: 'always' | 'byDefault' | undefined;
  /** The default or generation expression, analyzed; Vars have varno 1. */
  readonly defaultExpr: Expr | undefined;
  /** The type that storage has it under: differs from `typeOid`, which is the mirror's, for enums. */
  readonly storedTypeOid: number;
}

export interface CheckConstraint {
  readonly name: string;
  /** Analyzed; Vars have varno 1. */
  readonly expr: Expr;
  readonly validated: boolean;
}

/** A stored table; frozen, replaced by each DDL. */
export interface CatalogTable {
  /** OID in the mirror of this process; storage goes by stored.tableId. */
  readonly relid: number;
  readonly rowTypeOid: number;
  readonly stored: StoredTable;
  /** Live columns, parallel to stored.columns. */
  readonly columns: readonly CatalogColumn[];
  /** attnum → index into columns, -1 for dropped ones; [0] is unused. */
  readonly positionOf: readonly number[];
  readonly checks: readonly CheckConstraint[];
  /** By OID, as their triggers fire. */
  readonly foreignKeys: readonly ForeignKey[];
  /** Foreign keys that reference this table, its own among them. By OID. */
  readonly referencedBy: readonly ForeignKey[];
  /** Primary key and unique constraints that are not checked at once; storage knows them as indexes that are not unique. */
  readonly deferrableUniques: readonly DeferrableUnique[];
  readonly owner: string;
  readonly rowSecurity: boolean;
  /** WITH options as written, ours only. */
  readonly options: ReadonlyMap<string, string>;
  /** What its columns were like, oldest first, and as they are now. */
  readonly schemas: readonly SchemaVersion[];
}

export interface CatalogSequence {
  readonly relid: number;
  /** Never reused; storage goes by it. */
  readonly sequenceId: number;
  readonly namespace: string;
  readonly name: string;
  readonly typeOid: number;
  readonly start: bigint;
  readonly increment: bigint;
  readonly min: bigint;
  readonly max: bigint;
  readonly cycle: boolean;
}

export interface CatalogTablespace {
  /** In the mirror of this process. */
  readonly oid: number;
  /** Never reused; storage goes by it. undefined: PostgreSQL's own, of which pg_default is the data folder. */
  readonly tablespaceId: number | undefined;
  readonly name: string;
  readonly owner: string;
  /** As it was given; undefined: PostgreSQL's own. */
  readonly location: string | undefined;
}

/** A relation whose rows pgtide computes: `system.jobs` and the like. */
export interface VirtualRelation {
  readonly relid: number;
  readonly name: string;
  readonly columns: readonly {
    readonly name: string;
    readonly typeOid: number;
    readonly typmod: number;
  }[];
}

/** One version of the catalog, immutable; plans are made against one and cached by its version. */
export interface CatalogSnapshot {
  readonly version: number;
  table(relid: number): CatalogTable | undefined;
  tableByName(namespace: string, name: string): CatalogTable | undefined;
  sequence(relid: number): CatalogSequence | undefined;
  virtual(relid: number): VirtualRelation | undefined;
  readonly tables: readonly CatalogTable[];
  readonly sequences: readonly CatalogSequence[];
  readonly virtuals: readonly VirtualRelation[];
  readonly tablespaces: readonly CatalogTablespace[];
  /** By their OIDs in the mirror. */
  readonly enums: ReadonlyMap<number, EnumType>;
  /** Any type, not enums alone. */
  hasType(namespace: string, name: string): boolean;
  /** Names that printers need, by OID; undefined when unknown. Quoted and qualified where PostgreSQL needs it. */
  typeName(oid: number, typmod: number): string | undefined;
  functionName(oid: number): string | undefined;
  operatorName(oid: number): string | undefined;
  collationName(oid: number): string | undefined;
  /** pg_constraint.conname. */
  constraintName(oid: number): string | undefined;
  /** pg_proc.provolatile: i, s or v. */
  volatility(functionOid: number): 'immutable' | 'stable' | 'volatile';
}

export type { StoredIndex };
