/** The two servers that run scenarios, and how each is asked who waits. */
import pg from 'pg';
import { findPostgres, startPostgres } from '../../../bench/lib/postgres.ts';
import { startServerProcess } from '../../support/server-process.ts';
import type { WhoWaits } from './run.ts';

export interface ScenarioServer {
  readonly port: number;
  readonly whoWaits: WhoWaits;
  /** What it has written last, to find out why it has ended. */
  output(): string;
  close(): Promise<void>;
}

/** Whether the version is here that the expected outputs are of. */
export const oracleInstalled = findPostgres()?.version === '15';

/** Deadlocks are found almost at once, as pgtide does; see blockedForMs in run.ts. */
const settings = {
  deadlock_timeout: '10ms',
  fsync: 'off',
  autovacuum: 'off',
  timezone: 'UTC',
  lc_messages: 'C',
  max_connections: '200',
};

const waitingInPostgres = `select pid from unnest($1::int[]) as pid
  where cardinality(pg_blocking_pids(pid)) + cardinality(pg_safe_snapshot_blocking_pids(pid)) > 0`;
const waitingInPgtide = 'select process_id as pid from system.locks where not granted';

async function openControl(port: number): Promise<pg.Client> {
  const identity = { host: '127.0.0.1', port, user: 'postgres', database: 'postgres' };
  const control = new pg.Client(identity);
  // A server that dies is seen by the session that was waiting for it.
  control.on('error', () => undefined);
  await control.connect();
  return control;
}

/** PostgreSQL 15, the judge. */
export async function startScenarioOracle(): Promise<ScenarioServer> {
  const server = await startPostgres(settings);
  const { port } = server;
  const control = await openControl(port);
  return {
    port,
    async whoWaits(processIds) {
      const { rows } = await control.query<{ pid: number }>(waitingInPostgres, [processIds]);
      return new Set(rows.map(({ pid }) => pid));
    },
    output: () => '',
    async close() {
      await control.end();
      await server.stop();
    },
  };
}

export async function startScenarioPgtide(): Promise<ScenarioServer> {
  const server = await startServerProcess();
  const { port } = server;
  const control = await openControl(port);
  return {
    port,
    async whoWaits() {
      const { rows } = await control.query<{ pid: number }>({
        name: 'waiting',
        text: waitingInPgtide,
      });
      return new Set(rows.map(({ pid }) => pid));
    },
    output: () => server.output(),
    async close() {
      await control.end().catch(() => undefined);
      await server.remove();
    },
  };
}
