import { PgError, SqlState } from '../../base/index.ts';

/** Why a date, time or interval could not be read; the input function adds its type's name and the whole text. */
export type DateTimeProblem =
  | 'bad-format'
  | 'field-overflow'
  | 'month-day-overflow'
  | 'interval-overflow'
  | 'zone-overflow';

/** Thrown inside the decoders only. */
export class DateTimeInputError extends Error {
  readonly problem: DateTimeProblem;

  constructor(problem: DateTimeProblem) {
    super(problem);
    this.problem = problem;
  }
}

export const badFormat = (): DateTimeInputError => new DateTimeInputError('bad-format');
export const fieldOverflow = (): DateTimeInputError => new DateTimeInputError('field-overflow');

export function unknownZone(name: string): PgError {
  return new PgError(SqlState.invalidParameterValue, `time zone "${name}" not recognized`);
}

/** The error that PostgreSQL reports for `problem` in `text` (DateTimeParseError). */
function describe(problem: DateTimeProblem, typeName: string, text: string): PgError {
  switch (problem) {
    case 'bad-format':
      return new PgError(
        SqlState.invalidDatetimeFormat,
        `invalid input syntax for type ${typeName}: "${text}"`,
      );
    case 'field-overflow':
      return new PgError(
        SqlState.datetimeFieldOverflow,
        `date/time field value out of range: "${text}"`,
      );
    case 'month-day-overflow':
      return new PgError(
        SqlState.datetimeFieldOverflow,
        `date/time field value out of range: "${text}"`,
        { hint: 'Perhaps you need a different "DateStyle" setting.' },
      );
    case 'interval-overflow':
      return new PgError(
        SqlState.intervalFieldOverflow,
        `interval field value out of range: "${text}"`,
      );
    case 'zone-overflow':
      return new PgError(
        SqlState.invalidTimeZoneDisplacementValue,
        `time zone displacement out of range: "${text}"`,
      );
  }
}

/** Runs a decoder, turning its problems into PgErrors about `text`. */
export function reporting<T>(typeName: string, text: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof DateTimeInputError) throw describe(error.problem, typeName, text);
    throw error;
  }
}

/** 22008 `timestamp out of range: "…"`, or without the text where there is none. */
export function datetimeOutOfRange(typeName: string, text?: string): PgError {
  return new PgError(
    SqlState.datetimeFieldOverflow,
    text === undefined ? `${typeName} out of range` : `${typeName} out of range: "${text}"`,
  );
}
