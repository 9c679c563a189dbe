/** Increments of one row by many clients: none is lost, none is done twice. */
import type pg from 'pg';
import type { Random } from '../../crash/random.ts';
import { seededRandom } from '../../crash/random.ts';
import type { Level } from '../append/history.ts';
import type { Target } from '../target.ts';
import { givenUp, sqlstateOf } from '../target.ts';

export interface CounterOptions {
  readonly seed: string;
  readonly level: Level;
  readonly table: string;
  readonly user: boolean;
  readonly clients: number;
  /** Increments of each client that were tried. */
  readonly tries: number;
}

export interface CounterResult {
  /** What was acknowledged, and what the row says. */
  readonly acknowledged: number;
  readonly counted: number;
  /** Tries that ended in a conflict. */
  readonly givenUp: number;
}

/** Adds in one of several ways; returns how much. */
async function increment(session: pg.Client, table: string, random: Random): Promise<number> {
  switch (random.below(5)) {
    case 0:
      await session.query({
        name: 'add',
        text: `update ${table} set n = n + $1 where id = 1`,
        values: [1],
      });
      return 1;
    case 1:
      await session.query(
        `insert into ${table} values (1, 1) on conflict (id) do update set n = ${table}.n + 1`,
      );
      return 1;
    case 2: {
      await session.query('begin');
      await session.query(`update ${table} set n = n + 1 where id = 1`);
      await session.query(`update ${table} set n = n + 1 where id = 1`);
      const { command } = await session.query('commit');
      return command === 'COMMIT' ? 2 : 0;
    }
    case 3: {
      await session.query('begin');
      const { rows } = await session.query<{ n: number }>(
        `select n from ${table} where id = 1 for update`,
      );
      await session.query(`update ${table} set n = $1 where id = 1`, [rows[0]!.n + 1]);
      const { command } = await session.query('commit');
      return command === 'COMMIT' ? 1 : 0;
    }
    default:
      await session.query(`update ${table} set n = n + 1 where id = 1`);
      return 1;
  }
}

export async function runCounter(target: Target, options: CounterOptions): Promise<CounterResult> {
  const { seed, level, table, user, clients, tries } = options;
  const owner = await target.connect();
  const sessions = await Promise.all(Array.from({ length: clients }, () => target.connect()));
  try {
    await owner.query(`drop table if exists ${table}`);
    await owner.query(
      `create ${user ? 'user ' : ''}table ${table} (id int primary key, n int not null)`,
    );
    for (const session of [owner, ...sessions]) {
      await session.query(`set default_transaction_isolation = '${level}'`);
      if (user) await session.query(`set tide.user_id = 'writer'`);
    }
    await owner.query(`insert into ${table} values (1, 0)`);
    let acknowledged = 0;
    let conflicts = 0;
    const run = async (session: pg.Client, client: number): Promise<void> => {
      const random = seededRandom(`${seed}/client ${client}`);
      for (let i = 0; i < tries; i++) {
        try {
          // The sum is read after the wait, not before it.
          const added = await increment(session, table, random);
          acknowledged += added;
        } catch (error) {
          if (!givenUp.has(sqlstateOf(error))) throw error;
          conflicts++;
          await session.query('rollback');
        }
      }
    };
    await Promise.all(sessions.map(run));
    const { rows } = await owner.query<{ n: number }>(`select n from ${table} where id = 1`);
    return { acknowledged, counted: rows[0]!.n, givenUp: conflicts };
  } finally {
    for (const session of [owner, ...sessions]) await session.end();
  }
}
