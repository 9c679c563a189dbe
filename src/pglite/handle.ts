/**
 * The main thread's side of one PGlite instance: a strictly first-in-first-out request queue with one request in flight,
 * text queries, settings, and a new worker when the old one dies.
 */
import { Worker } from 'node:worker_threads';
import { assert, PgError, SqlState } from '../base/index.ts';
import type { Report } from '../base/index.ts';
import {
  backendMessages,
  errorAfter,
  errorOf,
  readReport,
  readRowDescription,
  readTextRow,
  summarize,
} from './backend-messages.ts';
import type { PgliteField, TransactionStatus } from './backend-messages.ts';
import { inspectDirectory, PgliteDirectoryError, writeStamp } from './directory.ts';
import {
  bindMessage,
  describePortalMessage,
  executeMessage,
  parseMessage,
  queryMessage,
  syncMessage,
} from './frontend-messages.ts';
import { settingStatements } from './session-settings.ts';
import type { SessionSettings } from './session-settings.ts';
import type { FromWorker, ToWorker, WorkerOptions } from './worker-messages.ts';

export interface PgliteOptions {
  /** What errors call it: `the analyzer was restarted`. */
  readonly name: string;
  /** Directory of the cluster, created when missing or empty; undefined: in memory. */
  readonly dataDir?: string | undefined;
  /** Tar that a new cluster starts from instead of running initdb (template.ts). */
  readonly templateTar?: string | undefined;
  /** Server parameters (`-c name=value`): what RESET goes back to. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Runs after a new worker has started in place of a dead one, before any waiting request. */
  readonly onRestart?: (session: PgliteSession, reason: string) => Promise<void>;
  /** Called when it has died and can't be started again: from then on every request is refused. */
  readonly onFailed?: (error: Error) => void;
}

export interface QueryResult {
  readonly fields: readonly PgliteField[];
  readonly rows: readonly (string | null)[][];
  /** Command tag of the last statement. */
  readonly command: string;
  readonly notices: readonly Report[];
}

export interface PgliteSession {
  /**
   * A raw round trip: `bytes` are frontend messages ending in Sync (or one simple Query), the answer is every message up
   * to ReadyForQuery; errors of the statement are in it. With `settings`, they are applied first in the same round trip,
   * and what fails there is thrown as PgError. `signal` gives the request up with the signal's reason (a PgError): a waiting one
   * drops out of the queue, a running one is interrupted.
   */
  protocol(
    bytes: Uint8Array,
    settings?: SessionSettings,
    signal?: AbortSignal,
  ): Promise<Uint8Array>;
  /** Text in and out. Without `params` several statements may be given; the rows are the last one's. Throws PgError. */
  query(
    sql: string,
    params?: readonly (string | null)[],
    settings?: SessionSettings,
  ): Promise<QueryResult>;
  /** Makes the instance's settings these; free of cost when they are already. */
  applySettings(settings: SessionSettings): Promise<void>;
}

export interface PgliteHandle extends PgliteSession {
  readonly serverVersion: string;
  /** The directory was closed properly last time (true for a new one). */
  readonly cleanStart: boolean;
  /** The directory was empty: nothing of ours is in the cluster yet. */
  readonly fresh: boolean;
  readonly transactionStatus: TransactionStatus;
  /** Times that the worker was replaced. */
  readonly restarts: number;
  /** Ends what is running, rejecting it with `error`, and starts a new worker. Nothing running: nothing happens. */
  interrupt(error: PgError): void;
  /** Ends the worker for good, as when it can't be started again: `onFailed` is told, requests are 57P03. Closed before or not. */
  giveUp(error: Error): void;
  /** Writes the cluster as a tar that `templateTar` takes. */
  dump(path: string): Promise<void>;
  /** Waits for the queue, then ends the worker. Later requests are 57P01. */
  close(): Promise<void>;
}

/** initdb takes 2 to 5 s; a broken cluster may hang instead of failing. */
const startTimeoutMs = 60_000;
/** Requests that may wait; each session has at most one under way. */
const waitingRequestsMax = 16_384;
/** Bytes of one response; more is 54000. */
const responseBytesMax = 512 * 1024 * 1024;
/** The worker's JavaScript heap (WebAssembly memory and PGlite's files are outside of it). */
const oldGenerationMbMax = 128;
const youngGenerationMbMax = 16;
/** Deep enough that PostgreSQL's own max_stack_depth is met first: 54001 instead of a dead instance. */
const stackMbMax = 64;
/** Last characters of the worker's stderr kept for the error when it dies. */
const diagnosticCharsMax = 2000;

