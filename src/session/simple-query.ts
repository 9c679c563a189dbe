import { PgError, SqlState, assert } from '../base/index.ts';
import { parseCached, parsedBefore } from '../sql/index.ts';
import type { Statement } from '../sql/index.ts';
import { firstParameter } from './names.ts';
import { readResult } from './portal.ts';
import { isQuery, prepareStatement } from './prepare.ts';
import { runQueryNow, startDmlNow } from './run-query.ts';
import { describeFields, sendCopy } from './send.ts';
import type { SessionCore } from './session-core.ts';
import type { Prepared, StatementResult } from './state.ts';
import { findTemplate, learnTemplate } from './templates.ts';
import type { FoundStatement, UnknownText } from './templates.ts';

/** More rows are sent in pieces, with an eye on what the client has read. */
const rowsWithinCallMax = 64;

const noParameters = { raw: { formats: [], values: [] }, params: [], resultFormats: [] } as const;

/**
 * The simple protocol (postgres.c, exec_simple_query): statements in one implicit transaction unless BEGIN says otherwise.
 * Returns the handler of Query messages; it writes every answer, ReadyForQuery included.
 */
export function createSimpleQuery(core: SessionCore): (text: string) => void | Promise<void> {
  const { state } = core;
  const { engine, output, transaction } = state;
  const { writer } = output;

  function query(text: string): void | Promise<void> {
    const startMs = engine.clock.monotonicMs();
    core.beginStatement(text);
    const unnamed = state.portals.get('');
    if (unnamed !== undefined) return core.closePortal(unnamed).then(() => begin(text, startMs));
    return begin(text, startMs);
  }

  function begin(text: string, startMs: number): void | Promise<void> {
    state.prepared.delete('');
    const parsed = parsedBefore(text);
    if (parsed?.length === 1 && parsed[0]!.class === 'transaction')
      return runTransaction(parsed[0]!, text, startMs);
    const found = findTemplate(state, text);
    return found !== undefined && 'prepared' in found
      ? runFound(found, text, startMs)
      : runText(text, startMs, found);
  }

  async function runText(
    text: string,
    startMs: number,
    unknown: UnknownText | undefined,
  ): Promise<void> {
    let statements: readonly Statement[];
    try {
      statements = parseCached(text);
    } catch (error) {
      await core.fail(error);
      finish(text, startMs);
      return;
    }
    if (statements.length === 0) {
      writer.emptyQueryResponse();
      finish(text, startMs);
      return;
    }
    state.severalStatements = statements.length > 1;
    await runFrom(statements, 0, text, startMs, unknown);
  }

  async function runFrom(
    statements: readonly Statement[],
    from: number,
    text: string,
    startMs: number,
    unknown?: UnknownText,
  ): Promise<void> {
    try {
      for (let i = from; i < statements.length; i++) {
        const last = i === statements.length - 1;
        const simple = statements.length === 1 ? 'alone' : 'several';
        const learn = unknown?.seenBefore === true ? { text, unknown } : undefined;
        const result = await runOne(statements[i]!, last, simple, learn);
        if (result.kind !== 'copyIn') continue;
        const { copy } = result;
        writer.copyInResponse(copy.format, copy.columnCount);
        core.copying = {
          copy,
          simple: true,
          done: async (tag) => {
            if (last && !transaction.inBlock) await core.commit();
            writer.commandComplete(tag);
            await runFrom(statements, i + 1, text, startMs);
          },
        };
        return;
      }
    } catch (error) {
      await core.fail(error);
    }
    finish(text, startMs);
  }

  async function runOne(
    statement: Statement,
    last: boolean,
    simple: 'alone' | 'several',
    learn: { readonly text: string; readonly unknown: UnknownText } | undefined,
  ): Promise<StatementResult> {
    core.refuseInFailed(statement);
    transaction.start();
    if (!core.roleIsFresh()) await core.refreshRole();
    const prepared = await prepareStatement(state, '', statement, []);
    const params = noParams(prepared);
    if (learn !== undefined && isQuery(statement))
      await learnTemplate(state, learn.text, learn.unknown, prepared);
    const result = await core.run(prepared, { ...noParameters, params, simple });
    if (result.kind === 'copyIn') return result;
    const tag = await send(result);
    // The acknowledgement follows the commit: what the client sees complete is safe.
    if (last && !transaction.inBlock) await core.commit();
    writer.commandComplete(tag);
    return result;
  }

  function noParams(prepared: Prepared): readonly [] {
    if (prepared.paramTypes.length === 0) return [];
    throw new PgError(SqlState.undefinedParameter, 'there is no parameter $1', {
      position: prepared.statement && firstParameter(prepared.statement),
    });
  }

  function runTransaction(
    statement: Statement,
    text: string,
    startMs: number,
  ): void | Promise<void> {
    try {
      core.refuseInFailed(statement);
      const result = core.runTransactionNow(statement);
      if (result === undefined) return runText(text, startMs, undefined);
      if (result instanceof Promise) {
        return result
          .then(({ tag }) => writer.commandComplete(tag), core.fail)
          .then(() => finish(text, startMs));
      }
      writer.commandComplete(result.tag);
      return finish(text, startMs);
    } catch (error) {
      return core.fail(error).then(() => finish(text, startMs));
    }
  }

  /** A statement whose template is known: parsed and analyzed already. Within the call when there is nothing to wait for. */
  function runFound(found: FoundStatement, text: string, startMs: number): void | Promise<void> {
    try {
      const running = startFound(found);
      if (running === undefined) return finish(text, startMs);
      return running.catch(core.fail).then(() => finish(text, startMs));
    } catch (error) {
      return core.fail(error).then(() => finish(text, startMs));
    }
  }

  function startFound({ prepared, params }: FoundStatement): undefined | Promise<void> {
    const { statement } = prepared;
    core.refuseInFailed(statement);
    transaction.start();
    const input = { ...noParameters, params, simple: 'alone' } as const;
    if (!core.roleIsFresh()) return core.run(prepared, input).then(sendAndCommit);
    const now =
      runQueryNow(state, prepared, input) ??
      (state.cursors.halfRead ? undefined : startDmlNow(state, prepared, input));
    if (now === undefined) return core.run(prepared, input).then(sendAndCommit);
    if (now instanceof Promise) return now.then(sendAndCommit);
    if (now.kind === 'done') return commitThenComplete(now.tag);
    const tag = sendNow(now);
    return tag === undefined ? sendAndCommit(now) : commitThenComplete(tag);
  }

  /** A few rows that are in memory; returns the tag. Undefined: nothing was written. */
  function sendNow(result: StatementResult): string | undefined {
    if (result.kind !== 'rowsNow' || result.rows.length > rowsWithinCallMax) return undefined;
    const reader = readResult(state, result, []);
    writer.rowDescription(describeFields(result.fields, []));
    const sent = reader.sendNow(0);
    assert(sent !== false, 'few rows are sent at once');
    return sent.tag ?? '';
  }

  async function sendAndCommit(result: StatementResult): Promise<void> {
    assert(result.kind !== 'copyIn', 'a query');
    await commitThenComplete(await send(result));
  }

  function commitThenComplete(tag: string): undefined | Promise<void> {
    const committing = transaction.inBlock ? undefined : core.commit();
    if (committing !== undefined) return committing.then(() => writer.commandComplete(tag));
    writer.commandComplete(tag);
    return undefined;
  }

  /** Writes the rows with their description; returns the tag. */
  async function send(result: Exclude<StatementResult, { kind: 'copyIn' }>): Promise<string> {
    if (result.kind === 'copyOut') return sendCopy(state, result);
    const formats = ('formats' in result && result.formats) || [];
    const reader = readResult(state, result, formats);
    try {
      // What fails before the first row fails before the description, as in PostgreSQL's planner.
      const release = state.holdNotices();
      try {
        await reader.prime();
        if (result.kind !== 'done') writer.rowDescription(describeFields(result.fields, formats));
      } finally {
        release();
      }
      return (await reader.send(0)) ?? '';
    } finally {
      await reader.close();
    }
  }

  function finish(text: string, startMs: number): void {
    state.severalStatements = false;
    core.logDuration(text, startMs);
    core.endStatement();
    core.readyForQuery();
  }

  return query;
}
