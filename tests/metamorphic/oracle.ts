/** A plain PGlite that does the logical part: a user's tables are tables in a schema of that user's own. */
import { PGlite } from '@electric-sql/pglite';
import { render } from '../logic/render.ts';
import { decodeBackend } from '../support/backend.ts';
import * as frontend from '../support/frontend.ts';
import type { Statement } from './statements.ts';
import { users } from './world.ts';

export interface Oracle {
  /** The answer, as render() writes it. */
  run(
    statement: Pick<Statement, 'sql' | 'plain' | 'table' | 'after'>,
    user: number,
  ): Promise<string>;
  control(sql: string): Promise<string>;
  close(): Promise<void>;
}

export async function openOracle(): Promise<Oracle> {
  const postgres = await PGlite.create({
    initDbStartParams: [
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--encoding=UTF8',
      '--username=postgres',
    ],
  });
  const schemas = users.map((_, i) => `u${i}`);
  await postgres.exec(
    `set timezone = 'UTC'; create schema fruit; ${schemas.map((name) => `create schema ${name}`).join(';')}`,
  );
  let inBlock = false;

  async function ask(sql: string): Promise<string> {
    const data = await postgres.execProtocolRaw(frontend.query(sql));
    const { messages } = decodeBackend(Buffer.from(data));
    inBlock = messages.at(-1)?.['status'] !== 'I';
    return render(messages, false);
  }
  // SET in a transaction that is rolled back goes back, and fails in one that has failed: so it goes with each statement.
  const inSchema = async (schema: string, sql: string): Promise<string> => {
    if (!inBlock) await ask(`set search_path = ${schema}, fruit`);
    else await ask(`set local search_path = ${schema}, fruit`);
    return ask(sql);
  };

  return {
    async run({ sql, plain = sql, table, after }, user) {
      if (table.kind === 'shared') return inSchema('fruit', plain);
      if (after === undefined) return inSchema(schemas[user]!, plain);
      const alone = !inBlock;
      if (alone) await ask('begin');
      let output = '';
      for (const schema of schemas) {
        output = await inSchema(schema, plain);
        if (output.includes('ERROR ')) break;
      }
      if (alone) await ask(output.includes('ERROR ') ? 'rollback' : 'commit');
      return output;
    },
    control: ask,
    close: () => postgres.close(),
  };
}
