import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createPlaces } from '../cold/places.ts';
import type { CondemnedFile, FileLife } from './file-life.ts';
import { createFileLife } from './file-life.ts';

const ids = { tableId: 7, userId: '', fileId: 1 };
let root = '';
let life: FileLife;
let warnings: string[] = [];
let told: string[] = [];
let working: Promise<void>[] = [];
let timers: { ms: number; then: () => void }[] = [];
let closing = new AbortController();

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pgtide-files-'));
  warnings = [];
  told = [];
  working = [];
  timers = [];
  closing = new AbortController();
  life = createFileLife(
    createPlaces(root),
    {
      info: (_, message) => void told.push(message),
      warn: (_, message) => void warnings.push(message),
      error: () => undefined,
    },
    async (_, work) => await work(),
    (work) => void working.push(work),
    closing.signal,
    (ms, then) => {
      const timer = { ms, then };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
  );
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function file(path: string): CondemnedFile {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), 'x');
  return { ...ids, path };
}
const there = (path: string): boolean => existsSync(join(root, path));

describe('a condemned file', () => {
  test('goes at once when nobody reads, with its empty folder', async () => {
    await life.condemn([file('a/b/1')]);
    expect(there('a')).toBe(false);
  });

  test('stays until the last who began before has ended; who begins later does not count', async () => {
    const first = life.enter();
    const second = life.enter();
    await life.condemn([file('a/1')]);
    const later = life.enter();
    life.leave(first);
    expect(there('a/1')).toBe(true);
    life.leave(second);
    await Promise.all(working);
    expect(there('a/1')).toBe(false);
    life.leave(later);
  });

  test('waits behind an older reader even when those of its own epoch are gone', async () => {
    const old = life.enter();
    await life.condemn([file('a/1')]);
    const young = life.enter();
    await life.condemn([file('a/2')]);
    life.leave(young);
    await Promise.all(working);
    expect([there('a/1'), there('a/2')]).toEqual([true, true]);
    life.leave(old);
    await Promise.all(working);
    expect([there('a/1'), there('a/2')]).toEqual([false, false]);
  });

  test('is left alone while it is pinned', async () => {
    const unpin = life.pin();
    await life.condemn([file('a/1')]);
    let free = false;
    const waiting = life.unpinned().then(() => (free = true));
    await Promise.resolve();
    expect([there('a/1'), free]).toEqual([true, false]);
    unpin();
    unpin();
    await waiting;
    await Promise.all(working);
    expect(there('a/1')).toBe(false);
  });

  test('that can not be removed is named, and tried again', async () => {
    mkdirSync(join(root, 'a/1/child'), { recursive: true });
    await life.condemn([{ ...ids, path: 'a/1' }, file('a/2')]);
    expect(warnings).toEqual([
      expect.stringMatching(/^could not remove file "a\/1", which is tried again: .*EISDIR/),
    ]);
    expect(there('a/2')).toBe(false);
    expect(await life.retry()).toMatchObject([{ path: 'a/1' }]);
    expect(warnings.length).toBe(1);
    rmSync(join(root, 'a/1'), { recursive: true });
    file('a/1');
    chmodSync(join(root, 'a/1'), 0o444);
    expect(await life.retry()).toEqual([]);
    expect(there('a/1')).toBe(false);
  });

  test('that can not be removed is tried again by itself, each time later', async () => {
    mkdirSync(join(root, 'a/1/child'), { recursive: true });
    const fire = async (): Promise<number> => {
      const { ms, then } = timers.shift()!;
      then();
      await Promise.all(working);
      return ms;
    };
    await life.condemn([{ ...ids, path: 'a/1' }]);
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) waits.push(await fire());
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    expect([warnings.length, timers.length]).toEqual([1, 1]);
    rmSync(join(root, 'a/1'), { recursive: true });
    file('a/1');
    await fire();
    expect([there('a'), timers.length]).toEqual([false, 0]);
    expect(told).toEqual(['file "a/1" has been removed now']);
    // The next trouble begins anew.
    mkdirSync(join(root, 'b/1/child'), { recursive: true });
    await life.condemn([{ ...ids, path: 'b/1' }]);
    expect(timers.map(({ ms }) => ms)).toEqual([1000]);
    closing.abort();
    expect(timers).toEqual([]);
  });

  test('that someone else has removed is forgotten', async () => {
    mkdirSync(join(root, 'a/1/child'), { recursive: true });
    const one = { ...ids, path: 'a/1' };
    await life.condemn([one]);
    life.removed([one]);
    expect(life.condemnedOf(7)).toEqual([]);
    expect(await life.retry()).toEqual([]);
  });

  test('is known as long as it is there', async () => {
    const reader = life.enter();
    await life.condemn([file('a/1')]);
    expect(life.condemnedOf(8)).toEqual([]);
    expect(life.condemnedOf(7)).toEqual([{ ...ids, path: 'a/1' }]);
    life.leave(reader);
    await Promise.all(working);
    expect(life.condemnedOf(7)).toEqual([]);
  });
});