type Answer = Extract<FromWorker, { readonly id: number }>;

interface Request {
  readonly settings: SessionSettings | undefined;
  message(id: number, prelude: Uint8Array | undefined): ToWorker;
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

const settingsUntouched: SessionSettings = new Map();

/** PostgreSQL panics when its own files can't be written: then the disk is to blame. */
function codeOfDeath(detail: string): string {
  if (/no space left/i.test(detail)) return SqlState.diskFull;
  return /(?:i\/o|input\/output) error/i.test(detail) ? SqlState.ioError : SqlState.internalError;
}

/**
 * Starts an instance: about 0.3 s from an existing directory, 0.4 s from a template, 2 s and more by initdb.
 * @throws PgliteDirectoryError when the directory is foreign or the cluster in it does not start
 */
export async function openPglite(options: PgliteOptions): Promise<PgliteHandle> {
  const { dataDir } = options;
  const found = dataDir === undefined ? { fresh: true, clean: true } : inspectDirectory(dataDir);

  let worker: Worker | undefined;
  let state: 'starting' | 'restoring' | 'ready' | 'closing' | 'closed' | 'failed' = 'starting';
  let failure: Error | undefined;
  let inFlight: { id: number; request: Request } | undefined;
  let nextId = 1;
  let restarts = 0;
  let status: TransactionStatus = 'I';
  /** What the instance's settings are; undefined: unknown. */
  let applied: SessionSettings | undefined = settingsUntouched;
  let serverVersion = '';
  let diagnostics = '';
  /** Why the worker is about to end, when we know. */
  let deathReason: { error: PgError } | undefined;
  /** The worker has been told to end, or has said that it cannot go on. */
  let dying = false;
  const waiting: Request[] = [];
  /** Requests of onRestart, which go before the waiting ones. */
  const restoring: Request[] = [];
  let onIdle: (() => void) | undefined;

  const restarted = (detail: string): PgError =>
    new PgError(codeOfDeath(detail), `the ${options.name} was restarted`, {
      detail: detail === '' ? undefined : detail,
    });

  function pump(): void {
    if (inFlight !== undefined || worker === undefined || dying) return;
    const request =
      state === 'restoring'
        ? restoring.shift()
        : state === 'starting'
          ? undefined
          : waiting.shift();
    if (request === undefined) {
      if (waiting.length === 0 && restoring.length === 0) onIdle?.();
      return;
    }
    const id = nextId++;
    let prelude: Uint8Array | undefined;
    // A failed transaction accepts no SET; what comes next is ROLLBACK or fails with 25P02 as it must.
    if (request.settings !== undefined && status !== 'E') {
      const statements = settingStatements(applied, request.settings);
      if (statements !== undefined) prelude = queryMessage(statements);
      applied = request.settings;
    }
    inFlight = { id, request };
    worker.postMessage(request.message(id, prelude));
  }

  function settle(answer: Answer): void {
    assert(inFlight?.id === answer.id, 'PGlite answered a request that is not in flight');
    const { request } = inFlight;
    inFlight = undefined;
    switch (answer.kind) {
      case 'response': {
        const summary = summarize(answer.bytes);
        if (summary.touchesSettings) applied = undefined;
        status = summary.status ?? status;
        request.resolve(answer);
        break;
      }
      case 'preludeFailed':
        applied = undefined;
        status = summarize(answer.bytes).status ?? status;
        request.reject(firstError(answer.bytes));
        break;
      case 'tooLarge':
        applied = undefined;
        request.reject(
          new PgError(
            SqlState.programLimitExceeded,
            `result of ${answer.responseBytes} bytes exceeds the maximum of ${responseBytesMax}`,
          ),
        );
        break;
      case 'dumped':
        request.resolve(answer);
        break;
      case 'broken':
        request.reject(restarted(answer.message));
        deathReason = { error: restarted(answer.message) };
        // Nothing more goes to this worker: its end starts another.
        dying = true;
        void worker?.terminate();
        return;
    }
    pump();
  }

  function fail(error: Error): void {
    state = 'failed';
    failure = error;
    const lost = [...restoring.splice(0), ...waiting.splice(0)];
    if (inFlight !== undefined) lost.unshift(inFlight.request);
    inFlight = undefined;
    for (const request of lost) request.reject(unavailable());
    onIdle?.();
    options.onFailed?.(error);
  }

  function unavailable(): PgError {
    if (state === 'failed') {
      return new PgError(SqlState.cannotConnectNow, `the ${options.name} cannot start`, {
        detail: failure?.message,
      });
    }
    return new PgError(SqlState.adminShutdown, `the ${options.name} has been shut down`);
  }

  async function start(fresh: boolean): Promise<void> {
    const workerData: WorkerOptions = {
      dataDir,
      templateTar: fresh || dataDir === undefined ? options.templateTar : undefined,
      parameters: options.parameters ?? {},
      responseBytesMax,
    };
    const started = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData,
      execArgv: [],
      stdout: true,
      stderr: true,
      resourceLimits: {
        maxOldGenerationSizeMb: oldGenerationMbMax,
        maxYoungGenerationSizeMb: youngGenerationMbMax,
        stackSizeMb: stackMbMax,
      },
    });
    diagnostics = '';
    started.stdout.resume();
    started.stderr.setEncoding('utf8').on('data', (text: string) => {
      diagnostics = (diagnostics + text).slice(-diagnosticCharsMax);
    });
    await new Promise<void>((resolve, reject) => {
      const refuse = (message: string): void => {
        clearTimeout(timer);
        void started.terminate();
        reject(new PgliteDirectoryError('broken', dataDir, `PGlite does not start: ${message}`));
      };
      const timer = setTimeout(() => refuse(`no answer in ${startTimeoutMs} ms`), startTimeoutMs);
      started.once('error', (error: Error) => refuse(error.message));
      started.once('exit', () => refuse(diagnostics));
      started.once('message', (message: FromWorker) => {
        clearTimeout(timer);
        started.removeAllListeners('error').removeAllListeners('exit');
        if (message.kind !== 'ready') {
          refuse(message.kind === 'startFailed' ? message.message : message.kind);
          return;
        }
        serverVersion = message.serverVersion;
        resolve();
      });
    });
    try {
      if (dataDir !== undefined) writeStamp(dataDir, false);
    } catch (error) {
      await started.terminate();
      throw error;
    }
    applied = settingsUntouched;
    status = 'I';
    dying = false;
    worker = started;
    watch(started);
  }

  function watch(started: Worker): void {
    let cause = '';
    started.on('message', (message: FromWorker) => {
      if ('id' in message) settle(message);
    });
    started.on('error', (error: Error) => {
      cause = error.message;
    });
    started.once('exit', () => {
      if (worker !== started) return;
      worker = undefined;
      if (state === 'closing' || state === 'closed' || state === 'failed') {
        // Whatever was still running is lost with it.
        if (inFlight !== undefined) fail(new Error(cause));
        return;
      }
      const request = inFlight?.request;
      inFlight = undefined;
      const death = deathReason?.error;
      const reason = death?.report.detail ?? death?.message ?? (cause || diagnostics.trim());
      request?.reject(deathReason?.error ?? restarted(reason));
      deathReason = undefined;
      for (const lost of restoring.splice(0)) lost.reject(restarted(reason));
      void restart(reason);
    });
  }

  async function restart(reason: string): Promise<void> {
    const restoringFailed = state === 'restoring';
    state = 'starting';
    restarts++;
    try {
      // A worker that dies while its state is put back would do so for ever.
      if (restoringFailed) throw new Error(`died again while its state was put back: ${reason}`);
      await start(false);
      state = 'restoring';
      await options.onRestart?.(sessionOver(restoring), reason);
      state = 'ready';
      pump();
    } catch (error) {
      void worker?.terminate();
      fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  function submit(queue: Request[], request: Request): void {
    if (state === 'failed' || state === 'closing' || state === 'closed') {
      request.reject(unavailable());
      return;
    }
    if (queue.length >= waitingRequestsMax) {
      request.reject(
        new PgError(
          SqlState.insufficientResources,
          `more than ${waitingRequestsMax} requests wait for the ${options.name}`,
        ),
      );
      return;
    }
    queue.push(request);
    pump();
  }

  function sessionOver(queue: Request[]): PgliteSession {
    const protocol: PgliteSession['protocol'] = async (bytes, settings, signal) => {
      signal?.throwIfAborted();
      let giveUp: (() => void) | undefined;
      try {
        return await new Promise<Uint8Array>((resolve, reject) => {
          const request: Request = {
            settings,
            message: (id, prelude) => ({ kind: 'run', id, prelude, bytes }),
            resolve: (answer) => {
              assert(answer.kind === 'response', 'a response to a protocol request');
              resolve(answer.bytes);
            },
            reject,
          };
          giveUp = () => {
            const error = signal?.reason as PgError;
            const at = queue.indexOf(request);
            if (inFlight?.request === request) interrupt(error);
            else if (at >= 0) {
              queue.splice(at, 1);
              reject(error);
              if (queue.length === 0) pump();
            }
          };
          signal?.addEventListener('abort', giveUp);
          submit(queue, request);
        });
      } finally {
        if (giveUp) signal?.removeEventListener('abort', giveUp);
      }
    };
    return {
      protocol,
      query: async (sql, params, settings) =>
        readResult(await protocol(queryBytes(sql, params), settings)),
      applySettings: async (settings) => {
        if (queue.length > 0 || settingStatements(applied, settings) !== undefined) {
          await protocol(syncMessage(), settings);
        }
      },
    };
  }

  function interrupt(error: PgError): void {
    if (inFlight === undefined || worker === undefined) return;
    deathReason = { error };
    dying = true;
    void worker.terminate();
  }

  await start(found.fresh);
  state = 'ready';

  async function close(): Promise<void> {
    if (state === 'closed' || state === 'closing') return;
    while (state !== 'failed' && (inFlight !== undefined || waiting.length > 0)) {
      await new Promise<void>((resolve) => {
        onIdle = resolve;
      });
    }
    const last = worker;
    if (state === 'failed' || last === undefined) {
      state = 'closed';
      await last?.terminate();
      return;
    }
    state = 'closing';
    const ended = new Promise<void>((resolve) => {
      last.once('exit', () => resolve());
    });
    last.postMessage({ kind: 'close' } satisfies ToWorker);
    const timer = setTimeout(() => void last.terminate(), startTimeoutMs);
    await ended;
    clearTimeout(timer);
    state = 'closed';
    if (dataDir !== undefined) writeStamp(dataDir, true);
  }

  return {
    ...sessionOver(waiting),
    get serverVersion() {
      return serverVersion;
    },
    cleanStart: found.clean,
    fresh: found.fresh,
    get transactionStatus() {
      // A worker that has died, or is about to, takes its transaction with it.
      return worker === undefined || dying ? 'I' : status;
    },
    get restarts() {
      return restarts;
    },
    interrupt,
    giveUp(error) {
      if (state === 'failed') return;
      fail(error);
      void worker?.terminate();
    },
    dump: (path) =>
      new Promise((resolve, reject) => {
        submit(waiting, {
          settings: undefined,
          message: (id) => ({ kind: 'dump', id, path }),
          resolve: () => resolve(),
          reject,
        });
      }),
    close,
  };
}

function queryBytes(sql: string, params: readonly (string | null)[] | undefined): Uint8Array {
  if (params === undefined) return queryMessage(sql);
  return Buffer.concat([
    parseMessage(sql),
    bindMessage(params),
    describePortalMessage(),
    executeMessage(),
    syncMessage(),
  ]);
}

function firstError(response: Uint8Array): PgError {
  for (const { tag, body } of backendMessages(response)) {
    if (tag === 'E') return errorOf(readReport(body));
  }
  return new PgError(SqlState.internalError, 'PGlite reported no error');
}

function readResult(response: Uint8Array): QueryResult {
  let fields: readonly PgliteField[] = [];
  let rows: (string | null)[][] = [];
  let command = '';
  const notices: Report[] = [];
  for (const { tag, body } of backendMessages(response)) {
    switch (tag) {
      case 'T':
        fields = readRowDescription(body);
        rows = [];
        break;
      case 'D':
        rows.push(readTextRow(body));
        break;
      case 'C':
        command = body.toString('utf8', 0, body.length - 1);
        if (
          !/^(?:SELECT|INSERT|UPDATE|DELETE|MERGE|SHOW|EXPLAIN|FETCH|CALL|EXECUTE|VALUES)\b/.test(
            command,
          )
        ) {
          fields = [];
          rows = [];
        }
        break;
      case 'N': {
        const report = readReport(body);
        if (report.severity !== 'LOG') notices.push(report);
        break;
      }
      case 'E':
        throw errorAfter(notices, readReport(body));
      default:
        break;
    }
  }
  return { fields, rows, command, notices };
}
