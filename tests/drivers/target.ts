/**
 * The server that the suites of this folder talk to: pgtide as a process of its own, or, where PGTEST_POSTGRES_PORT says the
 * port of one on 127.0.0.1 (user and database postgres, trust), real PostgreSQL. What the suites expect must hold there too.
 */
import { startServerProcess } from '../support/server-process.ts';

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  stop(): Promise<void>;
}

const postgresPort = Number(process.env['PGTEST_POSTGRES_PORT'] ?? 0);

/** False where a test of what is pgtide's own makes no sense. */
export const targetIsPgtide = postgresPort === 0;

export async function startTarget(): Promise<Target> {
  const identity = { host: '127.0.0.1', user: 'postgres', database: 'postgres' };
  if (!targetIsPgtide) return { ...identity, port: postgresPort, stop: async () => undefined };
  const server = await startServerProcess();
  return { ...identity, port: server.port, stop: () => server.remove() };
}
