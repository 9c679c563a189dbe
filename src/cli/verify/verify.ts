import { resolve } from 'node:path';
import { PgError, SqlState } from '../../base/index.ts';
import { CommandError, ExitCode } from '../errors.ts';
import type { OfflineContext } from '../offline.ts';
import { offlineAction, offlineCommand, readDataDir } from '../offline.ts';
import type { Column } from '../output.ts';
import { createProgress } from '../progress.ts';
import { formatBytes, formatDuration, plural } from '../units.ts';

const findingColumns: readonly Column[] = [
  { key: 'kind' },
  { key: 'subject', title: 'where' },
  { key: 'message', title: 'what' },
];

async function run(
  { output, signal }: OfflineContext,
  flags: { readonly dataDir?: string },
): Promise<void> {
  // The engines are loaded when they are needed: help starts without them.
  const { verifyDataFolder } = await import('../../storage/index.ts');
  const { readCatalog } = await import('../../system/catalog-check.ts');
  const dataDir = resolve(readDataDir(flags.dataDir));
  const started = performance.now();
  const progress = createProgress('verify');
  let report;
  try {
    report = await verifyDataFolder({
      dataDir,
      readCatalog,
      signal,
      onProgress: (fraction) => progress.update(fraction),
    });
  } catch (error) {
    if (!(error instanceof PgError) || error.code !== SqlState.objectInUse) throw error;
    throw new CommandError(error.message, {
      hint: 'Stop the server first, or back it up and verify what is restored from that',
    });
  } finally {
    progress.clear();
  }
  const { problems, tables, keys, hotRows, coldRows, files, fileBytes, findings } = report;
  const ms = performance.now() - started;
  if (output.format === 'human') {
    if (findings.length > 0)
      await output.rows(
        findingColumns,
        findings.map((finding) => ({ ...finding })),
      );
    await output.text(
      `${plural(keys, 'key')} of ${plural(tables, 'table')}, ${plural(hotRows, 'hot row')}, ${plural(coldRows, 'cold row')} in ${plural(files, 'file')} (${formatBytes(fileBytes)}), in ${formatDuration(ms)}`,
    );
    if (problems === 0) await output.text(`${dataDir} is sound`);
  } else {
    await output.json({
      data_dir: dataDir,
      sound: problems === 0,
      problems,
      tables,
      keys,
      hot_rows: hotRows,
      cold_rows: coldRows,
      files,
      file_bytes: fileBytes,
      duration_ms: Math.round(ms),
      findings: findings.map((finding) => ({ ...finding })),
    });
  }
  if (problems > 0)
    throw new CommandError(`${dataDir} has ${plural(problems, 'problem')}`, {
      hint: 'Restore a backup, or what can be read of it by SQL',
    });
}

export const verify = offlineCommand('verify')
  .description('read all of a data folder and tell what is damaged, missing or left over')
  .option('--data-dir <path>', 'default: $PGTIDE_DATA_DIR or ./data')
  .addHelpText(
    'after',
    `
No server may use the folder. Reads every key and every file: rows and records by their checksums, index entries against rows and rows
against index entries, files against the manifest, the catalog, sequences and jobs. Repairs nothing. What a crash has left and the next
start removes is told as "leftover", and is no problem.

Exit code: 0 when all is sound, ${ExitCode.failed} when there are problems.

Examples:
  pgtide verify --data-dir ./data
  pgtide verify --data-dir ./data --json`,
  )
  .action(offlineAction(run));
