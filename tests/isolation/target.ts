/** The servers that the random histories come from: pgtide, and PostgreSQL 15 to see that the checkers find what it shows. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startServerProcess } from '../support/server-process.ts';
import { startScenarioOracle } from './scenarios/server.ts';

export interface Target {
  readonly name: 'pgtide' | 'PostgreSQL';
  readonly port: number;
  /** A new connection. The caller ends it. */
  connect(): Promise<pg.Client>;
  stop(): Promise<void>;
}

function connector(port: number): Target['connect'] {
  return async () => {
    const identity = { host: '127.0.0.1', port, user: 'postgres', database: 'postgres' };
    const client = new pg.Client(identity);
    // A connection that breaks is seen by the query that was running.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
}

export async function startPgtide(): Promise<Target> {
  const server = await startServerProcess();
  const { port } = server;
  return { name: 'pgtide', port, connect: connector(port), stop: () => server.remove() };
}

export async function startPostgresTarget(): Promise<Target> {
  const server = await startScenarioOracle();
  const { port } = server;
  return { name: 'PostgreSQL', port, connect: connector(port), stop: () => server.close() };
}

/** SQLSTATE of what a query threw; undefined when the connection broke. */
export function sqlstateOf(error: unknown): string | undefined {
  if (error instanceof pg.DatabaseError) return error.code;
  return undefined;
}

/** SQLSTATEs after which a client tries again: serialization failure, deadlock. */
export const givenUp: ReadonlySet<string | undefined> = new Set(['40001', '40P01']);

/** Writes what was seen to a new folder and tells where, so that it can be looked at and judged again. */
export async function saveHistory(history: unknown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pgtide-history-'));
  const path = join(folder, 'history.json');
  await writeFile(path, `${JSON.stringify(history)}\n`);
  return path;
}
