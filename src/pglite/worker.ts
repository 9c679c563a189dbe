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
};

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

async function handle(pglite: PGlite, message: ToWorker): Promise<void> {
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
    const text = error instanceof Error ? error.message : String(error);
    if (message.kind === 'close') {
      say({ kind: 'closed' });
    } else {
      say({ kind: 'broken', id: message.id, message: text });
    }
    port!.close();
  }
}

try {
  const pglite = await start();
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
  say({ kind: 'startFailed', message: error instanceof Error ? error.message : String(error) });
  port.close();
}
