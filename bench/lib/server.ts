import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

/** A running server that a workload measures. Whoever started it stops it. */
export interface Server {
  readonly name: 'pgtide' | 'PostgreSQL';
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly dataDir: string;
  /** Resident memory of all its processes now, in bytes. */
  memoryBytes(): Promise<number>;
  /** Processor time that all its processes have used so far, in seconds. */
  processorSeconds(): Promise<number>;
  /** Ends it gracefully. May be called again. */
  stop(): Promise<void>;
  /** Stops it when needed, then starts it on the same data. Returns the milliseconds from spawn to ready. */
  restart(): Promise<number>;
}

export function clientConfig(server: Server): pg.ClientConfig {
  const { host, port, database, user } = server;
  return { host, port, database, user };
}

/** Runs `work` with a connection that is closed afterwards. */
export async function withClient<T>(
  server: Server,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(clientConfig(server));
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Runs statements one by one on one connection. */
export async function execute(server: Server, ...statements: readonly string[]): Promise<void> {
  await withClient(server, async (client) => {
    for (const statement of statements) await client.query(statement);
  });
}

const run = promisify(execFile);

/** Ids of a process and of all below it. */
async function processTree(pid: number): Promise<readonly number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=']);
  const pairs = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const tree = [pid];
  for (const parent of tree) {
    for (const [child, itsParent] of pairs) {
      if (itsParent === parent && child !== undefined) tree.push(child);
    }
  }
  return tree;
}

/**
 * Resident bytes of a process and all below it. `shared` tells how to count a page that several processes have:
 * 'split' gives each its part (proportional set size, Linux only), 'full' counts it in each.
 */
export async function treeMemoryBytes(pid: number, shared: 'split' | 'full'): Promise<number> {
  const field = shared === 'split' ? /^Pss:\s+(\d+) kB/m : /^Rss:\s+(\d+) kB/m;
  let total = 0;
  for (const member of await processTree(pid)) {
    const rollup = await readFile(`/proc/${member}/smaps_rollup`, 'utf8').catch(() => '');
    const kilobytes =
      field.exec(rollup)?.[1] ?? (await run('ps', ['-o', 'rss=', '-p', `${member}`])).stdout.trim();
    total += Number(kilobytes) * 1024;
  }
  return total;
}

/** Processor time of a process and all below it, in seconds, to the hundredth. */
export async function treeProcessorSeconds(pid: number): Promise<number> {
  let ticks = 0;
  for (const member of await processTree(pid)) {
    const stat = await readFile(`/proc/${member}/stat`, 'utf8').catch(() => '');
    // The second field is a name in parentheses; utime and stime are the 14th and 15th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }
  return ticks / 100;
}

const restLookMs = 500;
/** Of a processor, when a server is at rest. */
const restShareMax = 0.04;

/** Waits until a server has nothing to do any more. */
export async function atRest(server: Server): Promise<void> {
  for (;;) {
    const before = await server.processorSeconds();
    await setTimeout(restLookMs);
    const used = (await server.processorSeconds()) - before;
    if (used <= (restLookMs / 1000) * restShareMax) return;
  }
}
