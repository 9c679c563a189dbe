import type { Expr, Query, RangeTblRef, SetOperation } from '../analyzer/tree.ts';
import { Oid } from '../types/oid.ts';

/** pg_cast's implicit casts among stored types: function OIDs by source and target; 0 is a relabel. */
const implicitCasts: readonly (readonly [source: number, target: number, funcId: number])[] = [
  [Oid.int2, Oid.int4, 313],
  [Oid.int2, Oid.int8, 754],
  [Oid.int4, Oid.int8, 481],
  [Oid.int2, Oid.numeric, 1782],
  [Oid.int4, Oid.numeric, 1740],
  [Oid.int8, Oid.numeric, 1781],
  [Oid.int2, Oid.float4, 236],
  [Oid.int4, Oid.float4, 318],
  [Oid.int8, Oid.float4, 652],
  [Oid.numeric, Oid.float4, 1745],
  [Oid.int2, Oid.float8, 235],
  [Oid.int4, Oid.float8, 316],
  [Oid.int8, Oid.float8, 482],
  [Oid.numeric, Oid.float8, 1746],
  [Oid.float4, Oid.float8, 311],
  [Oid.date, Oid.timestamp, 2024],
  [Oid.date, Oid.timestamptz, 1174],
  [Oid.timestamp, Oid.timestamptz, 2028],
  [Oid.varchar, Oid.text, 0],
  [Oid.text, Oid.varchar, 0],
];

const castFunctions: ReadonlyMap<string, number> = new Map(
  implicitCasts.map(([source, target, funcId]) => [`${source}>${target}`, funcId]),
);

function coerced(expr: Expr, target: number, typmod: number): Expr {
  if (expr.typeOid === target) return expr;
  const funcId = castFunctions.get(`${expr.typeOid}>${target}`);
  if (funcId === undefined) return expr;
  const collation = target === Oid.text || target === Oid.varchar ? 100 : 0;
  if (funcId === 0) {
    return {
      kind: 'relabel',
      typeOid: target,
      arg: expr,
      typmod,
      collation,
      format: 'implicitCast',
    };
  }
  return {
    kind: 'func',
    funcId,
    typeOid: target,
    args: [expr],
    returnsSet: false,
    variadic: false,
    format: 'implicitCast',
    collation,
    inputCollation: 0,
    location: -1,
  };
}

/**
 * The operands of UNION, INTERSECT and EXCEPT with their columns cast to the operation's: PostgreSQL leaves that to its own
 * planner (generate_setop_tlist), so the rewritten tree does not have it. Pairs that have no cast here stay as they are.
 */
export function coerceSetOperands(query: Query): Query {
  if (query.setOperations?.kind !== 'setOperation') return query;
  const rtable = [...query.rtable];
  let changed = false;
  const visit = (node: SetOperation | RangeTblRef, above: SetOperation): void => {
    if (node.kind === 'setOperation') {
      visit(node.left, above);
      visit(node.right, above);
      return;
    }
    const rte = rtable[node.rtindex - 1];
    if (rte?.rteKind !== 'subquery') return;
    let column = 0;
    const targetList = rte.query.targetList.map((entry) => {
      if (entry.junk) return entry;
      const at = column++;
      const expr = coerced(entry.expr, above.columnTypes[at] ?? 0, above.columnTypmods[at] ?? -1);
      return expr === entry.expr ? entry : { ...entry, expr };
    });
    if (targetList.every((entry, i) => entry === rte.query.targetList[i])) return;
    // A sorted or grouped operand computes by its own type first: the cast goes over it, not into it.
    if (rte.query.sortClause.length > 0 || rte.query.distinctClause.length > 0) return;
    if (rte.query.setOperations !== undefined) return;
    rtable[node.rtindex - 1] = { ...rte, query: { ...rte.query, targetList } };
    changed = true;
  };
  visit(query.setOperations.left, query.setOperations);
  visit(query.setOperations.right, query.setOperations);
  return changed ? { ...query, rtable } : query;
}
