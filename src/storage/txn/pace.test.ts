import { expect, test, vi } from 'vitest';
import { backgroundPace } from './pace.ts';

test('slices are small at first and grow with the time since the work was asked for', () => {
  const now = vi.spyOn(performance, 'now');
  try {
    now.mockReturnValue(100_000);
    const keys = (sinceMs: number): number => backgroundPace(sinceMs).keys;
    expect([100_000, 75_000, 70_000, 40_000, 10_000, 0].map(keys)).toEqual([
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
