/** PostgreSQL itself (PGlite) runs a script: the source of the expected output. */
import { PGlite } from '@electric-sql/pglite';
import { decodeBackend } from '../support/backend.ts';
import * as frontend from '../support/frontend.ts';
import { render } from './render.ts';
import type { Statement, Step } from './script.ts';
import { isStatement } from './script.ts';

export interface Oracle {
  /** The output of each statement, in a schema of its own and a session as new. */
  run(steps: readonly Step[]): Promise<readonly (readonly [Statement, string])[]>;
  close(): Promise<void>;
}

export async function openOracle(): Promise<Oracle> {
  // The locale of pgtide's own clusters: code-point order.
  const postgres = await PGlite.create({
    initDbStartParams: [
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--encoding=UTF8',
      '--username=postgres',
    ],
  });
  await postgres.exec(`set timezone = 'UTC'`);

  async function ask(sql: string, unordered: boolean): Promise<string> {
    const data = await postgres.execProtocolRaw(frontend.query(sql));
    return render(decodeBackend(Buffer.from(data)).messages, unordered);
  }

  return {
    async run(steps) {
      for (const reset of ['rollback', 'drop schema if exists logic cascade', 'discard all']) {
        await ask(reset, false);
      }
      await postgres.exec(`set timezone = 'UTC'; create schema logic; set search_path = logic;`);
      const entries: [Statement, string][] = [];
      for (const step of steps.filter(isStatement)) {
        const output = step.byHand ?? (await ask(step.oracle, step.unordered));
        entries.push([step, output]);
      }
      await ask('rollback', false);
      return entries;
    },
    close: () => postgres.close(),
  };
}
