import { PgError, SqlState } from '../../base/index.ts';
import { Oid } from '../../types/oid.ts';
import type { Value } from '../../types/value.ts';
import type { StatementContext } from '../types.ts';
import type { SqlValueFunction } from '../../analyzer/tree.ts';

/** A statement's constant: type and value. */
export interface StableValue {
  readonly typeOid: number;
  readonly value: Value;
}

type Stable = (statement: StatementContext) => StableValue;

const stableFunctions: ReadonlyMap<number, Stable> = new Map<number, Stable>([
  // now(), transaction_timestamp()
  [1299, (s) => ({ typeOid: Oid.timestamptz, value: s.transactionTime })],
  [2647, (s) => ({ typeOid: Oid.timestamptz, value: s.transactionTime })],
  // statement_timestamp()
  [2648, (s) => ({ typeOid: Oid.timestamptz, value: s.statementTime })],
  // current_user(), session_user()
  [745, (s) => ({ typeOid: Oid.name, value: s.currentUser })],
  [746, (s) => ({ typeOid: Oid.name, value: s.sessionUser })],
  // current_database()
  [861, (s) => ({ typeOid: Oid.name, value: s.database })],
  // pg_backend_pid()
  [2026, (s) => ({ typeOid: Oid.int4, value: s.backendPid })],
]);

/** Functions whose answer is a fact of the statement, by pg_proc OID; undefined: not one of them. */
export function stableFunction(
  funcId: number,
  statement: StatementContext | undefined,
): ((typeOid: number) => StableValue) | undefined {
  const compute = stableFunctions.get(funcId);
  if (!compute) return undefined;
  return (typeOid) => (statement ? compute(statement) : { typeOid, value: null });
}

/** current_setting(text [, bool]). */
export const currentSettingOids: readonly number[] = [2077, 3294];

/** current_setting of a name that is known. @throws PgError 42704 */
export function currentSetting(
  statement: StatementContext,
  name: string,
  missingOk: boolean,
): string | null {
  const value = statement.setting(name);
  if (value !== undefined) return value;
  if (missingOk) return null;
  throw new PgError(SqlState.undefinedObject, `unrecognized configuration parameter "${name}"`);
}

/** Volatile functions with state that is pgtide's own: no other executor may run them. By pg_proc OID. */
export const ownFunctions: ReadonlyMap<number, string> = new Map([
  [1574, 'nextval'],
  [1575, 'currval'],
  [1576, 'setval'],
  [1765, 'setval'],
  [2559, 'lastval'],
  [2078, 'set_config'],
]);

/** Functions of ours by qualified name: `pg_catalog.snowflake_id`, everything in `tide`. */
export function isOwnByName(name: string): boolean {
  return /^(?:pg_catalog\.)?"?snowflake_id"?$/.test(name) || /^"?tide"?\./.test(name);
}

/** What SQL's own functions without parentheses stand for; timestamps before their precision and zone are applied. */
export function sqlValue(
  op: SqlValueFunction['op'],
  statement: StatementContext,
): StableValue | undefined {
  switch (op) {
    case 'current_date':
    case 'current_time':
    case 'current_timestamp':
    case 'localtime':
    case 'localtimestamp':
      return { typeOid: Oid.timestamptz, value: statement.transactionTime };
    case 'current_role':
    case 'current_user':
    case 'user':
      return { typeOid: Oid.name, value: statement.currentUser };
    case 'session_user':
      return { typeOid: Oid.name, value: statement.sessionUser };
    case 'current_catalog':
      return { typeOid: Oid.name, value: statement.database };
    case 'current_schema':
      return undefined;
  }
}
