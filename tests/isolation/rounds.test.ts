/**
 * Random work on pgtide, a little of it (npm run test:isolation does more), and on PostgreSQL 15: the checkers agree with it at its own levels, and find what it shows when it is judged by a stronger
 * one. That is how we know that they would find it in pgtide.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkHistory } from './append/check.ts';
import type { Level } from './append/history.ts';
import { runAppends } from './append/workload.ts';
import { levels, runRound, works } from './rounds.ts';
import { oracleInstalled } from './scenarios/server.ts';
import type { Target } from './target.ts';
import { startPgtide, startPostgresTarget } from './target.ts';

/** PGTIDE_ISOLATION_SEED=text chooses other work. */
const seed = process.env['PGTIDE_ISOLATION_SEED'] ?? 'fixed';
const rounds = works.flatMap((work) => levels.map((level) => ({ work, level })));

describe('pgtide', () => {
  let target: Target | undefined;
  beforeAll(async () => {
    target = await startPgtide();
  });
  afterAll(async () => {
    await target?.stop();
  });

  test.each(rounds)('$work at $level', async ({ work, level }) => {
    await runRound(target!, work, { seed, level, size: 0.4 });
  });
});

describe.skipIf(!oracleInstalled)('PostgreSQL 15', () => {
  let target: Target | undefined;
  beforeAll(async () => {
    target = await startPostgresTarget();
  });
  afterAll(async () => {
    await target?.stop();
  });

  test.each(rounds)('$work at $level', async ({ work, level }) => {
    await runRound(target!, work, { seed, level, size: 0.3 });
  });

  async function namesFound(ranAt: Level, judgedAs: Level): Promise<readonly string[]> {
    const { history } = await runAppends(target!, {
      seed,
      level: ranAt,
      table: 'weak',
      user: false,
      column: 'array',
      keys: 2,
      clients: 8,
      transactionsMax: 800,
      millisecondsMax: 30_000,
    });
    expect(checkHistory(history, ranAt)).toEqual([]);
    return checkHistory(history, judgedAs).map(({ name }) => name);
  }

  test('READ COMMITTED loses updates and skews reads', async () => {
    const names = await namesFound('read committed', 'repeatable read');
    expect(names).toContain('lost update');
    expect(names).toContain('G-single');
  });

  test('REPEATABLE READ skews writes', async () => {
    expect(await namesFound('repeatable read', 'serializable')).toEqual(['G2']);
  });
});
