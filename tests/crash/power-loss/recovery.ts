/** The power is lost again while the storage recovers: nothing may be gone that the first start has shown, and nothing come. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Random } from '../random.ts';
import { shimEnv } from '../shim/build.ts';
import type { Loss } from '../shim/disk.ts';
import { loadDisk } from '../shim/disk.ts';
import { operationsOf } from '../shim/journal.ts';
import { fingerprint, fingerprintOf, contentOf, openLeft, shared, tables } from './model.ts';
import { chooseMoments } from './moments.ts';

const recovery = fileURLToPath(new URL('recovery-main.ts', import.meta.url));
const losses: readonly Loss[] = ['dropped', 'random', 'kept'];
/** Of one recovery. */
const momentsMax = 8;

/**
 * Recovers the storage in `image`, which shows `rows`, on a disk that is lost at some moments of that. `noSync`: syncs of such paths
 * are forgotten. Returns the number of losses. Throws at the first after which other rows are there.
 */
export async function losePowerInRecovery(
  image: string,
  rows: string,
  random: Random,
  noSync?: string,
): Promise<number> {
  const root = await realpath(image);
  const disk = await loadDisk(root);
  const journal = `${root}.journal`;
  const env = await shimEnv({ root, journal, ...(noSync === undefined ? {} : { noSync }) });
  const { stdout } = await promisify(execFile)(process.execPath, [recovery, join(root, 'data')], {
    env: { ...process.env, ...env },
  });
  if (stdout !== rows) throw new Error(`another start shows ${stdout}, the first ${rows}`);
  const operations = [...operationsOf(await readFile(journal))];
  await rm(journal);
  const moments = chooseMoments(operations, momentsMax, random);
  let done = 0;
  for (const [index, { operation }] of operations.entries()) {
    for (const loss of moments.has(index) ? losses : []) {
      const left = `${root}.left`;
      await mkdir(left);
      await disk.leave(left, loss, random);
      const dataDir = join(left, 'data');
      await requireRows(dataDir, rows).catch((error: unknown) => {
        throw new Error(`lost again before operation ${index} (${operation.op}), ${loss}`, {
          cause: error,
        });
      });
      if (random.chance(0.2)) await goOn(dataDir);
      await rm(left, { recursive: true });
      done++;
    }
    disk.apply(operation);
  }
  return done;
}

async function requireRows(dataDir: string, rows: string): Promise<void> {
  const storage = await openLeft(dataDir);
  try {
    const found = await fingerprintOf(storage);
    if (found !== rows) throw new Error(`the rows are ${found}, were ${rows}`);
  } finally {
    await storage.close();
  }
}

/** Life goes on: what is written now is there after another start, in both tiers. */
export async function goOn(dataDir: string): Promise<void> {
  const storage = await openLeft(dataDir);
  const expected = fingerprint();
  try {
    expected.change([...(await contentOf(storage))]);
    const transaction = storage.begin();
    transaction.newStatement();
    await transaction.insert(shared, '', [-1n, -1, 'after']);
    await transaction.commit({ sync: true });
    expected.change([['shared//-1', -1]]);
    for (const table of tables) await storage.flush(table, {});
  } finally {
    await storage.close();
  }
  await requireRows(dataDir, expected.value);
}
