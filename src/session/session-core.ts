import { PgError, SqlState, assert, reportOf } from '../base/index.ts';
import type { Report } from '../base/index.ts';
import type { Statement } from '../sql/index.ts';
import { withoutPasswords } from '../sql/index.ts';
import { createAdvisoryLocks } from './advisory-locks.ts';
import { auditDenied } from './audit.ts';
import type { ClientInfo, Output } from './connection.ts';
import { createConstraintQueue } from '../executor/dml/constraint-events/queue.ts';
import { joinConstraints } from './constraints.ts';
import { currentRole } from './context.ts';
import { createCursors } from './cursor/cursors.ts';
import { mayWrite } from './cursor/may-write.ts';
import type { Engine } from './engine.ts';
import { asUser } from './execute-as.ts';
import { createLiveDrops } from './live-drops.ts';
import { mirrorOf } from './mirror-access.ts';
import type { ResultReader } from './portal.ts';
import { readResult } from './portal.ts';
import { isQuery } from './prepare.ts';
import { settingsReporter } from './report-settings.ts';
import type { RoleFacts } from './roles.ts';
import { readRole } from './roles.ts';
import type { QueryInput } from './run-query.ts';
import { runQuery } from './run-query.ts';
import type { SettingsStore } from './settings.ts';
import type { SlotMap } from './slot-map.ts';
import { createSlotMap } from './slot-map.ts';
import { durationMs } from './settings.ts';
import type { CopyIn, Portal, Prepared, SessionState, StatementResult } from './state.ts';
import { createTransaction, inFailedTransaction, refuseWrites } from './transaction.ts';
import { runUtility } from './utility/run.ts';
import { applySetting } from './utility/set.ts';

export interface SessionParts {
  readonly engine: Engine;
  readonly client: ClientInfo;
  readonly output: Output;
  readonly processId: number;
  readonly settings: SettingsStore;
  readonly roles: RoleFacts;
  /** What reported settings are when nothing is set. */
  readonly defaults: ReadonlyMap<string, string>;
}

/** COPY FROM STDIN that waits for its data. */
export interface CopyState {
  readonly copy: CopyIn;
  /** What follows CopyDone once the rows are stored. */
  done(tag: string): void | Promise<void>;
  /** A simple query is over when its copy fails; the extended protocol skips to Sync. */
  readonly simple: boolean;
}

type DoneResult = Extract<StatementResult, { kind: 'done' }>;

/** What both protocols stand on: one statement at a time, its transaction, its timers, its end. */
export interface SessionCore {
  readonly state: SessionState;
  readonly readers: SlotMap<Portal, ResultReader>;
  copying: CopyState | undefined;
  /** Starts the clock and the timeout of a statement, and makes it cancellable. */
  beginStatement(text: string): void;
  endStatement(): void;
  cancel(why: string): void;
  /** Fails what runs with `error`. */
  abort(error: PgError): void;
  logDuration(text: string, startMs: number): void;
  /** Runs one statement to its result, in whatever transaction is open. */
  run(prepared: Prepared, input: QueryInput): Promise<StatementResult>;
  /**
   * Plain BEGIN and COMMIT, without waiting for more than the commit itself; undefined when there is more to it: then nothing was
   * done, and run() does it.
   */
  runTransactionNow(statement: Statement): DoneResult | Promise<DoneResult> | undefined;
  /** In a failed transaction only what ends it may go on. */
  refuseInFailed(statement: Statement | undefined): void;
  /** Whose privileges hold may have changed by SET ROLE, by DDL, by the end of a transaction. */
  roleIsFresh(): boolean;
  refreshRole(): Promise<void>;
  /** Rolls back, closes what was open, writes the error. */
  fail(error: unknown): Promise<void>;
  commit(): Promise<void> | undefined;
  closePortal(portal: Portal): Promise<void>;
  closeAllPortals(): Promise<void>;
  readyForQuery(): void;
  /** The session is over. */
  stopTimers(): void;
}

