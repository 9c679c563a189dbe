/** PostgreSQL 15 as the judge: what a scenario must show. */
import pg from 'pg';
import { findPostgres, startPostgres } from '../../../bench/lib/postgres.ts';
import type { WhoWaits } from './run.ts';

/** Whether the version is here that the expected outputs are of. */
export const oracleInstalled = findPostgres()?.version === '15';

export interface ScenarioOracle {
  readonly port: number;
  readonly whoWaits: WhoWaits;
  close(): Promise<void>;
}

/** Deadlocks are found almost at once, as pgtide does; see blockedForMs in run.ts. */
const settings = {
  deadlock_timeout: '10ms',
  fsync: 'off',
  autovacuum: 'off',
  timezone: 'UTC',
  lc_messages: 'C',
  max_connections: '200',
};

const waiting = `select pid from unnest($1::int[]) as pid
  where cardinality(pg_blocking_pids(pid)) + cardinality(pg_safe_snapshot_blocking_pids(pid)) > 0`;

export async function startScenarioOracle(): Promise<ScenarioOracle> {
  const server = await startPostgres(settings);
  const { host, port, user, database } = server;
  const control = new pg.Client({ host, port, user, database });
  await control.connect();
  return {
    port,
    async whoWaits(processIds) {
      const { rows } = await control.query<{ pid: number }>(waiting, [processIds]);
      return new Set(rows.map(({ pid }) => pid));
    },
    async close() {
      await control.end();
      await server.stop();
    },
  };
}
