/** What the end-to-end tests share: node-postgres clients of a server process. */
import pg from 'pg';
import type { ServerProcess } from '../support/server-process.ts';

export interface ClientOptions {
  readonly user?: string;
  readonly settings?: Readonly<Record<string, string>>;
}

/** A connected client. Losing its connection is not an error of the process: the query in flight tells. */
export async function connect(
  server: Pick<ServerProcess, 'host' | 'port'>,
  { user = 'postgres', settings = {} }: ClientOptions = {},
): Promise<pg.Client> {
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  const { host, port } = server;
  const client = new pg.Client({
    host,
    port,
    user,
    database: 'postgres',
    options: options.join(' '),
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Runs `work` with a client of its own. */
export async function withClient<T>(
  server: Pick<ServerProcess, 'host' | 'port'>,
  work: (client: pg.Client) => Promise<T>,
  options?: ClientOptions,
): Promise<T> {
  const client = await connect(server, options);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The rows of one statement, each an array. */
export async function rowsOf(client: pg.Client, text: string): Promise<unknown[][]> {
  const { rows } = await client.query<unknown[]>({ text, rowMode: 'array' });
  return rows;
}

/** The SQLSTATE and message that `text` fails with. */
export async function errorOf(
  client: pg.Client,
  text: string,
): Promise<{ readonly code: string | undefined; readonly message: string }> {
  try {
    await client.query(text);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { code } = error as pg.DatabaseError;
    return { code, message: error.message };
  }
  throw new Error(`did not fail: ${text}`);
}