export function createSessionCore(parts: SessionParts): SessionCore {
  const { engine, client, output, processId, settings } = parts;
  const { writer } = output;
  const backend = engine.storage.locks.backend(processId);
  const transaction = createTransaction(engine, settings, backend);
  const readers = createSlotMap<Portal, ResultReader>();
  let controller = new AbortController();
  let busy = false;
  let queryText = '';
  /** The command that runs; empty while it is being prepared. */
  let queryTag = '';
  let timer: NodeJS.Timeout | undefined;
  let idleTimer: NodeJS.Timeout | undefined;
  let transactionTimer: NodeJS.Timeout | undefined;
  const startedAt = engine.clock.now();
  let heldNotices: Report[] | undefined;

  const state: SessionState = {
    engine,
    client,
    output,
    processId,
    loginUser: client.user,
    settings,
    transaction,
    constraints: createConstraintQueue(),
    advisory: createAdvisoryLocks(
      engine.storage.locks,
      backend,
      () => transaction.owner,
      (report) => state.notice(report),
    ),
    liveDrops: createLiveDrops(engine.live, transaction),
    prepared: new Map(),
    portals: createSlotMap(),
    get cursors() {
      return cursors;
    },
    severalStatements: false,
    defaults: parts.defaults,
    roles: parts.roles,
    statementTime: 0n,
    currentValues: new Map(),
    lastSequence: undefined,
    get signal() {
      return controller.signal;
    },
    setSetting: async (name, value, local) => {
      const now = await applySetting(state, name, value, local);
      readLockTimeout();
      return now;
    },
    notice: (report) => {
      if (!passesClientMinMessages(report.severity, settings.get('client_min_messages'))) return;
      if (heldNotices === undefined) writer.noticeResponse(report);
      else heldNotices.push(report);
    },
    holdNotices: () => {
      const held: Report[] = [];
      heldNotices = held;
      return () => {
        heldNotices = undefined;
        for (const report of held) writer.noticeResponse(report);
      };
    },
  };

  joinConstraints(state);

  const cursors = createCursors({
    state,
    readers,
    begin: async (portal) => {
      const result = await core.run(portal.prepared, portal);
      assert(result.kind !== 'copyIn' && result.kind !== 'copyOut', 'COPY describes no rows');
      const reader = readResult(state, result, portal.resultFormats);
      readers.set(portal, reader);
      return reader;
    },
    closePortal,
  });
  transaction.join(cursors);

  const reportSettings = settingsReporter(parts.defaults);
  reportSettings(state, writer);

  engine.activity.connections++;
  engine.sessions.add(processId, () => ({
    processId,
    user: client.user,
    database: client.database,
    applicationName: settings.get('application_name') ?? '',
    remoteAddress: client.remoteAddress,
    startedAt,
    state: activity(),
    query: withoutPasswords(queryText),
  }));

  function activity(): 'active' | 'idle' | 'idle in transaction' | 'idle in transaction (aborted)' {
    if (busy) return 'active';
    if (transaction.status === 'T') return 'idle in transaction';
    return transaction.status === 'E' ? 'idle in transaction (aborted)' : 'idle';
  }

  function stopTimer(): void {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
  }

  function cancel(why: string): void {
    if (!busy) return;
    controller.abort(new PgError(SqlState.queryCanceled, `canceling statement due to ${why}`));
  }

  function durationOf(setting: string): number {
    const text = settings.get(setting);
    return text === undefined ? 0 : durationMs(text);
  }

  function readLockTimeout(): void {
    backend.lockTimeoutMs = durationOf('lock_timeout');
  }

  function endConnectionAfter(ms: number, code: string, message: string): NodeJS.Timeout {
    return setTimeout(() => output.terminate({ severity: 'FATAL', code, message }), ms);
  }

  /** The client has its answer; how long it may now do nothing. */
  function awaitClient(): void {
    clearTimeout(idleTimer);
    if (transaction.inBlock) {
      const ms = durationOf('idle_in_transaction_session_timeout');
      if (ms === 0) return;
      const why = 'terminating connection due to idle-in-transaction timeout';
      idleTimer = endConnectionAfter(ms, SqlState.idleInTransactionSessionTimeout, why);
      return;
    }
    clearTimeout(transactionTimer);
    transactionTimer = undefined;
    const ms = durationOf('idle_session_timeout');
    if (ms === 0) return;
    const why = 'terminating connection due to idle-session timeout';
    idleTimer = endConnectionAfter(ms, SqlState.idleSessionTimeout, why);
  }

  async function refreshRole(): Promise<void> {
    const name = currentRole(state);
    const facts = await readRole(engine, name, mirrorOf(state));
    if (facts === undefined) {
      throw new PgError(SqlState.undefinedObject, `role "${name}" does not exist`);
    }
    state.roles = facts;
  }

  function roleIsFresh(): boolean {
    const { roles } = state;
    return (
      roles.catalogVersion === engine.catalog.current.version && roles.name === currentRole(state)
    );
  }

  function refuseInFailed(statement: Statement | undefined): void {
    if (transaction.status !== 'E') return;
    const ends =
      statement?.class === 'transaction' &&
      (statement.kind === 'commit' ||
        statement.kind === 'rollback' ||
        statement.kind === 'rollbackTo');
    if (!ends) throw inFailedTransaction();
  }

  async function closePortal(portal: Portal): Promise<void> {
    if (state.portals.get(portal.name) === portal) state.portals.delete(portal.name);
    const reader = readers.get(portal);
    readers.delete(portal);
    await cursors.release(portal);
    // What was wrong with a portal that nobody reads any more is nobody's concern.
    await reader?.close().catch(() => undefined);
  }

  async function closeAllPortals(): Promise<void> {
    if (cursors.open > 0)
      for (const portal of state.portals.values()) await cursors.release(portal);
    for (const reader of readers.values()) await reader.close().catch(() => undefined);
    readers.clear();
    state.portals.clear();
  }

  const core: SessionCore = {
    state,
    readers,
    copying: undefined,
    beginStatement: (text) => {
      busy = true;
      queryText = text;
      engine.activity.statements++;
      queryTag = '';
      if (controller.signal.aborted) controller = new AbortController();
      state.statementTime = engine.clock.now();
      stopTimer();
      clearTimeout(idleTimer);
      const ms = durationOf('statement_timeout');
      if (ms > 0) timer = setTimeout(cancel, ms, 'statement timeout');
      backend.signal = controller.signal;
      readLockTimeout();
      const transactionMs = transactionTimer === undefined ? durationOf('transaction_timeout') : 0;
      if (transactionMs > 0) {
        const why = 'terminating connection due to transaction timeout';
        transactionTimer = endConnectionAfter(transactionMs, SqlState.transactionTimeout, why);
      }
    },
    endStatement: () => {
      busy = false;
      stopTimer();
    },
    cancel,
    abort: (error) => controller.abort(error),
    logDuration: (text, startMs) => {
      const limit = engine.logMinDurationStatementMs;
      if (limit < 0) return;
      const ms = engine.clock.monotonicMs() - startMs;
      if (ms < limit) return;
      const durationMsRounded = Number(ms.toFixed(3));
      engine.log.info(
        { pid: processId, durationMs: durationMsRounded, statement: withoutPasswords(text) },
        'statement',
      );
    },
    run: async (prepared, input) => {
      const { statement } = prepared;
      queryTag = statement?.tag ?? '';
      refuseInFailed(statement);
      transaction.start();
      if (!roleIsFresh()) await refreshRole();
      if (transaction.readOnly && statement !== undefined) refuseWrites(statement);
      if (statement !== undefined && takesSnapshot(statement)) transaction.takesSnapshot();
      if (cursors.halfRead && statement !== undefined && mayWrite(state, statement)) {
        await cursors.beforeWrite(statement);
      }
      const start = (): Promise<StatementResult> =>
        statement !== undefined && !isQuery(statement)
          ? runUtility(state, prepared, input)
          : runQuery(state, prepared, input);
      const { executeAs } = statement ?? {};
      const result = await (executeAs === undefined ? start() : asUser(state, executeAs, start));
      // COMMIT and ROLLBACK take the transaction's portals along.
      if (statement?.class === 'transaction' && !transaction.inBlock) await closeAllPortals();
      return result;
    },
    runTransactionNow: (statement) => {
      if (statement.class !== 'transaction' || statement.executeAs !== undefined) return undefined;
      if (!roleIsFresh() || cursors.open > 0 || cursors.halfRead || readers.size > 0)
        return undefined;
      const { status } = transaction;
      if (statement.kind === 'begin' && status === 'I') {
        transaction.beginBlock();
        transaction.setCharacteristics(statement.options);
        return { kind: 'done', tag: statement.tag };
      }
      if (statement.kind !== 'commit' || status !== 'T' || statement.chain) return undefined;
      const done: DoneResult = { kind: 'done', tag: 'COMMIT' };
      const committing = core.commit();
      // COMMIT takes the transaction's portals along.
      if (committing !== undefined) {
        return committing.then(() => {
          state.portals.clear();
          return done;
        });
      }
      state.portals.clear();
      return done;
    },
    refuseInFailed,
    roleIsFresh,
    refreshRole,
    fail: async (thrown) => {
      writer.discardUnfinished();
      // An engine that was interrupted has its own word for it; the reason is what is told.
      const error: unknown =
        controller.signal.aborted && !(thrown instanceof PgError)
          ? controller.signal.reason
          : thrown;
      const report = reportOf(error);
      if (!(error instanceof PgError)) {
        const what = report.code === SqlState.internalError ? 'internal error' : report.message;
        engine.log.error(
          { err: error, pid: processId, statement: withoutPasswords(queryText) },
          what,
        );
      }
      core.copying = undefined;
      engine.activity.errors++;
      if (error instanceof PgError) auditDenied(state, error, queryTag || firstWord(queryText));
      try {
        await transaction.fail();
      } catch (rollbackError) {
        engine.log.error({ err: rollbackError, pid: processId }, 'rollback failed');
      }
      if (!transaction.inBlock) await closeAllPortals();
      // Nothing more can be said to this client: thrown on, it ends the connection.
      if (report.severity === 'FATAL') throw error;
      writer.errorResponse(report);
    },
    commit: () => transaction.commit((settings.get('synchronous_commit') ?? 'on') !== 'off'),
    closePortal,
    closeAllPortals,
    readyForQuery: () => {
      reportSettings(state, writer);
      writer.readyForQuery(transaction.status);
      awaitClient();
    },
    stopTimers: () => {
      stopTimer();
      clearTimeout(idleTimer);
      clearTimeout(transactionTimer);
    },
  };
  return core;
}

/** Statements that read or write what a snapshot shows; SET, SHOW and the transaction's own do not. */
function takesSnapshot({ class: of, kind }: Statement): boolean {
  if (of === 'transaction') return false;
  return of !== 'utility' || !withoutSnapshot.has(kind);
}

const withoutSnapshot: ReadonlySet<string> = new Set([
  'set',
  'reset',
  'show',
  'setTransaction',
  'deallocate',
  'discard',
  'listen',
  'unlisten',
  'notify',
  'checkpoint',
  'lock',
  'setConstraints',
]);

/** What a statement that nothing is known of yet is called. */
function firstWord(text: string): string {
  return /[a-z]+/i.exec(text)?.[0].toUpperCase() ?? '';
}

const severities = ['DEBUG', 'LOG', 'NOTICE', 'WARNING', 'ERROR'];

/** client_min_messages keeps lesser messages back; INFO always passes. */
function passesClientMinMessages(severity: string, least: string | undefined): boolean {
  const name = least?.toUpperCase() ?? 'NOTICE';
  return severity === 'INFO' || severities.indexOf(severity) >= severities.indexOf(name);
}
