/**
 * Rates of the storage engine alone: rows of about 60 bytes into the hot store, out of it, to Parquet and out of there.
 * `node bench/micro/storage.ts [rows]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/index.ts';
import { openStorage } from '../../src/storage/index.ts';
import { testTable } from '../../src/storage/testing.ts';
import { sharedScope } from '../../src/storage/types.ts';
import { Oid } from '../../src/types/oid.ts';

const rowsTotal = Number(process.argv[2] ?? 1_000_000);
const rowsPerCall = 2000;
const table = testTable({
  columns: {
    id: Oid.int8,
    delay: Oid.int4,
    origin: Oid.text,
    distance: Oid.float8,
    at: Oid.timestamp,
    carrier: Oid.int4,
  },
  primaryKey: ['id'],
});

function report(what: string, count: number, ms: number): void {
  const rss = Math.round(process.memoryUsage.rss() / 2 ** 20);
  const rate = Math.round((count / ms) * 1000);
  process.stdout.write(`${what.padEnd(28)} ${rate.toLocaleString('en')} /s, ${rss} MiB resident\n`);
}

async function timed(what: string, work: () => Promise<number>): Promise<void> {
  const start = performance.now();
  const count = await work();
  report(what, count, performance.now() - start);
}

const folder = mkdtempSync(join(tmpdir(), 'pgtide-bench-'));
const storage = await openStorage({ dataDir: folder, clock: systemClock });
try {
  await timed('insertMany, one transaction', async () => {
    const transaction = storage.begin();
    for (let at = 0; at < rowsTotal; at += rowsPerCall) {
      const rows = Array.from({ length: rowsPerCall }, (_, i) => {
        const id = at + i;
        return [BigInt(id), id % 2000, `SFO ${id % 5000}`, id / 3, BigInt(id) * 1_000_000n, id % 7];
      });
      await transaction.insertMany(table, '', rows);
    }
    await transaction.commit({ sync: true });
    return rowsTotal;
  });
  const scan = async (columns?: readonly number[]): Promise<number> => {
    const reading = storage.begin();
    let count = 0;
    const options = { scope: sharedScope, ...(columns === undefined ? {} : { columns }) };
    for await (const rows of reading.scan(table, options)) count += rows.length;
    await reading.rollback();
    return count;
  };
  await timed('hot scan, all columns', () => scan());
  await timed('hot scan, one column', () => scan([2]));
  await timed('getSync, hot', async () => {
    for (let i = 0; i < 50_000; i++) {
      const reading = storage.begin();
      reading.getSync(table, '', [BigInt((i * 7919) % rowsTotal)]);
      await reading.rollback();
    }
    return 50_000;
  });
  await timed('durable inserts, 16 at once', async () => {
    const each = 1000;
    await Promise.all(
      Array.from({ length: 16 }, async (_, writer) => {
        for (let i = 0; i < each; i++) {
          const transaction = storage.begin();
          const id = BigInt(rowsTotal + writer * each + i);
          await transaction.insert(table, '', [id, 1, 'SFO', 1, 1n, 1]);
          await transaction.commit({ sync: true });
        }
      }),
    );
    return 16 * each;
  });
  await timed('flush', async () => (await storage.flush(table, {})).rows);
  await timed('removal of flushed keys', async () => {
    await storage.idle();
    return rowsTotal;
  });
  await timed('cold scan, all columns', () => scan());
  await timed('cold scan, one column', () => scan([2]));
  await timed('get, cold', async () => {
    const reading = storage.begin();
    for (let i = 0; i < 50; i++) await reading.get(table, '', [BigInt((i * 7919) % rowsTotal)]);
    await reading.rollback();
    return 50;
  });
} finally {
  await storage.close();
  rmSync(folder, { recursive: true, force: true });
}
