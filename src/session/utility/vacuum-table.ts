import { SqlState } from '../../base/index.ts';
import { deletedRetention } from '../../catalog/table-options.ts';
import type { CatalogTable } from '../../catalog/types.ts';
import { compactParams, retentionParams } from '../../jobs/index.ts';
import type { JobType, Json } from '../../jobs/index.ts';
import type { SessionState } from '../state.ts';

/** What the jobs' results have. */
interface Result extends Readonly<Record<string, unknown>> {
  readonly files_left?: readonly string[];
}

/**
 * Vacuums one table, by the jobs that keep it up at other times too: what is past its retention goes, then what is superseded, and
 * small files become large ones. Returns what was done, a line each; a table without anything to do has no job.
 */
export async function vacuumTable(
  session: SessionState,
  { stored: table, options }: CatalogTable,
): Promise<string[]> {
  const { engine, signal, roles } = session;
  const { storage, jobs, clock } = engine;
  const run = async (jobType: JobType, params: Json): Promise<Result> => {
    const { job } = await jobs.run(jobType, { table, params, signal, requestedBy: roles.name });
    return job.result as unknown as Result;
  };
  const done: string[] = [];
  if (table.kind === 'stream') {
    if (!(await storage.hasExpired(table))) return done;
    const { rows_evicted: rows } = await run('evict', null);
    return [`expired rows: ${String(rows)} removed`];
  }
  const retention = deletedRetention(options);
  if (retention !== undefined) {
    const { rows_removed: rows } = await run('retention', retentionParams(clock.now() - retention));
    done.push(`deleted rows: ${String(rows)} removed, which were past their retention`);
  }
  if (!storage.mayNeedVacuum(table)) return done;
  const result = await run('compact', compactParams(true));
  for (const left of result.files_left ?? [])
    session.notice({
      severity: 'WARNING',
      code: SqlState.ioError,
      message: `could not remove file ${left}`,
      hint: 'It belongs to no table any more. It is tried again until it succeeds.',
    });
  // Neither small files nor superseded rows were there.
  if (result['files_before'] === 0) return done;
  const of = (name: string): string => String(result[name]);
  done.push(
    `files: ${of('files_before')} before, ${of('files_after')} now, with ${of('bytes_before')} and ${of('bytes_after')} bytes`,
    `rows: ${of('rows_rewritten')} written again, ${of('rows_removed')} superseded ones removed`,
  );
  return done;
}
