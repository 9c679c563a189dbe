import type { RangeTblEntry } from '../../analyzer/tree.ts';
import type { CatalogSnapshot } from '../../catalog/types.ts';
import { Oid, arrayOidOf } from '../../types/oid.ts';
import type { Row, Value } from '../../types/value.ts';
import { Unprintable, quoteIdentifier, valueText } from '../print/index.ts';
import type { PrintedRelation } from '../print/index.ts';
import type { Materialized } from './materialize.ts';

/** Name of a column of a relation in memory: `c<attno>`, `s<number>` for system columns, `c0` for the whole row. */
const columnName = (attno: number): string => (attno >= 0 ? `c${attno}` : `s${-attno}`);

function arrayElement(value: Value, typeOid: number): string {
  if (value === null) return 'NULL';
  return `"${valueText(value, typeOid).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** One column as the text of an array. */
function arrayText(rows: readonly Row[], position: number, typeOid: number): string {
  const parts: string[] = [];
  for (const row of rows) parts.push(arrayElement(row[position] ?? null, typeOid));
  return `{${parts.join(',')}}`;
}

/**
 * Rows in memory as a FROM item: `(SELECT a.c1, … FROM unnest($1::int8[], …) AS a(c1, …))`, one array a column, pushed to
 * `params`. Arrays travel as text, for unnest would flatten them.
 */
export function sourceRelation(
  materialized: Materialized,
  rte: RangeTblEntry,
  wholeRow: boolean,
  collations: ReadonlyMap<number, number>,
  catalog: CatalogSnapshot,
  params: (string | null)[],
): PrintedRelation {
  const { columns, rows } = materialized;
  const column = (attno: number): { name: string } => ({ name: columnName(attno) });
  if (columns.length === 0) {
    return { sql: `(SELECT FROM pg_catalog.generate_series(1, ${rows.length}))`, column };
  }
  const typeName = (oid: number): string => {
    const name = catalog.typeName(oid, -1);
    if (name === undefined) throw new Unprintable(`a column of the type with OID ${oid}`);
    return oid === Oid.bpchar ? 'pg_catalog.bpchar' : name;
  };
  const arrays: string[] = [];
  const selected = columns.map(({ attno, typeOid, position }) => {
    const name = columnName(attno);
    params.push(arrayText(rows, position, typeOid));
    const arrayOid = arrayOidOf.get(typeOid);
    arrays.push(
      `pg_catalog.unnest($${params.length}::${arrayOid === undefined ? 'pg_catalog.text[]' : typeName(arrayOid)})`,
    );
    const collation = collations.get(attno);
    const collated =
      collation !== undefined && collation !== 0 && collation !== defaultCollation
        ? ` COLLATE ${catalog.collationName(collation)}`
        : '';
    const value = arrayOid === undefined ? `a.${name}::${typeName(typeOid)}` : `a.${name}`;
    return `${value}${collated} AS ${name}`;
  });
  if (wholeRow) {
    const table = rte.rteKind === 'relation' ? catalog.table(rte.relid) : undefined;
    if (!table) throw new Unprintable('a whole-row reference to rows in memory');
    const fields = table.columns.map((entry) => `a.${columnName(entry.id)}`);
    const casts = table.columns.map((entry, at) =>
      arrayOidOf.has(entry.typeOid) ? fields[at] : `${fields[at]}::${typeName(entry.typeOid)}`,
    );
    const { namespace, name } = table.stored;
    selected.push(
      `ROW(${casts.join(', ')})::${quoteIdentifier(namespace)}.${quoteIdentifier(name)} AS c0`,
    );
  }
  const names = columns.map(({ attno }) => columnName(attno));
  return {
    sql: `(SELECT ${selected.join(', ')} FROM ROWS FROM (${arrays.join(', ')}) AS a(${names.join(', ')}))`,
    column,
  };
}

const defaultCollation = 100;
