import { SqlState, notSupported } from '../../base/index.ts';
import type { TransactionOptions, TransactionStatement } from '../../sql/index.ts';
import type { SessionState, StatementResult } from '../state.ts';

function warn(session: SessionState, code: string, message: string): void {
  session.notice({ severity: 'WARNING', code, message });
}

/** Isolation above READ COMMITTED is refused rather than given less than its promise. */
export function checkTransactionOptions(options: TransactionOptions): void {
  const { isolation } = options;
  if (isolation === 'repeatable read' || isolation === 'serializable') {
    throw notSupported(`isolation level ${isolation.toUpperCase()}`, {
      hint: 'READ COMMITTED is what there is.',
    });
  }
}

export async function runTransactionStatement(
  session: SessionState,
  statement: TransactionStatement,
): Promise<StatementResult> {
  const { transaction, settings } = session;
  const done = (tag: string): StatementResult => ({ kind: 'done', tag });
  switch (statement.kind) {
    case 'begin': {
      checkTransactionOptions(statement.options);
      if (transaction.inBlock) {
        warn(session, SqlState.activeSqlTransaction, 'there is already a transaction in progress');
      } else {
        transaction.beginBlock(readOnly(session, statement.options));
      }
      return done(statement.tag);
    }
    case 'commit':
    case 'rollback': {
      const failed = transaction.status === 'E';
      if (!transaction.inBlock) {
        warn(session, SqlState.noActiveSqlTransaction, 'there is no transaction in progress');
      }
      if (statement.kind === 'commit' && !failed) {
        await transaction.commit((settings.get('synchronous_commit') ?? 'on') !== 'off');
      } else {
        await transaction.rollback();
      }
      if (statement.chain) transaction.beginBlock(readOnly(session, statement.options));
      return done(failed ? 'ROLLBACK' : statement.kind.toUpperCase());
    }
    case 'savepoint':
    case 'release':
    case 'rollbackTo':
      throw notSupported('SAVEPOINT');
    case 'prepareTransaction':
    case 'commitPrepared':
    case 'rollbackPrepared':
      throw notSupported('two-phase commit');
  }
}

function readOnly(session: SessionState, options: TransactionOptions): boolean {
  return options.readOnly ?? session.settings.get('default_transaction_read_only') === 'on';
}
