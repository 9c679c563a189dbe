import { expect, test } from 'vitest';
import { seededRandom } from '../../crash/random.ts';
import { checkLinearizable } from './check.ts';
import type { Answer, Call, State, Statement } from './model.ts';
import { apply } from './model.ts';

const call = (
  start: number,
  end: number,
  statement: Statement,
  answer: Answer | undefined,
): Call => ({ client: 0, statement, start, end, answer });
const read: Statement = { kind: 'read' };
const remove: Statement = { kind: 'delete' };
const put = (value: number): Statement => ({ kind: 'put', value });
const insert = (value: number): Statement => ({ kind: 'insert', value });
const add = (by: number): Statement => ({ kind: 'add', by });
const swap = (from: number, to: number): Statement => ({ kind: 'swap', from, to });

const good: readonly (readonly [name: string, calls: readonly Call[]])[] = [
  ['nothing', []],
  ['one after the other', [call(0, 1, put(1), 1), call(2, 3, read, 1), call(4, 5, add(2), 3)]],
  ['a read beside a write sees it', [call(0, 9, put(1), 1), call(1, 2, read, 1)]],
  ['a read beside a write does not see it', [call(0, 9, put(1), 1), call(1, 2, read, null)]],
  ['two additions at once', [call(0, 1, put(0), 1), call(2, 9, add(1), 2), call(2, 9, add(1), 1)]],
  [
    'one of two swaps wins',
    [call(0, 1, put(0), 1), call(2, 9, swap(0, 1), 1), call(2, 9, swap(0, 2), 0)],
  ],
  [
    'an unknown write shows later',
    [call(0, 1, put(1), undefined), call(2, 3, read, null), call(4, 5, read, 1)],
  ],
  ['an unknown write never shows', [call(0, 1, put(1), undefined), call(2, 3, read, null)]],
  [
    'deleted and inserted again',
    [call(0, 1, put(1), 1), call(2, 9, remove, 1), call(3, 8, insert(2), 1), call(4, 7, read, 2)],
  ],
];

test.each(good)('good: %s', (_name, calls) => {
  expect(checkLinearizable(calls, null)).toBeUndefined();
});

const bad: readonly (readonly [name: string, calls: readonly Call[]])[] = [
  ['a stale read', [call(0, 1, put(1), 1), call(2, 3, put(2), 1), call(4, 5, read, 1)]],
  ['new, then old again', [call(0, 9, put(1), 1), call(1, 2, read, 1), call(3, 4, read, null)]],
  ['a lost update', [call(0, 1, put(0), 1), call(2, 9, add(1), 1), call(2, 9, add(1), 1)]],
  ['both swaps win', [call(0, 1, put(0), 1), call(2, 9, swap(0, 1), 1), call(2, 9, swap(0, 2), 1)]],
  ['no swap wins', [call(0, 1, put(0), 1), call(2, 9, swap(0, 1), 0), call(2, 9, swap(0, 2), 0)]],
  ['inserted twice', [call(0, 9, insert(1), 1), call(0, 9, insert(2), 1)]],
  ['deleted twice', [call(0, 1, put(1), 1), call(2, 9, remove, 1), call(2, 9, remove, 1)]],
  ['a value from nowhere', [call(0, 1, put(1), 1), call(2, 3, read, 7)]],
  ['an acknowledged write is gone', [call(0, 1, put(1), 1), call(2, 3, read, null)]],
  [
    'an unknown write shows, and then never was',
    [call(0, 1, put(1), undefined), call(2, 3, read, 1), call(4, 5, read, null)],
  ],
  ['a write shows before it was sent', [call(0, 1, read, 1), call(2, 3, put(1), 1)]],
];

test.each(bad)('bad: %s', (_name, calls) => {
  expect(checkLinearizable(calls, null)).toContain('none of these can be next');
});

/** A history that is linearizable by its making: each call takes its place at a moment inside its time. */
function made(seed: string, count: number): readonly Call[] {
  const random = seededRandom(seed);
  const statements = Array.from({ length: count }, (): Statement =>
    random.pick([read, remove, put(random.below(3)), insert(1), add(1), swap(1, 2)]),
  );
  let state: State = null;
  return statements.map((statement, index) => {
    const result = apply(state, statement);
    ({ state } = result);
    const [start, end] = [index - random.between(0, 6), index + random.between(0, 6)];
    return call(start, end, statement, random.chance(0.05) ? undefined : result.answer);
  });
}

test('random histories that are right are found so; with one answer changed mostly not', () => {
  let refused = 0;
  for (let seed = 0; seed < 40; seed++) {
    const calls = made(`right ${seed}`, 120);
    expect(checkLinearizable(calls, null), `seed ${seed}`).toBeUndefined();
    const wrong = calls.map((each, index) =>
      index === 60 ? { ...each, answer: 1000, statement: add(1) } : each,
    );
    if (checkLinearizable(wrong, null) !== undefined) refused++;
  }
  expect(refused).toBe(40);
});
