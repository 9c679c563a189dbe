import { PgError, SqlState } from '../base/index.ts';
import type { AuditEntry } from './types.ts';

export const auditKeyPrefix = 'audit/';

/** Longer statements are cut. */
export const statementCharactersMax = 10_000;

/** Padded, so that the entries' order is the ids'. */
export function auditKey(auditId: bigint): string {
  return `${auditKeyPrefix}${String(auditId).padStart(20, '0')}`;
}

export function encodeEntry(entry: AuditEntry): Uint8Array {
  const { auditId, at, ...event } = entry;
  const statement =
    event.statement !== null && event.statement.length > statementCharactersMax
      ? `${event.statement.slice(0, statementCharactersMax)}…`
      : event.statement;
  return Buffer.from(
    JSON.stringify({ auditId: String(auditId), at: String(at), ...event, statement }),
  );
}

/** Throws XX001 naming the key when the entry is damaged. */
export function decodeEntry(key: string, bytes: Uint8Array): AuditEntry {
  try {
    const stored = JSON.parse(Buffer.from(bytes).toString()) as Omit<
      AuditEntry,
      'auditId' | 'at'
    > & { readonly auditId: string; readonly at: string };
    return { ...stored, auditId: BigInt(stored.auditId), at: BigInt(stored.at) };
  } catch {
    throw new PgError(SqlState.dataCorrupted, `the audit entry "${key}" is not readable`);
  }
}
