import { PgError, SqlState } from '../../base/index.ts';
import type { ConstExpr, NextValueExpr, ParamExpr, SqlValueFunction } from '../../analyzer/tree.ts';
import { Oid } from '../../types/oid.ts';
import { typeOf } from './type-of.ts';
import type { Evaluator } from './frame.ts';
import { sqlValueTime } from './functions/session-time.ts';
import { unsupported } from './unsupported.ts';

export function compileConst(expr: ConstExpr): Evaluator {
  if (expr.isNull) return () => null;
  const value = expr.value ?? unknownLiteral(expr);
  if (value === undefined) unsupported(`a constant of type ${expr.typeOid}`);
  return () => value;
}

/** A string literal of type unknown: its bytes up to the NUL. */
function unknownLiteral({ typeOid, datum }: ConstExpr): string | undefined {
  if (typeOid !== Oid.unknown || !datum) return undefined;
  const end = datum.indexOf(0);
  return Buffer.from(end < 0 ? datum : datum.subarray(0, end)).toString('utf8');
}

export function compileParam(expr: ParamExpr): Evaluator {
  const at = expr.id - 1;
  if (expr.paramKind === 'sublink') return (frame) => frame.subRow[at] ?? null;
  if (expr.paramKind !== 'extern') unsupported(`a parameter of kind ${expr.paramKind}`);
  typeOf(expr.typeOid);
  return (frame) => {
    const value = frame.environment.context.params[at];
    if (value === undefined) {
      throw new PgError(SqlState.undefinedObject, `no value found for parameter ${expr.id}`);
    }
    return value;
  };
}

export function compileSqlValue(expr: SqlValueFunction): Evaluator {
  switch (expr.op) {
    case 'current_date':
    case 'current_time':
    case 'current_timestamp':
    case 'localtime':
    case 'localtimestamp':
      return sqlValueTime(expr);
    case 'current_role':
    case 'current_user':
    case 'user':
      return (frame) => frame.environment.context.statement.currentUser;
    case 'session_user':
      return (frame) => frame.environment.context.statement.sessionUser;
    case 'current_catalog':
      return (frame) => frame.environment.context.statement.database;
    default:
      return unsupported(expr.op);
  }
}

export function compileNextValue(expr: NextValueExpr): Evaluator {
  const next: Evaluator = (frame) =>
    frame.environment.context.statement.sequences.nextval(expr.sequenceRelid);
  if (expr.typeOid === Oid.int8) return next;
  if (expr.typeOid !== Oid.int4 && expr.typeOid !== Oid.int2)
    unsupported('an identity column of this type');
  return (frame) => Number(next(frame));
}
