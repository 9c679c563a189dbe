import { afterEach, expect, test, vi } from 'vitest';
import { bar, createProgress, progressText, remainingMs } from './progress.ts';

afterEach(() => void vi.unstubAllEnvs());

test('bars', () => {
  expect(bar(0, 4, true)).toBe('▕    ▏');
  expect(bar(0.5, 4, true)).toBe('▕██  ▏');
  expect(bar(0.53, 4, true)).toBe('▕██  ▏');
  expect(bar(0.6, 4, true)).toBe('▕██▍ ▏');
  expect(bar(7, 4, true)).toBe('▕████▏');
  expect(bar(0.5, 4, false)).toBe('[##..]');
});

test('what is left is not guessed from too little', () => {
  expect(remainingMs(0.01, 10_000)).toBeUndefined();
  expect(remainingMs(0.5, 100)).toBeUndefined();
  expect(remainingMs(1, 10_000)).toBeUndefined();
  expect(remainingMs(0.25, 10_000)).toBe(30_000);
});

test('text', () => {
  vi.stubEnv('LC_ALL', 'C');
  expect(progressText(undefined, 1234)).toBe('1.23 s');
  expect(progressText(0.25, 10_000)).toBe('[######..................]  25 %  10.0 s, 30.0 s left');
});

function terminal(columns: number): NodeJS.WriteStream & { written: string } {
  const stream = {
    isTTY: true,
    columns,
    written: '',
    write(text: string) {
      stream.written += text;
      return true;
    },
  };
  return stream as unknown as NodeJS.WriteStream & { written: string };
}

test('is drawn over, cut to the terminal, and removed', () => {
  vi.stubEnv('TERM', 'xterm');
  const stream = terminal(20);
  const progress = createProgress('a label of many words', stream);
  progress.update(0.5, 'a note');
  progress.clear();
  progress.clear();
  expect(stream.written).toMatch(/^\ra label of many wor\u001B\[K\r\u001B\[K$/);
});

test('nothing is drawn where the cursor can not be moved', () => {
  vi.stubEnv('TERM', 'dumb');
  const stream = terminal(80);
  const progress = createProgress('label', stream);
  progress.update(0.5);
  progress.clear();
  expect(stream.written).toBe('');
});
