/**
 * Calls of advisory lock functions in a select list. Those that wait can't be made amid the computation of a row: the query yields
 * their arguments, behind its own columns, and the calls are made row by row afterwards (executor/advisory-calls.ts).
 */
import { notSupported } from '../base/index.ts';
import type { Expr, Query, TargetEntry } from '../analyzer/tree.ts';
import { Oid } from '../types/oid.ts';
import { advisoryFunctions, isPlain } from './advisory-functions.ts';
import type { AdvisoryFunction } from './advisory-functions.ts';
import { targetEntry } from './build-tree.ts';
import { walk } from './walk.ts';

/** A call to be made for each row. */
export interface AdvisoryCall {
  readonly of: AdvisoryFunction;
  /** Position of its value. */
  readonly at: number;
  /** Positions of its arguments, among the hidden columns. */
  readonly args: readonly number[];
}

export interface AdvisoryCalls {
  /** Columns of the result; those behind are hidden. */
  readonly width: number;
  readonly calls: readonly AdvisoryCall[];
}

interface WithCalls {
  readonly query: Query;
  readonly calls: AdvisoryCalls | undefined;
}

const nothing: Expr = Object.freeze({
  kind: 'const',
  typeOid: Oid.text,
  typmod: -1,
  collation: 0,
  isNull: true,
  value: null,
  datum: undefined,
  location: -1,
});

/** Takes the calls out of a select list. @throws 0A000 for a call that waits and stands elsewhere */
export function takeCalls(query: Query): WithCalls {
  const visible = query.targetList.filter((entry) => !entry.junk);
  const hidden: TargetEntry[] = [];
  const calls: AdvisoryCall[] = [];
  const shown = canCallBehind(query)
    ? visible.map((entry, at) => {
        const { expr } = entry;
        const of = expr.kind === 'func' ? advisoryFunctions.get(expr.funcId) : undefined;
        if (expr.kind !== 'func' || of === undefined || entry.sortGroupRef !== 0) return entry;
        const args = expr.args.map((arg) => visible.length + hidden.push(targetEntry(arg, 0)) - 1);
        calls.push({ of, at, args });
        return { ...entry, expr: nothing };
      })
    : visible;
  if (calls.length === 0) {
    refuseWaiting(query);
    return { query, calls: undefined };
  }
  const targetList = [...shown, ...hidden, ...query.targetList.filter((entry) => entry.junk)];
  const without = {
    ...query,
    targetList: targetList.map((entry, i) => ({ ...entry, resno: i + 1 })),
  };
  refuseWaiting(without);
  return { query: without, calls: { width: visible.length, calls } };
}

function canCallBehind(query: Query): boolean {
  return (
    query.commandType === 'select' &&
    query.setOperations === undefined &&
    query.distinctClause.length === 0
  );
}

function refuseWaiting(query: Query): void {
  walk(query, (expr) => {
    if (expr.kind !== 'func') return;
    const of = advisoryFunctions.get(expr.funcId);
    if (of === undefined || isPlain(of)) return;
    throw notSupported(`${of.name}() in this place`, {
      hint: 'Call it in the select list of a SELECT of its own.',
    });
  });
}
