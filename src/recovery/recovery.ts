/**
 * recovery: what follows a failed write of the hot store, whose outcome nobody knows until it is opened again.
 *
 *   serving ──failed write──▶ read-only ──the disk takes writes──▶ recovering ──storage is open again──▶ serving
 *
 * Read-only: reads go on, writes are refused by the storage. Recovering: every connection is ended, new ones get 57P03, all that stands
 * on the storage is closed and opened again. Both are tried again until they succeed or the server stops.
 */
import type { Logger } from 'pino';
import { PgError, SqlState } from '../base/index.ts';
import type { Report } from '../base/index.ts';
import type { SessionHandler } from '../session/connection.ts';

/** All that stands on an opened storage. */
export interface Backend {
  readonly sessions: SessionHandler;
  /** Called when the storage writes no more, or when something else is of no use before all is opened again. */
  onFailure(listener: (failure: PgError) => void): void;
  close(): Promise<void>;
}

export interface RecoveryOptions {
  readonly open: () => Promise<Backend>;
  /** Rejects while the disk does not take what opening has to write. */
  readonly probe: () => Promise<void>;
  /** Ends every connection with `report`; resolves when their sessions are closed. */
  readonly endSessions: (report: Report) => Promise<void>;
  readonly log: Logger;
}

/** The backend, whichever is the present one. */
export interface Recovery {
  /** Refuses with 57P03 while there is none. */
  readonly sessions: SessionHandler;
  /** Gives up recovering, closes the backend. Sessions are closed before. */
  stop(): Promise<void>;
}

/** Waits between attempts: doubled from the least to the most. */
export const retryMs = { least: 100, most: 5000 };

const terminated: Report = {
  severity: 'FATAL',
  code: SqlState.crashShutdown,
  message: 'terminating connection because of a failed write to the data folder',
  detail: 'The server opens its storage again, to find out which transactions were committed.',
  hint: 'In a moment you should be able to reconnect to the database and repeat your command.',
};

function inRecovery(): PgError {
  return new PgError(SqlState.cannotConnectNow, 'the database system is in recovery mode', {
    severity: 'FATAL',
  });
}

/** Resolves after `ms`, or when `stop` is aborted. */
async function pause(ms: number, stop: AbortSignal): Promise<void> {
  if (stop.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => resolve();
  const timer = setTimeout(end, ms);
  stop.addEventListener('abort', end);
  await promise;
  clearTimeout(timer);
  stop.removeEventListener('abort', end);
}

/** Opens the first backend, and after each failure another. Errors: those of the first `open`. */
export async function startRecoverable(options: RecoveryOptions): Promise<Recovery> {
  const { log } = options;
  const stopping = new AbortController();
  let backend: Backend | undefined;
  let recovering: Promise<void> = Promise.resolve();

  async function open(): Promise<void> {
    const opened = await options.open();
    backend = opened;
    let failed = false;
    opened.onFailure((failure) => {
      // One failure often brings another.
      if (failed || backend !== opened) return;
      failed = true;
      recovering = recover(opened, failure);
    });
  }

  /** Repeats `attempt` until it succeeds. False when the server stops before that. */
  async function persist(attempt: () => Promise<void>, what: string): Promise<boolean> {
    let told: string | undefined;
    for (let waitMs = retryMs.least; ; waitMs = Math.min(2 * waitMs, retryMs.most)) {
      if (stopping.signal.aborted) return false;
      try {
        await attempt();
        return true;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (reason !== told)
          log.error({ reason }, `recovery: ${what}; it is tried again and again`);
        told = reason;
      }
      await pause(waitMs, stopping.signal);
    }
  }

  async function recover(failed: Backend, failure: PgError): Promise<void> {
    const startedMs = performance.now();
    log.error(
      { code: failure.code, reason: failure.message },
      'recovery: a write has failed; until the data folder can be written, reads go on as far as they can',
    );
    if (!(await persist(options.probe, 'the data folder can not be written'))) return;
    log.warn('recovery: the data folder can be written; all connections are ended');
    backend = undefined;
    await options.endSessions(terminated);
    try {
      await failed.close();
    } catch (error) {
      log.warn({ err: error }, 'recovery: something of the old storage did not close cleanly');
    }
    log.warn('recovery: the storage is opened again');
    if (!(await persist(open, 'the storage could not be opened'))) return;
    const ms = Math.round(performance.now() - startedMs);
    log.warn({ ms }, `recovery: done after ${ms} ms; connections are accepted`);
  }

  await open();
  return {
    sessions: {
      open: async (...client) => {
        if (backend === undefined) throw inRecovery();
        return await backend.sessions.open(...client);
      },
    },
    async stop() {
      stopping.abort();
      await recovering;
      await backend?.close();
    },
  };
}
