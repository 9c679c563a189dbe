import { PgError, SqlState } from '../base/index.ts';
import { Oid } from '../types/oid.ts';
import { requirePgType } from '../types/registry.ts';
import { defaultTypeContext } from '../types/type.ts';
import type { Interval } from '../types/value.ts';

/** When a table's hot rows are flushed by themselves: as soon as one of the conditions is met. */
export interface FlushPolicy {
  /** So many hot rows: of one user in a user table, whose rows are flushed then; of the table in a shared one. */
  readonly rows?: number;
  /** So many hot rows of all users together, whose rows are all flushed then. */
  readonly totalRows?: number;
  /** So long after a row became hot, microseconds. */
  readonly intervalMicros?: bigint;
}

const rowsMax = 1_000_000_000;
/** Shorter would be a flush all the time. */
const intervalMicrosMin = 1_000_000n;
const dayMicros = 86_400_000_000n;

function invalid(text: string, hint: string): PgError {
  return new PgError(
    SqlState.invalidParameterValue,
    `invalid value for option "flush_policy": "${text}"`,
    { hint },
  );
}

const grammarHint =
  "Give 'rows:10000', 'interval:60s', 'total_rows:1000000' or several of them with commas between.";

function parseRows(value: string, text: string): number {
  const rows = /^\d{1,10}$/.test(value) ? Number(value) : 0;
  if (rows < 1 || rows > rowsMax)
    throw invalid(text, `A number of rows is between 1 and ${rowsMax}.`);
  return rows;
}

function parseInterval(value: string, text: string): bigint {
  let interval: Interval;
  try {
    interval = requirePgType(Oid.interval).parse(value, -1, defaultTypeContext) as Interval;
  } catch {
    throw invalid(text, "Give an interval such as '60s' or '1 hour'.");
  }
  const days = BigInt(interval.days) + BigInt(interval.months) * 30n;
  const micros = interval.micros + days * dayMicros;
  if (micros < intervalMicrosMin) throw invalid(text, 'An interval is at least one second.');
  return micros;
}

/** Parses the table option `flush_policy`. @throws 22023 */
export function parseFlushPolicy(text: string): FlushPolicy {
  const policy: { -readonly [name in keyof FlushPolicy]: FlushPolicy[name] } = {};
  for (const part of text.split(',')) {
    const [, name = '', value = ''] = /^\s*([a-z_]+)\s*:\s*(.*?)\s*$/i.exec(part) ?? [];
    const condition = name.toLowerCase();
    if (condition === 'rows' && policy.rows === undefined) {
      policy.rows = parseRows(value, text);
    } else if (condition === 'total_rows' && policy.totalRows === undefined) {
      policy.totalRows = parseRows(value, text);
    } else if (condition === 'interval' && policy.intervalMicros === undefined) {
      policy.intervalMicros = parseInterval(value, text);
    } else {
      throw invalid(text, grammarHint);
    }
  }
  return policy;
}
