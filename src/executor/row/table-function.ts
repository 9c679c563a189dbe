import type { Expr, RangeTblEntry } from '../../analyzer/tree.ts';
import { PgError, SqlState } from '../../base/index.ts';
import { int8Max, int8Min } from '../../types/integer.ts';
import { intervalSpan, isFiniteInterval } from '../../types/datetime/interval.ts';
import type { Interval, PgArray, Value } from '../../types/value.ts';
import { functionLabel } from './compile-call.ts';
import { compileExpr } from './compile-expr.ts';
import type { Environment, Frame, SlotRow } from './frame.ts';
import { addToTimestamp, addToTimestamptz } from './functions/date-arithmetic.ts';
import { sessionZone } from './functions/zone-time.ts';
import { tooManyRows, workRowsMax } from './limits.ts';
import type { Scope } from './scope.ts';
import { typeOf } from './type-of.ts';
import { unsupported } from './unsupported.ts';

type SetFunction = (args: readonly Value[], environment: Environment) => Iterable<Value>;

function zeroStep(): PgError {
  return new PgError(SqlState.invalidParameterValue, 'step size cannot equal zero');
}

function* series4(args: readonly Value[]): Iterable<Value> {
  const [from, to, step = 1] = args as number[];
  if (step === 0) throw zeroStep();
  for (let at = from!; step > 0 ? at <= to! : at >= to!; at += step) {
    yield at;
  }
}

function* series8(args: readonly Value[]): Iterable<Value> {
  const [from, to, step = 1n] = args as bigint[];
  if (step === 0n) throw zeroStep();
  for (let at = from!; step > 0n ? at <= to! : at >= to!; at += step) {
    if (at > int8Max || at < int8Min) return;
    yield at;
  }
}

function* seriesOf(
  args: readonly Value[],
  add: (at: bigint, step: Interval) => bigint,
): Iterable<Value> {
  const [from, to, step] = args as [bigint, bigint, Interval];
  if (!isFiniteInterval(step)) {
    throw new PgError(SqlState.invalidParameterValue, 'step size cannot be infinite');
  }
  const direction = intervalSpan(step);
  if (direction === 0n) throw zeroStep();
  for (let at = from; direction > 0n ? at <= to : at >= to; at = add(at, step)) yield at;
}

const setFunctions: ReadonlyMap<number, SetFunction> = new Map<number, SetFunction>([
  [1066, series4],
  [1067, series4],
  [1068, series8],
  [1069, series8],
  [938, (args: readonly Value[]) => seriesOf(args, addToTimestamp)],
  [
    939,
    (args: readonly Value[], environment: Environment) =>
      seriesOf(args, (at, step) => addToTimestamptz(at, step, sessionZone(environment))),
  ],
  [2331, (args: readonly Value[]) => (args[0] as PgArray).elements],
]);

/** pg_proc signatures of the set-returning functions above, for the test. */
export const setFunctionSignatures: readonly (readonly [oid: number, signature: string])[] = [
  [1066, 'generate_series(int4,int4,int4)'],
  [1067, 'generate_series(int4,int4)'],
  [1068, 'generate_series(int8,int8,int8)'],
  [1069, 'generate_series(int8,int8)'],
  [938, 'generate_series(timestamp,timestamp,interval)'],
  [939, 'generate_series(timestamptz,timestamptz,interval)'],
  [2331, 'unnest(anyarray)'],
];

export function compileTableFunction(
  rte: RangeTblEntry & { rteKind: 'function' },
  scope: Scope,
): (frame: Frame) => readonly SlotRow[] {
  const [only, more] = rte.functions;
  if (!only || more) unsupported('ROWS FROM');
  if (only.columnCount !== 1 || only.columnNames.length > 0)
    unsupported('a function that returns rows');
  const rows =
    only.expr.kind === 'func' && only.expr.returnsSet
      ? setRows(only.expr, scope)
      : singleRow(only.expr, scope);
  if (!rte.ordinality) return rows;
  return (frame) => rows(frame).map((slot, i) => ({ values: [...slot.values, BigInt(i + 1)] }));
}

function singleRow(expr: Expr, scope: Scope): (frame: Frame) => readonly SlotRow[] {
  const value = compileExpr(expr, scope);
  return (frame) => [{ values: [value(frame)] }];
}

function setRows(
  expr: Expr & { kind: 'func' },
  scope: Scope,
): (frame: Frame) => readonly SlotRow[] {
  const run = setFunctions.get(expr.funcId) ?? unsupported(functionLabel(expr.funcId, scope));
  typeOf(expr.typeOid);
  const args = expr.args.map((arg) => compileExpr(arg, scope));
  return (frame) => {
    const values = args.map((arg) => arg(frame));
    if (values.includes(null)) return [];
    const rows: SlotRow[] = [];
    for (const value of run(values, frame.environment)) {
      if (rows.length >= workRowsMax) throw tooManyRows('a set-returning function');
      rows.push({ values: [value] });
    }
    return rows;
  };
}
