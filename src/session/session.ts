import { randomBytes } from 'node:crypto';
import { PgError, SqlState, reportOf } from '../base/index.ts';
import type { Report } from '../base/index.ts';
import type { FieldDescription } from '../analyzer/tree.ts';
import type { Bind, Close, Describe, Execute, FrontendMessage, Parse } from '../protocol/index.ts';
import { parse as parseStatements } from '../sql/index.ts';
import type { Statement } from '../sql/index.ts';
import { bindParameters } from './bind-params.ts';
import type { ClientInfo, Output, Session } from './connection.ts';
import { currentRole } from './context.ts';
import { formatOf } from './encode-rows.ts';
import type { Engine } from './engine.ts';
import type { ResultReader } from './portal.ts';
import { readResult } from './portal.ts';
import { firstParameter } from './names.ts';
import { isQuery, prepareStatement } from './prepare.ts';
import { mirrorOf } from './mirror-access.ts';
import { settingsReporter } from './report-settings.ts';
import { readRole } from './roles.ts';
import type { RoleFacts } from './roles.ts';
import { runQuery, runQueryNow } from './run-query.ts';
import type { SettingsStore } from './settings.ts';
import { durationMs } from './settings.ts';
import type { CopyIn, Portal, Prepared, SessionState, StatementResult } from './state.ts';
import { createTransaction, inFailedTransaction, refuseWrites } from './transaction.ts';
import { asUser } from './execute-as.ts';
import { runUtility } from './utility/run.ts';

/** Times a lone statement is run again after losing a race with another commit, before its 40001 is reported. */
const lostRacesMax = 200;

interface CopyState {
  readonly copy: CopyIn;
  /** Continues a simple query after the copy; absent in the extended protocol. */
  readonly resume: (() => Promise<void>) | undefined;
}

const noParameters = { raw: { formats: [], values: [] }, params: [], resultFormats: [] } as const;

export interface SessionParts {
  readonly engine: Engine;
  readonly client: ClientInfo;
  readonly output: Output;
  readonly processId: number;
  readonly settings: SettingsStore;
  readonly roles: RoleFacts;
  /** What reported settings are when nothing is set. */
  readonly reportDefaults: ReadonlyMap<string, string>;
}

/**
 * The backend's state machine (PostgreSQL's postgres.c): simple and extended protocol over one transaction. It writes
 * answers and never throws for a statement's error.
 */
