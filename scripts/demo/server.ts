import pg from 'pg';

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** Ends the demo with one line. */
export class DemoError extends Error {}

export async function connect(target: Target, settings: string = ''): Promise<pg.Client> {
  const client = new pg.Client({
    ...target,
    user: 'postgres',
    database: 'postgres',
    application_name: 'pgtide demo',
    options: settings,
  });
  try {
    await client.connect();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== 'ECONNREFUSED') throw error;
    throw new DemoError(
      `there is no server at ${target.host}:${target.port}. Start one in another terminal: npm start`,
    );
  }
  // The server may stop while a connection is idle; the next query tells.
  client.on('error', () => undefined);
  return client;
}

const mark = 'made by npm run demo';

/** Makes an empty namespace; one of an earlier run goes first, any other of that name stays. */
export async function freshNamespace(client: pg.Client, name: string): Promise<void> {
  const { rows } = await client.query<{ comment: string | null }>(
    `SELECT obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname = $1`,
    [name],
  );
  if (rows[0] !== undefined && rows[0].comment !== mark) {
    throw new DemoError(
      `namespace "${name}" is there already and not the demo's. If nobody needs it: DROP NAMESPACE ${name} CASCADE`,
    );
  }
  if (rows[0] !== undefined) await client.query(`DROP NAMESPACE ${name} CASCADE`);
  await client.query(`CREATE NAMESPACE ${name}`);
  await client.query(`COMMENT ON SCHEMA ${name} IS '${mark}'`);
}
