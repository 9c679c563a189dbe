/**
 * What an expression is inside DuckDB. `DECIMAL` states the scale that PostgreSQL would display; `TEXT_FORM` is a value
 * carried as PostgreSQL's own text, which may be passed on and tested for NULL, nothing else.
 */
export type ColumnarType =
  | {
      readonly name:
        | 'BOOLEAN'
        | 'SMALLINT'
        | 'INTEGER'
        | 'BIGINT'
        | 'UINTEGER'
        | 'FLOAT'
        | 'DOUBLE'
        | 'VARCHAR'
        /** PostgreSQL's bpchar: text that compares without its trailing blanks. */
        | 'BPCHAR'
        | 'BLOB'
        | 'DATE'
        | 'TIME'
        | 'TIMESTAMP'
        | 'TIMESTAMPTZ'
        | 'INTERVAL'
        | 'UUID'
        | 'TEXT_FORM';
    }
  | { readonly name: 'DECIMAL'; readonly precision: number; readonly scale: number };

export const decimalPrecisionMax = 38;

/** The type's name in DuckDB's grammar. */
export function duckTypeName(type: ColumnarType): string {
  if (type.name === 'DECIMAL') return `DECIMAL(${type.precision},${type.scale})`;
  if (type.name === 'BPCHAR' || type.name === 'TEXT_FORM') return 'VARCHAR';
  return type.name;
}
