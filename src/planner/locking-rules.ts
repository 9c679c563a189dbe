/** What PostgreSQL refuses to lock (analyze.c, CheckSelectLocking; initsplan.c, make_outerjoininfo), and how it names the locks. */
import { PgError, SqlState } from '../base/index.ts';
import type { Expr, FromItem, Query, RowMark } from '../analyzer/tree.ts';
import { conjunctsOf } from './conjuncts.ts';
import { referencedRtes } from './scans.ts';

const clauses: Readonly<Record<RowMark['strength'], string>> = {
  keyShare: 'FOR KEY SHARE',
  share: 'FOR SHARE',
  noKeyUpdate: 'FOR NO KEY UPDATE',
  update: 'FOR UPDATE',
};

export const lockClause = ({ strength }: Pick<RowMark, 'strength'>): string => clauses[strength];

/** @throws 0A000 for a query whose rows are not those of its tables, or are on the nullable side of an outer join */
export function checkLocking(query: Query): void {
  const [mark] = query.rowMarks;
  if (mark === undefined) return;
  const obstacle = obstacleTo(query);
  if (obstacle !== undefined) throw refusal(mark, `is not allowed with ${obstacle}`);
  const nullable = nullableRtes(query);
  const outer = query.rowMarks.find(({ rtindex }) => nullable.has(rtindex));
  if (outer !== undefined)
    throw refusal(outer, 'cannot be applied to the nullable side of an outer join');
}

function refusal(mark: RowMark, why: string): PgError {
  return new PgError(SqlState.featureNotSupported, `${lockClause(mark)} ${why}`);
}

function obstacleTo(query: Query): string | undefined {
  if (query.setOperations !== undefined) return 'UNION/INTERSECT/EXCEPT';
  if (query.distinctClause.length > 0) return 'DISTINCT clause';
  if (query.groupClause.length > 0 || query.groupingSets.length > 0) return 'GROUP BY clause';
  if (query.havingQual !== undefined) return 'HAVING clause';
  if (query.hasAggs) return 'aggregate functions';
  if (query.hasWindowFuncs) return 'window functions';
  return query.hasTargetSRFs ? 'set-returning functions in the target list' : undefined;
}

/** rtindexes that an outer join may fill with NULLs, where no condition above it takes such rows away (reduce_outer_joins). */
export function nullableRtes({ jointree }: Query): ReadonlySet<number> {
  const nullable = new Set<number>();
  const visit = (item: FromItem, quals: readonly Expr[]): void => {
    if (item.kind === 'ref') return;
    if (item.kind === 'from') {
      const all = [...quals, ...conjunctsOf(item.quals)];
      for (const each of item.items) visit(each, all);
      return;
    }
    const left = referencedRtes(item.left);
    const right = referencedRtes(item.right);
    const rejected = nonNullable(quals);
    const rejects = (side: readonly number[]): boolean => side.some((index) => rejected.has(index));
    const nullsRight = (item.joinType === 'left' || item.joinType === 'full') && !rejects(right);
    const nullsLeft = (item.joinType === 'right' || item.joinType === 'full') && !rejects(left);
    if (nullsRight) for (const index of right) nullable.add(index);
    if (nullsLeft) for (const index of left) nullable.add(index);
    const on = conjunctsOf(item.quals);
    // A join's own condition takes nothing away from the side that it keeps.
    visit(item.left, nullsRight ? quals : [...quals, ...on]);
    visit(item.right, nullsLeft ? quals : [...quals, ...on]);
  };
  visit(jointree, []);
  return nullable;
}

/** rtindexes of which the conditions let no row of NULLs through. */
function nonNullable(quals: readonly Expr[]): ReadonlySet<number> {
  const found = new Set<number>();
  const strict = (expr: Expr): void => {
    switch (expr.kind) {
      case 'var':
        if (expr.levelsUp === 0) found.add(expr.varno);
        break;
      case 'relabel':
        strict(expr.arg);
        break;
      case 'op':
        expr.args.forEach(strict);
        break;
      default:
    }
  };
  for (const qual of quals) {
    if (qual.kind === 'op') qual.args.forEach(strict);
    else if (qual.kind === 'scalarArrayOp' && qual.useOr) strict(qual.args[0]!);
    else if (qual.kind === 'nullTest' && !qual.isNull) strict(qual.arg);
    else if (qual.kind === 'var') strict(qual);
  }
  return found;
}
