import { createInterface } from 'node:readline';
import { interrupted } from './errors.ts';

/** Whether somebody is there to answer. */
export const canAsk = (): boolean => process.stdin.isTTY && process.stderr.isTTY;

/** Asks on stderr; resolves with the line typed, undefined at its end (Ctrl-D). Ctrl-C throws, as anywhere. */
export async function ask(question: string): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const reader = createInterface({ input: process.stdin, output: process.stderr, historySize: 0 });
  reader.on('SIGINT', () => {
    process.stderr.write('\n');
    reject(interrupted());
    reader.close();
  });
  reader.on('close', () => resolve(undefined));
  reader.question(question, resolve);
  try {
    const answer = await promise;
    if (answer === undefined) process.stderr.write('\n');
    return answer;
  } finally {
    reader.close();
  }
}

/** `question [y/N]`: only y and yes agree. */
export async function confirm(question: string): Promise<boolean> {
  const answer = await ask(`${question} [y/N] `);
  return /^\s*y(?:es)?\s*$/i.test(answer ?? '');
}
