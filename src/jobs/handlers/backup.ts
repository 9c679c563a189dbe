import { keys } from '../../catalog/level-records.ts';
import type { Storage } from '../../storage/types.ts';
import { hasEnded } from '../history.ts';
import { decodeJob, jobKeyPrefix } from '../record.ts';
import type { JobHandler, Json } from '../types.ts';
import { count } from './words.ts';

export function backupParams(path: string): Json {
  return { path };
}

/**
 * Keys of backup jobs that have not ended. They are not in a backup: a server started on what is restored from it would run them
 * again.
 */
async function unfinishedBackups(storage: Storage): Promise<ReadonlySet<string>> {
  const jobs = await storage.meta(jobKeyPrefix);
  const unfinished = jobs.filter(([key, bytes]) => {
    const job = decodeJob(key, bytes);
    return job.jobType === 'backup' && !hasEnded(job);
  });
  return new Set(unfinished.map(([key]) => key));
}

/** Repeatable: what an interrupted attempt of the same job has written goes first. */
export const backupHandler: JobHandler = {
  withoutTable: true,
  async run({ storage, job, params, signal, onProgress }) {
    const without = await unfinishedBackups(storage);
    const { path } = params as { readonly path: string };
    const result = await storage.backup({
      path,
      token: `${job.jobId} ${job.createdAt}`,
      without: (key) => without.has(key),
      tableMetaKey: keys.table,
      signal,
      onProgress,
    });
    const { commitSeq, tables, hotEntries, files, coldRows, bytes } = result;
    return {
      result: {
        path,
        commit_seq: commitSeq,
        hot_entries: hotEntries,
        tables_with_files: tables,
        files,
        cold_rows: coldRows,
        bytes,
      },
      summary: `${count(hotEntries, 'key')}, ${count(files, 'file')}, ${count(bytes, 'byte')} to "${path}"`,
    };
  },
};
