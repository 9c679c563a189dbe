import { PgError, SqlState, unreachable } from '../base/index.ts';
import type { AdvisoryFunction } from '../planner/advisory-functions.ts';
import type { RowCall, RowCalls } from '../planner/plan-calls.ts';
import type { Row, Value } from '../types/value.ts';
import type { AdvisoryLocks, StatementContext } from './types.ts';

/** Makes the calls of each row in their order and puts their values in. Each row comes when its calls are done. */
export async function* callRows(
  { width, calls }: RowCalls,
  rows: AsyncIterable<Row[]>,
  statement: StatementContext,
): AsyncGenerator<Row[]> {
  for await (const batch of rows) {
    for (const row of batch) {
      for (const { of, at, args } of calls) {
        const values = args.map((arg) => row[arg] ?? null);
        row[at] = await call(of, values, statement);
      }
      row.length = width;
      yield [row];
    }
  }
}

/** PostgreSQL's void is the empty text. */
const voidValue = '';

async function call(
  of: RowCall['of'],
  args: readonly Value[],
  statement: StatementContext,
): Promise<Value> {
  if (of === 'set_config') return setConfig(args, statement);
  // All are strict.
  if (args.includes(null)) return null;
  const { advisory } = statement;
  switch (of.does) {
    case 'lock':
      await advisory.lock(of, args);
      return voidValue;
    case 'unlockAll':
      advisory.unlockAll();
      return voidValue;
    case 'try':
    case 'unlock':
      return callNow(of, args, advisory);
    default:
      return unreachable(of.does, 'an advisory function');
  }
}

/** A call that takes no wait. */
export function callNow(
  of: AdvisoryFunction,
  key: readonly Value[],
  advisory: AdvisoryLocks,
): boolean {
  return of.does === 'try' ? advisory.tryLock(of, key) : advisory.unlock(of, key);
}

/** set_config(name, value, is_local): no value is the default one. */
async function setConfig(
  [name, value, local]: readonly Value[],
  statement: StatementContext,
): Promise<string> {
  if (typeof name !== 'string') {
    throw new PgError(SqlState.nullValueNotAllowed, 'SET requires parameter name');
  }
  const wanted = typeof value === 'string' ? value : undefined;
  return await statement.setSetting(name, wanted, local === true);
}
