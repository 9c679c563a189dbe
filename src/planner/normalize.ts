import { PgError, SqlState } from '../base/index.ts';
import type { Expr, Query, RangeTblEntry, VarExpr } from '../analyzer/tree.ts';
import { withEnumLabels } from '../catalog/enum-constants.ts';
import type { CatalogSnapshot, VirtualRelation } from '../catalog/types.ts';
import { SystemColumn } from './nodes.ts';
import { coerceSetOperands } from './coerce-set-operations.ts';
import { withoutUnusedColumns } from './unused-columns.ts';
import { allQueries, resolveVar, transformQueries, walk } from './walk.ts';
import { Oid } from '../types/oid.ts';

const systemColumns: ReadonlyMap<string, { readonly attno: number; readonly typeOid: number }> =
  new Map([
    ['_seq', { attno: SystemColumn.seq, typeOid: Oid.int8 }],
    ['_updated', { attno: SystemColumn.updated, typeOid: Oid.timestamptz }],
    ['_deleted', { attno: SystemColumn.deleted, typeOid: Oid.bool }],
    ['_user_id', { attno: SystemColumn.userId, typeOid: Oid.text }],
  ]);

/** The system column that an expression names, if it is one of the mirror's marker functions over a whole row. */
function systemColumnCall(
  expr: Expr,
  catalog: CatalogSnapshot,
): { name: string; row: VarExpr } | undefined {
  if (expr.kind !== 'func' || expr.args.length !== 1) return undefined;
  const [arg] = expr.args;
  if (arg?.kind !== 'var' || arg.attno !== 0) return undefined;
  const name = catalog.functionName(expr.funcId)?.replace(/^pg_catalog\./, '');
  return name !== undefined && systemColumns.has(name) ? { name, row: arg } : undefined;
}

/**
 * PostgreSQL's tree with what is pgtide's in place. Constants of enum types are their labels. Operands of set operations get the casts
 * that they miss; columns that nobody reads are gone; computed relations (`system.jobs`) become rows in memory; `_seq(m)`,
 * which is how PostgreSQL resolves `m._seq`, becomes a Var. Naming one on anything but a stored table that has it is 42703, as for any column that is not there.
 */
export function normalizeQuery(analyzed: Query, catalog: CatalogSnapshot): Query {
  const query = withEnumLabels(transformQueries(analyzed, coerceSetOperands), catalog.enums);
  const replacements = new Map<object, object>();
  walk(query, (expr, queries) => {
    const call = systemColumnCall(expr, catalog);
    if (call === undefined) return;
    const target = resolveVar(call.row, queries)?.rte;
    const table = target?.rteKind === 'relation' ? catalog.table(target.relid) : undefined;
    const kind = table?.stored.kind;
    const exists =
      kind !== undefined &&
      (call.name === '_seq' ||
        (call.name === '_user_id' && kind === 'user') ||
        (call.name !== '_user_id' && kind !== 'stream'));
    if (!exists) {
      throw new PgError(
        SqlState.undefinedColumn,
        `column ${target?.name ?? '?'}.${call.name} does not exist`,
      );
    }
    const column = systemColumns.get(call.name)!;
    replacements.set(
      expr,
      Object.freeze({
        ...call.row,
        attno: column.attno,
        typeOid: column.typeOid,
        typmod: -1,
        collation: column.typeOid === Oid.text ? 100 : 0,
      }),
    );
  });
  for (const level of allQueries(query)) {
    for (const rte of level.rtable) {
      if (isCursorList(rte, catalog)) {
        replacements.set(rte, rowsRte(rte, cursorsSource, cursorColumns));
        continue;
      }
      if (rte.rteKind !== 'relation') continue;
      const relation = catalog.virtual(rte.relid);
      if (relation !== undefined) {
        replacements.set(rte, rowsRte(rte, virtualSource(relation.name), relation.columns));
      } else if (catalog.sequence(rte.relid) !== undefined) {
        replacements.set(rte, rowsRte(rte, sequenceSource(rte.relid), sequenceColumns));
      }
    }
  }
  return withoutUnusedColumns(
    replacements.size === 0 ? query : replace(query, replacements),
    catalog,
  );
}

/** Source name of the session's cursors: what pg_cursors reads. */
export const cursorsSource = 'session.cursors';

const cursorColumns = [
  { name: 'name', typeOid: Oid.text, typmod: -1 },
  { name: 'statement', typeOid: Oid.text, typmod: -1 },
  { name: 'is_holdable', typeOid: Oid.bool, typmod: -1 },
  { name: 'is_binary', typeOid: Oid.bool, typmod: -1 },
  { name: 'is_scrollable', typeOid: Oid.bool, typmod: -1 },
  { name: 'creation_time', typeOid: Oid.timestamptz, typmod: -1 },
];

/** pg_cursor(), which the view pg_cursors reads: PostgreSQL would tell of its own. */
function isCursorList(rte: RangeTblEntry, catalog: CatalogSnapshot): boolean {
  if (rte.rteKind !== 'function' || rte.functions.length !== 1 || rte.ordinality) return false;
  const { expr } = rte.functions[0]!;
  return expr.kind === 'func' && catalog.functionName(expr.funcId) === 'pg_catalog.pg_cursor';
}

/** Source name of a computed relation's rows. */
export const virtualSource = (name: string): string => `system.${name}`;

/** Source name of a sequence read as a relation. */
export const sequenceSource = (relid: number): string => `sequence.${relid}`;

const sequenceColumns = [
  { name: 'last_value', typeOid: Oid.int8, typmod: -1 },
  { name: 'log_cnt', typeOid: Oid.int8, typmod: -1 },
  { name: 'is_called', typeOid: Oid.bool, typmod: -1 },
];

function rowsRte(
  rte: RangeTblEntry,
  source: string,
  columns: VirtualRelation['columns'],
): RangeTblEntry {
  const { kind, alias, name, columnNames, lateral, inFromClause, securityQuals } = rte;
  return Object.freeze({
    kind,
    alias,
    name,
    columnNames,
    lateral,
    inFromClause,
    securityQuals,
    rteKind: 'rows',
    source,
    columnTypes: columns.map((column) => column.typeOid),
    columnTypmods: columns.map((column) => column.typmod),
    columnCollations: columns.map((column) => (column.typeOid === Oid.text ? 100 : 0)),
  } satisfies RangeTblEntry);
}

function replace<T>(root: T, replacements: ReadonlyMap<object, object>): T {
  const visit = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
    if (value instanceof Map) return value;
    const replacement = replacements.get(value);
    if (replacement !== undefined) return replacement;
    if (Array.isArray(value)) {
      const copy: unknown[] = value.map(visit);
      return copy.some((item, i) => item !== value[i]) ? copy : value;
    }
    if ((value as { kind?: string }).kind === 'const') return value;
    let copy: Record<string, unknown> | undefined;
    for (const [key, was] of Object.entries(value)) {
      const is = visit(was);
      if (is !== was) (copy ??= { ...value })[key] = is;
    }
    return copy === undefined ? value : Object.freeze(copy);
  };
  return visit(root) as T;
}