export function createSession(parts: SessionParts): Session {
  const { engine, client, output, processId, settings } = parts;
  const { writer } = output;
  const secretKey = randomBytes(client.secretKeyBytes);
  const transaction = createTransaction(engine, settings);
  const readers = new Map<Portal, ResultReader>();
  let controller = new AbortController();
  let busy = false;
  let skipping = false;
  let copying: CopyState | undefined;
  let queryText = '';
  let timer: NodeJS.Timeout | undefined;
  const startedAt = engine.clock.now();
  /** The one statement since the implicit transaction began, while its answer is still in the writer alone. */
  let lone: { readonly portal: Portal; readonly mark: number } | 'several' | undefined;

  const state: SessionState = {
    engine,
    client,
    output,
    processId,
    loginUser: client.user,
    settings,
    transaction,
    prepared: new Map(),
    portals: new Map(),
    roles: parts.roles,
    statementTime: 0n,
    currentValues: new Map(),
    lastSequence: undefined,
    get signal() {
      return controller.signal;
    },
    notice: (report) => {
      if (passesClientMinMessages(report.severity, settings.get('client_min_messages'))) {
        writer.noticeResponse(report);
      }
    },
  };

  const reportSettings = settingsReporter(parts.reportDefaults);
  reportSettings(state, writer);

  function readyForQuery(): void {
    reportSettings(state, writer);
    writer.readyForQuery(transaction.status);
  }

  engine.sessions.add(processId, () => ({
    processId,
    user: client.user,
    database: client.database,
    applicationName: settings.get('application_name') ?? '',
    remoteAddress: client.remoteAddress,
    startedAt,
    state: busy
      ? 'active'
      : transaction.status === 'T'
        ? 'idle in transaction'
        : transaction.status === 'E'
          ? 'idle in transaction (aborted)'
          : 'idle',
    query: queryText,
  }));

  function beginStatement(text: string): void {
    busy = true;
    queryText = text;
    if (controller.signal.aborted) controller = new AbortController();
    state.statementTime = engine.clock.now();
    const timeout = settings.get('statement_timeout');
    if (timeout !== undefined) {
      const ms = durationMs(timeout);
      if (ms > 0) timer = setTimeout(cancelWith, ms, 'statement timeout');
    }
  }

  function endStatement(): void {
    busy = false;
    if (timer !== undefined) {
      clearTimeout(timer);
      timer = undefined;
    }
  }

  function cancelWith(why: string): void {
    if (!busy) return;
    controller.abort(new PgError(SqlState.queryCanceled, `canceling statement due to ${why}`));
  }

  function logDuration(text: string, startMs: number): void {
    const limit = engine.logMinDurationStatementMs;
    if (limit < 0) return;
    const ms = engine.clock.monotonicMs() - startMs;
    if (ms >= limit)
      engine.log.info(
        { pid: processId, durationMs: Number(ms.toFixed(3)), statement: text },
        'statement',
      );
  }

  /** Whose privileges hold may have changed by SET ROLE, by DDL, by the end of a transaction. */
  async function refreshRole(): Promise<void> {
    const name = currentRole(state);
    const { roles } = state;
    if (roles.name === name && roles.catalogVersion === engine.catalog.current.version) return;
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

  async function fail(error: unknown): Promise<void> {
    writer.discardUnfinished();
    if (!(error instanceof PgError)) {
      engine.log.error({ err: error, pid: processId, statement: queryText }, 'internal error');
    }
    copying = undefined;
    lone = undefined;
    try {
      await transaction.fail();
    } catch (rollbackError) {
      engine.log.error({ err: rollbackError, pid: processId }, 'rollback failed');
    }
    if (!transaction.inBlock) await closeAllPortals();
    writer.errorResponse(reportOf(error));
  }

  async function closeAllPortals(): Promise<void> {
    for (const reader of readers.values()) await reader.close().catch(() => undefined);
    readers.clear();
    state.portals.clear();
  }

  const commitSync = (): boolean => (settings.get('synchronous_commit') ?? 'on') !== 'off';

  function endsTransaction(statement: Statement | undefined): boolean {
    return (
      statement?.class === 'transaction' &&
      (statement.kind === 'commit' || statement.kind === 'rollback')
    );
  }

  /** Runs one statement to its result, in whatever transaction is open. */
  async function run(
    prepared: Prepared,
    input: Parameters<typeof runQuery>[2],
  ): Promise<StatementResult> {
    const { statement } = prepared;
    if (transaction.status === 'E' && !endsTransaction(statement)) throw inFailedTransaction();
    transaction.start();
    if (!roleIsFresh()) await refreshRole();
    if (transaction.readOnly && statement !== undefined) refuseWrites(statement);
    const start = (): Promise<StatementResult> =>
      statement !== undefined && !isQuery(statement)
        ? runUtility(state, prepared, input)
        : runQuery(state, prepared, input);
    const { executeAs } = statement ?? {};
    const result = await (executeAs === undefined ? start() : asUser(state, executeAs, start));
    // COMMIT and ROLLBACK take the transaction's portals along.
    if (statement?.class === 'transaction' && !transaction.inBlock) await closeAllPortals();
    return result;
  }

  // Simple protocol.

  async function simpleQuery(text: string): Promise<void> {
    const startMs = engine.clock.monotonicMs();
    beginStatement(text);
    await dropPortal('');
    state.prepared.delete('');
    let statements: readonly Statement[];
    try {
      statements = parseStatements(text);
    } catch (error) {
      await fail(error);
      finishSimple(text, startMs);
      return;
    }
    if (statements.length === 0) {
      writer.emptyQueryResponse();
      if (!transaction.inBlock) await transaction.commit(true);
      finishSimple(text, startMs);
      return;
    }
    await continueSimple(statements, 0, text, startMs);
  }

  async function continueSimple(
    statements: readonly Statement[],
    from: number,
    text: string,
    startMs: number,
  ): Promise<void> {
    try {
      for (let i = from; i < statements.length; i++) {
        const statement = statements[i]!;
        const last = i === statements.length - 1;
        const result = await simpleStatement(statement, statements.length === 1, last);
        if (result?.kind !== 'copyIn') continue;
        const { copy } = result;
        writer.copyInResponse(copy.format, copy.columnCount);
        copying = {
          copy,
          resume: async () => {
            const tag = await copy.finish();
            copying = undefined;
            if (last && !transaction.inBlock) await transaction.commit(commitSync());
            writer.commandComplete(tag);
            await continueSimple(statements, i + 1, text, startMs);
          },
        };
        return;
      }
    } catch (error) {
      await fail(error);
    }
    finishSimple(text, startMs);
  }

  async function simpleStatement(
    statement: Statement,
    only: boolean,
    last: boolean,
  ): Promise<StatementResult | undefined> {
    for (let attempt = 1; ; attempt++) {
      const mark = writer.mark();
      const implicit = !transaction.active;
      try {
        // In a failed transaction nothing is analyzed but what ends it.
        if (transaction.status === 'E' && !endsTransaction(statement)) throw inFailedTransaction();
        transaction.start();
        if (!roleIsFresh()) await refreshRole();
        const prepared = await prepareStatement(state, '', statement, []);
        const result = await run(prepared, { ...noParameters, params: noParams(prepared) });
        if (result.kind === 'copyIn') return result;
        const tag = await sendSimple(result);
        // The acknowledgement follows the commit: what the client sees complete is safe.
        if (last && !transaction.inBlock) await transaction.commit(commitSync());
        writer.commandComplete(tag);
        return result;
      } catch (error) {
        const again =
          only && implicit && !transaction.inBlock && lostRace(error) && attempt < lostRacesMax;
        if (!again || !writer.rewind(mark)) throw error;
        await transaction.rollback();
        await engine.storage.caughtUp();
      }
    }
  }

  function noParams(prepared: Prepared): readonly [] {
    if (prepared.paramTypes.length === 0) return [];
    throw new PgError(SqlState.undefinedParameter, 'there is no parameter $1', {
      position: prepared.statement && firstParameter(prepared.statement),
    });
  }

  /** Writes the rows with their description; returns the tag. */
  async function sendSimple(result: Exclude<StatementResult, { kind: 'copyIn' }>): Promise<string> {
    if (result.kind === 'copyOut') return sendCopy(result);
    const reader = readResult(state, result, []);
    try {
      // What fails before the first row fails before the description, as PostgreSQL's planner would.
      await reader.prime();
      if (result.kind !== 'done') writer.rowDescription(describe(result.fields, []));
      return (await reader.send(0)) ?? '';
    } finally {
      await reader.close();
    }
  }

  async function sendCopy(result: Extract<StatementResult, { kind: 'copyOut' }>): Promise<string> {
    const { copy } = result;
    writer.copyOutResponse(copy.format, copy.columnCount);
    for await (const chunk of copy.chunks) {
      writer.copyData(chunk);
      await output.flush();
      state.signal.throwIfAborted();
    }
    writer.copyDone();
    return copy.tag();
  }

  function finishSimple(text: string, startMs: number): void {
    if (!transaction.inBlock && transaction.active) {
      // A multi-statement query that ended inside its implicit block without a last commit (COMMIT was its last word).
      void transaction.commit(true);
    }
    logDuration(text, startMs);
    endStatement();
    lone = undefined;
    readyForQuery();
  }

  // Extended protocol.

  async function parse(message: Parse): Promise<void> {
    beginStatement(message.text);
    if (message.statement !== '' && state.prepared.has(message.statement)) {
      throw new PgError(
        SqlState.duplicatePreparedStatement,
        `prepared statement "${message.statement}" already exists`,
      );
    }
    if (message.statement === '') state.prepared.delete('');
    const statements = parseStatements(message.text);
    if (statements.length > 1) {
      throw new PgError(
        SqlState.syntaxError,
        'cannot insert multiple commands into a prepared statement',
      );
    }
    const [statement] = statements;
    if (transaction.status === 'E' && statement !== undefined && !endsTransaction(statement)) {
      throw inFailedTransaction();
    }
    transaction.start();
    if (!roleIsFresh()) await refreshRole();
    const prepared = await prepareStatement(
      state,
      message.statement,
      statement,
      message.parameterTypes,
    );
    state.prepared.set(message.statement, prepared);
    writer.parseComplete();
  }

  function preparedNamed(name: string): Prepared {
    const prepared = state.prepared.get(name);
    if (prepared !== undefined) return prepared;
    throw new PgError(
      SqlState.invalidSqlStatementName,
      name === ''
        ? 'unnamed prepared statement does not exist'
        : `prepared statement "${name}" does not exist`,
    );
  }

  function portalNamed(name: string): Portal {
    const portal = state.portals.get(name);
    if (portal !== undefined) return portal;
    throw new PgError(SqlState.invalidCursorName, `portal "${name}" does not exist`);
  }

  function bind(message: Bind): void {
    const prepared = preparedNamed(message.statement);
    if (transaction.status === 'E' && !endsTransaction(prepared.statement)) {
      throw inFailedTransaction();
    }
    if (message.portal !== '' && state.portals.has(message.portal)) {
      throw new PgError(SqlState.duplicateCursor, `cursor "${message.portal}" already exists`);
    }
    transaction.start();
    const raw = { formats: message.parameterFormats, values: message.parameters };
    const types = { ...settings.types, transactionTime: transaction.startTime };
    const params = bindParameters(raw, prepared.paramTypes, types, prepared.name);
    const columns = prepared.fields?.length ?? 0;
    if (message.resultFormats.length > 1 && message.resultFormats.length !== columns) {
      throw new PgError(
        SqlState.protocolViolation,
        `bind message has ${message.resultFormats.length} result formats but query has ${columns} columns`,
      );
    }
    const old = state.portals.get(message.portal);
    if (old !== undefined) forget(old);
    const { portal: name, resultFormats } = message;
    state.portals.set(name, {
      name,
      prepared,
      raw,
      params,
      resultFormats,
      completedTag: undefined,
    });
    writer.bindComplete();
  }

  function forget(portal: Portal): void {
    state.portals.delete(portal.name);
    const reader = readers.get(portal);
    if (reader === undefined) return;
    readers.delete(portal);
    void reader.close().catch(() => undefined);
  }

  async function dropPortal(name: string): Promise<void> {
    const portal = state.portals.get(name);
    if (portal === undefined) return;
    state.portals.delete(name);
    const reader = readers.get(portal);
    readers.delete(portal);
    await reader?.close().catch(() => undefined);
  }

  function describe(
    fields: readonly FieldDescription[],
    formats: readonly number[],
  ): Parameters<typeof writer.rowDescription>[0] {
    return fields.map((field, i) => ({
      name: field.name,
      tableOid: field.tableOid,
      columnNumber: field.columnNumber,
      typeOid: field.typeOid,
      typeSize: field.typeSize,
      typeModifier: field.typmod,
      format: formatOf(formats, i),
    }));
  }

  function describeMessage(message: Describe): void {
    if (message.target === 'statement') {
      const prepared = preparedNamed(message.name);
      if (transaction.status === 'E' && prepared.fields !== undefined) throw inFailedTransaction();
      writer.parameterDescription(prepared.paramTypes);
      if (prepared.fields === undefined) writer.noData();
      else writer.rowDescription(describe(prepared.fields, []));
      return;
    }
    const portal = portalNamed(message.name);
    const { fields } = portal.prepared;
    if (transaction.status === 'E' && fields !== undefined) throw inFailedTransaction();
    if (fields === undefined) writer.noData();
    else writer.rowDescription(describe(fields, portal.resultFormats));
  }

  function closeMessage(message: Close): void {
    if (message.target === 'statement') {
      // Portals keep what they were bound from.
      state.prepared.delete(message.name);
    } else {
      const portal = state.portals.get(message.name);
      if (portal !== undefined) forget(portal);
    }
    writer.closeComplete();
  }

  function execute(message: Execute): void | Promise<void> {
    const portal = portalNamed(message.portal);
    beginStatement(portal.prepared.text);
    const { prepared } = portal;
    if (prepared.statement === undefined) {
      writer.emptyQueryResponse();
      return;
    }
    if (transaction.status === 'E' && !endsTransaction(prepared.statement)) {
      throw inFailedTransaction();
    }
    if (portal.completedTag !== undefined) {
      // PostgreSQL: a finished portal has no more rows; one that returns none can't run twice.
      if (prepared.fields === undefined) {
        throw new PgError(
          SqlState.objectNotInPrerequisiteState,
          `portal "${portal.name}" cannot be run`,
        );
      }
      writer.commandComplete(portal.completedTag.replace(/\d+$/, '0'));
      return;
    }
    transaction.start();
    const reader = readers.get(portal);
    if (reader === undefined && roleIsFresh() && isQuery(prepared.statement)) {
      const result = runQueryNow(state, prepared, portal);
      if (result !== undefined && result.kind === 'rowsNow') {
        const started = readResult(state, result, portal.resultFormats);
        const sent = started.sendNow(message.rowsMax);
        if (sent !== false) {
          lone = 'several';
          if (sent.tag === undefined) readers.set(portal, started);
          return completed(portal, sent.tag);
        }
        readers.set(portal, started);
      }
    }
    return executeSlowly(portal, message.rowsMax);
  }

  function completed(portal: Portal, tag: string | undefined): void {
    if (tag === undefined) {
      writer.portalSuspended();
      return;
    }
    readers.delete(portal);
    portal.completedTag = tag;
    writer.commandComplete(tag);
  }

  async function executeSlowly(portal: Portal, rowsMax: number): Promise<void> {
    const startMs = engine.clock.monotonicMs();
    const { prepared } = portal;
    let reader = readers.get(portal);
    if (reader === undefined) {
      lone =
        lone === undefined && !transaction.inBlock ? { portal, mark: writer.mark() } : 'several';
      const result = await runUntilWon(portal);
      if (result.kind === 'copyIn') {
        writer.copyInResponse(result.copy.format, result.copy.columnCount);
        copying = { copy: result.copy, resume: undefined };
        copyPortal = portal;
        return;
      }
      if (result.kind === 'copyOut') {
        completed(portal, await sendCopy(result));
        return;
      }
      reader = readResult(state, result, portal.resultFormats);
      readers.set(portal, reader);
    }
    completed(portal, await reader.send(rowsMax));
    logDuration(prepared.text, startMs);
  }

  /** Runs a portal's statement; a lone one starts over when another commit has changed a row under it. */
  async function runUntilWon(portal: Portal): Promise<StatementResult> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await run(portal.prepared, portal);
      } catch (error) {
        const again = lone !== 'several' && lostRace(error) && attempt < lostRacesMax;
        if (!again) throw error;
        await transaction.rollback();
        await engine.storage.caughtUp();
      }
    }
  }

  let copyPortal: Portal | undefined;

  function sync(): void | Promise<void> {
    if (skipping) {
      skipping = false;
      if (!transaction.inBlock) {
        const closing = closeAllPortals();
        return closing.then(ready);
      }
      return ready();
    }
    if (transaction.inBlock) return ready();
    if (readers.size > 0) return closeAllPortals().then(commitAtSync);
    state.portals.clear();
    const committing = transaction.commit(commitSync());
    return committing === undefined ? ready() : finishCommit(committing);
  }

  async function commitAtSync(): Promise<void> {
    await finishCommit(transaction.commit(commitSync()) ?? Promise.resolve());
  }

  async function finishCommit(first: Promise<void>): Promise<void> {
    let committing = first;
    for (let attempt = 1; ; attempt++) {
      try {
        await committing;
        break;
      } catch (error) {
        const again = lone;
        const retry =
          again !== undefined && again !== 'several' && lostRace(error) && attempt < lostRacesMax;
        if (!retry || !writer.rewind(again.mark)) {
          await fail(error);
          break;
        }
        try {
          await engine.storage.caughtUp();
          transaction.start();
          const result = await run(again.portal.prepared, again.portal);
          if (result.kind === 'copyIn' || result.kind === 'copyOut') throw error;
          const tag = await readResult(state, result, again.portal.resultFormats).send(0);
          writer.commandComplete(tag ?? '');
          committing = transaction.commit(commitSync()) ?? Promise.resolve();
        } catch (second) {
          if (lostRace(second)) {
            committing = Promise.reject(second as Error);
            continue;
          }
          await fail(second);
          break;
        }
      }
    }
    ready();
  }

  function ready(): void {
    endStatement();
    lone = undefined;
    if (!transaction.inBlock) state.portals.clear();
    readyForQuery();
  }

  // COPY FROM STDIN.

  function copyMessage(current: CopyState, message: FrontendMessage): void | Promise<void> {
    switch (message.kind) {
      case 'copyData':
        return current.copy.push(message.data);
      case 'copyDone':
        return finishCopy(current);
      case 'copyFail':
        throw current.copy.failed(message.message);
      case 'flush':
      case 'sync':
        return;
      default:
        throw new PgError(
          SqlState.protocolViolation,
          `unexpected message type during COPY from stdin`,
        );
    }
  }

  async function finishCopy(current: CopyState): Promise<void> {
    if (current.resume !== undefined) {
      await current.resume();
      return;
    }
    const tag = await current.copy.finish();
    copying = undefined;
    if (copyPortal !== undefined) copyPortal.completedTag = tag;
    writer.commandComplete(tag);
  }

  function handle(message: FrontendMessage): void | Promise<void> {
    if (copying !== undefined) return copyMessage(copying, message);
    switch (message.kind) {
      case 'query':
        return simpleQuery(message.text);
      case 'parse':
        return parse(message);
      case 'bind':
        return bind(message);
      case 'describe':
        return describeMessage(message);
      case 'execute':
        return execute(message);
      case 'close':
        return closeMessage(message);
      case 'flush':
        return output.flush();
      case 'sync':
        return sync();
      case 'copyData':
      case 'copyDone':
      case 'copyFail':
        // What a client still sends of a copy that has failed.
        return;
      case 'functionCall':
        throw new PgError(
          SqlState.featureNotSupported,
          'fastpath function calls are not supported',
        );
      case 'invalidText':
        throw message.error;
    }
  }

  /** After an error: a simple query is over; the extended protocol skips to Sync. */
  async function recover(message: FrontendMessage, error: unknown): Promise<void> {
    const simpleCopy = copying?.resume !== undefined;
    await fail(error);
    endStatement();
    const simple =
      message.kind === 'query' ||
      simpleCopy ||
      message.kind === 'functionCall' ||
      (message.kind === 'invalidText' && message.of === 'query');
    if (simple) {
      readyForQuery();
    } else if (message.kind === 'sync') {
      ready();
    } else {
      skipping = true;
    }
  }

  return {
    processId,
    secretKey,
    receive: (message) => {
      if (skipping && message.kind !== 'sync') return;
      try {
        const working = handle(message);
        return working?.catch((error: unknown) => recover(message, error));
      } catch (error) {
        return recover(message, error);
      }
    },
    cancel: () => cancelWith('user request'),
    terminate: (report: Report) => {
      controller.abort(new PgError(report.code, report.message, report));
    },
    close: async () => {
      engine.sessions.remove(processId);
      controller.abort(new PgError(SqlState.adminShutdown, 'the connection is closed'));
      endStatement();
      await closeAllPortals();
      await transaction.rollback();
    },
  };
}

const severities = ['DEBUG', 'LOG', 'NOTICE', 'WARNING', 'ERROR'];

/** client_min_messages keeps lesser messages back; INFO always passes. */
function passesClientMinMessages(severity: string, least: string | undefined): boolean {
  const name = least?.toUpperCase() ?? 'NOTICE';
  return severity === 'INFO' || severities.indexOf(severity) >= severities.indexOf(name);
}

/** The statement lost to another commit: run again, it sees what that one has done. */
function lostRace(error: unknown): boolean {
  return error instanceof PgError && error.code === SqlState.serializationFailure;
}
