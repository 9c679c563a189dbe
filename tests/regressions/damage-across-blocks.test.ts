/** Damage over the border of two blocks of LevelDB's log used to hide the synced commits behind it: they were cut off with it. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { stopRecordName } from '../../src/storage/hot/check/stop-record.ts';
import { logName, logNumbers } from '../../src/storage/hot/level-rotation.ts';
import { openLevelStore } from '../../src/storage/hot/level-store.ts';

const blockBytes = 32_768;

test('synced commits behind damage in the middle of a later block are found', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pgtide-blocks-'));
  try {
    const store = await openLevelStore(folder);
    for (let n = 0; n < 100; n++) {
      const batch = store.batch();
      batch.put(Buffer.from([0x04, n]), Buffer.alloc(500, n));
      await batch.write({ sync: true });
    }
    await store.close();
    // As after a crash.
    await rm(join(folder, stopRecordName));
    const name = logName((await logNumbers(folder)).at(-1)!);
    const file = await open(join(folder, name), 'r+');
    await file.write(Buffer.alloc(512), 0, 512, blockBytes - 256);
    await file.close();
    await expect(openLevelStore(folder)).rejects.toMatchObject({
      code: 'XX001',
      message: expect.stringContaining(name) as string,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
