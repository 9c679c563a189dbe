import { PgError, SqlState } from '../../base/index.ts';
import { Unprintable } from '../print/index.ts';
import { NotShippable } from '../not-shippable.ts';

const integerNames: Readonly<Record<string, string>> = {
  INT16: 'smallint',
  INT32: 'integer',
  INT64: 'bigint',
};

/** DuckDB's message as PostgreSQL's error, where the message tells which. */
function likelyError(message: string): PgError | undefined {
  if (message.includes('division by zero')) {
    return new PgError(SqlState.divisionByZero, 'division by zero');
  }
  const overflow = /Overflow in \w+ of (INT16|INT32|INT64)/.exec(message);
  if (overflow) {
    return new PgError(
      SqlState.numericValueOutOfRange,
      `${integerNames[overflow[1]!]} out of range`,
    );
  }
  const cast =
    /can't be cast because the value is out of range for the destination type (INT16|INT32|INT64)/.exec(
      message,
    );
  if (cast) {
    return new PgError(SqlState.numericValueOutOfRange, `${integerNames[cast[1]!]} out of range`);
  }
  if (message.includes('More than one row returned by a subquery')) {
    return new PgError(
      SqlState.cardinalityViolation,
      'more than one row returned by a subquery used as an expression',
    );
  }
  const raised =
    /Invalid Input Error: ((?:value|date|timestamp|interval) out of range.*|cannot subtract infinite dates)/.exec(
      message,
    );
  if (raised) return new PgError(SqlState.numericValueOutOfRange, raised[1]!.trim());
  return undefined;
}

/**
 * What a failure inside DuckDB means. Before the first row the query may start over elsewhere: DuckDB evaluates rows that
 * PostgreSQL might never reach, so its errors are not yet the statement's.
 */
export function translateError(error: unknown, signal: AbortSignal, delivered: boolean): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof PgError || error instanceof NotShippable) return error;
  if (error instanceof Unprintable) return new NotShippable(error.message);
  if (!(error instanceof Error)) return error;
  const expected =
    /^(?:Out of Range|Invalid Input|Conversion|Out of Memory|Invalid|Syntax) ?(?:Input )?Error/.test(
      error.message,
    );
  if (!expected) return error;
  const likely = likelyError(error.message);
  if (!delivered) return new NotShippable(error.message.split('\n')[0]!, likely);
  if (error.message.startsWith('Out of Memory')) {
    return new PgError(SqlState.outOfMemory, 'out of memory', {
      detail: error.message.split('\n')[0],
    });
  }
  return likely ?? new PgError(SqlState.numericValueOutOfRange, error.message.split('\n')[0]!);
}
