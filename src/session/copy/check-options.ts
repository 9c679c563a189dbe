/** PostgreSQL's rules on which COPY options go together, in its order, so that the first error is the same. */
import { PgError, SqlState } from '../../base/index.ts';
import type { CopyDirection, GivenOptions } from './options.ts';

const invalid = (message: string): PgError => new PgError(SqlState.invalidParameterValue, message);
const unsupported = (message: string): PgError =>
  new PgError(SqlState.featureNotSupported, message);
const misplaced = (message: string): PgError => new PgError(SqlState.syntaxError, message);

/** A delimiter that is one of these would be taken for an escape in text format. */
const escapeLetters = '\\.abcdefghijklmnopqrstuvwxyz0123456789';

const isOneByte = (text: string): boolean => Buffer.byteLength(text) === 1;
const hasLineEnd = (text: string): boolean => /[\r\n]/.test(text);
const isGiven = (names: GivenOptions['forceQuote']): boolean =>
  names !== undefined && (names === '*' || names.length > 0);

function checkBinary(given: GivenOptions): void {
  if (given.format !== 'binary') return;
  for (const name of ['delimiter', 'null', 'default'] as const) {
    if (given[name] !== undefined) {
      throw misplaced(`cannot specify ${name.toUpperCase()} in BINARY mode`);
    }
  }
}

function checkCharacters(given: GivenOptions): void {
  const csv = given.format === 'csv';
  const delimiter = given.delimiter ?? (csv ? ',' : '\t');
  if (!isOneByte(delimiter)) {
    throw unsupported('COPY delimiter must be a single one-byte character');
  }
  if (hasLineEnd(delimiter)) {
    throw invalid('COPY delimiter cannot be newline or carriage return');
  }
  if (hasLineEnd(given.null ?? '')) {
    throw invalid('COPY null representation cannot use newline or carriage return');
  }
  if (hasLineEnd(given.default ?? '')) {
    throw invalid('COPY default representation cannot use newline or carriage return');
  }
  if (!csv && escapeLetters.includes(delimiter)) {
    throw invalid(`COPY delimiter cannot be "${delimiter}"`);
  }
  if (given.format === 'binary' && given.header !== undefined && given.header !== false) {
    throw unsupported('cannot specify HEADER in BINARY mode');
  }
  if (!csv && given.quote !== undefined) throw unsupported('COPY QUOTE requires CSV mode');
  const quote = given.quote ?? '"';
  if (csv && !isOneByte(quote)) {
    throw unsupported('COPY quote must be a single one-byte character');
  }
  if (csv && delimiter === quote) throw invalid('COPY delimiter and quote must be different');
  if (!csv && given.escape !== undefined) throw unsupported('COPY ESCAPE requires CSV mode');
  if (csv && given.escape !== undefined && !isOneByte(given.escape)) {
    throw unsupported('COPY escape must be a single one-byte character');
  }
}

function checkForced(given: GivenOptions, direction: CopyDirection): void {
  const csv = given.format === 'csv';
  if (isGiven(given.forceQuote)) {
    if (!csv) throw unsupported('COPY FORCE_QUOTE requires CSV mode');
    if (direction === 'from') {
      throw unsupported('COPY FORCE_QUOTE cannot be used with COPY FROM');
    }
  }
  if (isGiven(given.forceNotNull)) {
    if (!csv) throw unsupported('COPY FORCE_NOT_NULL requires CSV mode');
    if (direction === 'to') throw invalid('COPY FORCE_NOT_NULL cannot be used with COPY TO');
  }
  if (isGiven(given.forceNull)) {
    if (!csv) throw unsupported('COPY FORCE_NULL requires CSV mode');
    if (direction === 'to') throw invalid('COPY FORCE_NULL cannot be used with COPY TO');
  }
}

function checkMarkers(given: GivenOptions, direction: CopyDirection): void {
  const csv = given.format === 'csv';
  const delimiter = given.delimiter ?? (csv ? ',' : '\t');
  const quote = given.quote ?? '"';
  const nullText = given.null ?? (csv ? '' : '\\N');
  const check = (marker: string, name: string, code: SqlState): void => {
    if (marker.includes(delimiter)) {
      throw new PgError(
        code,
        `COPY delimiter character must not appear in the ${name} specification`,
      );
    }
    if (csv && marker.includes(quote)) {
      throw new PgError(code, `CSV quote character must not appear in the ${name} specification`);
    }
  };
  check(nullText, 'NULL', SqlState.invalidParameterValue);
  if (given.freeze === true && direction === 'to') {
    throw invalid('COPY FREEZE cannot be used with COPY TO');
  }
  if (given.default !== undefined) {
    if (direction === 'to') throw unsupported('COPY DEFAULT cannot be used with COPY TO');
    check(given.default, 'DEFAULT', SqlState.featureNotSupported);
    if (given.default === nullText) {
      throw unsupported('NULL specification and DEFAULT specification cannot be the same');
    }
  }
}

export function checkCopyOptions(given: GivenOptions, direction: CopyDirection): void {
  checkBinary(given);
  checkCharacters(given);
  checkForced(given, direction);
  checkMarkers(given, direction);
  if (given.format === 'binary' && given.onError === 'ignore') {
    throw misplaced('only ON_ERROR STOP is allowed in BINARY mode');
  }
  if (given.rejectLimit !== undefined && given.onError !== 'ignore') {
    throw invalid('COPY REJECT_LIMIT requires ON_ERROR to be set to IGNORE');
  }
}
