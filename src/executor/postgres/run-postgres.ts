import { notSupported } from '../../base/index.ts';
import type { Query, RangeTblEntry } from '../../analyzer/tree.ts';
import type { CatalogSnapshot } from '../../catalog/types.ts';
import { resolveVar, walk } from '../../planner/walk.ts';
import { enumLabelListType, enumOfList } from '../../types/enum-type.ts';
import { defaultTypeContext } from '../../types/type.ts';
import { decodeUtf8 } from '../../types/utf8.ts';
import { pgType } from '../../types/registry.ts';
import type { Row, Value } from '../../types/value.ts';
import { Unprintable, postgresDialect, printQuery } from '../print/index.ts';
import type { PrintEnvironment } from '../print/index.ts';
import { batchRowsMax } from '../types.ts';
import type { ExecutionContext, RunSelect } from '../types.ts';
import type { FallbackPostgres, FallbackResult } from './fallback-postgres.ts';
import type { Materialized } from './materialize.ts';
import { materializeScans } from './materialize.ts';
import { sourceRelation } from './source.ts';

export interface Postgres {
  /** Columns of types that pgtide does not decode come as PostgreSQL's text of them. */
  readonly run: RunSelect;
}

/** The executor that knows everything and holds nothing: rows go along with the question. */
export function createPostgres(fallback: FallbackPostgres): Postgres {
  return { run: (query, context) => runPostgres(query, context, fallback) };
}

async function* runPostgres(
  query: Query,
  context: ExecutionContext,
  fallback: FallbackPostgres,
): AsyncGenerator<Row[]> {
  const targets = query.targetList.filter((target) => !target.junk);
  const types = targets.map((target) => pgType(target.expr.typeOid));
  const { enums } = context.catalog;
  // As text: the OIDs of enum types are others there.
  const textOf = targets.map(({ expr }): ((text: string) => Value) =>
    enumOfList(enums, expr.typeOid) === undefined
      ? (text) => text
      : (text) => enumLabelListType.parse(text, -1, defaultTypeContext),
  );
  const { rows, error } = await execute(
    query,
    context,
    types.map((type) => (type ? 1 : 0)),
    fallback,
  );
  for (let at = 0; at < rows.length; at += batchRowsMax) {
    yield rows.slice(at, at + batchRowsMax).map((body) => {
      const row: Row = [];
      let offset = 2;
      for (let i = 0; i < types.length; i++) {
        const type = types[i];
        const length = body.readInt32BE(offset);
        offset += 4;
        if (length < 0) {
          row.push(null);
          continue;
        }
        const bytes = body.subarray(offset, offset + length);
        row.push(type ? type.decode(bytes, -1) : textOf[i]!(decodeUtf8(bytes)));
        offset += length;
      }
      return row;
    });
  }
  if (error !== undefined) throw error;
}

async function execute(
  query: Query,
  context: ExecutionContext,
  resultFormats: readonly number[],
  fallback: FallbackPostgres,
): Promise<FallbackResult> {
  const materialized = await materializeScans(query, context);
  const params: (string | null)[] = [];
  const collations = collationsOf(query);
  let sql: string;
  try {
    sql = printQuery(query, postgresDialect({ statement: context.statement, text: context.text }), {
      catalog: context.catalog,
      params: context.params,
      paramTypes: context.paramTypes,
      relation({ rte, wholeRow }) {
        const rows = materialized.get(rte) ?? rowsOf(rte, context);
        const ofRte = collations.get(rte) ?? new Map<number, number>();
        return sourceRelation(rows, rte, wholeRow, ofRte, context.catalog, params);
      },
    }).sql;
  } catch (error) {
    if (error instanceof Unprintable) throw notSupported(error.message);
    throw error;
  }
  return fallback.run({
    sql,
    params,
    resultFormats,
    settings: context.statement.settings,
    signal: context.signal,
  });
}

function rowsOf(rte: RangeTblEntry, context: ExecutionContext): Materialized {
  const source = rte.rteKind === 'rows' ? context.sources.get(rte.source) : undefined;
  if (rte.rteKind !== 'rows' || !source) throw new Unprintable(`the relation "${rte.name}"`);
  return {
    rows: source.rows,
    columns: rte.columnTypes.map((typeOid, at) => ({
      attno: at + 1,
      typeOid,
      typmod: rte.columnTypmods[at] ?? -1,
      position: at,
    })),
  };
}

/** Collations of the columns that the query uses, by RTE and attno: storage does not know them. */
function collationsOf(query: Query): ReadonlyMap<RangeTblEntry, ReadonlyMap<number, number>> {
  const out = new Map<RangeTblEntry, Map<number, number>>();
  walk(query, (expr, queries) => {
    if (expr.kind !== 'var') return;
    const target = resolveVar(expr, queries);
    if (!target) return;
    let columns = out.get(target.rte);
    if (!columns) out.set(target.rte, (columns = new Map()));
    columns.set(expr.attno, expr.collation);
  });
  return out;
}

/** Why PostgreSQL can't compute the query over rows that we hand it; undefined: it can. */
export function postgresSupports(query: Query, catalog: CatalogSnapshot): string | undefined {
  const env: PrintEnvironment = {
    catalog,
    params: undefined,
    paramTypes: [],
    relation({ rte, wholeRow }) {
      if (rte.rteKind === 'relation' && !catalog.table(rte.relid)) {
        throw new Unprintable(`the relation "${rte.name}"`);
      }
      if (rte.rteKind === 'rows' && wholeRow) {
        throw new Unprintable('a whole-row reference to rows in memory');
      }
      return { sql: 'r', column: (attno) => ({ name: `c${attno}` }) };
    },
  };
  try {
    printQuery(query, postgresDialect({ statement: undefined, text: undefined }), env);
    return undefined;
  } catch (error) {
    if (error instanceof Unprintable) return error.message;
    throw error;
  }
}
