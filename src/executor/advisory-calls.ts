import { unreachable } from '../base/index.ts';
import type { AdvisoryFunction } from '../planner/advisory-functions.ts';
import type { AdvisoryCalls } from '../planner/plan-calls.ts';
import type { Row, Value } from '../types/value.ts';
import type { AdvisoryLocks } from './types.ts';

/** Makes the calls of each row in their order and puts their values in. Each row comes when its locks are there. */
export async function* callRows(
  { width, calls }: AdvisoryCalls,
  rows: AsyncIterable<Row[]>,
  advisory: AdvisoryLocks,
): AsyncGenerator<Row[]> {
  for await (const batch of rows) {
    for (const row of batch) {
      for (const { of, at, args } of calls) {
        const values = args.map((arg) => row[arg] ?? null);
        // All are strict.
        row[at] = values.includes(null) ? null : await call(of, values, advisory);
      }
      row.length = width;
      yield [row];
    }
  }
}

/** PostgreSQL's void is the empty text. */
const voidValue = '';

async function call(
  of: AdvisoryFunction,
  key: readonly Value[],
  advisory: AdvisoryLocks,
): Promise<Value> {
  switch (of.does) {
    case 'lock':
      await advisory.lock(of, key);
      return voidValue;
    case 'unlockAll':
      advisory.unlockAll();
      return voidValue;
    case 'try':
    case 'unlock':
      return callNow(of, key, advisory);
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
