/** `npm run test:flushes -- --flushes 10000`: how many files there are meanwhile and in the end. Exit code 1 when there are too many. */
import { Command } from 'commander';
import { startServerProcess } from '../support/server-process.ts';
import { filesMax, runFlushes } from './many-flushes.ts';

const { flushes } = new Command('test:flushes')
  .description('flushes one row again and again, and looks how many files there are')
  .option('--flushes <count>', 'how often', '10000')
  .parse()
  .opts<{ flushes: string }>();
const count = Number(flushes);
const server = await startServerProcess();
try {
  const report = await runFlushes(server, count, {
    every: Math.max(1, Math.floor(count / 20)),
    onSample: ({ flushes: done, seconds, files, residentMib }) =>
      process.stdout.write(
        `${done} flushes in ${seconds.toFixed(0)} s: ${files} files, ${residentMib} MiB resident\n`,
      ),
  });
  const { seconds, filesMost, filesAtEnd, compactions, writesPerRow, residentMibMost } = report;
  process.stdout.write(
    `${count} flushes in ${seconds.toFixed(0)} s (${((seconds / count) * 1000).toFixed(1)} ms each): at most ${filesMost} files, ${filesAtEnd} at the end (bound ${filesMax(count)}); ${compactions} compactions, a row was written ${writesPerRow.toFixed(2)} times; at most ${residentMibMost} MiB resident\n`,
  );
  if (filesMost > filesMax(count)) process.exitCode = 1;
} finally {
  await server.remove();
}
