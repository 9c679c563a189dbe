/** Transfers between accounts: whoever looks, whenever, sees the same sum, and no account below zero. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Random } from '../../crash/random.ts';
import { seededRandom } from '../../crash/random.ts';
import type { Target } from '../target.ts';
import { givenUp, sqlstateOf } from '../target.ts';

/**
 * `locking`: READ COMMITTED, both rows by FOR UPDATE before they are read. `relative`: READ COMMITTED, `balance - x WHERE balance >= x`. `snapshot` and
 * `serializable`: read and written back without locks at that level.
 */
export type BankStyle = 'locking' | 'relative' | 'snapshot' | 'serializable';
export const bankStyles: readonly BankStyle[] = ['locking', 'relative', 'snapshot', 'serializable'];

export interface BankOptions {
  readonly seed: string;
  readonly style: BankStyle;
  readonly table: string;
  readonly user: boolean;
  readonly clients: number;
  readonly accounts: number;
  /** Of each client. */
  readonly transfers: number;
  readonly flushEveryMs?: number | undefined;
}

export interface BankResult {
  readonly committed: number;
  readonly givenUp: number;
  readonly looks: number;
  /** What was wrong; empty when nothing was. */
  readonly violations: readonly string[];
}

const openingBalance = 100;
const levels: Readonly<Record<BankStyle, string>> = {
  locking: 'read committed',
  relative: 'read committed',
  snapshot: 'repeatable read',
  serializable: 'serializable',
};

/** Inside a transaction. False: not enough money, nothing was changed. */
async function transfer(
  session: pg.Client,
  { table, style }: BankOptions,
  from: number,
  to: number,
  amount: number,
): Promise<boolean> {
  if (style === 'relative') {
    const taken = await session.query(
      `update ${table} set balance = balance - $2 where id = $1 and balance >= $2`,
      [from, amount],
    );
    if (taken.rowCount === 0) return false;
    await session.query(`update ${table} set balance = balance + ${amount} where id = ${to}`);
    return true;
  }
  const lock = style === 'locking' ? ' for update' : '';
  const balances: number[] = [];
  for (const id of [from, to]) {
    const text = `select balance from ${table} where id = $1${lock}`;
    const { rows } = await session.query<{ balance: number }>(text, [id]);
    balances.push(rows[0]!.balance);
  }
  const [source, goal] = [balances[0]!, balances[1]!];
  if (source < amount) return false;
  const write = `update ${table} set balance = $2 where id = $1`;
  await session.query(write, [from, source - amount]);
  await session.query({ name: 'write', text: write, values: [to, goal + amount] });
  return true;
}

/** Rejects when a statement fails otherwise than by a conflict. */
export async function runBank(target: Target, options: BankOptions): Promise<BankResult> {
  const { seed, table, user, accounts, flushEveryMs } = options;
  const owner = await target.connect();
  const sessions = await Promise.all(
    Array.from({ length: options.clients }, () => target.connect()),
  );
  const [looker, flusher] = [await target.connect(), await target.connect()];
  const everyone = [owner, looker, flusher, ...sessions];
  const violations: string[] = [];
  let [committed, conflicts, looks, over] = [0, 0, 0, false];

  async function runClient(session: pg.Client, client: number): Promise<void> {
    const random: Random = seededRandom(`${seed}/client ${client}`);
    for (let i = 0; i < options.transfers; i++) {
      const from = random.below(accounts);
      const to = (from + random.between(1, accounts - 1)) % accounts;
      try {
        await session.query(`begin isolation level ${levels[options.style]}`);
        const moved = await transfer(session, options, from, to, random.between(1, 40));
        const { command } = await session.query(moved ? 'commit' : 'rollback');
        if (command === 'COMMIT') committed++;
      } catch (error) {
        if (!givenUp.has(sqlstateOf(error))) throw error;
        conflicts++;
        await session.query('rollback');
      }
    }
  }

  const total = accounts * openingBalance;
  function judge(how: string, balances: readonly number[]): void {
    looks++;
    const sum = balances.reduce((one, other) => one + other, 0);
    if (sum !== total)
      violations.push(`${how}: the sum is ${sum}, not ${total}: ${balances.join(' ')}`);
    if (balances.length !== accounts) violations.push(`${how}: ${balances.length} accounts`);
    const overdrawn = balances.filter((balance) => balance < 0);
    if (overdrawn.length > 0) violations.push(`${how}: below zero: ${overdrawn.join(' ')}`);
  }

  /** By one statement at READ COMMITTED, and row by row under one snapshot. */
  async function look(): Promise<void> {
    while (!over) {
      const { rows } = await looker.query<{ balance: number }>(`select balance from ${table}`);
      judge(
        'one statement',
        rows.map(({ balance }) => balance),
      );
      await looker.query('begin isolation level repeatable read read only');
      const balances: number[] = [];
      for (let id = 0; id < accounts; id++) {
        const text = `select balance from ${table} where id = ${id}`;
        const one = await looker.query<{ balance: number }>(text);
        balances.push(...one.rows.map(({ balance }) => balance));
      }
      await looker.query('commit');
      judge('row by row', balances);
      await sleep(2);
    }
  }

  async function flushNowAndThen(everyMs: number): Promise<void> {
    while (!over) {
      await flusher.query(`flush table ${table}`);
      await sleep(everyMs);
    }
  }

  try {
    await owner.query(`drop table if exists ${table}`);
    await owner.query(
      `create ${user ? 'user ' : ''}table ${table} (id int primary key, balance int not null)`,
    );
    if (user) for (const session of everyone) await session.query(`set tide.user_id = 'writer'`);
    await owner.query(
      `insert into ${table} select i, ${openingBalance} from generate_series(0, ${accounts - 1}) as i`,
    );
    const beside = [look(), ...(flushEveryMs === undefined ? [] : [flushNowAndThen(flushEveryMs)])];
    // Awaited below; until then a failure is not unhandled.
    const besides = Promise.all(beside);
    besides.catch(() => undefined);
    try {
      await Promise.all(sessions.map(runClient));
    } finally {
      over = true;
    }
    await besides;
    const { rows } = await owner.query<{ balance: number }>(`select balance from ${table}`);
    judge(
      'at the end',
      rows.map(({ balance }) => balance),
    );
    return { committed, givenUp: conflicts, looks, violations };
  } finally {
    for (const session of everyone) await session.end();
  }
}
