import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const readyTimeoutMs = 60_000;
const stopTimeoutMs = 30_000;
const outputCharsMax = 65_536;
const serverMain = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface ServerProcessOptions {
  /** Where the data is. Default: a new temporary folder, removed by `remove`. */
  readonly dataDir?: string | undefined;
  /** Default: one that is free. */
  readonly port?: number | undefined;
  /** More arguments after `serve --port … --data-dir …`. */
  readonly args?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** The script that is run. Default: src/main.ts. */
  readonly main?: string | undefined;
}

/** pgtide as a process of its own, which the test that started it ends. */
export interface ServerProcess {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  /** Of the process that runs now; undefined while stopped. */
  pid(): number | undefined;
  /** What it wrote to stdout and stderr since it was started, the end of it at least. */
  output(): string;
  /** Ends it by `signal`, SIGTERM unless told, and by SIGKILL when that takes too long. Returns its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Stops it when needed and starts it again on the same data. Returns the milliseconds from spawn to ready. */
  restart(): Promise<number>;
  /** Stops it and removes the temporary folder. */
  remove(): Promise<void>;
}

/** A TCP port of the loopback interface that is free now. */
export async function freePort(): Promise<number> {
  const listener = createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  listener.close();
  await once(listener, 'close');
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return address.port;
}

/** Ends `child` by `signal`, by SIGKILL after a while. Resolves with its exit code once it is gone. */
export async function endProcess(
  child: ChildProcess,
  signal: NodeJS.Signals,
): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    await exited;
    clearTimeout(timer);
  }
  return child.exitCode;
}

/** Resolves when `child` has said on stdout that it is ready. Rejects with what it wrote when it ends before that. */
async function waitUntilReady(child: ChildProcess, output: () => string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let said = '';
  const failed = (why: string): void => reject(new Error(`pgtide ${why}:\n${output()}`));
  const timer = setTimeout(() => failed(`is not ready after ${readyTimeoutMs} ms`), readyTimeoutMs);
  child.once('error', (error) => failed(`did not start: ${error.message}`));
  // 'close' comes after all output, so that the message has it.
  child.once('close', (code, signal) => failed(`did not start, exit ${code ?? signal}`));
  const listen = (chunk: Buffer): void => {
    said += chunk.toString();
    if (/\bready\b/.test(said)) resolve();
  };
  child.stdout?.on('data', listen);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    child.stdout?.off('data', listen);
  }
}

/** Starts pgtide and waits until it is ready. Rejects with its output when it ends or takes too long. */
export async function startServerProcess(
  options: ServerProcessOptions = {},
): Promise<ServerProcess> {
  const temporary =
    options.dataDir === undefined ? await mkdtemp(join(tmpdir(), 'pgtide-server-')) : undefined;
  const dataDir = options.dataDir ?? join(temporary ?? '', 'data');
  const port = options.port ?? (await freePort());
  let child: ChildProcess | undefined;
  let output = '';

  async function start(): Promise<number> {
    const started = performance.now();
    output = '';
    const args = ['serve', '--port', `${port}`, '--data-dir', dataDir, ...(options.args ?? [])];
    child = spawn(process.execPath, [options.main ?? serverMain, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    });
    const record = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-outputCharsMax);
    };
    child.stdout?.on('data', record);
    child.stderr?.on('data', record);
    try {
      await waitUntilReady(child, () => output);
    } catch (error) {
      await stop('SIGKILL');
      throw error;
    }
    return performance.now() - started;
  }

  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (child === undefined) return null;
    const code = await endProcess(child, signal);
    child = undefined;
    return code;
  }

  async function remove(): Promise<void> {
    await stop();
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }

  try {
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    host: '127.0.0.1',
    port,
    dataDir,
    pid: () => child?.pid,
    output: () => output,
    stop,
    async restart() {
      await stop();
      return await start();
    },
    remove,
  };
}
