import { deletedRetention } from '../../catalog/table-options.ts';
import type { CatalogTable } from '../../catalog/types.ts';
import { compactParams, retentionParams } from '../../jobs/index.ts';
import type { JobType, Json } from '../../jobs/index.ts';
import type { SessionState } from '../state.ts';

/**
 * Vacuums one table, by the jobs that keep it up at other times too: what is past its retention goes, then what is superseded, and
 * small files become large ones. Returns what was done, a line each; a table without anything to do has no job.
 */
export async function vacuumTable(
  { engine, signal, roles }: SessionState,
  { stored: table, options }: CatalogTable,
): Promise<string[]> {
  const { storage, jobs, clock } = engine;
  const run = async (jobType: JobType, params: Json): Promise<Record<string, number>> => {
    const { job } = await jobs.run(jobType, { table, params, signal, requestedBy: roles.name });
    return job.result as Record<string, number>;
  };
  const done: string[] = [];
  if (table.kind === 'stream') {
    if (!(await storage.hasExpired(table))) return done;
    const { rows_evicted: rows } = await run('evict', null);
    return [`expired rows: ${rows} removed`];
  }
  const retention = deletedRetention(options);
  if (retention !== undefined) {
    const { rows_removed: rows } = await run('retention', retentionParams(clock.now() - retention));
    done.push(`deleted rows: ${rows} removed, which were past their retention`);
  }
  if (!storage.mayNeedVacuum(table)) return done;
  const result = await run('compact', compactParams(true));
  done.push(
    `files: ${result['files_before']} before, ${result['files_after']} now, with ${result['bytes_before']} and ${result['bytes_after']} bytes`,
    `rows: ${result['rows_rewritten']} written again, ${result['rows_removed']} superseded ones removed`,
  );
  return done;
}
