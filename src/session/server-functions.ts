import { PgError, SqlState } from '../base/index.ts';
import type { ServerFunctionName } from '../catalog/server-functions.ts';
import { serverFunctions } from '../catalog/server-functions.ts';
import type { JobRecord } from '../jobs/index.ts';
import type { Row } from '../types/value.ts';
import { auditAction } from './audit.ts';
import { flushTable } from './flush.ts';
import { backUp, eraseUser, verifyStored } from './server-jobs.ts';
import type { SessionState } from './state.ts';

/** Arguments in, the rows that the function returns out. */
type Run = (session: SessionState, args: Row) => Promise<readonly Row[]>;

const runs: Readonly<Record<ServerFunctionName, Run>> = {
  flush: async (session, [relid]) => [await flushTable(session, relid ?? null)],
  cancel_job: async (session, [jobId]) => [[cancelJob(session, jobId as bigint | null)]],
  backup: async (session, [path]) => [await backUp(session, path ?? null)],
  verify: (session) => verifyStored(session),
  erase_user: async (session, [userId]) => [[await eraseUser(session, userId ?? null)]],
};

/** Runs a function of schema tide (catalog/server-functions.ts). */
export async function runServerFunction(
  session: SessionState,
  name: ServerFunctionName,
  args: Row,
): Promise<readonly Row[]> {
  const rows = await runs[name](session, args);
  if (name !== 'flush') {
    await auditAction(session, {
      kind: name === 'cancel_job' ? 'job' : 'data',
      action: `tide.${name}`,
      detail: recordText(args),
    });
  }
  return rows;
}

/** Whether it returns rows of several columns rather than a value. */
export function returnsRows(name: ServerFunctionName): boolean {
  return typeof serverFunctions[name].returns !== 'string';
}

/** A row as PostgreSQL writes a composite value (rowtypes.c, record_out); values of types whose text JavaScript's is. */
export function recordText(row: Row): string {
  const texts = row.map((value) => {
    if (value === null) return '';
    const text =
      typeof value === 'boolean' ? (value ? 't' : 'f') : `${value as string | number | bigint}`;
    if (text !== '' && !/["\\(),\s]/.test(text)) return text;
    return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '""')}"`;
  });
  return `(${texts.join(',')})`;
}

/** Null in, null out. False: the job has ended. @throws 42501, and as Jobs.cancel */
function cancelJob(session: SessionState, jobId: bigint | null): boolean | null {
  if (jobId === null) return null;
  const { engine, roles, transaction } = session;
  const job = engine.jobs.list().find((one) => one.jobId === jobId);
  if (job !== undefined && !roles.superuser && !isOwn(job)) {
    throw new PgError(SqlState.insufficientPrivilege, `permission denied to cancel job ${jobId}`, {
      detail: 'Only who asked for a job, the owner of its table and superusers may cancel it.',
    });
  }
  return engine.jobs.cancel(jobId);

  function isOwn({ requestedBy, tableId }: JobRecord): boolean {
    if (requestedBy === roles.name) return true;
    return transaction.catalog.tables.some(
      ({ stored, owner }) => stored.tableId === tableId && owner === roles.name,
    );
  }
}
