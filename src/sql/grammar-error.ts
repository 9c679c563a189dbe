/** What libpg-query leaves out of the errors of grammar and scanner: their SQLSTATE and HINT (gram.y, scan.l). */
import { PgError, SqlState } from '../base/index.ts';
import { offsetOf } from './offsets.ts';

interface Known {
  readonly message: RegExp;
  readonly code: string;
  readonly hint?: string;
}

/** 22025, invalid_escape_sequence. */
const invalidEscapeSequence = '22025';

/** All others are 42601 without a hint. */
const known: readonly Known[] = [
  {
    message: /^LIMIT #,# syntax is not supported$/,
    code: SqlState.syntaxError,
    hint: 'Use separate LIMIT and OFFSET clauses.',
  },
  { message: /^precision for type float /, code: SqlState.invalidParameterValue },
  { message: /^invalid byte sequence /, code: SqlState.characterNotInRepertoire },
  {
    message:
      /not (?:yet )?(?:supported|implemented)|cannot be marked |^CREATE SCHEMA IF NOT EXISTS cannot include|^current database cannot be changed/,
    code: SqlState.featureNotSupported,
  },
];

/** `cursor` is 0-based, in characters; 0 is also what libpg-query says when there is no position. */
export function grammarError(text: string, message: string, cursor: number): PgError {
  const position = cursor > 0 || message.includes(' at or near ') ? cursor + 1 : undefined;
  if (message === 'invalid Unicode escape' && position !== undefined) {
    // E'\\u12' and U&'\\00' share the message.
    const inEscapeString = /^\\?u/i.test(text.slice(offsetOf(text, position)));
    return new PgError(inEscapeString ? invalidEscapeSequence : SqlState.syntaxError, message, {
      position,
      hint: inEscapeString
        ? 'Unicode escapes must be \\uXXXX or \\UXXXXXXXX.'
        : 'Unicode escapes must be \\XXXX or \\+XXXXXX.',
    });
  }
  const found = known.find((one) => one.message.test(message));
  return new PgError(found?.code ?? SqlState.syntaxError, message, { position, hint: found?.hint });
}
