import { PgError, SqlState } from '../../base/index.ts';
import { parse as parseStatements } from '../../sql/index.ts';
import type { UtilityStatement } from '../../sql/index.ts';
import { enumOfList, enumOrList } from '../../types/enum-type.ts';
import { pgType } from '../../types/registry.ts';
import { decodeRows } from '../decode-rows.ts';
import { mirrorOf } from '../mirror-access.ts';
import { prepareStatement } from '../prepare.ts';
import { runQuery } from '../run-query.ts';
import type { QueryInput } from '../run-query.ts';
import type { Prepared, SessionState, StatementResult } from '../state.ts';
import type { Value } from '../../types/value.ts';

type PrepareStatement = Extract<UtilityStatement, { kind: 'prepare' }>;
type ExecuteStatement = Extract<UtilityStatement, { kind: 'execute' }>;
type DeallocateStatement = Extract<UtilityStatement, { kind: 'deallocate' }>;

/** PREPARE name (types) AS statement. */
export async function prepareSql(
  session: SessionState,
  statement: PrepareStatement,
): Promise<StatementResult> {
  const { name, paramTypes, inner } = statement;
  if (session.prepared.has(name)) {
    throw new PgError(
      SqlState.duplicatePreparedStatement,
      `prepared statement "${name}" already exists`,
    );
  }
  const types = paramTypes.length === 0 ? [] : await typeOids(session, paramTypes);
  session.prepared.set(name, await prepareStatement(session, name, inner, types));
  return { kind: 'done', tag: 'PREPARE' };
}

async function typeOids(session: SessionState, names: readonly string[]): Promise<number[]> {
  const { rows } = await mirrorOf(session)((mirror) =>
    mirror.query(
      `select ${names.map((_, i) => `$${i + 1}::regtype::oid::text`).join(', ')}`,
      names,
      session.settings.forPostgres,
    ),
  );
  return (rows[0] ?? []).map(Number);
}

function preparedNamed(session: SessionState, name: string): Prepared {
  const prepared = session.prepared.get(name);
  if (prepared !== undefined) return prepared;
  throw new PgError(
    SqlState.invalidSqlStatementName,
    `prepared statement "${name}" does not exist`,
  );
}

/** EXECUTE name (arguments): the arguments are a SELECT of their own, each cast to its parameter's type. */
export async function bindPrepared(
  session: SessionState,
  statement: ExecuteStatement,
): Promise<{ readonly prepared: Prepared; readonly input: QueryInput }> {
  const prepared = preparedNamed(session, statement.name);
  const { args } = statement;
  if (args.length !== prepared.paramTypes.length) {
    throw new PgError(
      SqlState.syntaxError,
      `wrong number of parameters for prepared statement "${statement.name}"`,
      {
        detail: `Expected ${prepared.paramTypes.length} parameters but got ${args.length}.`,
      },
    );
  }
  const params = args.length === 0 ? [] : await evaluate(session, args, prepared.paramTypes);
  const { types } = session.settings;
  const values = params.map((value, i) => {
    if (value === null) return null;
    const type =
      pgType(prepared.paramTypes[i]!) ??
      enumOrList(session.transaction.catalog.enums, prepared.paramTypes[i]!);
    return Buffer.from(type === undefined ? (value as string) : type.format(value, types));
  });
  return { prepared, input: { raw: { formats: [], values }, params, resultFormats: [] } };
}

async function evaluate(
  session: SessionState,
  args: readonly string[],
  paramTypes: readonly number[],
): Promise<Value[]> {
  const { catalog } = session.transaction;
  const list = args.map((arg, i) => `(${arg})::${catalog.typeName(paramTypes[i]!, -1) ?? 'text'}`);
  const [statement] = parseStatements(`select ${list.join(', ')}`);
  const prepared = await prepareStatement(session, '', statement, []);
  const result = await runQuery(session, prepared, {
    raw: { formats: [], values: [] },
    params: [],
    resultFormats: [],
  });
  if (result.kind === 'rows') {
    for await (const batch of result.batches) return [...batch[0]!];
  }
  if (result.kind === 'encoded') {
    const types = session.settings.types;
    const fields = paramTypes.map((typeOid) => ({ typeOid, typmod: -1 }));
    const [row] = decodeRows(result.rows.slice(0, 1), fields, [], types);
    return row!.map((value, i) => {
      const list = enumOfList(catalog.enums, paramTypes[i]!)?.listType;
      return list === undefined || value === null ? value : list.parse(value as string, -1, types);
    });
  }
  throw new PgError(SqlState.internalError, 'the arguments of EXECUTE gave no row');
}

export function deallocate(session: SessionState, statement: DeallocateStatement): StatementResult {
  const { name } = statement;
  if (name === undefined) {
    session.prepared.clear();
    return { kind: 'done', tag: 'DEALLOCATE ALL' };
  }
  preparedNamed(session, name);
  session.prepared.delete(name);
  return { kind: 'done', tag: 'DEALLOCATE' };
}
