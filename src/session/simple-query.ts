import { PgError, SqlState } from '../base/index.ts';
import { parse as parseStatements } from '../sql/index.ts';
import type { Statement } from '../sql/index.ts';
import { firstParameter } from './names.ts';
import { readResult } from './portal.ts';
import { prepareStatement } from './prepare.ts';
import { describeFields, sendCopy } from './send.ts';
import type { SessionCore } from './session-core.ts';
import type { Prepared, StatementResult } from './state.ts';

const noParameters = { raw: { formats: [], values: [] }, params: [], resultFormats: [] } as const;

/**
 * The simple protocol (postgres.c, exec_simple_query): statements in one implicit transaction unless BEGIN says otherwise.
 * Returns the handler of Query messages; it writes every answer, ReadyForQuery included.
 */
export function createSimpleQuery(core: SessionCore): (text: string) => Promise<void> {
  const { state } = core;
  const { engine, output, transaction } = state;
  const { writer } = output;

  async function query(text: string): Promise<void> {
    const startMs = engine.clock.monotonicMs();
    core.beginStatement(text);
    const unnamed = state.portals.get('');
    if (unnamed !== undefined) await core.closePortal(unnamed);
    state.prepared.delete('');
    let statements: readonly Statement[];
    try {
      statements = parseStatements(text);
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
    await runFrom(statements, 0, text, startMs);
  }

  async function runFrom(
    statements: readonly Statement[],
    from: number,
    text: string,
    startMs: number,
  ): Promise<void> {
    try {
      for (let i = from; i < statements.length; i++) {
        const last = i === statements.length - 1;
        const simple = statements.length === 1 ? 'alone' : 'several';
        const result = await runOne(statements[i]!, last, simple);
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
  ): Promise<StatementResult> {
    core.refuseInFailed(statement);
    transaction.start();
    if (!core.roleIsFresh()) await core.refreshRole();
    const prepared = await prepareStatement(state, '', statement, []);
    const params = noParams(prepared);
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

  /** Writes the rows with their description; returns the tag. */
  async function send(result: Exclude<StatementResult, { kind: 'copyIn' }>): Promise<string> {
    if (result.kind === 'copyOut') return sendCopy(state, result);
    const formats = ('formats' in result && result.formats) || [];
    const reader = readResult(state, result, formats);
    try {
      // What fails before the first row fails before the description, as in PostgreSQL's planner.
      await reader.prime();
      if (result.kind !== 'done') writer.rowDescription(describeFields(result.fields, formats));
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
