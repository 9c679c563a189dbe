import { expect, test } from 'vitest';
import { PgError, SqlState } from '../base/index.ts';
import { createLiveQueries } from './registry.ts';

const query = (...tableIds: number[]) => ({
  processId: 7,
  role: 'app',
  userId: 'ann',
  text: 'select 1',
  tableIds: new Set(tableIds),
  startedAt: 1n,
});
const error = new PgError(SqlState.undefinedTable, 'gone');

test('queries are listed until they are unregistered', () => {
  const live = createLiveQueries();
  const first = live.register(query(1, 2), () => undefined);
  const second = live.register(query(2), () => undefined);
  expect(live.list().map((one) => one.queryId)).toEqual([first.queryId, second.queryId]);
  expect(live.ofTable(1)).toEqual([{ ...query(1, 2), queryId: first.queryId }]);
  expect(live.ofTable(2)).toHaveLength(2);
  first.unregister();
  first.unregister();
  expect(live.ofTable(1)).toEqual([]);
  expect(live.list()).toEqual([{ ...query(2), queryId: second.queryId }]);
  expect(live.register(query(1), () => undefined).queryId > second.queryId).toBe(true);
});

test('a table’s end ends each of its queries once', () => {
  const live = createLiveQueries();
  const told: unknown[] = [];
  const registration = live.register(query(1, 2), (why) => {
    told.push(why);
    registration.unregister();
  });
  live.register(query(3), (why) => told.push(why));
  expect(live.endByTable(1, error)).toBe(1);
  expect(live.endByTable(2, error)).toBe(0);
  expect(told).toEqual([error]);
  expect(live.list()).toHaveLength(1);
});
