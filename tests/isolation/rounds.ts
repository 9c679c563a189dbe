/** Rounds of random work on a server, each judged by its checker. A seed repeats what is asked of the server, not its timing. */
import { seededRandom } from '../crash/random.ts';
import { checkHistory } from './append/check.ts';
import type { Level } from './append/history.ts';
import { runAppends } from './append/workload.ts';
import { bankStyles, runBank } from './invariants/bank.ts';
import { runCounter } from './invariants/counter.ts';
import { checkLinearizable } from './register/check.ts';
import { runRegisters } from './register/workload.ts';
import type { Target } from './target.ts';
import { saveHistory } from './target.ts';

export const levels: readonly Level[] = ['read committed', 'repeatable read', 'serializable'];
export const works = ['append', 'register', 'counter', 'bank'] as const;
export type Work = (typeof works)[number];

export interface RoundOptions {
  /** Of the round: another for each, or it is the same again. */
  readonly seed: string;
  readonly level: Level;
  /** 1: a second or two of work. */
  readonly size: number;
}

/** Breaks off with what to look at: the round's seed, what is wrong and where its history is. */
async function violation(
  work: Work,
  { seed, level }: RoundOptions,
  text: string,
  history: unknown,
): Promise<never> {
  const path = await saveHistory({ work, seed, level, history });
  throw new Error(`${work} at ${level}, seed ${seed}, history in ${path}:\n${text}`);
}

const flushing = (target: Target, everyMs: number): { flushEveryMs?: number } =>
  target.name === 'pgtide' ? { flushEveryMs: everyMs } : {};

async function appendRound(target: Target, options: RoundOptions): Promise<string> {
  const { seed, level, size } = options;
  const random = seededRandom(`${seed}/append`);
  const { history, flushes } = await runAppends(target, {
    seed,
    level,
    table: 'lists',
    user: target.name === 'pgtide' && random.chance(0.4),
    column: random.pick(['array', 'text']),
    keys: random.between(2, 6),
    clients: random.between(4, 12),
    transactionsMax: Math.ceil(600 * size),
    millisecondsMax: 20_000 * size,
    ...flushing(target, random.between(10, 200)),
  });
  const anomalies = checkHistory(history, level);
  if (anomalies.length > 0) {
    const text = anomalies.map((each) => `${each.name}: ${each.text}`).join('\n');
    await violation('append', options, text, history);
  }
  const committed = history.filter(({ outcome }) => outcome === 'committed').length;
  return `${committed} of ${history.length} transactions committed, ${flushes} flushes`;
}

async function registerRound(target: Target, options: RoundOptions): Promise<string> {
  const { seed, level, size } = options;
  const random = seededRandom(`${seed}/register`);
  const histories = await runRegisters(target, {
    seed,
    level,
    table: 'registers',
    user: target.name === 'pgtide' && random.chance(0.4),
    clients: random.between(3, 8),
    rows: Math.ceil(12 * size),
    callsPerRow: 120,
    millisecondsMax: 20_000 * size,
    ...flushing(target, random.between(10, 200)),
  });
  for (const calls of histories) {
    const text = checkLinearizable(calls, null);
    if (text !== undefined) await violation('register', options, text, calls);
  }
  const calls = histories.reduce((sum, each) => sum + each.length, 0);
  return `${calls} calls of ${histories.length} rows`;
}

async function counterRound(target: Target, options: RoundOptions): Promise<string> {
  const { seed, level, size } = options;
  const user = target.name === 'pgtide' && seededRandom(`${seed}/counter`).chance(0.4);
  const tries = Math.ceil(30 * size);
  const result = await runCounter(target, {
    seed,
    level,
    table: 'counter',
    user,
    clients: 16,
    tries,
  });
  const { acknowledged, counted, givenUp } = result;
  if (acknowledged !== counted) {
    await violation('counter', options, `${acknowledged} acknowledged, ${counted} counted`, result);
  }
  return `${counted} counted, ${givenUp} conflicts`;
}

async function bankRound(target: Target, options: RoundOptions): Promise<string> {
  const { seed, level, size } = options;
  const random = seededRandom(`${seed}/bank`);
  const [locking, relative, snapshot, serializable] = bankStyles;
  const style =
    level === 'serializable'
      ? serializable!
      : level === 'repeatable read'
        ? snapshot!
        : random.pick([locking!, relative!]);
  const result = await runBank(target, {
    seed,
    style,
    table: 'bank',
    user: target.name === 'pgtide' && random.chance(0.4),
    clients: 10,
    accounts: random.between(3, 10),
    transfers: Math.ceil(30 * size),
    ...flushing(target, random.between(10, 200)),
  });
  const { committed, givenUp, looks, violations } = result;
  if (violations.length > 0) {
    await violation('bank', options, `${style}: ${violations.slice(0, 5).join('\n')}`, result);
  }
  return `${style}: ${committed} transfers, ${givenUp} conflicts, ${looks} looks`;
}

const rounds: Readonly<Record<Work, (target: Target, options: RoundOptions) => Promise<string>>> = {
  append: appendRound,
  register: registerRound,
  counter: counterRound,
  bank: bankRound,
};

/** One round; returns what was done, for people. Throws an Error that tells the violation and how to get it again. */
export async function runRound(target: Target, work: Work, options: RoundOptions): Promise<string> {
  return await rounds[work](target, options);
}
