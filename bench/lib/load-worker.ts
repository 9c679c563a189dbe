/**
 * One thread of a load (see load.ts). Says 'ready' once its connections are open. A message of n > 0 makes it send
 * requests for n milliseconds and answer with every latency in milliseconds; 0 makes it disconnect and end.
 */
import { parentPort, workerData } from 'node:worker_threads';
import pg from 'pg';
import type { LoadWorkerData, Parameter } from './load.ts';

const { client: config, connections, request } = workerData as LoadWorkerData;
const filler = 'the quick brown fox jumps over the lazy dog '.repeat(100);

function valueOf(parameter: Parameter): string {
  switch (parameter.kind) {
    case 'integer':
      return `${parameter.from + Math.floor(Math.random() * (parameter.to - parameter.from + 1))}`;
    case 'text':
      return filler.slice(0, parameter.length);
  }
}

async function sendUntil(client: pg.Client, deadline: number, latencies: number[]): Promise<void> {
  for (;;) {
    const started = performance.now();
    if (started >= deadline) return;
    await client.query({
      name: 'request',
      text: request.text,
      values: request.parameters.map(valueOf),
    });
    latencies.push(performance.now() - started);
  }
}

const clients = await Promise.all(
  Array.from({ length: connections }, async () => {
    const client = new pg.Client(config);
    await client.connect();
    return client;
  }),
);

async function serve(forMs: number): Promise<void> {
  if (forMs === 0) {
    await Promise.all(clients.map((client) => client.end()));
    parentPort?.close();
    return;
  }
  const latencies: number[] = [];
  const deadline = performance.now() + forMs;
  await Promise.all(clients.map((client) => sendUntil(client, deadline, latencies)));
  parentPort?.postMessage(Float64Array.from(latencies));
}

parentPort?.on('message', (forMs: number) => void serve(forMs));
parentPort?.postMessage('ready');
