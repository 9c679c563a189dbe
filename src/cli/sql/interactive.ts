/** What `pgtide sql` does on a terminal without statements: psql where there is one, else a prompt of its own. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import type { Target } from '../connect.ts';
import { tell } from '../output.ts';
import type { Session } from './script.ts';
import { ToldError, runText } from './script.ts';
import { createSplitter } from './splitter.ts';

const historyLinesMax = 1000;

/** Runs psql against the target and resolves with its exit code; undefined when there is none. */
export async function runPsql(target: Target): Promise<number | undefined> {
  const { host, port, user, database, password } = target;
  const child = spawn('psql', ['-h', host, '-p', String(port), '-U', user, '-d', database], {
    stdio: 'inherit',
    env: { ...process.env, ...(password === undefined ? {} : { PGPASSWORD: password }) },
  });
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  // Ctrl-C is psql's: it cancels its statement and stays.
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  child.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') resolve(undefined);
    else reject(error);
  });
  child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
  return promise.finally(() => process.off('SIGINT', ignore));
}

const help = `Statements end with a semicolon. \\q or Ctrl-D leaves, Ctrl-C cancels the statement.
For \\d, completion and more, install psql: pgtide sql then starts it.`;

/** Reads statements from the terminal until its end; an error is told and the prompt goes on. */
export async function runPrompt(session: Session): Promise<void> {
  const { connection } = session;
  const { database } = connection.target;
  const splitter = createSplitter();
  const reader = createInterface({
    input: process.stdin,
    output: process.stdout,
    historySize: historyLinesMax,
  });
  let running = false;
  let closed = false;
  const prompt = (): void => {
    if (closed) return;
    reader.setPrompt(splitter.pending ? `${database}${splitter.open}> ` : `${database}=> `);
    reader.prompt();
  };
  reader.on('SIGINT', () => {
    if (running) return void connection.cancel();
    splitter.reset();
    process.stdout.write('^C\n');
    prompt();
  });
  // A lost connection shows in the next statement; until then its end is ours to notice.
  connection.client.once('end', () => reader.close());
  reader.once('close', () => (closed = true));
  tell('Type \\? for help.');
  prompt();
  try {
    for await (const line of reader) {
      const word = splitter.pending ? '' : line.trim();
      if (word === '\\q' || word === 'quit' || word === 'exit') return;
      if (word === '\\?' || word === 'help') tell(help);
      else if (word.startsWith('\\')) tell(`invalid command ${word}: \\? tells what there is`);
      else {
        for (const { text } of splitter.push(line)) {
          running = true;
          try {
            await runText(session, text, noData);
          } catch (error) {
            if (!(error instanceof ToldError)) throw error;
          } finally {
            running = false;
          }
        }
      }
      prompt();
    }
    if (process.stdin.isTTY) process.stdout.write('\n');
  } finally {
    reader.close();
  }
}

/** COPY FROM STDIN at the prompt: there is no way to type its data. */
const noData = (): AsyncIterable<Buffer> => {
  throw new Error('the prompt takes no COPY data: use pgtide sql -f, or psql');
};
