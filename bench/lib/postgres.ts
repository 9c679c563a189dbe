import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { endProcess, freePort } from '../../tests/support/server-process.ts';
import type { Server } from './server.ts';
import { treeMemoryBytes, treeProcessorSeconds } from './server.ts';

const startTimeoutMs = 30_000;
const debianFolder = '/usr/lib/postgresql';

/** PostgreSQL's major version, 15 where there is one, else the newest, and the folder with its programs. Undefined: none. */
export function findPostgres():
  | { readonly version: string; readonly binaries: string }
  | undefined {
  const versions = existsSync(debianFolder)
    ? readdirSync(debianFolder).filter((name) =>
        existsSync(join(debianFolder, name, 'bin', 'postgres')),
      )
    : [];
  const version = versions.includes('15')
    ? '15'
    : versions.toSorted((a, b) => Number(b) - Number(a))[0];
  if (version === undefined) return undefined;
  return { version, binaries: join(debianFolder, version, 'bin') };
}

/** Throws when there is none. */
function binariesFolder(): string {
  const found = findPostgres();
  if (found === undefined) {
    throw new Error('the baseline needs PostgreSQL: apt-get install postgresql (or: --own-only)');
  }
  return found.binaries;
}

/** PostgreSQL refuses to run as root: then it runs as the user that Debian's package made. */
function unprivilegedUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** A PostgreSQL with default settings but these, on new data in a temporary folder, which `stop` removes. */
export async function startPostgres(
  settings: Readonly<Record<string, string>> = {},
): Promise<Server & { readonly version: string }> {
  const binaries = binariesFolder();
  const asUser = unprivilegedUser();
  const folder = await mkdtemp(join(tmpdir(), 'pgtide-bench-postgres-'));
  if (asUser !== undefined) await chown(folder, asUser.uid, asUser.gid);
  const dataDir = join(folder, 'data');
  const options = { cwd: folder, ...asUser };
  execFileSync(
    join(binaries, 'initdb'),
    ['-D', dataDir, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8'],
    { ...options, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const version = execFileSync(join(binaries, 'postgres'), ['--version'], {
    encoding: 'utf8',
  }).trim();
  const port = await freePort();
  const address = { host: '127.0.0.1', port, database: 'postgres', user: 'postgres' };
  const flags = Object.entries({ listen_addresses: '127.0.0.1', ...settings }).flatMap(
    ([name, value]) => ['-c', `${name}=${value}`],
  );
  let child: ChildProcess | undefined;

  async function start(): Promise<number> {
    const started = performance.now();
    let log = '';
    const server = spawn(
      join(binaries, 'postgres'),
      ['-D', dataDir, '-p', `${port}`, '-k', folder, ...flags],
      { ...options, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    child = server;
    server.stderr.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-4000);
    });
    for (;;) {
      if (server.exitCode !== null) throw new Error(`PostgreSQL did not start:\n${log}`);
      const client = new pg.Client(address);
      const connected = await client.connect().then(
        () => true,
        () => false,
      );
      await client.end().catch(() => undefined);
      if (connected) return performance.now() - started;
      if (performance.now() - started > startTimeoutMs) {
        throw new Error(`PostgreSQL is not ready after ${startTimeoutMs} ms:\n${log}`);
      }
      await sleep(10);
    }
  }

  async function end(): Promise<void> {
    // SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client.
    if (child !== undefined) await endProcess(child, 'SIGINT');
    child = undefined;
  }

  await start();
  return {
    name: 'PostgreSQL',
    version,
    ...address,
    dataDir,
    // Many processes over one shared memory, which must count once.
    memoryBytes: () => treeMemoryBytes(child?.pid ?? 0, 'split'),
    processorSeconds: () => treeProcessorSeconds(child?.pid ?? 0),
    async stop() {
      await end();
      await rm(folder, { recursive: true, force: true });
    },
    async restart() {
      await end();
      return await start();
    },
  };
}
