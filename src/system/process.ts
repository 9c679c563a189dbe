import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../base/index.ts';

/** What system.stats tells of the process. */
export interface ProcessFigures {
  /** Microseconds since 2000-01-01 UTC. */
  readonly startedAt: bigint;
  /** Null until it accepts connections. */
  readonly startUpMs: number | null;
  now(): bigint;
  memory(): { readonly rss: number; readonly heapUsed: number; readonly external: number };
  /** How late timers come on the main thread, since the start. */
  eventLoop(): { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };
  /** Bytes that the DuckDB of queries holds; undefined: it has not been started. */
  columnarMemory(): Promise<number | undefined>;
}

/** How often the delay is measured; what is told is what a timer came late by beyond that. */
const resolutionMs = 50;

export interface ProcessMeter {
  readonly figures: Omit<ProcessFigures, 'columnarMemory' | 'startUpMs'> & {
    startUpMs: number | null;
  };
  stop(): void;
}

export function measureProcess(clock: Clock): ProcessMeter {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  const ms = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - resolutionMs);
  return {
    figures: {
      startedAt: clock.now(),
      startUpMs: null,
      now: () => clock.now(),
      memory: () => process.memoryUsage(),
      eventLoop: () => ({
        p50Ms: ms(delay.percentile(50)),
        p99Ms: ms(delay.percentile(99)),
        maxMs: ms(delay.max),
      }),
    },
    stop: () => void delay.disable(),
  };
}
