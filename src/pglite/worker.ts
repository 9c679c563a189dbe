/** The worker thread that owns one PGlite instance. Everything it is told comes through its parentPort, one at a time. */
import { openAsBlob } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { assert } from '../base/index.ts';
import type { FromWorker, ToWorker, WorkerOptions } from './worker-messages.ts';

/** Code-point order everywhere, and small WAL segments: the cluster is a cache of 25 MB. */
const initDbParameters = [
  '--wal-segsize=1',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--encoding=UTF8',
  '--username=postgres',
];

const serverParameters: Readonly<Record<string, string>> = {
  // PGlite's own log would go to stderr, and cost 0.6 ms a statement.
  log_min_messages: 'panic',
  search_path: '"$user", public',
  allow_system_table_mods: 'off',
  min_wal_size: '2MB',
  max_wal_size: '16MB',
  // All of it becomes resident at start: 128 MB by default, for a cluster of 25 MB that the kernel caches as well.
  shared_buffers: '8MB',
};

/** The exit status by which the WebAssembly module says that PostgreSQL has jumped to its error handler. */
const postgresLongjmp = 100;

const port = parentPort;
assert(port !== null, 'the PGlite worker runs in a worker thread');
const options = workerData as WorkerOptions;

function say(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  port!.postMessage(message, transfer);
}

async function start(): Promise<PGlite> {
  const parameters = { ...serverParameters, ...options.parameters };
  const template = options.templateTar;
  return PGlite.create({
    ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
    ...(template === undefined ? {} : { loadDataDir: await openAsBlob(template) }),
    initDbStartParams: initDbParameters,
    startParams: [
      ...PGlite.defaultStartParams,
      ...Object.entries(parameters).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
  });
}

/** What the backend died of, when it did: PGlite's loop swallows every exception that is not PostgreSQL's longjmp. */
let trapped: unknown;

/** PGlite's main loop, told to remember exceptions after which the instance must not be used again. */
function watchMainLoop(pglite: PGlite): void {
  const { Module: module } = pglite;
  const { _PostgresMainLoopOnce: runOnce } = module;
  module._PostgresMainLoopOnce = () => {
    try {
      runOnce();
    } catch (error) {
      if ((error as { status?: unknown }).status !== postgresLongjmp) trapped ??= error;
      throw error;
    }
  };
}

/** Raw round trip. PGlite's own execProtocolRaw would also decode every message, which nobody here needs. */
async function exchange(
  pglite: PGlite,
  bytes: Uint8Array,
): Promise<{ chunks: Uint8Array[]; total: number }> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  await pglite.execProtocolRawStream(bytes, {
    syncToFs: false,
    onRawData: (data) => {
      total += data.length;
      // The chunk is a view of WebAssembly memory. Past the bound only the length is kept.
      if (total <= options.responseBytesMax) chunks.push(data.slice());
    },
  });
  if (trapped !== undefined) throw new Error(describe(trapped));
  return { chunks, total };
}

function joined(chunks: readonly Uint8Array[], total: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function hasError(bytes: Uint8Array): boolean {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 5 <= view.length; at += 1 + view.readInt32BE(at + 1)) {
    if (view[at] === 0x45 /* E */) return true;
  }
  return false;
}

async function run(pglite: PGlite, request: Extract<ToWorker, { kind: 'run' }>): Promise<void> {
  const { id, prelude, bytes } = request;
  if (prelude !== undefined) {
    const { chunks, total } = await exchange(pglite, prelude);
    const response = joined(chunks, total);
    if (hasError(response)) {
      say({ kind: 'preludeFailed', id, bytes: response }, [response.buffer]);
      return;
    }
  }
  const { chunks, total } = await exchange(pglite, bytes);
  if (total > options.responseBytesMax) {
    say({ kind: 'tooLarge', id, responseBytes: total });
    return;
  }
  const response = joined(chunks, total);
  // A response without ReadyForQuery (or anything at all) means that the backend has gone away under us.
  if (response.length === 0) throw new Error('PGlite gave no answer');
  say({ kind: 'response', id, bytes: response }, [response.buffer]);
}

async function dump(pglite: PGlite, id: number, path: string): Promise<void> {
  await pglite.exec('CHECKPOINT');
  const tar = await pglite.dumpDataDir('none');
  await writeFile(path, Buffer.from(await tar.arrayBuffer()));
  say({ kind: 'dumped', id });
}

/** Emscripten throws objects that are no Errors. */
function describe(error: unknown): string {
  if (error instanceof Error) return error.message;
  const { name, status } = error as { name?: unknown; status?: unknown };
  return typeof name === 'string' ? `${name} ${String(status)}` : String(error);
}

let broken = false;

async function handle(pglite: PGlite, message: ToWorker): Promise<void> {
  if (broken) return;
  try {
    if (message.kind === 'run') {
      await run(pglite, message);
    } else if (message.kind === 'dump') {
      await dump(pglite, message.id, message.path);
    } else {
      await pglite.close();
      say({ kind: 'closed' });
      port!.close();
    }
  } catch (error) {
    const text = describe(error);
    if (message.kind === 'close') {
      say({ kind: 'closed' });
      port!.close();
    } else {
      // The main thread ends this one; nothing that arrives meanwhile is run.
      broken = true;
      say({ kind: 'broken', id: message.id, message: text });
    }
  }
}

try {
  const pglite = await start();
  watchMainLoop(pglite);
  const version = await pglite.query<{ server_version: string }>('SHOW server_version');
  let queue = Promise.resolve();
  port.on('message', (message: ToWorker) => {
    queue = queue.then(() => handle(pglite, message));
  });
  say({
    kind: 'ready',
    serverVersion: version.rows[0]!.server_version,
  });
} catch (error) {
  say({ kind: 'startFailed', message: describe(error) });
  port.close();
}
