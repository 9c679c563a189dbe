import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { ClientConfig } from 'pg';
import { percentile } from './stats.ts';
import type { Server } from './server.ts';
import { clientConfig } from './server.ts';

/** How one parameter of a prepared statement is made for each request, always as text. */
export type Parameter =
  | { readonly kind: 'integer'; readonly from: number; readonly to: number }
  | { readonly kind: 'text'; readonly length: number };

export interface Request {
  readonly text: string;
  readonly parameters: readonly Parameter[];
}

/** What a worker thread is given when it is made. */
export interface LoadWorkerData {
  readonly client: ClientConfig;
  readonly connections: number;
  readonly request: Request;
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of each request, in milliseconds, sorted. */
  readonly latenciesMs: Float64Array;
  readonly seconds: number;
}

/** Connections that send one prepared statement in a closed loop, from threads of their own. */
export interface Load {
  /** Sends for about `seconds`. Rejects when any request fails. */
  run(seconds: number): Promise<LoadResult>;
  close(): Promise<void>;
}

/** Two threads, since one Node thread as a client can be slower than the server that it measures. */
const threadCount = 2;

export async function openLoad(
  server: Server,
  connections: number,
  request: Request,
): Promise<Load> {
  const workers = await Promise.all(
    Array.from({ length: threadCount }, async () => {
      const workerData: LoadWorkerData = {
        client: clientConfig(server),
        connections: connections / threadCount,
        request,
      };
      const worker = new Worker(new URL('./load-worker.ts', import.meta.url), { workerData });
      await once(worker, 'message');
      return worker;
    }),
  );
  return {
    async run(seconds) {
      const started = performance.now();
      const latencies = await Promise.all(
        workers.map(async (worker) => {
          worker.postMessage(seconds * 1000);
          const [message] = (await once(worker, 'message')) as [Float64Array];
          return message;
        }),
      );
      return summary(latencies, (performance.now() - started) / 1000);
    },
    async close() {
      await Promise.all(
        workers.map(async (worker) => {
          const exited = once(worker, 'exit');
          worker.postMessage(0);
          await exited;
        }),
      );
    },
  };
}

/** Several runs, as if they had been one. */
export function inOne(results: readonly LoadResult[]): LoadResult {
  return summary(
    results.map(({ latenciesMs }) => latenciesMs),
    results.reduce((sum, { seconds }) => sum + seconds, 0),
  );
}

function summary(parts: readonly Float64Array[], seconds: number): LoadResult {
  const latenciesMs = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    latenciesMs.set(part, at);
    at += part.length;
  }
  latenciesMs.sort();
  return {
    requestsPerSecond: latenciesMs.length / seconds,
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
    latenciesMs,
    seconds,
  };
}
