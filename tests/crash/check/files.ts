/** What is on disk against what the server says there is. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openLevelStore } from '../../../src/storage/hot/level-store.ts';
import { tableKeyspaces } from '../../../src/storage/keys/keyspace.ts';
import type { Session } from '../client.ts';
import { Violation } from '../client.ts';

const idleTimeoutMs = 30_000;
const pollMs = 25;

export interface OnDisk {
  /** Paths below the folder, sorted. */
  readonly files: string[];
  /** Folders below it that hold nothing. */
  readonly empty: string[];
}

/** What the data folder's own part of the cold tier holds. */
export const onDisk = (dataDir: string): Promise<OnDisk> => filesBelow(join(dataDir, 'cold'));

export async function filesBelow(root: string): Promise<OnDisk> {
  const files: string[] = [];
  const empty: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    if (entries.length === 0 && folder !== '') empty.push(folder);
    for (const entry of entries) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) await visit(path);
      else files.push(path);
    }
  };
  await visit('');
  return { files: files.toSorted(), empty };
}

/**
 * Waits until no job is left to run and the clean-ups in the background have ended: then the files on disk are those of the
 * manifest, no more and no less, and no folder is empty.
 */
export async function settleFiles(session: Session, dataDir: string): Promise<void> {
  const deadline = performance.now() + idleTimeoutMs;
  for (;;) {
    const [busy] = await session.rows(
      `select count(*)::int from system.jobs where status in ('new', 'running', 'retrying')`,
    );
    const listed = (await session.rows('select path from system.files')).map(
      (row) => row[0] as string,
    );
    const disk = await onDisk(dataDir).catch(() => undefined);
    const same = disk?.files.join('\n') === listed.toSorted().join('\n');
    if (busy?.[0] === 0 && same && disk.empty.length === 0) return;
    if (performance.now() > deadline) {
      const [known, found] = [new Set(listed), new Set(disk?.files)];
      throw new Violation(
        `after ${idleTimeoutMs} ms: ${String(busy?.[0])} jobs to run; files without an entry: ${[...found].filter((path) => !known.has(path)).join(' ') || 'none'}; entries without a file: ${listed.filter((path) => !found.has(path)).join(' ') || 'none'}; empty folders: ${disk?.empty.join(' ') || 'none'}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Of a server that has stopped cleanly: nothing is left of tables that are gone or of uncommitted loads. */
export async function checkKeys(dataDir: string, tableIds: ReadonlySet<number>): Promise<void> {
  const store = await openLevelStore(join(dataDir, 'hot'));
  try {
    const leftovers = new Map<string, number>();
    const byTable = new Set<number>(tableKeyspaces);
    const cursor = store.scan({ from: Buffer.from([0]), to: Buffer.from([0xff]), values: false });
    try {
      for (;;) {
        const entries = await cursor.next(4096);
        if (entries.length === 0) break;
        for (const [key] of entries) {
          const keyspace = key[0]!;
          if (!byTable.has(keyspace) || tableIds.has(key.readUInt32BE(1))) continue;
          const what = `keyspace ${keyspace} of table ${key.readUInt32BE(1)}`;
          leftovers.set(what, (leftovers.get(what) ?? 0) + 1);
        }
      }
    } finally {
      await cursor.close();
    }
    if (leftovers.size > 0)
      throw new Violation(`keys are left of what is gone: ${JSON.stringify([...leftovers])}`);
  } finally {
    await store.close();
  }
}
