import { PgError, SqlState } from '../base/index.ts';
import { positionOf } from './offsets.ts';

/** 42601 as PostgreSQL words it; `offset` and `end` enclose the offending token in `text`. */
export function syntaxErrorAt(text: string, offset: number, end: number): PgError {
  const message =
    offset >= text.length
      ? 'syntax error at end of input'
      : `syntax error at or near "${text.slice(offset, end)}"`;
  return new PgError(SqlState.syntaxError, message, { position: positionOf(text, offset) });
}
