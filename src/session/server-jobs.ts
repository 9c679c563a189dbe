/** tide.backup and tide.erase_user: jobs over the whole server that a superuser asks for and waits for. */
import { PgError, SqlState, assert } from '../base/index.ts';
import { backupParams, eraseParams } from '../jobs/index.ts';
import { readCatalog } from '../system/catalog-check.ts';
import { parseJsonb } from '../types/jsonb.ts';
import type { Row, Value } from '../types/value.ts';
import { userIdBytesMax } from './settings.ts';
import type { SessionState } from './state.ts';

/** @throws 42501, 25001 */
function requireAlone({ roles, transaction }: SessionState, name: string, what: string): void {
  if (!roles.superuser)
    throw new PgError(SqlState.insufficientPrivilege, `permission denied to ${what}`, {
      detail: `Only superusers may call tide.${name}().`,
    });
  // What a statement before this one in the same message has changed is not committed yet.
  if (transaction.inBlock || transaction.hasChanges)
    throw new PgError(
      SqlState.activeSqlTransaction,
      `tide.${name}() cannot run inside a transaction block`,
    );
}

/**
 * Backs the server up to a folder of its own machine. The row of tide.backup.
 * @throws 22004, 22023, 42501, 25001, and as Storage.backup
 */
export async function backUp(session: SessionState, path: Value): Promise<Row> {
  requireAlone(session, 'backup', 'back up');
  if (path === null)
    throw new PgError(SqlState.nullValueNotAllowed, 'the path of a backup must not be null');
  const { job, durationMs } = await session.engine.jobs.run('backup', {
    params: backupParams(path as string),
    requestedBy: session.roles.name,
    signal: session.signal,
  });
  const result = job.result as Record<string, string | number> | null;
  assert(result !== null, 'a completed backup has its result');
  const figure = (name: string): bigint => BigInt(result[name] as number);
  return [
    job.jobId,
    result['path'] as string,
    figure('commit_seq'),
    figure('hot_entries'),
    figure('files'),
    figure('cold_rows'),
    figure('bytes'),
    durationMs,
  ];
}

/**
 * Erases a user and answers with the receipt. The job goes on when the statement is cancelled.
 * @throws 22004, 22023, 42501, 25001, what the wait is ended by
 */
export async function eraseUser(session: SessionState, userId: Value): Promise<Value> {
  requireAlone(session, 'erase_user', 'erase a user');
  if (userId === null)
    throw new PgError(SqlState.nullValueNotAllowed, 'the user id must not be null');
  const id = userId as string;
  const bytes = Buffer.byteLength(id);
  if (bytes < 1 || bytes > userIdBytesMax)
    throw new PgError(SqlState.invalidParameterValue, 'invalid user id', {
      hint: `A user id has 1 to ${userIdBytesMax} bytes.`,
    });
  const { engine, roles, signal, transaction } = session;
  const own = transaction.statement();
  if (own.isolation !== 'read committed')
    throw new PgError(
      SqlState.activeSqlTransaction,
      `tide.erase_user() cannot run in a transaction of isolation level ${own.isolation}`,
    );
  // The job waits until nobody reads the user's files any more; this statement has read all that it will.
  own.endStatement();
  const done = engine.jobs.run('erase', { params: eraseParams(id), requestedBy: roles.name });
  const { job } = await unlessAborted(done, signal);
  return parseJsonb(JSON.stringify({ job_id: Number(job.jobId), ...(job.result as object) }));
}

/**
 * A row for each finding; none: all is sound. A notice tells what was read.
 * @throws 42501, 25001
 */
export async function verifyStored(session: SessionState): Promise<readonly Row[]> {
  requireAlone(session, 'verify', 'verify');
  const { engine, signal } = session;
  const report = await engine.storage.verify({ readCatalog, signal });
  const { keys, tables, hotRows, coldRows, files, problems } = report;
  session.notice({
    severity: 'NOTICE',
    code: SqlState.successfulCompletion,
    message: `verified ${keys} keys of ${tables} tables, ${hotRows} hot rows, ${coldRows} cold rows in ${files} files: ${problems} problems`,
  });
  return report.findings.map(({ kind, subject, message }) => [kind, subject, message]);
}

/** Rejects with the signal's reason when that comes first; the work goes on. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
