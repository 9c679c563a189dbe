import { PgError, SqlState, notSupported } from '../../base/index.ts';
import type { TransactionOptions, TransactionStatement } from '../../sql/index.ts';
import { inFailedTransaction } from '../transaction.ts';
import type { SessionState, StatementResult } from '../state.ts';
import { applySetting } from './set.ts';

function warn(session: SessionState, code: string, message: string): void {
  session.notice({ severity: 'WARNING', code, message });
}

export async function runTransactionStatement(
  session: SessionState,
  statement: TransactionStatement,
): Promise<StatementResult> {
  const { transaction, settings } = session;
  const done = (tag: string): StatementResult => ({ kind: 'done', tag });
  switch (statement.kind) {
    case 'begin': {
      if (transaction.inBlock) {
        warn(session, SqlState.activeSqlTransaction, 'there is already a transaction in progress');
      } else {
        transaction.beginBlock();
      }
      transaction.setCharacteristics(statement.options);
      return done(statement.tag);
    }
    case 'commit':
    case 'rollback': {
      const failed = transaction.status === 'E';
      if (!transaction.inBlock) {
        if (statement.chain) throw onlyInBlock(`${statement.kind.toUpperCase()} AND CHAIN`);
        warn(session, SqlState.noActiveSqlTransaction, 'there is no transaction in progress');
      }
      const { characteristics } = transaction;
      if (statement.kind === 'commit' && !failed) {
        await transaction.commit((settings.get('synchronous_commit') ?? 'on') !== 'off');
      } else {
        await transaction.rollback();
      }
      if (statement.chain) {
        transaction.beginBlock();
        transaction.setCharacteristics(characteristics);
      }
      return done(failed ? 'ROLLBACK' : statement.kind.toUpperCase());
    }
    case 'savepoint':
      requireBlock(session, 'SAVEPOINT');
      transaction.savepoints.set(statement.savepoint ?? '');
      return done('SAVEPOINT');
    case 'release':
      requireBlock(session, 'RELEASE SAVEPOINT');
      transaction.savepoints.release(statement.savepoint ?? '');
      return done('RELEASE');
    case 'rollbackTo':
      requireBlock(session, 'ROLLBACK TO SAVEPOINT');
      await transaction.savepoints.rollbackTo(statement.savepoint ?? '');
      return done('ROLLBACK');
    case 'prepareTransaction':
    case 'commitPrepared':
    case 'rollbackPrepared':
      throw notSupported('two-phase commit');
  }
}

function requireBlock({ transaction }: SessionState, what: string): void {
  if (!transaction.inBlock) throw onlyInBlock(what);
  if (transaction.status === 'E' && what !== 'ROLLBACK TO SAVEPOINT') throw inFailedTransaction();
}

function onlyInBlock(what: string): PgError {
  return new PgError(
    SqlState.noActiveSqlTransaction,
    `${what} can only be used in transaction blocks`,
  );
}

/** SET TRANSACTION, and SET SESSION CHARACTERISTICS for the transactions to come. */
export async function setTransaction(
  session: SessionState,
  options: TransactionOptions,
  sessionDefault: boolean,
): Promise<void> {
  const { transaction } = session;
  if (sessionDefault) {
    const { isolation, readOnly, deferrable } = options;
    const set = (name: string, value: string | undefined): Promise<string> | undefined =>
      value === undefined ? undefined : applySetting(session, `default_${name}`, value, false);
    const toggle = (on: boolean | undefined): string | undefined =>
      on === undefined ? undefined : on ? 'on' : 'off';
    await set('transaction_isolation', isolation);
    await set('transaction_read_only', toggle(readOnly));
    await set('transaction_deferrable', toggle(deferrable));
    return;
  }
  if (!transaction.inBlock) {
    warn(
      session,
      SqlState.noActiveSqlTransaction,
      'SET TRANSACTION can only be used in transaction blocks',
    );
  }
  transaction.setCharacteristics(options);
}
