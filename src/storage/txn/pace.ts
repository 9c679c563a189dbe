import { availableParallelism } from 'node:os';
import { setImmediate, setTimeout } from 'node:timers/promises';

/** Keys of one slice where others have work: some 0.2 ms of the main thread's time, which a statement may find itself waiting for. */
const busyKeys = 64;
/** Of one slice at the most: where others have no work, or where it has taken so long that it might fall behind for good. */
const keysMax = 512;
/** After so long a slice may be twice as large. */
const doublingMs = 30_000;
const restMsMax = 50;
/** The main thread counts as busy when it works for this part of a look's time. */
const busyShare = 0.25;
const lookMs = 5;
/** Slices between two looks. */
const lookEvery = 32;

/** How long work shares the main thread: slices, and a rest after each. */
export interface Pace {
  /** Of the next slice. */
  readonly keys: number;
  /** Lets others have their turn after a slice that took so many milliseconds. */
  rest(tookMs: number): Promise<void>;
}

/** Of what somebody waits for: others have their turn after each slice, and no more. */
export const awaitedPace: Pace = { keys: keysMax, rest: () => setImmediate() };

/**
 * Of what nobody waits for. Small slices and as long a rest as each took where others have work; larger ones and only a turn of the event loop where they have
 * none, which is looked at again every few slices. Slices grow with the time since the pace was made, which is when the work was
 * asked for: what comes faster than small ones can remove would pile up.
 */
export function backgroundPace(): Pace {
  const sinceMs = performance.now();
  let quiet = false;
  let slices = 0;
  return {
    get keys() {
      if (quiet) return keysMax;
      const doublings = Math.floor((performance.now() - sinceMs) / doublingMs);
      return Math.min(busyKeys * 2 ** doublings, keysMax);
    },
    async rest(tookMs) {
      if (slices++ % lookEvery === 0) quiet = await isQuiet(lookMs);
      else if (quiet) await setImmediate();
      else await setTimeout(Math.min(Math.max(1, tookMs), restMsMax));
    },
  };
}

/** Whether the main thread has little to do for others, judged by so many milliseconds in which the caller does nothing. */
async function isQuiet(ms: number): Promise<boolean> {
  const before = performance.eventLoopUtilization();
  await setTimeout(ms);
  return performance.eventLoopUtilization(before).utilization < busyShare;
}

/** Whether a second thread of work is in nobody's way: with one, reads keep their latency; two are faster where nobody waits. */
export async function hasSpareProcessor(ms: number): Promise<boolean> {
  return availableParallelism() > 1 && (await isQuiet(ms));
}
