import { PgError, SqlState } from '../base/index.ts';
import type { Bind, Close, Describe, Execute, Parse } from '../protocol/index.ts';
import { parseCached } from '../sql/index.ts';
import { bindParameters } from './bind-params.ts';
import type { OpenCursor } from './cursor/cursors.ts';
import { described } from './cursor/described.ts';
import { enumInput } from './enum-input.ts';
import { readResult } from './portal.ts';
import { isQuery, prepareStatement } from './prepare.ts';
import { keepPrepared, knownPrepared } from './prepared-texts.ts';
import { runQueryNow, startDmlNow } from './run-query.ts';
import { describeFields, sendCopy } from './send.ts';
import type { SessionCore } from './session-core.ts';
import type { Portal, Prepared, StatementResult } from './state.ts';

/**
 * The extended protocol: Parse, Bind, Describe, Execute, Close, Sync. Everything up to Sync is one implicit transaction. What
 * can be answered without waiting is answered within the call.
 */
export interface ExtendedQuery {
  parse(message: Parse): void | Promise<void>;
  bind(message: Bind): void;
  describe(message: Describe): void;
  execute(message: Execute): void | Promise<void>;
  close(message: Close): Promise<void> | void;
  sync(): void | Promise<void>;
  /** After an error: nothing more until Sync. */
  skipToSync(): void;
  readonly skipping: boolean;
}

