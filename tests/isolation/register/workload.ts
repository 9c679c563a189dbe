/** Clients that run single statements against a few rows, each committed by itself. What each row's calls were is its history. */
import type pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../crash/random.ts';
import { seededRandom } from '../../crash/random.ts';
import type { Level } from '../append/history.ts';
import type { Target } from '../target.ts';
import { givenUp, sqlstateOf } from '../target.ts';
import type { Answer, Call, Statement } from './model.ts';

export interface RegisterOptions {
  readonly seed: string;
  readonly level: Level;
  readonly table: string;
  readonly user: boolean;
  readonly clients: number;
  /** How many rows there are, one after the other, and how many calls each gets. */
  readonly rows: number;
  readonly callsPerRow: number;
  /** No new row is begun after that. */
  readonly millisecondsMax: number;
  readonly flushEveryMs?: number | undefined;
}

/** Values are few, so that a swap often finds the one it looks for. */
const valuesMax = 4;

function randomStatement(random: Random): Statement {
  const value = random.below(valuesMax);
  switch (random.below(8)) {
    case 0:
    case 1:
      return { kind: 'read' };
    case 2:
      return { kind: 'put', value };
    case 3:
      return { kind: 'insert', value };
    case 4:
      return { kind: 'delete' };
    case 5:
      return { kind: 'add', by: 1 };
    default:
      return { kind: 'swap', from: value, to: random.below(valuesMax) };
  }
}

/** SQL with $1 the key, and the values after it. */
function textOf(table: string, statement: Statement): [text: string, values: readonly number[]] {
  switch (statement.kind) {
    case 'read':
      return [`select v from ${table} where k = $1::int`, []];
    case 'delete':
      return [`delete from ${table} where k = $1::int returning v`, []];
    case 'put':
      return [
        `insert into ${table} values ($1::int, $2::int) on conflict (k) do update set v = excluded.v returning 1 as v`,
        [statement.value],
      ];
    case 'insert':
      return [
        `insert into ${table} values ($1::int, $2::int) on conflict do nothing`,
        [statement.value],
      ];
    case 'add':
      return [`update ${table} set v = v + $2::int where k = $1::int returning v`, [statement.by]];
    case 'swap':
      return [
        `update ${table} set v = $3::int where k = $1::int and v = $2::int`,
        [statement.from, statement.to],
      ];
  }
}

async function run(
  session: pg.Client,
  random: Random,
  table: string,
  key: number,
  statement: Statement,
): Promise<Answer> {
  const [text, rest] = textOf(table, statement);
  const values = [key, ...rest];
  const simple = text.replaceAll(/\$(\d)/g, (_, n) => `${values[n - 1]}`);
  const way = random.below(3);
  const result = await (way === 0
    ? session.query<{ v: number }>(simple)
    : session.query<{ v: number }>({
        ...(way === 1 && { name: statement.kind }),
        text,
        values,
      }));
  if (statement.kind === 'insert' || statement.kind === 'swap') return result.rowCount;
  return result.rows[0]?.v ?? null;
}

/** Each row's history. Rejects when a statement fails otherwise than by a conflict. */
export async function runRegisters(
  target: Target,
  options: RegisterOptions,
): Promise<readonly (readonly Call[])[]> {
  const { seed, level, table, user, clients, flushEveryMs } = options;
  const owner = await target.connect();
  await owner.query(`drop table if exists ${table}`);
  await owner.query(
    `create ${user ? 'user ' : ''}table ${table} (k int primary key, v int not null)`,
  );
  const began = performance.now();
  const now = (): number => performance.now() - began;
  const prepare = async (session: pg.Client): Promise<void> => {
    await session.query(`set default_transaction_isolation = '${level}'`);
    if (user) await session.query(`set tide.user_id = 'writer'`);
  };
  const sessions = await Promise.all(Array.from({ length: clients }, () => target.connect()));
  for (const session of [owner, ...sessions]) await prepare(session);
  const random = sessions.map((_, client) => seededRandom(`${seed}/client ${client}`));
  const histories: (readonly Call[])[] = [];

  async function runClient(client: number, key: number, calls: Call[]): Promise<void> {
    while (calls.length < options.callsPerRow) {
      const choose = random[client]!;
      const statement = randomStatement(choose);
      const start = now();
      try {
        const answer = await run(sessions[client]!, choose, table, key, statement);
        calls.push({ client, statement, start, end: now(), answer });
      } catch (error) {
        // Given up: it had no effect.
        if (!givenUp.has(sqlstateOf(error))) throw error;
      }
      if (choose.chance(0.1)) await sleep(choose.below(3));
    }
  }

  async function flushNowAndThen(everyMs: number, over: () => boolean): Promise<void> {
    while (!over()) {
      await owner.query(`flush table ${table}`);
      await sleep(everyMs);
    }
  }

  try {
    let over = false;
    const flushing =
      flushEveryMs === undefined ? undefined : flushNowAndThen(flushEveryMs, () => over);
    // Awaited below; until then its failure is not unhandled.
    flushing?.catch(() => undefined);
    try {
      for (let key = 0; key < options.rows && now() < options.millisecondsMax; key++) {
        const calls: Call[] = [];
        await Promise.all(sessions.map((_, client) => runClient(client, key, calls)));
        histories.push(calls);
      }
    } finally {
      over = true;
    }
    await flushing;
    return histories;
  } finally {
    for (const session of [owner, ...sessions]) await session.end();
  }
}
