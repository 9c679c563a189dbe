import { availableParallelism } from 'node:os';
import { setImmediate, setTimeout } from 'node:timers/promises';

/** Keys of one slice: some 0.4 ms of the main thread's time, which is what a statement may find itself waiting for. */
const sliceKeys = 128;
const restMsMax = 50;
/** The main thread counts as busy when it works for this part of a look's time. */
const busyShare = 0.25;
const lookMs = 5;
/** Slices between two looks. */
const lookEvery = 64;

/** How work that nobody waits for shares the main thread: slices of so many keys, and a rest after each. */
export interface Pace {
  readonly keys: number;
  /** Lets others have their turn after a slice that took so many milliseconds. */
  rest(tookMs: number): Promise<void>;
}

/**
 * As long a rest as the slice took where others have work; only a turn of the event loop where they have none, which is looked at
 * again every few slices.
 */
export function backgroundPace(): Pace {
  let quiet = false;
  let slices = 0;
  return {
    keys: sliceKeys,
    async rest(tookMs) {
      if (slices++ % lookEvery === 0) quiet = await isQuiet(lookMs);
      else if (quiet) await setImmediate();
      else await setTimeout(Math.min(Math.max(1, tookMs), restMsMax));
    },
  };
}

/** Whether the main thread has little to do for others, judged by so many milliseconds in which the caller does nothing. */
export async function isQuiet(ms: number): Promise<boolean> {
  const before = performance.eventLoopUtilization();
  await setTimeout(ms);
  return performance.eventLoopUtilization(before).utilization < busyShare;
}

/** Whether a second thread of work is in nobody's way: with one, reads keep their latency; two are faster where nobody waits. */
export async function hasSpareProcessor(ms: number): Promise<boolean> {
  return availableParallelism() > 1 && (await isQuiet(ms));
}
