import { PgError, SqlState, notSupported } from '../../base/index.ts';
import type { DdlStatement, Statement, UtilityStatement } from '../../sql/index.ts';
import { auditDdl, tableChanges, tablesAs } from '../audit.ts';
import { copyFrom } from '../copy-from.ts';
import { copyTo } from '../copy-to.ts';
import { declareCursor } from '../cursor/declare.ts';
import { closeCursor, fetchFrom } from '../cursor/fetch.ts';
import { findTable } from '../ddl-locks.ts';
import { runDdl } from '../ddl.ts';
import { explain } from '../explain.ts';
import { flushFields, flushTable } from '../flush.ts';
import { mirrorOf } from '../mirror-access.ts';
import { relidOf } from '../names.ts';
import { isQuery } from '../prepare.ts';
import { runQuery } from '../run-query.ts';
import type { QueryInput } from '../run-query.ts';
import type { Prepared, SessionState, StatementResult } from '../state.ts';
import { textField } from './fields.ts';
import { showFieldName } from './fields.ts';
import { lockTable } from './lock-table.ts';
import { bindPrepared, deallocate, prepareSql } from './prepared.ts';
import { setConstraints } from './set-constraints.ts';
import { showAnySetting, warnOfLocal } from './set.ts';
import { runTransactionStatement, setTransaction } from './transaction-control.ts';
import { truncate } from './truncate.ts';
import { maintain } from './vacuum.ts';

/** Runs a statement that is not a query. */
export async function runUtility(
  session: SessionState,
  prepared: Prepared,
  input: QueryInput,
): Promise<StatementResult> {
  const { statement } = prepared;
  if (statement === undefined) return { kind: 'done', tag: '' };
  return dispatch(session, prepared, statement, input);
}

async function dispatch(
  session: SessionState,
  prepared: Prepared,
  statement: Statement,
  input: QueryInput,
): Promise<StatementResult> {
  switch (statement.class) {
    case 'transaction':
      return runTransactionStatement(session, statement);
    case 'ddl':
      return runAudited(session, statement);
    case 'copy':
      return statement.kind === 'copyFrom'
        ? copyFrom(session, statement)
        : copyTo(session, statement);
    case 'tide':
      return {
        kind: 'rowsNow',
        fields: flushFields,
        rows: [await flushTable(session, await relidOf(session, statement.table))],
        tag: () => statement.tag,
      };
    case 'utility':
      return runUtilityKind(session, statement, input);
    case 'cursor':
      if (statement.kind === 'declare') return declareCursor(session, prepared, statement, input);
      return statement.kind === 'closeCursor'
        ? closeCursor(session, statement, input)
        : fetchFrom(session, statement, input);
    case 'query':
      throw new PgError(SqlState.internalError, 'a query is not a utility statement');
  }
}

/** A change of the catalog, put down in the same commit. */
async function runAudited(
  session: SessionState,
  statement: DdlStatement,
): Promise<StatementResult> {
  const { transaction } = session;
  const before = transaction.catalog;
  const { truncate: truncated } = statement;
  if (truncated !== undefined) {
    const result = await truncate(session, truncated);
    const tables = truncated.tables.flatMap((name) => findTable(session, name) ?? []);
    auditDdl(session, statement, statement.tag, tablesAs('truncated', tables));
    return result;
  }
  const result = await runDdl(session, statement);
  const tag = result.kind === 'done' ? result.tag : statement.tag;
  auditDdl(session, statement, tag, tableChanges(before, transaction.catalog));
  return result;
}

async function runUtilityKind(
  session: SessionState,
  statement: Extract<Statement, { class: 'utility' }>,
  input: QueryInput,
): Promise<StatementResult> {
  const done: StatementResult = { kind: 'done', tag: statement.tag };
  switch (statement.kind) {
    case 'set':
      if (statement.fromCurrent) throw notSupported('SET … FROM CURRENT');
      if (statement.local && !session.transaction.inBlock) warnOfLocal(session);
      await session.setSetting(statement.name, statement.value, statement.local);
      return done;
    case 'reset':
      if (statement.name === 'all') session.settings.resetAll();
      else await session.setSetting(statement.name, undefined, false);
      return done;
    case 'setTransaction': {
      if (statement.snapshot !== undefined) throw notSupported('SET TRANSACTION SNAPSHOT');
      await setTransaction(session, statement.options, statement.sessionDefault);
      return done;
    }
    case 'show':
      return show(session, statement.name);
    case 'discard':
      if (statement.target === 'all') {
        if (session.transaction.inBlock) {
          throw new PgError(
            SqlState.activeSqlTransaction,
            'DISCARD ALL cannot run inside a transaction block',
          );
        }
        await session.cursors.closeAll(input);
        session.settings.resetAll();
        session.prepared.clear();
        session.advisory.unlockAll();
      }
      if (statement.target === 'all' || statement.target === 'sequences') {
        session.currentValues.clear();
        session.lastSequence = undefined;
      }
      return done;
    case 'prepare':
      return prepareSql(session, statement);
    case 'execute':
      return executePrepared(session, statement);
    case 'deallocate':
      return deallocate(session, statement);
    case 'explain':
      return explain(session, statement, input);
    case 'vacuum':
    case 'analyze':
      return maintain(session, statement);
    case 'lock':
      return lockTable(session, statement);
    case 'checkpoint':
      // Every commit is on disk when it is acknowledged: there is nothing left to write.
      return done;
    case 'setConstraints':
      await setConstraints(session, statement);
      return done;
    case 'unlisten':
      // LISTEN is not there, so nothing is listened to.
      return done;
    default:
      throw notSupported(statement.tag);
  }
}

/** A statement prepared by the protocol, which EXECUTE finds too, may be any. */
async function executePrepared(
  session: SessionState,
  statement: Extract<UtilityStatement, { kind: 'execute' }>,
): Promise<StatementResult> {
  const { prepared, input } = await bindPrepared(session, statement);
  return prepared.statement !== undefined && isQuery(prepared.statement)
    ? runQuery(session, prepared, input)
    : runUtility(session, prepared, input);
}

async function show(session: SessionState, name: string): Promise<StatementResult> {
  const tag = (): string => 'SHOW';
  if (name !== 'all') {
    const value = await showAnySetting(session, name);
    return { kind: 'rowsNow', fields: [textField(showFieldName(name))], rows: [[value]], tag };
  }
  const { rows } = await mirrorOf(session)((mirror) =>
    mirror.query('show all', undefined, session.settings.forPostgres),
  );
  const fields = ['name', 'setting', 'description'].map((column) => textField(column));
  const own = rows.map(([setting, value, description]) => [
    setting ?? null,
    session.settings.get(setting?.toLowerCase() ?? '') ?? value ?? null,
    description ?? null,
  ]);
  return { kind: 'rowsNow', fields, rows: own, tag };
}
