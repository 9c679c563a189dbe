import { resolve } from 'node:path';
import type { OfflineContext } from './offline.ts';
import { offlineAction, offlineCommand, readDataDir } from './offline.ts';
import { createProgress } from './progress.ts';
import { formatBytes, formatDuration, plural } from './units.ts';

async function run(
  { output, signal }: OfflineContext,
  folder: string,
  flags: { readonly dataDir?: string },
): Promise<void> {
  // The engines are loaded when they are needed: help starts without them.
  const { restore: restoreBackup } = await import('../storage/index.ts');
  const dataDir = resolve(readDataDir(flags.dataDir));
  const started = performance.now();
  const progress = createProgress('restore');
  let result;
  try {
    result = await restoreBackup({
      backup: resolve(folder),
      dataDir,
      signal,
      onProgress: (fraction) => progress.update(fraction),
    });
    const { auditRestore } = await import('./restore-audit.ts');
    await auditRestore(
      dataDir,
      `from ${resolve(folder)}, of ${result.backupStartedAt}, commit ${result.commitSeq}`,
    );
  } finally {
    progress.clear();
  }
  const ms = performance.now() - started;
  const { hotEntries, files, bytes, commitSeq, backupStartedAt } = result;
  await output.done(
    `restored to ${dataDir}: ${plural(hotEntries, 'hot key')}, ${plural(files, 'file')}, ${formatBytes(bytes)}, commit ${commitSeq} of ${backupStartedAt}, in ${formatDuration(ms)}`,
    {
      data_dir: dataDir,
      commit_seq: commitSeq,
      hot_entries: hotEntries,
      files,
      bytes,
      backup_started_at: backupStartedAt,
      duration_ms: Math.round(ms),
    },
  );
}

export const restore = offlineCommand('restore')
  .description('make a data folder of a backup')
  .argument('<backup>', 'folder that pgtide backup has written')
  .requiredOption('--data-dir <path>', 'the new data folder; it must not exist yet, or be empty')
  .addHelpText(
    'after',
    `
Every checksum of the backup is looked at before anything is written, and all that was written is read again. A restore that was killed
leaves a folder in which no server starts; the same command again begins anew. Files of tablespaces go back to their locations, under
names of their own.

Examples:
  pgtide restore /backups/monday --data-dir ./data
  pgtide serve --data-dir ./data`,
  )
  .action(offlineAction(run));
