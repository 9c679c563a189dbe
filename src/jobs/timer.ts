/** One-shot timers: calls `then` in so many milliseconds; the function returned calls it off. */
export type SetTimer = (ms: number, then: () => void) => () => void;

/** What Node's timers take at most; longer ones would fire at once. */
const timerMsMax = 2 ** 31 - 1;

/** The system's timers, which keep no process alive. One for a longer time than they take fires early. */
export const systemTimer: SetTimer = (ms, then) => {
  const timer = setTimeout(then, Math.min(Math.max(0, ms), timerMsMax));
  timer.unref();
  return () => clearTimeout(timer);
};
