import { Worker } from 'node:worker_threads';
import { PgError, SqlState } from '../../base/index.ts';
import type { FileTarget } from '../cold/file-writer.ts';
import type { Faults } from '../engine.ts';
import { noFaults } from '../engine.ts';
import type { FlushWork, FlushedScope } from './flush-files.ts';
import type { FlushThreadData, FromFlushThread, ToFlushThread } from './flush-messages.ts';
import { receiveError, receiveScope, sendError, sendTable } from './flush-messages.ts';

/** How long a thread without work keeps what it has opened. */
const idleMs = 10_000;

/**
 * Threads that have nothing open. They are kept for whoever opens a storage next, and do not keep the process alive: a thread that ends
 * while native code is still at work in it may take the process along (seen once in some 200 ends: V8 aborts).
 */
const spare: Worker[] = [];

function takeWorker(): Worker {
  const kept = spare.pop();
  if (kept !== undefined) return kept;
  const made = new Worker(new URL('./flush-worker.ts', import.meta.url));
  // Who waits for it is told by listeners of its own.
  made.on('error', () => undefined);
  made.on('exit', () => {
    const at = spare.indexOf(made);
    if (at >= 0) spare.splice(at, 1);
  });
  return made;
}

/** Resolves with the next message of a kind. Rejects when the thread ends before. */
async function told<K extends FromFlushThread['kind']>(
  worker: Worker,
  kind: K,
): Promise<Extract<FromFlushThread, { kind: K }>> {
  const { promise, resolve, reject } =
    Promise.withResolvers<Extract<FromFlushThread, { kind: K }>>();
  const onMessage = (message: FromFlushThread): void => {
    if (message.kind === kind) resolve(message as Extract<FromFlushThread, { kind: K }>);
  };
  const onGone = (error: unknown): void => reject(endOf(error));
  worker.on('message', onMessage);
  worker.on('error', onGone);
  worker.on('exit', onGone);
  try {
    return await promise;
  } finally {
    worker.off('message', onMessage);
    worker.off('error', onGone);
    worker.off('exit', onGone);
  }
}

function endOf(error: unknown): Error {
  if (error instanceof Error) return error;
  return new PgError(SqlState.internalError, 'the flush thread has ended');
}

/** Who a flush in the thread talks to. */
export interface FlushThreadHost {
  readonly faults: Faults;
  target(userId: string): FileTarget;
  onProgress(read: number, key: Uint8Array): void;
  onWritten(read: number): void;
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

  /** It has died: the next flush gets another. */
  const forget = (): void => {
    running = undefined;
    worker = undefined;
  };

  async function start(): Promise<Worker> {
    const made = takeWorker();
    made.ref();
    made.on('exit', forget);
    try {
      const opened = told(made, 'opened');
      send(made, { kind: 'open', data });
      const { error } = await opened;
      if (error !== undefined) {
        made.off('exit', forget);
        keep(made);
        throw receiveError(error);
      }
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
    forget();
    if (made === undefined) return;
    made.off('exit', forget);
    const closed = told(made, 'closed');
    made.ref();
    send(made, { kind: 'close' });
    try {
      await closed;
    } catch {
      // It has ended, and what it had opened with it.
      return;
    }
    keep(made);
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
          host.onProgress(message.read, message.key);
          break;
        case 'written':
          host.onWritten(message.read);
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
        case 'opened':
        case 'closed':
          break;
      }
    };
    const onGone = (error: unknown): void => end(endOf(error));
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

function keep(worker: Worker): void {
  worker.unref();
  spare.push(worker);
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
