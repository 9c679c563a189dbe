import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { PgError, SqlState } from '../../base/index.ts';
import type { FileTarget } from '../cold/file-writer.ts';
import type { Faults } from '../engine.ts';
import { noFaults } from '../engine.ts';
import type { FlushWork, FlushedScope } from './flush-files.ts';
import type { FlushThreadData, FromFlushThread, ToFlushThread } from './flush-messages.ts';
import { receiveError, receiveScope, sendError, sendTable } from './flush-messages.ts';

/** How long a thread without work is kept. */
const idleMs = 10_000;

/** Who a flush in the thread talks to. */
export interface FlushThreadHost {
  readonly faults: Faults;
  target(userId: string): FileTarget;
  onProgress(read: number): void;
  onLeftBehind(): void;
  /** Ends the flush with 57014. */
  readonly signal: AbortSignal;
}

/**
 * The thread that reads a large table's hot rows and makes its files, so that the main one goes on answering. It has its own handle on
 * the hot store, from which it only reads, and its own DuckDB; it lists nothing and removes nothing. One flush at a time.
 */
export interface FlushThread {
  flush(work: FlushWork, host: FlushThreadHost): AsyncGenerator<FlushedScope>;
  /** Must come before the hot store is closed. */
  close(): Promise<void>;
}

export function flushThread(data: FlushThreadData): FlushThread {
  let worker: Promise<Worker> | undefined;
  /** The same once it is ready, until it has ended. */
  let running: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  let closing = false;

  async function start(): Promise<Worker> {
    const made = new Worker(new URL('./flush-worker.ts', import.meta.url), { workerData: data });
    // It has died, or ended as it was told: the next flush gets another. Who waits for it is told by listeners of its own.
    const gone = (): void => {
      if (running !== made) return;
      running = undefined;
      worker = undefined;
    };
    made.on('error', gone);
    made.on('exit', gone);
    try {
      await once(made, 'message');
    } catch (error) {
      worker = undefined;
      throw error;
    }
    running = made;
    return made;
  }

  async function stop(): Promise<void> {
    clearTimeout(idle);
    const made = running;
    running = undefined;
    worker = undefined;
    if (made === undefined) return;
    const exited = new Promise((resolve) => {
      made.once('exit', resolve);
    });
    made.ref();
    send(made, { kind: 'close' });
    await exited;
  }

  async function* run(work: FlushWork, host: FlushThreadHost): AsyncGenerator<FlushedScope> {
    clearTimeout(idle);
    const mine = await (worker ??= start());
    mine.ref();
    const arrived: FlushedScope[] = [];
    let ended = false;
    let failure: Error | undefined;
    let wake: () => void = () => undefined;
    const end = (error: Error | undefined): void => {
      failure ??= error;
      ended = true;
      wake();
    };
    const onMessage = (message: FromFlushThread): void => {
      switch (message.kind) {
        case 'scope':
          arrived.push(receiveScope(message.scope));
          wake();
          break;
        case 'progress':
          host.onProgress(message.read);
          break;
        case 'left behind':
          host.onLeftBehind();
          break;
        case 'target':
          answer(mine, message.call, () => host.target(message.userId));
          break;
        case 'fault':
          answer(mine, message.call, () => host.faults(message.step));
          break;
        case 'end':
          end(message.error === undefined ? undefined : receiveError(message.error));
          break;
        case 'ready':
          break;
      }
    };
    const onGone = (error: unknown): void => {
      end(
        error instanceof Error
          ? error
          : new PgError(SqlState.internalError, 'the flush thread has ended'),
      );
    };
    const onAbort = (): void => send(mine, { kind: 'cancel' });
    mine.on('message', onMessage);
    mine.on('error', onGone);
    mine.on('exit', onGone);
    host.signal.addEventListener('abort', onAbort);
    try {
      send(mine, {
        kind: 'flush',
        work: { ...work, table: sendTable(work.table) },
        asksFaults: host.faults !== noFaults,
      });
      if (host.signal.aborted) onAbort();
      for (;;) {
        while (arrived.length > 0) yield arrived.shift()!;
        if (ended) break;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (failure !== undefined) throw failure;
    } finally {
      // Whoever goes away early leaves no one writing.
      if (!ended) {
        onAbort();
        while (!ended)
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
      host.signal.removeEventListener('abort', onAbort);
      mine.off('message', onMessage);
      mine.off('error', onGone);
      mine.off('exit', onGone);
      mine.unref();
      if (!closing) idle = setTimeout(() => void stop(), idleMs).unref();
    }
  }

  return {
    async *flush(work, host) {
      const before = turn;
      const mine = Promise.withResolvers<void>();
      turn = mine.promise;
      try {
        await before;
        yield* run(work, host);
      } finally {
        mine.resolve();
      }
    },
    async close() {
      closing = true;
      await turn;
      await stop();
    },
  };
}

function send(worker: Worker, message: ToFlushThread): void {
  worker.postMessage(message);
}

function answer(worker: Worker, call: number, work: () => FileTarget | void | Promise<void>): void {
  const answered = async (): Promise<ToFlushThread> => {
    try {
      const target = await work();
      return { kind: 'answer', call, ...(target === undefined ? {} : { target }) };
    } catch (error) {
      return { kind: 'refusal', call, error: sendError(error) };
    }
  };
  void answered().then((message) => send(worker, message));
}
