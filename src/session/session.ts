import { randomBytes } from 'node:crypto';
import { PgError, SqlState } from '../base/index.ts';
import type { FrontendMessage } from '../protocol/index.ts';
import type { Session } from './connection.ts';
import { createExtendedQuery } from './extended-query.ts';
import type { CopyState, SessionParts } from './session-core.ts';
import { createSessionCore } from './session-core.ts';
import { createSimpleQuery } from './simple-query.ts';

/**
 * The backend's state machine (PostgreSQL's postgres.c): hands each message to the simple or the extended protocol or to a
 * COPY that waits for data, and answers errors. Nothing that a statement does wrong is thrown to the caller.
 */
export function createSession(parts: SessionParts): Session {
  const core = createSessionCore(parts);
  const simpleQuery = createSimpleQuery(core);
  const extended = createExtendedQuery(core);
  const { engine, client, output, processId } = parts;
  const secretKey = randomBytes(client.secretKeyBytes);

  function copyMessage(copying: CopyState, message: FrontendMessage): void | Promise<void> {
    switch (message.kind) {
      case 'copyData':
        return copying.copy.push(message.data);
      case 'copyDone':
        return finishCopy(copying);
      case 'copyFail':
        throw copying.copy.failed(message.message);
      case 'flush':
      case 'sync':
        return undefined;
      default:
        throw new PgError(
          SqlState.protocolViolation,
          'unexpected message type during COPY from stdin',
        );
    }
  }

  async function finishCopy(copying: CopyState): Promise<void> {
    const tag = await copying.copy.finish();
    core.copying = undefined;
    await copying.done(tag);
  }

  function handle(message: FrontendMessage): void | Promise<void> {
    if (core.copying !== undefined) return copyMessage(core.copying, message);
    switch (message.kind) {
      case 'query':
        return simpleQuery(message.text);
      case 'parse':
        return extended.parse(message);
      case 'bind':
        return extended.bind(message);
      case 'describe':
        return extended.describe(message);
      case 'execute':
        return extended.execute(message);
      case 'close':
        return extended.close(message);
      case 'flush':
        return output.flush();
      case 'sync':
        return extended.sync();
      case 'copyData':
      case 'copyDone':
      case 'copyFail':
        // What a client still sends of a copy that has failed.
        return undefined;
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
    const simple =
      core.copying?.simple === true ||
      message.kind === 'query' ||
      message.kind === 'functionCall' ||
      (message.kind === 'invalidText' && message.of === 'query');
    await core.fail(error);
    core.endStatement();
    if (simple || message.kind === 'sync') core.readyForQuery();
    else extended.skipToSync();
  }

  return {
    processId,
    secretKey,
    receive: (message) => {
      if (extended.skipping && message.kind !== 'sync') return undefined;
      try {
        return handle(message)?.catch((error: unknown) => recover(message, error));
      } catch (error) {
        return recover(message, error);
      }
    },
    cancel: () => core.cancel('user request'),
    terminate: (report) => core.abort(new PgError(report.code, report.message, report)),
    close: async () => {
      engine.sessions.remove(processId);
      core.abort(new PgError(SqlState.adminShutdown, 'the connection is closed'));
      core.endStatement();
      core.stopTimers();
      await core.closeAllPortals();
      try {
        await core.state.transaction.rollback();
      } finally {
        core.state.advisory.unlockAll();
      }
    },
  };
}
