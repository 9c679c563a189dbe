/** UPDATE and DELETE … WHERE CURRENT OF: the target is one row in memory, which the session takes from the cursor. */
import { assert, notSupported } from '../base/index.ts';
import type { Expr, Query, RangeTblEntry, VarExpr } from '../analyzer/tree.ts';
import type { CatalogTable } from '../catalog/types.ts';
import type { Row } from '../types/value.ts';
import type { StoredRow } from '../storage/types.ts';
import { Oid } from '../types/oid.ts';
import { columnVar } from './build-tree.ts';
import { SystemColumn } from './nodes.ts';
import { transform, walk } from './walk.ts';

/** Columns of the current row before the table's own. */
const systemColumns: readonly {
  readonly attno: number;
  readonly typeOid: number;
  readonly valueOf: (row: StoredRow) => Row[number];
}[] = [
  { attno: SystemColumn.rowKey, typeOid: Oid.bytea, valueOf: (row) => row.key },
  { attno: SystemColumn.seq, typeOid: Oid.int8, valueOf: (row) => BigInt(row.seq) },
  { attno: SystemColumn.updated, typeOid: Oid.timestamptz, valueOf: (row) => row.updated },
  { attno: SystemColumn.deleted, typeOid: Oid.bool, valueOf: (row) => row.deleted },
  { attno: SystemColumn.userId, typeOid: Oid.text, valueOf: (row) => row.userId },
];

/** The row as the source of rows that takeCurrentRow names has it. */
export function currentRowOf(row: StoredRow): Row {
  return [...systemColumns.map(({ valueOf }) => valueOf(row)), ...row.values];
}

const prefix = 'current-of.';

/** What a source of rows stands for: the row of the table on which a cursor stands. */
export interface CurrentRowSource {
  readonly relid: number;
  readonly cursor: string;
}

export function currentRowSource(source: string): CurrentRowSource | undefined {
  if (!source.startsWith(prefix)) return undefined;
  const [relid = '', ...cursor] = source.slice(prefix.length).split('.');
  return { relid: Number(relid), cursor: cursor.join('.') };
}

/** The cursor of the statement's WHERE CURRENT OF. */
export function cursorOf(query: Query): string | undefined {
  let cursor: string | undefined;
  walk(query, (expr) => {
    if (expr.kind !== 'currentOf') return;
    // PL/pgSQL's alone: a cursor that a variable names.
    if (expr.cursorName === undefined) throw notSupported('WHERE CURRENT OF a parameter');
    cursor = expr.cursorName;
  });
  return cursor;
}

/** The query with rows in memory in place of its target (rtindex), and without the WHERE CURRENT OF. */
export function takeCurrentRow(
  query: Query,
  table: CatalogTable,
  target: number,
  cursor: string,
): Query {
  const columns = [
    ...systemColumns.map(({ attno, typeOid }) => ({ attno, typeOid, typmod: -1, collation: 0 })),
    ...table.columns.map(({ id, typeOid, typmod }) => ({
      attno: id,
      typeOid,
      typmod,
      collation: typeOid === Oid.text ? 100 : 0,
    })),
  ];
  const inMemory = (variable: VarExpr): VarExpr => {
    const at = columns.findIndex(({ attno }) => attno === variable.attno);
    assert(at >= 0, 'a column of the target');
    return { ...variable, attno: at + 1 };
  };
  const moved = transform({ ...query, jointree: withoutCurrentOf(query) }, (expr, levels) => {
    if (expr.kind !== 'var' || expr.varno !== target || expr.levelsUp !== levels) return expr;
    if (expr.attno !== 0) return inMemory(expr);
    const args = table.columns.map((_, position) =>
      inMemory({ ...columnVar(table, target, position), levelsUp: levels }),
    );
    return { kind: 'row', typeOid: expr.typeOid, args, columnNames: [], format: 'implicitCast' };
  });
  const rte = query.rtable[target - 1]!;
  const { kind, alias, name, lateral, inFromClause } = rte;
  const rows: RangeTblEntry = Object.freeze({
    kind,
    rteKind: 'rows',
    alias,
    name,
    columnNames: columns.map((_, i) => `c${i + 1}`),
    lateral,
    inFromClause,
    securityQuals: [],
    source: `${prefix}${table.relid}.${cursor}`,
    columnTypes: columns.map((column) => column.typeOid),
    columnTypmods: columns.map((column) => column.typmod),
    columnCollations: columns.map((column) => column.collation),
  });
  return { ...moved, rtable: moved.rtable.with(target - 1, rows) };
}

function withoutCurrentOf(query: Query): Query['jointree'] {
  const { quals } = query.jointree;
  const rest = (expr: Expr): Expr[] => {
    if (expr.kind === 'currentOf') return [];
    return expr.kind === 'bool' && expr.op === 'and' ? expr.args.flatMap(rest) : [expr];
  };
  const [first, ...more] = quals === undefined ? [] : rest(quals);
  return {
    ...query.jointree,
    quals:
      first === undefined || more.length === 0
        ? first
        : { kind: 'bool', typeOid: Oid.bool, op: 'and', args: [first, ...more] },
  };
}
