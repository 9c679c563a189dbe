/**
 * A server that kills itself: `pgtide serve` with a kill point.
 *
 * PGTIDE_CRASH_AT=`name#n` kills the process at the nth passage of a point, from the start on; the parent's message
 * `{ killAt }` does so from then on. PGTIDE_CRASH_PASSED names a file that gets a line with each point passed for the first time.
 * PGTIDE_CRASH_AHEAD_MS sets its clock ahead, and the parent's message `{ aheadMs }` does so while it runs.
 * PGTIDE_CRASH_FLUSH_THREAD=1 has even the smallest flush done by the flush thread.
 */
import { appendFileSync, writeSync } from 'node:fs';
import { Command } from 'commander';
import { pino } from 'pino';
import type { Clock } from '../../src/base/index.ts';
import { systemClock } from '../../src/base/index.ts';
import { addConfigFlags, configFlags, readConfig } from '../../src/config/index.ts';
import { startServer } from '../../src/server.ts';
import { faultyStore } from './faulty-store.ts';

let killAt = readPoint(process.env['PGTIDE_CRASH_AT']);
const passedFile = process.env['PGTIDE_CRASH_PASSED'];
const passed = new Set<string>();

function readPoint(text: string | undefined): { name: string; passages: number } | undefined {
  if (text === undefined || text === '') return undefined;
  const [name = '', count = '1'] = text.split('#');
  return { name, passages: Number(count) };
}

function faults(step: string): void {
  if (passedFile !== undefined && !passed.has(step)) {
    passed.add(step);
    appendFileSync(passedFile, `${step}\n`);
  }
  if (killAt?.name !== step || --killAt.passages > 0) return;
  writeSync(2, `killed at ${step}\n`);
  process.kill(process.pid, 'SIGKILL');
}

let aheadMs = Number(process.env['PGTIDE_CRASH_AHEAD_MS'] ?? 0);
const clock: Clock = {
  now: () => systemClock.now() + BigInt(aheadMs) * 1000n,
  monotonicMs: () => systemClock.monotonicMs(),
};

process.on('message', (message: { readonly killAt?: string; readonly aheadMs?: number }) => {
  if (message.killAt !== undefined) killAt = readPoint(message.killAt);
  if (message.aheadMs !== undefined) aheadMs = message.aheadMs;
  process.send?.({ done: message });
});

const command = addConfigFlags(new Command('serve')).action(async () => {
  const config = readConfig(configFlags(command), process.env);
  const log = pino({ level: config.logLevel, base: null }, pino.destination({ fd: 2, sync: true }));
  const server = await startServer(config, log, {
    faults,
    clock,
    ...(process.env['PGTIDE_CRASH_FLUSH_THREAD'] === '1' ? { flushInlineRows: 0 } : {}),
    wrapStore: (store) => faultyStore(store, faults),
  });
  process.on('SIGTERM', () => {
    void server.stop().then(() => process.exit(0));
  });
  process.stdout.write(`ready on port ${server.port}\n`);
});
try {
  await command.parseAsync(process.argv.slice(2), { from: 'user' });
} catch (error) {
  process.stderr.write(
    `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exit(1);
}
