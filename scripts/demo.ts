/**
 * npm run demo: shows a running server at work on real data, then how to look around in what it leaves behind. May be run again; it
 * removes what an earlier run has made first, and nothing else.
 */
import { parseArgs } from 'node:util';
import { chatDemo } from './demo/chat.ts';
import { flightsDemo } from './demo/flights.ts';
import type { Target } from './demo/server.ts';
import { DemoError, connect } from './demo/server.ts';
import { heading, seconds } from './demo/terminal.ts';

const flightsMax = 3_000_000;
const help = `npm run demo -- [--host address] [--port port] [--rows count]

  --host address  where the server is (127.0.0.1)
  --port port     its port (5454)
  --rows count    how many of the ${flightsMax} flights to load, at least 5000 (all)
`;

interface Options {
  readonly target: Target;
  readonly rows: number;
}

function readOptions(): Options | undefined {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        host: { type: 'string', default: '127.0.0.1' },
        port: { type: 'string', default: '5454' },
        rows: { type: 'string', default: String(flightsMax) },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }));
  } catch (error) {
    throw new DemoError(`${(error as Error).message}\n\n${help}`);
  }
  if (values.help) return undefined;
  const port = Number(values.port);
  const rows = Number(values.rows.replaceAll('_', ''));
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new DemoError(`--port ${values.port}: must be an integer from 1 to 65535`);
  }
  if (!Number.isInteger(rows) || rows < 5000 || rows > flightsMax) {
    throw new DemoError(`--rows ${values.rows}: must be an integer from 5000 to ${flightsMax}`);
  }
  return { target: { host: values.host, port }, rows };
}

function printCommands({ host, port }: Target): void {
  const psql = `psql -h ${host} -p ${port} -U postgres postgres`;
  heading('look around');
  console.log(`
${psql}                                     # then try:

  \\d demo.flights
  EXPLAIN ANALYZE SELECT origin, avg(delay) FROM demo.flights GROUP BY origin;
  SELECT * FROM demo.flights WHERE id = 4711;
  SELECT table_name, kind, hot_rows, cold_rows, files FROM system.tables;
  SELECT user_id, path, rows FROM system.files;
  SELECT job_id, job_type, table_name, status, result FROM system.jobs;

  SET tide.user_id = 'ann';
  SELECT id, body, _updated FROM chat.messages ORDER BY id DESC LIMIT 3;
  UPDATE chat.messages SET body = body || '!' WHERE room = 'flights';      -- flushed rows too
  DELETE FROM chat.messages WHERE room = 'general';
  SET tide.include_deleted = on;
  SELECT room, _deleted, count(*) FROM chat.messages GROUP BY 1, 2;

To remove what the demo has made:  DROP NAMESPACE demo CASCADE; DROP NAMESPACE chat CASCADE;`);
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options === undefined) {
    console.log(help);
    return;
  }
  const { target, rows } = options;
  const started = performance.now();
  const client = await connect(target);
  const watcher = await connect(target);
  try {
    await flightsDemo(client, watcher, rows);
    await chatDemo(client, watcher, target);
    printCommands(target);
    console.log(`\ndone in ${seconds(performance.now() - started)}`);
  } finally {
    await client.end();
    await watcher.end();
  }
}

main().catch((error: unknown) => {
  const { message, code, detail, hint } = error as Error & Record<string, string | undefined>;
  console.error(`\ndemo: ${message}${code === undefined ? '' : ` (${code})`}`);
  if (detail !== undefined) console.error(`DETAIL: ${detail}`);
  if (hint !== undefined) console.error(`HINT: ${hint}`);
  // Anything else is a fault of the demo or the server, and for whoever works on them.
  if (!(error instanceof DemoError)) console.error(error);
  process.exitCode = 1;
});
