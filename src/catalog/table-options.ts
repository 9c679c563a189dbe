import { PgError, SqlState } from '../base/index.ts';
import type { TableKind } from '../storage/types.ts';
import { Oid } from '../types/oid.ts';
import { requirePgType } from '../types/registry.ts';
import { defaultTypeContext } from '../types/type.ts';
import type { Interval } from '../types/value.ts';
import { parseFlushPolicy } from './flush-policy.ts';

const kinds: ReadonlySet<string> = new Set(['user', 'shared', 'stream']);
const dayMicros = 86_400_000_000n;

function invalid(message: string, hint?: string): PgError {
  return new PgError(SqlState.invalidParameterValue, message, { hint });
}

/** A duration option in PostgreSQL's interval syntax, in microseconds; months count 30 days. */
function durationMicros(option: string, text: string): bigint {
  let interval: Interval;
  try {
    interval = requirePgType(Oid.interval).parse(text, -1, defaultTypeContext) as Interval;
  } catch {
    throw invalid(
      `invalid value for option "${option}": "${text}"`,
      "Give an interval such as '10s' or '30 days'.",
    );
  }
  const micros =
    interval.micros + (BigInt(interval.days) + BigInt(interval.months) * 30n) * dayMicros;
  if (micros <= 0n)
    throw invalid(
      `invalid value for option "${option}": "${text}"`,
      'It must be longer than nothing.',
    );
  return micros;
}

/** How long soft-deleted rows are kept, in microseconds; undefined: for ever. @throws 22023 */
export function deletedRetention(options: ReadonlyMap<string, string>): bigint | undefined {
  const text = options.get('deleted_retention');
  return text === undefined ? undefined : durationMicros('deleted_retention', text);
}

/** Checks pgtide's own table options (sql.md); 22023 naming the option that is wrong or misplaced. */
export function parseTableOptions(
  options: ReadonlyMap<string, string>,
  formerKind: TableKind | undefined,
): { readonly kind: TableKind; readonly ttlMicros: bigint | undefined } {
  const type = options.get('type') ?? formerKind ?? 'shared';
  if (!kinds.has(type)) {
    throw invalid(
      `invalid value for option "type": "${type}"`,
      'Kinds are user, shared and stream.',
    );
  }
  const kind = type as TableKind;
  const ttl = options.get('ttl');
  if (kind === 'stream' && ttl === undefined) {
    throw invalid('a stream table needs the option "ttl"', "Add WITH (ttl = '10s').");
  }
  if (kind !== 'stream' && ttl !== undefined) {
    throw invalid('option "ttl" is for stream tables only');
  }
  const policy = options.get('flush_policy');
  if (policy !== undefined) {
    if (kind === 'stream') throw invalid('option "flush_policy" is not for stream tables');
    if (parseFlushPolicy(policy).totalRows !== undefined && kind !== 'user')
      throw invalid('total_rows in option "flush_policy" is for user tables only');
  }
  if (deletedRetention(options) !== undefined && kind === 'stream')
    throw invalid('option "deleted_retention" is not for stream tables');
  return { kind, ttlMicros: ttl === undefined ? undefined : durationMicros('ttl', ttl) };
}