export function createExtendedQuery(core: SessionCore): ExtendedQuery {
  const { state, readers } = core;
  const { engine, output, settings, transaction } = state;
  const { writer } = output;
  let skipping = false;
  const enumOf = (typeOid: number) => enumInput(state, typeOid);

  function parse(message: Parse): void | Promise<void> {
    core.beginStatement(message.text);
    if (message.statement !== '' && state.prepared.has(message.statement)) {
      throw new PgError(
        SqlState.duplicatePreparedStatement,
        `prepared statement "${message.statement}" already exists`,
      );
    }
    const { statement: name, text, parameterTypes } = message;
    if (name === '') state.prepared.delete('');
    const known = knownPrepared(state, name, text, parameterTypes);
    if (known === undefined || !core.roleIsFresh()) return parseText(message);
    core.refuseInFailed(known.statement);
    transaction.start();
    state.prepared.set(name, known);
    writer.parseComplete();
    return undefined;
  }

  async function parseText(message: Parse): Promise<void> {
    const { statement: name, text, parameterTypes } = message;
    const [statement, ...more] = parseCached(text);
    if (more.length > 0) {
      throw new PgError(
        SqlState.syntaxError,
        'cannot insert multiple commands into a prepared statement',
      );
    }
    if (statement !== undefined) core.refuseInFailed(statement);
    transaction.start();
    if (!core.roleIsFresh()) await core.refreshRole();
    const prepared = await prepareStatement(state, name, statement, parameterTypes);
    state.prepared.set(name, prepared);
    keepPrepared(state, text, prepared);
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
    const portal = state.cursors.find(name);
    if (portal !== undefined) return portal;
    throw new PgError(SqlState.invalidCursorName, `portal "${name}" does not exist`);
  }

  function bind(message: Bind): void {
    const prepared = described(state, preparedNamed(message.statement));
    core.refuseInFailed(prepared.statement);
    const { portal: name, resultFormats } = message;
    const old = state.cursors.find(name);
    if (name !== '' && old !== undefined) {
      throw new PgError(SqlState.duplicateCursor, `cursor "${name}" already exists`);
    }
    transaction.start();
    const raw = { formats: message.parameterFormats, values: message.parameters };
    const types = { ...settings.types, transactionTime: transaction.startTime };
    const params = bindParameters(raw, prepared.paramTypes, types, prepared.name, enumOf);
    const columns = prepared.fields?.length ?? 0;
    if (resultFormats.length > 1 && resultFormats.length !== columns) {
      throw new PgError(
        SqlState.protocolViolation,
        `bind message has ${resultFormats.length} result formats but query has ${columns} columns`,
      );
    }
    if (old !== undefined) void core.closePortal(old);
    state.portals.set(name, {
      name,
      prepared,
      raw,
      params,
      resultFormats,
      completedTag: undefined,
      opened: state.cursors.opening(),
      createdAt: state.statementTime,
      open: undefined,
    });
    writer.bindComplete();
  }

  function describe(message: Describe): void {
    const portal = message.target === 'portal' ? portalNamed(message.name) : undefined;
    const prepared = portal?.prepared ?? preparedNamed(message.name);
    if (prepared.fields !== undefined) core.refuseInFailed(prepared.statement);
    if (portal === undefined) writer.parameterDescription(prepared.paramTypes);
    if (prepared.fields === undefined) writer.noData();
    else writer.rowDescription(describeFields(prepared.fields, portal?.resultFormats ?? []));
  }

  function close(message: Close): Promise<void> | void {
    if (message.target === 'statement') {
      // Portals keep what they were bound from.
      state.prepared.delete(message.name);
      writer.closeComplete();
      return undefined;
    }
    const portal = state.cursors.find(message.name);
    const closing = portal === undefined ? undefined : core.closePortal(portal);
    if (closing === undefined) {
      writer.closeComplete();
      return undefined;
    }
    return closing.then(() => writer.closeComplete());
  }

  function execute(message: Execute): void | Promise<void> {
    const portal = portalNamed(message.portal);
    const { prepared } = portal;
    core.beginStatement(prepared.text);
    if (prepared.statement === undefined) {
      writer.emptyQueryResponse();
      return undefined;
    }
    core.refuseInFailed(prepared.statement);
    if (portal.open !== undefined) return executeCursor(portal, portal.open, message.rowsMax);
    if (portal.completedTag !== undefined) {
      // PostgreSQL: a finished portal has no more rows; one that returns none can't run twice.
      if (prepared.fields === undefined) {
        throw new PgError(
          SqlState.objectNotInPrerequisiteState,
          `portal "${portal.name}" cannot be run`,
        );
      }
      writer.commandComplete(portal.completedTag.replace(/\d+$/, '0'));
      return undefined;
    }
    transaction.start();
    // A logged statement goes the way that takes its time.
    const mayBeBrief = engine.logMinDurationStatementMs < 0 && core.roleIsFresh();
    if (mayBeBrief && prepared.statement.class === 'transaction') {
      const result = core.runTransactionNow(prepared.statement);
      if (result !== undefined) {
        if (result instanceof Promise) return result.then(({ tag }) => completed(portal, tag));
        completed(portal, result.tag);
        return undefined;
      }
    }
    if (!readers.has(portal) && mayBeBrief && isQuery(prepared.statement)) {
      const result = runQueryNow(state, prepared, portal);
      if (result?.kind === 'rowsNow') {
        const reader = readResult(state, result, portal.resultFormats);
        readers.set(portal, reader);
        const sent = reader.sendNow(message.rowsMax);
        if (sent !== false) {
          completed(portal, sent.tag);
          return undefined;
        }
      }
      const inserting = state.cursors.halfRead ? undefined : startDmlNow(state, prepared, portal);
      if (inserting !== undefined) {
        if (!(inserting instanceof Promise) && inserting.kind === 'done') {
          completed(portal, inserting.tag);
          return undefined;
        }
        return executeSlowly(portal, message.rowsMax, Promise.resolve(inserting));
      }
    }
    return executeSlowly(portal, message.rowsMax);
  }

  /** Execute on a cursor: FETCH FORWARD, as a portal answers it. */
  async function executeCursor(
    portal: Portal,
    { cursor }: OpenCursor,
    rowsMax: number,
  ): Promise<void> {
    transaction.start();
    const batches = await cursor.forward(rowsMax === 0 ? Infinity : rowsMax);
    const fields = portal.prepared.fields ?? [];
    const tag = (rows: number): string => `SELECT ${rows}`;
    const reader = readResult(state, { kind: 'rows', fields, batches, tag }, portal.resultFormats);
    const sent = await reader.send(0);
    if (cursor.atEnd) writer.commandComplete(sent ?? '');
    else writer.portalSuspended();
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

  /** `started`: the statement has begun already. */
  async function executeSlowly(
    portal: Portal,
    rowsMax: number,
    started?: Promise<StatementResult>,
  ): Promise<void> {
    const startMs = engine.clock.monotonicMs();
    let reader = readers.get(portal);
    if (reader === undefined) {
      const result = await (started ?? core.run(portal.prepared, portal));
      if (result.kind === 'copyIn') {
        const { copy } = result;
        writer.copyInResponse(copy.format, copy.columnCount);
        core.copying = { copy, simple: false, done: (tag) => completed(portal, tag) };
        return;
      }
      if (result.kind === 'copyOut') {
        completed(portal, await sendCopy(state, result));
        return;
      }
      reader = readResult(state, result, portal.resultFormats);
      readers.set(portal, reader);
    }
    completed(portal, await reader.send(rowsMax));
    core.logDuration(portal.prepared.text, startMs);
  }

  function sync(): void | Promise<void> {
    if (skipping) {
      skipping = false;
      return transaction.inBlock ? ready() : core.closeAllPortals().then(ready);
    }
    if (transaction.inBlock) return ready();
    if (state.cursors.open > 0) return commitAtSync();
    if (readers.size > 0) return core.closeAllPortals().then(commitAtSync);
    state.portals.clear();
    const committing = core.commit();
    return committing === undefined ? ready() : finishCommit(committing);
  }

  function commitAtSync(): Promise<void> {
    return finishCommit(core.commit() ?? Promise.resolve());
  }

  async function finishCommit(committing: Promise<void>): Promise<void> {
    try {
      await committing;
    } catch (error) {
      await core.fail(error);
    }
    ready();
  }

  function ready(): void {
    core.endStatement();
    if (!transaction.inBlock) state.portals.clear();
    core.readyForQuery();
  }

  return {
    parse,
    bind,
    describe,
    execute,
    close,
    sync,
    skipToSync: () => {
      skipping = true;
    },
    get skipping() {
      return skipping;
    },
  };
}
