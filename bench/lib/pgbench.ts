import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findPostgres } from './postgres.ts';
import type { Server } from './server.ts';

const run = promisify(execFile);

/** Bytes of its output. */
const outputBytesMax = 16 * 1024 * 1024;

export interface PgbenchResult {
  readonly tps: number;
  readonly latencyMs: number;
}

/** Debian's pgbench. Throws when there is none. */
function program(): string {
  const found = findPostgres();
  const path = found === undefined ? '' : join(found.binaries, 'pgbench');
  if (existsSync(path)) return path;
  throw new Error('pgbench is missing: apt-get install postgresql');
}

async function pgbench(server: Server, args: readonly string[]): Promise<string> {
  const { host, port, user, database } = server;
  const address = ['-h', host, '-p', `${port}`, '-U', user];
  const { stdout } = await run(program(), [...address, ...args, database], {
    maxBuffer: outputBytesMax,
  });
  return stdout;
}

/** `pgbench -i` with its default steps. Returns the seconds that it took. */
export async function initPgbench(server: Server, scale: number): Promise<number> {
  const started = performance.now();
  await pgbench(server, ['-i', '-q', '-s', `${scale}`]);
  return (performance.now() - started) / 1000;
}

/** Runs transactions for some seconds. Throws when any of them fails. */
export async function runPgbench(
  server: Server,
  options: {
    readonly mode: 'simple' | 'extended' | 'prepared';
    readonly clients: number;
    readonly seconds: number;
    /** A script instead of the built-in one. */
    readonly script?: string;
  },
): Promise<PgbenchResult> {
  const { mode, clients, seconds, script } = options;
  const threads = Math.min(2, clients);
  const given = script === undefined ? [] : ['-n', '-f', script];
  const load = ['-M', mode, '-c', `${clients}`, '-j', `${threads}`, '-T', `${seconds}`];
  const out = await pgbench(server, [...load, ...given]);
  const failed = Number(/^number of failed transactions: (\d+)/m.exec(out)?.[1] ?? 0);
  if (failed > 0) throw new Error(`${failed} transactions failed on ${server.name}:\n${out}`);
  const tps = Number(/^tps = ([\d.]+)/m.exec(out)?.[1]);
  const latencyMs = Number(/^latency average = ([\d.]+) ms/m.exec(out)?.[1]);
  if (!(tps > 0)) throw new Error(`pgbench said nothing of tps on ${server.name}:\n${out}`);
  return { tps, latencyMs };
}
