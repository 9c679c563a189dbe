import { PgError, SqlState } from '../base/index.ts';
import type { Clock } from '../base/index.ts';

/** What bounds a wait: a Backend of the lock manager is one. */
export interface MirrorWait {
  /** Cancel, statement_timeout: the wait ends with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** lock_timeout in milliseconds; 0: none. */
  readonly lockTimeoutMs: number;
}

/** The catalog of a transaction with DDL, as it stands open in the mirror. */
export interface PrivateView {
  /** How long making it again takes, milliseconds; about. */
  readonly replayMs: number;
  /** Takes it out of the mirror, which then shows the committed catalog. Never rejects. */
  park(): Promise<void>;
}

/**
 * Whose catalog the one mirror shows. Readers of the committed catalog share it; the transaction with DDL open (there is one
 * at a time: the lock manager's catalog lock) has it alone for each of its steps. Between its steps its view stays, until
 * somebody needs the committed catalog: then it is parked, and made again when its transaction comes back.
 */
export interface MirrorTurns {
  /** @throws 55P03 after lock_timeout, the signal's reason */
  committed<T>(read: () => Promise<T>, wait?: MirrorWait): Promise<T>;
  /** Alone in the mirror, whatever it shows. Resolves with what ends the turn. @throws as committed */
  alone(wait?: MirrorWait): Promise<() => void>;
  /** Only within a turn alone: what the mirror shows from now on; undefined: the committed catalog. */
  show(view: PrivateView | undefined): void;
  readonly shown: PrivateView | undefined;
}

/**
 * A view that has just been used is likely to be used again (migrations run one statement after the other), and parking costs
 * its transaction a replay: readers leave it this share of the replay's time, and never wait longer than the bound.
 */
const lingerShare = 0.5;
const lingerMsMax = 40;
/** A reader waits no longer than this for a view that is used again and again. */
const readerPatienceMs = 100;

interface Waiter {
  readonly alone: boolean;
  readonly sinceMs: number;
  readonly admit: () => void;
}

export function createMirrorTurns(clock: Clock): MirrorTurns {
  const waiting: Waiter[] = [];
  let readers = 0;
  /** Someone is alone, or a view is being parked. */
  let taken = false;
  let shown: PrivateView | undefined;
  let lastUsedMs = 0;
  let timer: NodeJS.Timeout | undefined;

  const park = async (view: PrivateView): Promise<void> => {
    taken = true;
    await view.park();
    shown = undefined;
    taken = false;
    admitNext();
  };

  /** Milliseconds that the first reader still leaves the view alone. */
  const lingerMs = (view: PrivateView, reader: Waiter): number => {
    const linger = Math.min(view.replayMs * lingerShare, lingerMsMax);
    return Math.min(lastUsedMs + linger, reader.sinceMs + readerPatienceMs) - clock.monotonicMs();
  };

  const admit = (at: number): void => {
    const [waiter] = waiting.splice(at, 1);
    if (waiter!.alone) taken = true;
    else readers++;
    waiter!.admit();
  };

  function admitNext(): void {
    clearTimeout(timer);
    for (;;) {
      const next = waiting[0];
      if (next === undefined || taken) return;
      if (next.alone) {
        if (readers > 0) return;
        admit(0);
      } else if (shown === undefined) {
        admit(0);
      } else {
        const ms = lingerMs(shown, next);
        if (ms <= 0) {
          void park(shown);
          return;
        }
        const own = waiting.findIndex((waiter) => waiter.alone);
        if (own < 0) {
          timer = setTimeout(admitNext, Math.ceil(ms));
          return;
        }
        admit(own);
      }
    }
  }

  function enter(alone: boolean, wait: MirrorWait | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      wait?.signal?.throwIfAborted();
      let timeout: NodeJS.Timeout | undefined;
      const leave = (): void => {
        clearTimeout(timeout);
        wait?.signal?.removeEventListener('abort', aborted);
      };
      const giveUp = (error: unknown): void => {
        const at = waiting.indexOf(waiter);
        if (at < 0) return;
        leave();
        waiting.splice(at, 1);
        reject(error as Error);
        admitNext();
      };
      const aborted = (): void => giveUp(wait?.signal?.reason);
      const waiter: Waiter = {
        alone,
        sinceMs: clock.monotonicMs(),
        admit: () => {
          leave();
          resolve();
        },
      };
      waiting.push(waiter);
      admitNext();
      if (!waiting.includes(waiter)) return;
      wait?.signal?.addEventListener('abort', aborted, { once: true });
      if (wait !== undefined && wait.lockTimeoutMs > 0) {
        timeout = setTimeout(() => giveUp(lockTimeout()), wait.lockTimeoutMs);
      }
    });
  }

  return {
    committed: async (read, wait) => {
      await enter(false, wait);
      try {
        return await read();
      } finally {
        readers--;
        admitNext();
      }
    },
    alone: async (wait) => {
      await enter(true, wait);
      let left = false;
      return () => {
        if (left) return;
        left = true;
        taken = false;
        lastUsedMs = clock.monotonicMs();
        admitNext();
      };
    },
    show: (view) => {
      shown = view;
    },
    get shown() {
      return shown;
    },
  };
}

function lockTimeout(): PgError {
  return new PgError(SqlState.lockNotAvailable, 'canceling statement due to lock timeout');
}
