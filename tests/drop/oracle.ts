/**
 * The drop oracle: what must be true of a server once tables are dropped and their clean-up has ended. Nothing under their ids in the
 * hot store, no file or empty folder, no row in any relation of schema `system` but jobs and audit_log; every other table as it was.
 */
import { basename, join, relative } from 'node:path';
import type pg from 'pg';
import { openLevelStore } from '../../src/storage/hot/level-store.ts';
import { Keyspace, tableKeyspaces } from '../../src/storage/keys/keyspace.ts';
import { filesBelow, onDisk } from '../crash/check/files.ts';

/** Relations that remember what is gone. */
const remembering: ReadonlySet<string> = new Set(['jobs', 'audit_log']);

const settleTimeoutMs = 60_000;
const pollMs = 20;

/** Waits until no job is left to run; failed ones throw, but for those of tables that are gone. */
export async function jobsEnded(client: pg.Client): Promise<void> {
  const deadline = performance.now() + settleTimeoutMs;
  for (;;) {
    const { rows } = await client.query<{ status: string; job_type: string; error: string }>(
      `SELECT job_type, status, error_message AS error FROM system.jobs
       WHERE status <> 'completed' AND (status <> 'failed' OR error_message NOT LIKE '%does not exist any more')`,
    );
    if (rows.length === 0) return;
    if (performance.now() > deadline || rows.some(({ status }) => status === 'failed'))
      throw new Error(`jobs have not ended: ${JSON.stringify(rows)}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Mentions of a name in the relations of schema system. */
async function mentions(client: pg.Client, word: string): Promise<string[]> {
  const { rows: relations } = await client.query<{ relname: string }>(
    `SELECT relname FROM pg_class WHERE relnamespace = 'system'::regnamespace AND relkind = 'r'`,
  );
  if (relations.length < 5) throw new Error('schema system is not complete');
  const found: string[] = [];
  for (const { relname } of relations) {
    if (remembering.has(relname)) continue;
    const { rows } = await client.query(`SELECT * FROM system.${relname}`);
    for (const row of rows) {
      const text = JSON.stringify(row, (_, value: unknown) =>
        typeof value === 'bigint' ? `${value}` : value,
      );
      // A session tells its own last statement.
      if (relname !== 'sessions' && text.includes(word)) found.push(`system.${relname}: ${text}`);
    }
  }
  return found;
}

/** Of a running server: `word` is part of the name of every dropped table and of nothing else. */
export async function checkRunning(
  client: pg.Client,
  dataDir: string,
  word: string,
): Promise<void> {
  await jobsEnded(client);
  const problems = await mentions(client, word);
  const { rows } = await client.query<{ path: string }>(
    `SELECT path FROM system.files WHERE tablespace = 'pg_default'`,
  );
  const listed = rows.map(({ path }) => path).toSorted();
  // Hot keys that a flush has moved, and files that a reader still had, go a moment later.
  const deadline = performance.now() + settleTimeoutMs;
  for (;;) {
    const disk = await onDisk(dataDir);
    if (disk.files.join('\n') === listed.join('\n') && disk.empty.length === 0) break;
    if (performance.now() > deadline) {
      problems.push(`on disk: ${JSON.stringify(disk)}, listed: ${JSON.stringify(listed)}`);
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

/**
 * Of a running server, in a folder with locations of tablespaces: the files there are those that are listed and those in `others`, paths
 * below it; no folder is empty but the locations' own, which are `roots`.
 */
export async function checkLocations(
  client: pg.Client,
  folder: string,
  { roots, others }: { readonly roots: readonly string[]; readonly others: readonly string[] },
): Promise<void> {
  const { rows } = await client.query<{ path: string }>(
    `SELECT full_path AS path FROM system.files WHERE tablespace <> 'pg_default'`,
  );
  const listed = [...rows.map(({ path }) => relative(folder, path)), ...others].toSorted();
  const deadline = performance.now() + settleTimeoutMs;
  for (;;) {
    const disk = await filesBelow(folder);
    const files = disk.files.filter((path) => !basename(path).startsWith('pgtide-tablespace-'));
    const empty = disk.empty.filter((path) => !roots.includes(path));
    if (files.join('\n') === listed.join('\n') && empty.length === 0) return;
    if (performance.now() > deadline)
      throw new Error(
        `in the locations: ${JSON.stringify({ files, empty })}, listed: ${JSON.stringify(listed)}`,
      );
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Of a server that has stopped cleanly, with what there was before. */
export async function checkStopped(
  dataDir: string,
  live: { readonly tableIds: ReadonlySet<number>; readonly sequences: number },
): Promise<void> {
  const store = await openLevelStore(join(dataDir, 'hot'));
  const byTable = new Set<number>(tableKeyspaces);
  const problems: string[] = [];
  let sequences = 0;
  try {
    const cursor = store.scan({ from: Buffer.from([0]), to: Buffer.from([0xff]), values: false });
    try {
      for (;;) {
        const entries = await cursor.next(4096);
        if (entries.length === 0) break;
        for (const [key] of entries) {
          if (key[0] === Keyspace.sequences) sequences++;
          if (!byTable.has(key[0]!) || live.tableIds.has(key.readUInt32BE(1))) continue;
          problems.push(`a key of keyspace ${key[0]} of table ${key.readUInt32BE(1)}`);
        }
      }
    } finally {
      await cursor.close();
    }
  } finally {
    await store.close();
  }
  if (sequences !== live.sequences)
    problems.push(`${sequences} sequences are kept, there are ${live.sequences}`);
  if (problems.length > 0) throw new Error(problems.slice(0, 20).join('\n'));
}

/** What checkStopped compares with. */
export async function liveIds(
  client: pg.Client,
): Promise<{ tableIds: ReadonlySet<number>; sequences: number }> {
  const { rows: tables } = await client.query<{ table_id: string }>(
    'SELECT table_id FROM system.tables',
  );
  const { rows } = await client.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_class WHERE relkind = 'S'`,
  );
  return {
    tableIds: new Set(tables.map(({ table_id }) => Number(table_id))),
    sequences: rows[0]!.n,
  };
}
