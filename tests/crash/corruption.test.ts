/** Damaged files are named or harmless: a short run of what `npm run test:crash -- --corruptions 2000` does at length. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testTable } from '../../src/storage/testing.ts';
import { inTransaction, testFolder } from '../../src/storage/testing-folder.ts';
import { Oid } from '../../src/types/oid.ts';
import { runCorruption } from './corruption.ts';

const seed = process.env['PGTIDE_TEST_SEED'] ?? `${Date.now() % 1_000_000}`;
const cases = 60;

test(`${cases} damages of files, seed ${seed}: named or harmless`, async () => {
  const counts = await runCorruption(seed, cases);
  for (const kind of ['.log', '.ldb', 'MANIFEST', 'CURRENT', '.parquet', '.json'])
    expect([...counts.keys()], `no ${kind} was damaged`).toContain(kind);
});

test('a hot store that is gone is not begun anew over files of the cold tier', async () => {
  const folder = testFolder();
  const table = testTable({ columns: { a: Oid.int4 } });
  const storage = await folder.open();
  await inTransaction(storage, (transaction) => transaction.insertMany(table, '', [[1], [2]]));
  await storage.flush(table, {});
  await storage.idle();
  await storage.close();
  await rm(join(folder.dataDir, 'hot'), { recursive: true });
  await expect(folder.open()).rejects.toMatchObject({ code: 'XX001' });
  await expect(folder.open()).rejects.toMatchObject({ code: 'XX001' });
  folder.remove();
});
