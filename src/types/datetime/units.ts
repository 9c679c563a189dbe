/** Field names of extract() and date_trunc(), as DecodeUnits knows them. */
import { PgError, SqlState } from '../../base/index.ts';
import { findIntervalUnit } from './interval-decode.ts';
import type { IntervalUnit } from './interval-sum.ts';

export type DateTimeUnit =
  | IntervalUnit
  | 'quarter'
  | 'dow'
  | 'doy'
  | 'isodow'
  | 'isoyear'
  | 'julian'
  | 'epoch'
  | 'timezone'
  | 'timezone_hour'
  | 'timezone_minute';

const others = new Map<string, DateTimeUnit>([
  ['qtr', 'quarter'],
  ['quarter', 'quarter'],
  ['dow', 'dow'],
  ['doy', 'doy'],
  ['isodow', 'isodow'],
  ['isoyear', 'isoyear'],
  ['j', 'julian'],
  ['jd', 'julian'],
  ['julian', 'julian'],
  ['epoch', 'epoch'],
  ['timezone', 'timezone'],
  ['timezone_h', 'timezone_hour'],
  ['timezone_m', 'timezone_minute'],
]);

function notRecognized(word: string, typeName: string): PgError {
  return new PgError(
    SqlState.invalidParameterValue,
    `unit "${word}" not recognized for type ${typeName}`,
  );
}

/** Units that only extract() knows; to date_trunc() they are not even words. */
const extractOnly: ReadonlySet<DateTimeUnit> = new Set([
  'dow',
  'doy',
  'isodow',
  'isoyear',
  'julian',
  'epoch',
]);

/** For extract(). 22023 `unit "x" not recognized for type …` */
export function requireUnit(name: string, typeName: string): DateTimeUnit {
  const word = name.toLowerCase();
  const unit = others.get(word.slice(0, 10)) ?? findIntervalUnit(word);
  if (!unit) throw notRecognized(word, typeName);
  return unit;
}

/** For date_trunc(). */
export function requireTruncUnit(name: string, typeName: string): DateTimeUnit {
  const unit = requireUnit(name, typeName);
  if (extractOnly.has(unit)) throw notRecognized(name.toLowerCase(), typeName);
  return unit;
}

/** 0A000 `unit "x" not supported for type …` */
export function unitNotSupported(name: string, typeName: string): PgError {
  return new PgError(
    SqlState.featureNotSupported,
    `unit "${name.toLowerCase()}" not supported for type ${typeName}`,
  );
}
