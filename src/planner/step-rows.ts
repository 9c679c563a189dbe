/** What stands in a query where a part of it has become a step (take-steps.ts). */
import type {
  CommonTableExpr,
  Query,
  RangeTblEntry,
  TargetEntry,
  VarExpr,
} from '../analyzer/tree.ts';
import { emptySelect } from './build-tree.ts';
import { collationOf, typmodOf } from './split-columns.ts';

/** SELECT * FROM the rows of the step that `query` has become. */
export function readingAll(query: Query, source: string): Query {
  const columns = query.targetList.filter((entry) => !entry.junk);
  return selectAll(
    {
      ...itemOf(
        source,
        columns.map((entry, i) => entry.name ?? `c${i + 1}`),
      ),
      rteKind: 'rows',
      source,
      columnTypes: columns.map(({ expr }) => expr.typeOid),
      columnTypmods: columns.map(({ expr }) => typmodOf(expr)),
      columnCollations: columns.map(({ expr }) => collationOf(expr)),
    },
    columns,
  );
}

/** WITH the query SELECT * FROM it. */
export function readingCte(cte: CommonTableExpr): Query {
  const { columnNames, columnTypes, columnTypmods, columnCollations } = cte;
  const columns = cte.query.targetList.filter((entry) => !entry.junk);
  const reading = selectAll(
    {
      ...itemOf(cte.name, columnNames),
      rteKind: 'cte',
      cteName: cte.name,
      levelsUp: 0,
      selfReference: false,
      columnTypes,
      columnTypmods,
      columnCollations,
    },
    columns,
  );
  return { ...reading, cteList: [cte], hasRecursive: true };
}

function itemOf(name: string, columnNames: readonly string[]) {
  return {
    kind: 'rte',
    alias: undefined,
    name,
    columnNames,
    lateral: false,
    inFromClause: true,
    securityQuals: [],
  } as const;
}

function selectAll(
  rte: Extract<RangeTblEntry, { rteKind: 'rows' | 'cte' }>,
  columns: readonly TargetEntry[],
): Query {
  const reading: Query = {
    ...emptySelect,
    rtable: [Object.freeze(rte)],
    jointree: { kind: 'from', items: [{ kind: 'ref', rtindex: 1 }], quals: undefined },
    targetList: columns.map((entry, i) => ({
      ...entry,
      sortGroupRef: 0,
      resno: i + 1,
      expr: {
        kind: 'var',
        varno: 1,
        attno: i + 1,
        typeOid: rte.columnTypes[i]!,
        typmod: rte.columnTypmods[i]!,
        collation: rte.columnCollations[i]!,
        levelsUp: 0,
        returning: 'default',
        location: -1,
      } satisfies VarExpr,
    })),
  };
  return Object.freeze(reading);
}

/** The rows of a step in place of a WITH query's. */
export function rowsInstead(
  rte: Extract<RangeTblEntry, { rteKind: 'cte' }>,
  source: string,
): RangeTblEntry {
  const { kind, alias, name, columnNames, lateral, inFromClause, securityQuals } = rte;
  const { columnTypes, columnTypmods, columnCollations } = rte;
  return Object.freeze({
    kind,
    rteKind: 'rows',
    alias,
    name,
    columnNames,
    lateral,
    inFromClause,
    securityQuals,
    source,
    columnTypes,
    columnTypmods,
    columnCollations,
  });
}
