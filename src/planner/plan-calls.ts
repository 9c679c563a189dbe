/**
 * Calls in a select list that act on the session: advisory locks, set_config. Those that wait can't be made amid the computation of a
 * row: the query yields their arguments, behind its own columns, and the calls are made row by row afterwards
 * (executor/row-calls.ts).
 */
import { notSupported } from '../base/index.ts';
import type { Expr, FuncCall, Query, TargetEntry } from '../analyzer/tree.ts';
import { Oid } from '../types/oid.ts';
import { advisoryFunctions, isPlain } from './advisory-functions.ts';
import type { AdvisoryFunction } from './advisory-functions.ts';
import { targetEntry } from './build-tree.ts';
import { walk } from './walk.ts';

/** A call to be made for each row. */
export interface RowCall {
  readonly of: AdvisoryFunction | 'set_config';
  /** Position of its value. */
  readonly at: number;
  /** Positions of its arguments, among the hidden columns. */
  readonly args: readonly number[];
}

export interface RowCalls {
  /** Columns of the result; those behind are hidden. */
  readonly width: number;
  readonly calls: readonly RowCall[];
}

interface WithCalls {
  readonly query: Query;
  readonly calls: RowCalls | undefined;
}

const setConfigOid = 2078;

function functionOf({ funcId }: FuncCall): RowCall['of'] | undefined {
  return funcId === setConfigOid ? 'set_config' : advisoryFunctions.get(funcId);
}

/** Whether the call can only be made in a select list. */
function waits(of: RowCall['of'] | undefined): boolean {
  return of !== undefined && (of === 'set_config' || !isPlain(of));
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

/** Whether there is a call that can only be made in a select list, here or in a query inside. */
export function mentionsCalls(query: Query): boolean {
  let found = false;
  walk(query, (expr) => {
    if (expr.kind === 'func' && waits(functionOf(expr))) found = true;
  });
  return found;
}

/** Whether the select list has such a call. */
export function listsCalls(query: Query): boolean {
  return (
    canCallBehind(query) &&
    query.targetList.some(({ expr }) => expr.kind === 'func' && waits(functionOf(expr)))
  );
}

/** Takes the calls out of a select list. @throws 0A000 for one that stands elsewhere and can't be made there */
export function takeCalls(query: Query): WithCalls {
  const visible = query.targetList.filter((entry) => !entry.junk);
  const hidden: TargetEntry[] = [];
  const calls: RowCall[] = [];
  const shown = canCallBehind(query)
    ? visible.map((entry, at) => {
        const { expr } = entry;
        const of = expr.kind === 'func' ? functionOf(expr) : undefined;
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
    const of = expr.kind === 'func' ? functionOf(expr) : undefined;
    if (of === undefined || !waits(of)) return;
    throw notSupported(`${of === 'set_config' ? of : of.name}() in this place`, {
      hint: 'Call it in the select list of a SELECT of its own.',
    });
  });
}
