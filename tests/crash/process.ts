/** The server under test: a process that can be told to kill itself, killed from outside, and started again. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { endProcess, freePort } from '../support/server-process.ts';

const main = fileURLToPath(new URL('server-main.ts', import.meta.url));
const startTimeoutMs = 120_000;
const outputCharsMax = 32_768;

export interface CrashingServer {
  readonly host: string;
  port(): number;
  /** Since the last start; its end at least. */
  output(): string;
  /**
   * Starts it. `killAt` is a kill point passed while it starts. Resolves with true when it is ready, with false when it was
   * killed before. Throws with its output when it ends by itself or hangs.
   */
  start(options?: { readonly killAt?: string; readonly killAfterMs?: number }): Promise<boolean>;
  /** From now on the point's nth passage (`name#n`) kills it. */
  arm(point: string): Promise<void>;
  /** Sets its clock ahead by so much more, for good. */
  advance(ms: number): Promise<void>;
  /** Resolves once it is gone. */
  readonly gone: Promise<void>;
  kill(): Promise<void>;
  /** SIGTERM. Throws unless it ends with exit code 0. */
  stop(): Promise<void>;
}

export function crashingServer(dataDir: string, passedFile?: string): CrashingServer {
  let child: ChildProcess | undefined;
  let port = 0;
  let output = '';
  let gone: Promise<void> = Promise.resolve();
  let starts = 0;
  let aheadMs = 0;

  const tell = async (message: object): Promise<void> => {
    const running = require();
    const done = once(running, 'message');
    running.send(message);
    await Promise.race([done, gone]);
  };
  const require = (): ChildProcess => {
    if (child === undefined) throw new Error('the server has not been started');
    return child;
  };
  return {
    host: '127.0.0.1',
    port: () => port,
    output: () => output,
    get gone() {
      return gone;
    },
    async start({ killAt, killAfterMs } = {}) {
      port = await freePort();
      output = '';
      const started = spawn(
        process.execPath,
        [main, '--port', `${port}`, '--data-dir', dataDir, '--log-level', 'warn'],
        {
          stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
          env: {
            ...process.env,
            ...(killAt === undefined ? {} : { PGTIDE_CRASH_AT: killAt }),
            ...(aheadMs === 0 ? {} : { PGTIDE_CRASH_AHEAD_MS: `${aheadMs}` }),
            // Small flushes are done without it otherwise.
            ...(++starts % 2 === 0 ? { PGTIDE_CRASH_FLUSH_THREAD: '1' } : {}),
            ...(passedFile === undefined ? {} : { PGTIDE_CRASH_PASSED: passedFile }),
          },
        },
      );
      child = started;
      const record = (chunk: Buffer): void => {
        output = (output + chunk.toString()).slice(-outputCharsMax);
      };
      started.stdout?.on('data', record);
      started.stderr?.on('data', record);
      gone = once(started, 'exit').then(() => undefined);
      const closed = once(started, 'close').then(() => 'ended' as const);
      const ready = new Promise<'ready'>((resolve) => {
        started.stdout?.on('data', () => {
          if (/\bready on\b/.test(output)) resolve('ready');
        });
      });
      const timers: NodeJS.Timeout[] = [];
      if (killAfterMs !== undefined)
        timers.push(setTimeout(() => started.kill('SIGKILL'), killAfterMs));
      let hangs = false;
      timers.push(
        setTimeout(() => {
          hangs = true;
          started.kill('SIGKILL');
        }, startTimeoutMs),
      );
      const first = await Promise.race([ready, closed]);
      for (const timer of timers) clearTimeout(timer);
      if (hangs) throw new Error(`the server is not ready after ${startTimeoutMs} ms:\n${output}`);
      if (first === 'ready') return true;
      if (started.signalCode !== 'SIGKILL')
        throw new Error(`the server did not start, exit ${started.exitCode}:\n${output}`);
      return false;
    },
    arm: (point) => tell({ killAt: point }),
    async advance(ms) {
      aheadMs += ms;
      await tell({ aheadMs });
    },
    async kill() {
      require().kill('SIGKILL');
      await gone;
    },
    async stop() {
      const code = await endProcess(require(), 'SIGTERM');
      if (code !== 0) throw new Error(`the server did not stop cleanly, exit ${code}:\n${output}`);
    },
  };
}
