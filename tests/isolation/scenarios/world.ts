/** Runs all cases of a scenario on one server, in a schema of its own. */
import type { BackendMessage } from '../../support/backend.ts';
import { render } from '../../logic/render.ts';
import type { Entry } from './output.ts';
import type { WhoWaits } from './run.ts';
import { runCase } from './run.ts';
import type { Case, Scenario } from './script.ts';
import { casesOf } from './script.ts';
import type { Protocol, ScenarioSession } from './session.ts';
import { openScenarioSession } from './session.ts';

export interface WorldOptions {
  readonly port: number;
  /** Of the scenario's tables; dropped and made. */
  readonly schema: string;
  readonly protocol: Protocol;
  /** Changes the statements of `schema`: other kinds of table. Default: as they are. */
  readonly rewrite?: ((sql: string) => string) | undefined;
  /** Between `data` and the run: statements for each table. Default: none. */
  readonly afterData?: ((table: string) => string) | undefined;
  readonly whoWaits: WhoWaits;
  /** Title to what was seen elsewhere. */
  readonly expected?: ReadonlyMap<string, readonly Entry[]> | undefined;
}

async function must(session: ScenarioSession, sql: string): Promise<readonly BackendMessage[]> {
  const answer = await session.ask(sql).catch((error: unknown) => {
    throw new Error(`${sql}: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (answer.some(({ type }) => type === 'ErrorResponse')) {
    throw new Error(`${sql}: ${render(answer, false)}`);
  }
  return answer;
}

/** Title to entries. Rejects when a schema or data can't be made. */
export async function runScenario(
  scenario: Scenario,
  options: WorldOptions,
  wanted: (item: Case) => boolean = () => true,
): Promise<ReadonlyMap<string, readonly Entry[]>> {
  const { schema, port, afterData, rewrite = (sql) => sql } = options;
  const seen = new Map<string, readonly Entry[]>();
  const owner = await openScenarioSession('owner', port, 'simple');

  async function tables(): Promise<readonly string[]> {
    const answer = await must(
      owner,
      `select relname from pg_class where relkind = 'r' and relnamespace = '${schema}'::regnamespace order by 1`,
    );
    return answer.flatMap(({ type, values }) => (type === 'DataRow' ? (values as string[]) : []));
  }

  async function makeSchema(item: Case): Promise<void> {
    await must(
      owner,
      `set client_min_messages = warning; drop schema if exists ${schema} cascade; create schema ${schema}`,
    );
    await must(owner, `set search_path = ${schema}`);
    for (const sql of item.schema) await must(owner, rewrite(sql));
  }

  try {
    let made: string | undefined;
    for (const item of casesOf(scenario)) {
      if (!wanted(item)) continue;
      const wants = item.schema.join(' ');
      const makes = scenario.fresh || made !== wants;
      if (makes) await makeSchema(item);
      made = wants;
      const names = await tables();
      if (!makes && names.length > 0) await must(owner, `truncate ${names.join(', ')}`);
      for (const sql of item.data) await must(owner, sql);
      if (afterData !== undefined) for (const name of names) await must(owner, afterData(name));
      const expected = options.expected?.get(item.title);
      const { protocol, whoWaits } = options;
      seen.set(item.title, await runCase(item, { port, protocol, schema, whoWaits, expected }));
    }
    await must(owner, `drop schema if exists ${schema} cascade`);
    return seen;
  } finally {
    await owner.close();
  }
}
