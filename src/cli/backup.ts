import { resolve } from 'node:path';
import type { ClientContext } from './client.ts';
import { clientAction, clientCommand } from './client.ts';
import { lastJobId, withJobProgress } from './job-progress.ts';
import { formatBytes, formatDuration, plural } from './units.ts';

interface BackedUp {
  readonly job_id: number;
  readonly path: string;
  readonly commit_seq: number;
  readonly hot_entries: number;
  readonly files: number;
  readonly cold_rows: number;
  readonly bytes: number;
  readonly duration_ms: number;
}

async function run(context: ClientContext, path: string): Promise<void> {
  const { query } = await context.connection();
  const filter = { types: ['backup'], after: await lastJobId(context) };
  const work = query<BackedUp>('select * from tide.backup($1)', [resolve(path)]);
  const [backup] = await withJobProgress(context, 'back up', filter, work);
  const { hot_entries: keys, files, bytes, duration_ms: ms, commit_seq: seq } = backup!;
  await context.output.done(
    `backed up to ${backup!.path}: ${plural(keys, 'hot key')}, ${plural(files, 'file')}, ${formatBytes(bytes)}, commit ${seq}, in ${formatDuration(ms)}`,
    { ...backup! },
  );
}

export const backup = clientCommand('backup')
  .description('write all data, as it is at one commit, to a folder, while the server goes on')
  .argument('<folder>', "on the server's machine; it must not exist yet, or be empty")
  .addHelpText(
    'after',
    `
Needs a superuser. Rows hot and cold, tables, sequences, roles, tablespaces and the history of jobs are in it. A backup is complete
when its backup.json is there; one that fails or is cancelled (Ctrl-C) leaves nothing behind.

Examples:
  pgtide backup /backups/monday
  pgtide restore /backups/monday --data-dir /tmp/test && pgtide verify --data-dir /tmp/test`,
  )
  .action(clientAction(run));
