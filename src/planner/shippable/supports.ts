import type { Query } from '../../analyzer/tree.ts';
import type { CatalogSnapshot } from '../../catalog/types.ts';
import type { Printed, RelationRequest } from '../../executor/print/index.ts';
import { Unprintable, printQuery } from '../../executor/print/index.ts';
import { enumOrList } from '../../types/enum-type.ts';
import { Oid } from '../../types/oid.ts';
import type { StatementContext } from '../../executor/print/index.ts';
import type { Value } from '../../types/value.ts';
import { SystemColumn } from '../nodes.ts';
import { columnarTypeOf } from './column-type.ts';
import { duckdbDialect } from './duckdb-dialect.ts';

/** What is known at planning time beyond the query; undefined parts are taken to be favourable. */
export interface SupportContext {
  readonly statement?: StatementContext;
  readonly params?: readonly Value[];
  readonly paramTypes?: readonly number[];
}

/** Columns of a base relation in DuckDB: `c<attno>`, system columns `s<number>`. */
export function relationColumn(
  { rte }: RelationRequest,
  catalog: CatalogSnapshot,
  attno: number,
): { readonly name: string; readonly type: Printed['type']; readonly finite?: boolean } {
  if (attno < 0) return { name: `s${-attno}`, type: systemType(attno) };
  if (attno === 0) throw new Unprintable('a whole-row reference');
  let typeOid: number | undefined;
  let typmod = -1;
  if (rte.rteKind === 'rows') {
    typeOid = rte.columnTypes[attno - 1];
    typmod = rte.columnTypmods[attno - 1] ?? -1;
  } else if (rte.rteKind === 'relation') {
    const table = catalog.table(rte.relid);
    const column = table?.columns[table.positionOf[attno] ?? -1];
    typeOid = column?.typeOid;
    typmod = column?.typmod ?? -1;
  }
  const type =
    typeOid === undefined
      ? undefined
      : (columnarTypeOf(typeOid, typmod) ?? storedEnum(rte, typeOid, catalog));
  if (!type)
    throw new Unprintable(
      `a column of the type ${catalog.typeName(typeOid ?? 0, typmod) ?? 'unknown'}`,
    );
  // What DuckDB is handed of tables and rows has no infinite dates (ColumnForm.carries).
  return { name: `c${attno}`, type, finite: true };
}

/** Labels lie in files as text, in an order that is not the type's; arrays of them as lists. */
function storedEnum(
  { rteKind }: RelationRequest['rte'],
  typeOid: number,
  catalog: CatalogSnapshot,
): Printed['type'] {
  if (rteKind !== 'relation' || enumOrList(catalog.enums, typeOid) === undefined) return undefined;
  return { name: 'TEXT_FORM' };
}

function systemType(attno: number): Printed['type'] {
  const typeOid =
    attno === SystemColumn.seq
      ? Oid.int8
      : attno === SystemColumn.updated
        ? Oid.timestamptz
        : attno === SystemColumn.deleted
          ? Oid.bool
          : attno === SystemColumn.userId
            ? Oid.text
            : undefined;
  // The row's key is how DML finds its rows again: only the row executor and PGlite carry it.
  const type = typeOid === undefined ? undefined : columnarTypeOf(typeOid, -1);
  if (!type) throw new Unprintable("a row's key");
  return type;
}

/** Why DuckDB can't compute the query exactly, naming the expression; undefined: it can. */
export function columnarSupports(
  query: Query,
  catalog: CatalogSnapshot,
  context: SupportContext = {},
): string | undefined {
  try {
    printQuery(query, duckdbDialect(context.statement), {
      catalog,
      params: context.params,
      paramTypes: context.paramTypes ?? [],
      relation(request) {
        const { rte } = request;
        if (rte.rteKind === 'relation' && !catalog.table(rte.relid)) {
          throw new Unprintable(`the relation "${rte.name}"`);
        }
        if (request.wholeRow) throw new Unprintable('a whole-row reference');
        return { sql: 'r', column: (attno) => relationColumn(request, catalog, attno) };
      },
    });
    return undefined;
  } catch (error) {
    if (error instanceof Unprintable) return error.message;
    throw error;
  }
}
