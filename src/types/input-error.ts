import { PgError, SqlState } from '../base/index.ts';

/** 22P02 of an input function. `typeName` as PostgreSQL writes it there: `integer`, `double precision`. */
export function invalidInput(typeName: string, text: string, detail?: string): PgError {
  return new PgError(
    SqlState.invalidTextRepresentation,
    `invalid input syntax for type ${typeName}: "${text}"`,
    detail === undefined ? {} : { detail },
  );
}

/** 22003 of an input function: the text is a number, but not one of this type. */
export function inputOutOfRange(typeName: string, text: string): PgError {
  return new PgError(
    SqlState.numericValueOutOfRange,
    `value "${text}" is out of range for type ${typeName}`,
  );
}

/** 22003 of a cast or an operator: `integer out of range`. */
export function outOfRange(typeName: string): PgError {
  return new PgError(SqlState.numericValueOutOfRange, `${typeName} out of range`);
}

/** 08P01: a receive function ran past the end of the value. */
export function insufficientData(): PgError {
  return new PgError(SqlState.protocolViolation, 'insufficient data left in message');
}

/** 22P03: bytes are left over, or mean nothing. */
export function invalidBinary(message = 'incorrect binary data format'): PgError {
  return new PgError(SqlState.invalidBinaryRepresentation, message);
}

/** For receive functions of fixed size. */
export function checkSize(bytes: Uint8Array, size: number): void {
  if (bytes.length < size) throw insufficientData();
  if (bytes.length > size) throw invalidBinary();
}
