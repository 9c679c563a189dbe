/** Several statements at a time on one executor, some of them cancelled. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PgError } from '../../../src/base/index.ts';
import type { TestExecutors } from './open-executors.ts';
import { openExecutors } from './open-executors.ts';

let db: TestExecutors;
beforeAll(async () => {
  db = await openExecutors(
    'create table n (i int primary key, t text); insert into n select i, md5(i::text) from generate_series(1, 4000) i',
  );
}, 60_000);
afterAll(async () => {
  await db.close();
});

/** A statement that is over at once takes far less; the long ones below would take minutes. */
const soonMs = 5_000;
const canceled = new PgError('57014', 'canceling statement due to user request');
const short = 'select count(*), max(t) from n where i <= 3000';
const long = 'select count(*) from n a, n b, n c where a.t > b.t and b.t < c.t';
const endless =
  'select count(*) from n a, generate_series(1, 100000000) g where a.i < 3 and g > a.i';

async function answer(name: 'columnar' | 'postgres', text: string, signal?: AbortSignal) {
  const query = await db.analyze(text);
  return await db.run(db[name], query, text, signal ? { signal } : {});
}

test('many statements at once', async () => {
  const texts = Array.from({ length: 24 }, (_, at) => `select sum(i) from n where i % 24 = ${at}`);
  const [columnar, postgres] = await Promise.all(
    (['columnar', 'postgres'] as const).map((name) =>
      Promise.all(texts.map((text) => answer(name, text))),
    ),
  );
  expect(columnar).toEqual(postgres);
});

// From here on the mirror has lost its tables: what is analysed below has been before.
test.each([
  ['columnar', long],
  ['postgres', endless],
] as const)(
  '%s: a cancelled statement ends soon, others give their answers',
  async (name, text) => {
    const expected = await answer('postgres', short);
    const controller = new AbortController();
    const started = performance.now();
    const running = answer(name, text, controller.signal).then(
      () => undefined,
      (error: unknown) => error,
    );
    const others =
      name === 'columnar' ? Promise.all([1, 2, 3].map(() => answer(name, short))) : undefined;
    setTimeout(() => controller.abort(canceled), 200);
    expect(await running).toBe(canceled);
    expect(performance.now() - started).toBeLessThan(soonMs);
    for (const rows of (await others) ?? []) expect(rows).toEqual(expected);
    expect(await answer(name, short)).toEqual(expected);
  },
  60_000,
);

test('postgres: a statement cancelled while it waits leaves the running one alone', async () => {
  const expected = await answer('postgres', short);
  const { restarts } = db.mirror.handle;
  const controller = new AbortController();
  const first = answer('postgres', short);
  const second = answer('postgres', short, controller.signal).catch((error: unknown) => error);
  controller.abort(canceled);
  expect(await second).toBe(canceled);
  expect(await first).toEqual(expected);
  expect(db.mirror.handle.restarts).toBe(restarts);
});

test('a signal that is aborted already', async () => {
  const signal = AbortSignal.abort(canceled);
  for (const name of ['columnar', 'postgres'] as const) {
    await expect(answer(name, short, signal)).rejects.toBe(canceled);
  }
});
