import { expect, test, vi } from 'vitest';
import { backgroundPace } from './pace.ts';

test('slices are small at first and grow with the time since the work was asked for', () => {
  const now = vi.spyOn(performance, 'now');
  try {
    now.mockReturnValue(100_000);
    const pace = backgroundPace();
    const keysAfter = (ms: number): number => {
      now.mockReturnValue(100_000 + ms);
      return pace.keys;
    };
    expect([0, 25_000, 30_000, 60_000, 90_000, 200_000].map(keysAfter)).toEqual([
      64, 64, 128, 256, 512, 512,
    ]);
  } finally {
    now.mockRestore();
  }
});

test('a quiet process works in large slices without rests, a busy one in small ones', async () => {
  const pace = backgroundPace();
  expect(pace.keys).toBe(64);
  /** The next look is some slices away. */
  const after = async (): Promise<number> => {
    await pace.rest(0);
    return pace.keys;
  };
  await expect.poll(after, { interval: 0, timeout: 10_000 }).toBe(512);
  const busy = setInterval(() => {
    const until = performance.now() + 20;
    while (performance.now() < until);
  }, 0);
  try {
    await expect.poll(after, { interval: 0, timeout: 10_000 }).toBeLessThan(512);
  } finally {
    clearInterval(busy);
  }
});
