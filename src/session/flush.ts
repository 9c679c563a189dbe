import { PgError, SqlState, notSupported } from '../base/index.ts';
import type { FieldDescription } from '../analyzer/tree.ts';
import type { CatalogTable } from '../catalog/types.ts';
import { Oid } from '../types/oid.ts';
import type { Row, Value } from '../types/value.ts';
import { lockNamed } from './lock-named.ts';
import type { SessionState } from './state.ts';

const columns: readonly (readonly [name: string, typeOid: number, typeSize: number])[] = [
  ['job_id', Oid.int8, 8],
  ['rows_flushed', Oid.int8, 8],
  ['users', Oid.int8, 8],
  ['files', Oid.int8, 8],
  ['bytes', Oid.int8, 8],
  ['duration_ms', Oid.float8, 8],
];

/** The row that FLUSH TABLE answers with. */
export const flushFields: readonly FieldDescription[] = columns.map(
  ([name, typeOid, typeSize]) => ({
    name,
    tableOid: 0,
    columnNumber: 0,
    typeOid,
    typeSize,
    typmod: -1,
  }),
);

/** Flushes a table by its OID in the mirror (what `'chat.messages'::regclass` is). Owner or superuser only. */
export async function flushTable(session: SessionState, relid: Value): Promise<Row> {
  const { engine, roles, transaction } = session;
  // What a statement before this one in the same message has changed is not committed yet.
  if (transaction.inBlock || transaction.hasChanges) {
    throw new PgError(
      SqlState.activeSqlTransaction,
      'FLUSH TABLE cannot run inside a transaction block',
    );
  }
  const find = (): CatalogTable => {
    const found = typeof relid === 'number' ? transaction.catalog.table(relid) : undefined;
    if (found === undefined) {
      throw new PgError(SqlState.undefinedTable, 'there is no stored table of that name');
    }
    requireOwner(found, roles);
    return found;
  };
  // As VACUUM's: readers and writers go on, DDL waits.
  const table = await lockNamed(session, 'shareUpdateExclusive', () => Promise.resolve(find()));
  if (table.stored.kind === 'stream')
    throw notSupported('FLUSH of a stream table', {
      hint: 'Its rows go when their time to live ends.',
    });
  const done = await engine.jobs.flush(table.stored, {
    signal: session.signal,
    requestedBy: roles.name,
  });
  return [
    done.jobId,
    BigInt(done.rowsFlushed),
    BigInt(done.users),
    BigInt(done.files),
    BigInt(done.bytes),
    done.durationMs,
  ];
}

export function requireOwner(
  table: CatalogTable,
  role: { readonly name: string; readonly superuser: boolean },
): void {
  if (role.superuser || table.owner === role.name) return;
  throw new PgError(SqlState.insufficientPrivilege, `must be owner of table ${table.stored.name}`);
}
