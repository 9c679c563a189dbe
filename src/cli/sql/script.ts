/** Runs statements one after the other: texts of -c, files, standard input. Ends at the first error. */
import pg from 'pg';
import type { ClientContext } from '../client.ts';
import type { Connection } from '../connect.ts';
import { CommandError, ExitCode } from '../errors.ts';
import { tell } from '../output.ts';
import type { LineSource } from './lines.ts';
import { linesOf } from './lines.ts';
import { lineAt, messageText } from './message.ts';
import type { Statement } from './splitter.ts';
import { createSplitter } from './splitter.ts';
import type { CopySource, ResultSink } from './submit.ts';
import { submitText } from './submit.ts';

/** The server's error, told already as psql tells it; the command only ends with exit code 1. */
export class ToldError extends Error {}

export interface Session {
  readonly context: ClientContext;
  readonly connection: Connection;
  readonly sink: ResultSink;
}

/** Where a statement stands, for errors. */
interface Place {
  readonly file: string;
  readonly line: number;
}

/** Sends one text and prints what comes; an error of the server is told here and thrown as ToldError. */
export async function runText(
  { context, connection, sink }: Session,
  text: string,
  copySource: CopySource,
  place?: Place,
): Promise<void> {
  context.signal.throwIfAborted();
  try {
    await submitText(connection, text, sink, copySource);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || context.signal.aborted) throw error;
    const line =
      place === undefined ? 0 : place.line + lineAt(text, Number(error.position ?? 1)) - 1;
    const lead = place === undefined ? '' : `${place.file}:${line}: `;
    tell(`${lead}${messageText(error, text)}`);
    throw new ToldError(error.message);
  }
}

const endOfCopy = '\\.';

/** COPY data within a script: the lines up to `\.`, or to the script's end. */
async function* copyLines(lines: LineSource, onLine: () => void): AsyncIterable<Buffer> {
  for (;;) {
    const line = await lines.next();
    if (line === undefined) return;
    onLine();
    if (line.toString('latin1').trimEnd() === endOfCopy) return;
    yield Buffer.concat([line, Buffer.from('\n')]);
  }
}

/** pg_dump puts these around what it writes, to keep psql from reading commands out of it. Here is nothing to restrict. */
const ignoredCommand = /^\\(?:un)?restrict\b/;

/** Whether a line between statements is a command of psql; `\q` ends the script. Throws for those that only psql has. */
function readBackslash(line: string, place: Place): 'quit' | 'ignored' | undefined {
  const text = line.trim();
  if (!text.startsWith('\\')) return undefined;
  if (text === '\\q') return 'quit';
  if (ignoredCommand.test(text)) return 'ignored';
  return refuseBackslash(text, `${place.file}:${place.line}: `);
}

function refuseBackslash(text: string, place: string): never {
  const command = /^\S+/.exec(text)![0];
  throw new CommandError(`${place}${command} is a command of psql`, {
    hint: 'pgtide sql runs SQL; backslash commands are run by psql',
  });
}

/** The text of a -c, which psql takes for a command of its own when it begins with a backslash. */
export async function runArgument(
  session: Session,
  text: string,
  copySource: CopySource,
): Promise<void> {
  if (text.trimStart().startsWith('\\')) refuseBackslash(text.trimStart(), '');
  await runText(session, text, copySource);
}

/** A script statement by statement, each a transaction of its own unless it begins one, as psql runs it. */
export async function runScript(
  session: Session,
  file: string,
  chunks: AsyncIterable<Buffer | string>,
): Promise<void> {
  const lines = linesOf(chunks);
  const splitter = createSplitter();
  let read = 0;
  const countLine = (): void => {
    read++;
    splitter.skipLine();
  };
  const run = ({ text, line }: Statement): Promise<void> =>
    runText(session, text, () => copyLines(lines, countLine), { file, line });
  for (;;) {
    const bytes = await lines.next();
    if (bytes === undefined) break;
    read++;
    // Windows' line ends are white space; a byte order mark is nothing.
    const line = bytes.toString().replace(/^\uFEFF/, '');
    if (!splitter.pending) {
      const command = readBackslash(line, { file, line: read });
      if (command === 'quit') return;
      if (command === 'ignored') {
        splitter.skipLine();
        continue;
      }
    }
    for (const statement of splitter.push(line)) await run(statement);
  }
  const rest = splitter.rest();
  if (rest !== undefined) await run(rest);
}

/** Exit code 1 without another word. */
export function endTold(error: unknown): void {
  if (!(error instanceof ToldError)) throw error;
  process.exitCode = ExitCode.failed;
}
