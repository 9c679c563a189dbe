import type { Clock } from '../base/index.ts';
import type { JobHistory } from './history.ts';
import type { JobsLog } from './types.ts';

/** How often a running job's progress is written at most. */
const progressSaveIntervalMs = 1000;

/** Writes a job's progress to memory, and from time to time to the hot store. */
export function saveProgress(
  { history, clock, log }: { history: JobHistory; clock: Clock; log: JobsLog },
  jobId: bigint,
): {
  readonly report: (fraction: number) => void;
  /** Resolves when nothing is being written. */
  settled(): Promise<void>;
} {
  let savedAtMs = clock.monotonicMs();
  let saving: Promise<void> | undefined;
  return {
    report(fraction) {
      const job = history.get(jobId);
      if (job?.status !== 'running') return;
      const now = { ...job, progress: Math.min(1, Math.max(0, fraction)) };
      history.remember(now);
      if (saving !== undefined || clock.monotonicMs() - savedAtMs < progressSaveIntervalMs) return;
      savedAtMs = clock.monotonicMs();
      saving = history
        .save(now, { sync: false })
        .catch((error: unknown) =>
          log.warn({ err: error, jobId: String(jobId) }, "a job's progress was not saved"),
        )
        .finally(() => (saving = undefined));
    },
    settled: async () => saving,
  };
}
