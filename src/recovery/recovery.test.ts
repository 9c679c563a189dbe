import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PgError, SqlState } from '../base/index.ts';
import type { Report } from '../base/index.ts';
import type { Backend, Recovery } from './recovery.ts';
import { retryMs, startRecoverable } from './recovery.ts';

const failure = new PgError(SqlState.diskFull, 'no space left on device');

/** What happened, in order, and the switches of the disk. */
let events: string[];
let lines: string[];
let diskFails: boolean;
let openFails: boolean;
let break_: ((failure: PgError) => void) | undefined;
let ended: Report | undefined;
/** What a client was told that came while there was no backend. */
let refused: unknown;
let recovery: Recovery;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  [events, lines, diskFails, openFails, ended] = [[], [], false, false, undefined];
  let number = 0;
  const open = async (): Promise<Backend> => {
    const name = `backend ${++number}`;
    if (openFails) throw new Error('Input/output error');
    events.push(`open ${name}`);
    return {
      sessions: { open: () => Promise.reject(new Error(name)) },
      onFailure: (listener) => {
        break_ = listener;
      },
      close: async () => void events.push(`close ${name}`),
    };
  };
  recovery = await startRecoverable({
    open,
    probe: async () => {
      if (diskFails) throw new Error('ENOSPC');
      events.push('probed');
    },
    endSessions: async (report) => {
      ended = report;
      events.push('sessions ended');
      refused = await connecting().catch((error: unknown) => error);
    },
    log: pino({ base: null }, { write: (line: string) => void lines.push(line) }),
  });
});
afterEach(() => vi.useRealTimers());

const connecting = (): Promise<unknown> =>
  recovery.sessions.open(new Map(), undefined as never, undefined as never);
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

test('after a failed write the backend is closed and another opened, with one line for each step', async () => {
  break_!(failure);
  await settled();
  expect(events).toEqual([
    'open backend 1',
    'probed',
    'sessions ended',
    'close backend 1',
    'open backend 2',
  ]);
  expect(ended).toMatchObject({ severity: 'FATAL', code: '57P02' });
  expect(refused).toMatchObject({
    message: 'the database system is in recovery mode',
    report: { severity: 'FATAL', code: '57P03' },
  });
  await expect(connecting()).rejects.toThrow('backend 2');
  expect(lines).toHaveLength(4);
  expect(lines[0]).toContain('no space left on device');
  expect(lines[3]).toMatch(/recovery: done after \d+ ms/);
});

test('while the disk is full the old backend goes on, for reads; a failure to open is tried again', async () => {
  diskFails = true;
  break_!(failure);
  await vi.advanceTimersByTimeAsync(20 * retryMs.most);
  expect(events).toEqual(['open backend 1']);
  await expect(connecting()).rejects.toThrow('backend 1');
  // Told once, however often it is tried.
  expect(lines).toHaveLength(2);

  [diskFails, openFails] = [false, true];
  await vi.advanceTimersByTimeAsync(20 * retryMs.most);
  expect(events.at(-1)).toBe('close backend 1');
  await expect(connecting()).rejects.toMatchObject({ code: '57P03' });

  openFails = false;
  await vi.advanceTimersByTimeAsync(retryMs.most);
  expect(events.at(-1)).toMatch(/^open backend \d+$/);
  // And again.
  break_!(failure);
  await settled();
  expect(events.at(-1)).toMatch(/^open backend \d+$/);
  expect(events.filter((event) => event.startsWith('open'))).toHaveLength(3);
});

test('a stop ends the attempts', async () => {
  diskFails = true;
  break_!(failure);
  await settled();
  const stopped = recovery.stop();
  await stopped;
  expect(events).toEqual(['open backend 1', 'close backend 1']);
});
