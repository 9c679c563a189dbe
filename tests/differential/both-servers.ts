import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import type { ServerProcess } from '../support/server-process.ts';
import { startServerProcess } from '../support/server-process.ts';

/** pgtide and PostgreSQL (PGlite) with the same tables; there while a file's tests run. */
export interface BothServers {
  readonly client: pg.Client;
  readonly postgres: PGlite;
}

/** Starts both before the file's tests, runs `schema` on them, and ends them after. */
export function bothServers(schema: readonly string[]): BothServers {
  let server: ServerProcess;
  let client: pg.Client;
  let postgres: PGlite;
  beforeAll(async () => {
    server = await startServerProcess();
    client = new pg.Client({
      host: '127.0.0.1',
      port: server.port,
      user: 'postgres',
      database: 'postgres',
    });
    await client.connect();
    postgres = await PGlite.create();
    for (const sql of schema) {
      await client.query(sql);
      await postgres.exec(sql);
    }
  });
  afterAll(async () => {
    await client.end();
    await postgres.close();
    await server.remove();
  });
  return {
    get client() {
      return client;
    },
    get postgres() {
      return postgres;
    },
  };
}
