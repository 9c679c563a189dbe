/** Time as pgtide sees it; injected so that tests drive it. */
export interface Clock {
  /** Microseconds since 2000-01-01 00:00:00 UTC, PostgreSQL's epoch. */
  now(): bigint;
  /** Milliseconds from an arbitrary start, never going back. */
  monotonicMs(): number;
}

/** Microseconds between the Unix epoch and PostgreSQL's (2000-01-01). */
export const pgEpochUnixMicros = 946_684_800_000_000n;

const startUnixMicros = BigInt(Math.round(performance.timeOrigin * 1000));

export const systemClock: Clock = {
  now: () => startUnixMicros + BigInt(Math.floor(performance.now() * 1000)) - pgEpochUnixMicros,
  monotonicMs: () => performance.now(),
};

/** A clock that stands still until told otherwise. */
export function manualClock(startMicros = 0n): Clock & { advance(micros: bigint): void } {
  let now = startMicros;
  return {
    now: () => now,
    monotonicMs: () => Number(now / 1000n),
    advance: (micros) => {
      now += micros;
    },
  };
}
