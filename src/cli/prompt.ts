import { createInterface } from 'node:readline';
import type { Interface } from 'node:readline';
import { Writable } from 'node:stream';
import { interrupted } from './errors.ts';

/** Whether somebody is there to answer. */
export const canAsk = (): boolean => process.stdin.isTTY && process.stderr.isTTY;

/** Asks on stderr; resolves with the line typed, undefined at its end (Ctrl-D). Ctrl-C throws, as anywhere. */
export function ask(question: string): Promise<string | undefined> {
  return readLine(process.stderr, (reader, answered) => reader.question(question, answered));
}

/** The same without showing what is typed. */
export async function askSecretly(question: string): Promise<string | undefined> {
  // The terminal does not echo what readline reads, which does so here.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const answer = await readLine(nowhere, (reader, answered) => {
    // Not before: what is typed at once would be echoed.
    process.stderr.write(question);
    reader.question('', answered);
  });
  if (answer !== undefined) process.stderr.write('\n');
  return answer;
}

async function readLine(
  output: NodeJS.WritableStream,
  begin: (reader: Interface, answered: (line: string) => void) => void,
): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const { stdin: input } = process;
  const reader = createInterface({ input, output, historySize: 0, terminal: input.isTTY });
  reader.on('SIGINT', () => {
    process.stderr.write('\n');
    reject(interrupted());
    reader.close();
  });
  reader.on('close', () => resolve(undefined));
  begin(reader, resolve);
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
