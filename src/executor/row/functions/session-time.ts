import type { SqlValueFunction } from '../../../analyzer/tree.ts';
import { splitTimestamp } from '../../../types/datetime/civil.ts';
import { typeOf } from '../type-of.ts';
import type { Environment, Evaluator } from '../frame.ts';
import type { Value } from '../../../types/value.ts';
import { unsupported } from '../unsupported.ts';
import { offsetAt, sessionZone, timestampToDate, toLocal } from './zone-time.ts';

/** CURRENT_DATE and its kin: the transaction's start, as the session's zone sees it. */
export function sqlValueTime(expr: SqlValueFunction): Evaluator {
  const value = valueOf(expr.op);
  const type = typeOf(expr.typeOid);
  return (frame) => {
    const now = value(frame.environment);
    return expr.typmod < 0 ? now : type.applyTypmod(now, expr.typmod, true);
  };
}

const localNow = (environment: Environment): bigint =>
  toLocal(environment.context.statement.transactionTime, sessionZone(environment));

function valueOf(op: SqlValueFunction['op']): (environment: Environment) => Exclude<Value, null> {
  switch (op) {
    case 'current_date':
      return (environment) => timestampToDate(localNow(environment));
    case 'current_timestamp':
      return (environment) => environment.context.statement.transactionTime;
    case 'localtimestamp':
      return localNow;
    case 'localtime':
      return (environment) => splitTimestamp(localNow(environment)).micros;
    case 'current_time':
      return (environment) => ({
        kind: 'timetz',
        micros: splitTimestamp(localNow(environment)).micros,
        zone: 0 - offsetAt(environment.context.statement.transactionTime, sessionZone(environment)),
      });
    default:
      return unsupported(op);
  }
}
