/**
 * What the generator knows of the tables: enough to write statements that mostly succeed. It is changed by DDL that has
 * succeeded on both sides, and goes back when a transaction does.
 */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

export const columnTypes = [
  'int',
  'bigint',
  'numeric(12,2)',
  'text',
  'varchar(40)',
  'boolean',
  'date',
  'timestamptz',
  'jsonb',
] as const;

export type ColumnType = (typeof columnTypes)[number];

export interface Table {
  readonly name: string;
  readonly kind: 'user' | 'shared';
  /** Besides `id int`, which is the primary key or, without one, an ordinary column. */
  readonly columns: readonly Column[];
  readonly hasKey: boolean;
  readonly constraints: readonly string[];
  readonly indexes: readonly string[];
}

export type World = ReadonlyMap<string, Table>;

export const users: readonly string[] = ['ann', '../bob', 'Ann'];

export const tableNames: readonly string[] = ['apples', 'berries', 'cherries', 'dates'];
