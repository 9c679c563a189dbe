/** Clients that read lists and append to them in random transactions, as many at once as are wanted; what they saw is the history. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Random } from '../../crash/random.ts';
import { seededRandom } from '../../crash/random.ts';
import type { Target } from '../target.ts';
import { givenUp, sqlstateOf } from '../target.ts';
import type { Level, Operation, Transaction } from './history.ts';
import { Lists } from './lists.ts';
import type { ListsOptions } from './lists.ts';

export interface AppendOptions extends ListsOptions {
  readonly seed: string;
  readonly level: Level;
  readonly clients: number;
  /** Of all clients together; the run ends with the first of the two bounds. */
  readonly transactionsMax: number;
  readonly millisecondsMax: number;
  /** Milliseconds between one FLUSH TABLE and the next; undefined: none. */
  readonly flushEveryMs?: number | undefined;
}

export interface AppendRun {
  readonly history: readonly Transaction[];
  readonly flushes: number;
}

const operationsMax = 5;
const pauseMsMax = 3;

/** Rejects when a statement fails otherwise than by a conflict. */
export async function runAppends(target: Target, options: AppendOptions): Promise<AppendRun> {
  const { seed, level, clients } = options;
  const history: Transaction[] = [];
  const owner = await target.connect();
  const lists = new Lists(options);
  await lists.create(owner);
  const began = performance.now();
  const now = (): number => performance.now() - began;
  let left = options.transactionsMax;
  let flushes = 0;
  let failure: unknown;
  const over = (): boolean => failure !== undefined || left <= 0 || now() > options.millisecondsMax;

  function record(
    client: number,
    start: number,
    outcome: Transaction['outcome'],
    operations: readonly Operation[],
  ): void {
    const end = outcome === 'unknown' ? Number.POSITIVE_INFINITY : now();
    history.push({ id: history.length, client, outcome, start, end, operations });
  }

  async function oneOperation(
    session: pg.Client,
    random: Random,
    into: Operation[],
    readOnly: boolean,
  ): Promise<void> {
    const pause = random.chance(0.2) ? random.between(0, pauseMsMax) : undefined;
    if (pause !== undefined) await sleep(pause);
    if (readOnly || random.chance(0.45)) {
      into.push(...(await lists.read(session, random, readOnly)));
    } else if (random.chance(0.15)) {
      await session.query('savepoint part');
      const undone = random.chance(0.6);
      const appended = await lists.append(session, random, undone);
      await session.query(undone ? 'rollback to part' : 'release part');
      into.push(...appended);
    } else {
      into.push(...(await lists.append(session, random, false)));
    }
  }

  /** One transaction in a block. Returns its outcome. */
  async function block(
    session: pg.Client,
    random: Random,
    operations: Operation[],
  ): Promise<Transaction['outcome']> {
    const readOnly = random.chance(0.15);
    const begin = `begin isolation level ${level}${readOnly ? ' read only' : ''}`;
    let committing = false;
    try {
      await session.query(begin);
      const count = random.between(1, operationsMax);
      for (let i = 0; i < count; i++) await oneOperation(session, random, operations, readOnly);
      if (random.chance(0.08)) {
        await session.query('rollback');
        return 'failed';
      }
      committing = true;
      const { command } = await session.query('commit');
      return command === 'COMMIT' ? 'committed' : 'failed';
    } catch (error) {
      const code = sqlstateOf(error);
      if (code === undefined && committing) return 'unknown';
      if (!givenUp.has(code)) throw error;
      if (!committing) await session.query('rollback');
      return 'failed';
    }
  }

  /** One statement without a block: an upsert or a read. */
  async function alone(
    session: pg.Client,
    random: Random,
    operations: Operation[],
  ): Promise<Transaction['outcome']> {
    try {
      const done = random.chance(0.5)
        ? await lists.read(session, random, false)
        : await lists.upsert(session, random);
      operations.push(...done);
      return 'committed';
    } catch (error) {
      if (!givenUp.has(sqlstateOf(error))) throw error;
      return 'failed';
    }
  }

  async function runClient(client: number): Promise<void> {
    const random = seededRandom(`${seed}/client ${client}`);
    const session = await target.connect();
    try {
      await session.query(`set default_transaction_isolation = '${level}'`);
      await lists.prepareSession(session);
      while (!over()) {
        left--;
        const operations: Operation[] = [];
        const start = now();
        const outcome = await (random.chance(0.15) ? alone : block)(session, random, operations);
        record(client, start, outcome, operations);
      }
    } catch (error) {
      failure ??= error;
    } finally {
      await session.end();
    }
  }

  async function flushNowAndThen(everyMs: number): Promise<void> {
    const session = await target.connect();
    try {
      await lists.prepareSession(session);
      while (!over()) {
        await session.query(`flush table ${lists.table}`);
        flushes++;
        await sleep(everyMs);
      }
    } catch (error) {
      failure ??= error;
    } finally {
      await session.end();
    }
  }

  try {
    const running = Array.from({ length: clients }, (_, client) => runClient(client));
    if (options.flushEveryMs !== undefined) running.push(flushNowAndThen(options.flushEveryMs));
    await Promise.all(running);
    if (failure !== undefined) throw failure;
    const start = now();
    record(clients, start, 'committed', await lists.readAll(owner));
    return { history, flushes };
  } finally {
    await owner.end();
  }
}
