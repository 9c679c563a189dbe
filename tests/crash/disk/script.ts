/** What a client does to the database while its disk fails, and what must be left of it. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { Violation } from '../client.ts';

/** SQLSTATEs that say: nothing of it has happened, the disk is to blame. */
const refusals: ReadonlySet<string> = new Set(['53100', '58030', '57P03']);
/** … the outcome is unknown, the connection gone. */
const doubts: ReadonlySet<string> = new Set(['08006', '57P02', '57P01']);

/** A row's value by its id; undefined: there is none. */
type Values = ReadonlyMap<number, string | undefined>;

/** The rows as far as they are known, and what is in doubt: groups of changes that happened all or none. */
export interface Model {
  readonly rows: Map<number, string>;
  readonly doubtful: Values[];
}

export interface Step {
  readonly name: string;
  readonly changes: Values;
  /** Resolves with 0 when there was no row to change. */
  run(client: pg.Client): Promise<number>;
}

export type Outcome = 'ok' | 'failed' | 'unknown';

async function copyRows(client: pg.Client, rows: ReadonlyMap<number, string>): Promise<void> {
  const stream = client.query(copyFrom('copy t (id, value) from stdin'));
  // It may tell of an error again when the connection ends.
  stream.on('error', () => undefined);
  await pipeline(Readable.from([...rows].map(([id, value]) => `${id}\t${value}\n`)), stream);
}

/** The steps of one round; ids from `first` on are its own. */
export function steps(round: number): Step[] {
  const first = round * 1000;
  const filling = `round ${round} `.repeat(300);
  const one = (name: string, id: number, value: string | undefined, sql: string): Step => ({
    name,
    changes: new Map([[id, value]]),
    run: async (client) =>
      (await client.query(sql, value === undefined ? [id] : [id, value])).rowCount ?? 0,
  });
  const insert = 'insert into t values ($1, $2)';
  const update = 'update t set value = $2 where id = $1';
  const loaded = new Map(Array.from({ length: 50 }, (_, i) => [first + 100 + i, filling]));
  return [
    one('insert', first, 'a', insert),
    one('insert another', first + 1, filling, insert),
    {
      name: 'transaction',
      changes: new Map([
        [first, 'b'],
        [first + 2, 'c'],
        [first + 3, 'd'],
      ]),
      run: async (client) => {
        await client.query('begin');
        const upsert = `${insert} on conflict (id) do update set value = excluded.value`;
        await client.query(upsert, [first, 'b']);
        await client.query(insert, [first + 2, 'c']);
        await client.query(insert, [first + 3, 'd']);
        await client.query('commit');
        return 3;
      },
    },
    {
      name: 'copy',
      changes: loaded,
      run: async (client) => {
        await copyRows(client, loaded);
        return loaded.size;
      },
    },
    one('delete', first + 2, undefined, 'delete from t where id = $1'),
    {
      name: 'flush',
      changes: new Map(),
      run: async (client) => (await client.query('flush table t')).rowCount ?? 0,
    },
    one('update a cold row', first + 1, 'e', update),
    one('delete a cold row', first + 3, undefined, 'delete from t where id = $1'),
    {
      name: 'create and drop',
      changes: new Map(),
      run: async (client) => {
        await client.query(`create table u${round} (id int primary key)`);
        await client.query(`insert into u${round} values (1)`);
        await client.query(`drop table u${round}`);
        return 0;
      },
    },
    one('insert at the end', first + 4, 'f', insert),
  ];
}

export async function connect(port: number): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** What became of a step by its error; a Violation when that is none a failing disk may cause. */
function outcomeOf(error: unknown, step: string): Outcome {
  const { code, message } = error as { code?: string; message: string };
  if (code !== undefined && refusals.has(code)) return 'failed';
  if (code !== undefined && doubts.has(code)) return 'unknown';
  // PGlite may panic over its own files; the statement has not happened then.
  if (code === 'XX000' && message === 'the analyzer was restarted') return 'failed';
  if (/terminated|not queryable|ECONNRESET|EPIPE/.test(message)) return 'unknown';
  throw new Violation(`${step} failed with ${code ?? 'no SQLSTATE'} ${message}`);
}

/** Runs a step with a connection of its own, and notes in `model` what must be there now. */
export async function runStep(port: number, step: Step, model: Model): Promise<Outcome> {
  let client: pg.Client;
  try {
    client = await connect(port);
  } catch (error) {
    outcomeOf(error, `connecting for ${step.name}`);
    return 'failed';
  }
  let outcome: Outcome = 'ok';
  let touched = 0;
  try {
    touched = await step.run(client);
  } catch (error) {
    outcome = outcomeOf(error, step.name);
  }
  if (outcome === 'ok' && touched > 0) settle(model, step.changes);
  if (outcome === 'unknown') model.doubtful.push(step.changes);
  await end(client);
  return outcome;
}

export async function end(client: pg.Client): Promise<void> {
  const closed = new Promise<void>((resolve) => client.once('end', resolve));
  await client.end().catch(() => undefined);
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 100))]);
}

function settle(model: Model, changes: Values): void {
  for (const [id, value] of changes) {
    if (value === undefined) model.rows.delete(id);
    else model.rows.set(id, value);
  }
}

/**
 * Compares all rows with the model. With `final` what was in doubt is decided by what is there: all of a group or none of it, and
 * it stays so.
 */
export async function checkRows(client: pg.Client, model: Model, final: boolean): Promise<void> {
  const { rows } = await client.query<[string, string]>({
    text: 'select id, value from t',
    rowMode: 'array',
  });
  const found = new Map<number, string>();
  for (const [id, value] of rows) {
    if (found.has(Number(id))) throw new Violation(`row ${id} is there twice`);
    found.set(Number(id), value);
  }
  for (const changes of model.doubtful) {
    const happened = [...changes].filter(
      ([id, value]) => value !== model.rows.get(id) && found.get(id) === value,
    );
    const could = [...changes].filter(([id, value]) => value !== model.rows.get(id));
    if (happened.length !== 0 && happened.length !== could.length)
      throw new Violation(
        `of a commit in doubt ${happened.length} of ${could.length} rows are there`,
      );
    if (happened.length > 0) settle(model, changes);
  }
  if (final) model.doubtful.length = 0;
  const wrong = new Set([...found.keys(), ...model.rows.keys()]);
  for (const id of wrong) {
    if (found.get(id) === model.rows.get(id)) continue;
    const show = (value: string | undefined): string => value?.slice(0, 20) ?? 'none';
    throw new Violation(
      `row ${id}: found ${show(found.get(id))}, expected ${show(model.rows.get(id))}`,
    );
  }
}
