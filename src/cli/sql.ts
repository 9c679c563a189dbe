import { createReadStream } from 'node:fs';
import { Option } from 'commander';
import type { ClientContext, OutputFlags } from './client.ts';
import { clientAction, clientCommand, formatOf } from './client.ts';
import { CommandError, ExitCode, usageError } from './errors.ts';
import { tell } from './output.ts';
import { runPrompt, runPsql } from './sql/interactive.ts';
import { messageText } from './sql/message.ts';
import type { Session } from './sql/script.ts';
import { endTold, runArgument, runScript } from './sql/script.ts';
import type { SqlFormat } from './sql/sinks.ts';
import { createSink } from './sql/sinks.ts';

/** A -c or -f, in the order in which they were typed. */
type Source = { readonly text: string } | { readonly file: string };

interface SqlFlags extends OutputFlags {
  readonly command?: readonly Source[];
  readonly file?: readonly Source[];
  readonly singleTransaction?: boolean;
  readonly quiet?: boolean;
  readonly userId?: string;
}

/** What -c and -f have collected: one list for both, as their order counts. */
function createCollector(): { text(value: string): Source[]; file(value: string): Source[] } {
  const sources: Source[] = [];
  const add = (source: Source): Source[] => {
    sources.push(source);
    return sources;
  };
  return { text: (text) => add({ text }), file: (file) => add({ file }) };
}

async function* readFileChunks(path: string): AsyncIterable<Buffer> {
  try {
    yield* createReadStream(path) as AsyncIterable<Buffer>;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'it is a folder' : message;
    throw new CommandError(`could not read "${path}": ${why}`);
  }
}

const stdinChunks = (): AsyncIterable<Buffer> => process.stdin as AsyncIterable<Buffer>;

async function runSource(session: Session, source: Source): Promise<void> {
  if ('text' in source) return runArgument(session, source.text, stdinChunks);
  const isStdin = source.file === '-';
  const chunks = isStdin ? stdinChunks() : readFileChunks(source.file);
  await runScript(session, isStdin ? '<stdin>' : source.file, chunks);
}

async function openSession(context: ClientContext, flags: SqlFlags): Promise<Session> {
  const { quiet = false, userId } = flags;
  context.onNotice = (notice) => {
    if (!quiet || notice.severity === 'WARNING') tell(messageText(notice));
  };
  const connection = await context.connection();
  if (userId !== undefined) {
    await connection.query(`select set_config('tide.user_id', $1, false)`, [userId]);
  }
  return { context, connection, sink: createSink(formatOf(flags) as SqlFormat, quiet) };
}

function sourcesOf(words: readonly string[], flags: SqlFlags): readonly Source[] | undefined {
  const listed = flags.command ?? flags.file ?? [];
  const given = words.length > 0 ? [...listed, { text: words.join(' ') }] : listed;
  if (given.length > 0) return given;
  return process.stdin.isTTY && process.stdout.isTTY ? undefined : [{ file: '-' }];
}

async function interactive(context: ClientContext, flags: SqlFlags): Promise<void> {
  if (flags.singleTransaction === true) throw usageError('--single-transaction needs statements');
  // psql has formats and settings of its own.
  if (flags.format === undefined && flags.json !== true && flags.userId === undefined) {
    const code = await runPsql(context.target);
    if (code !== undefined) {
      process.exitCode = code;
      return;
    }
  }
  await runPrompt(await openSession(context, flags));
}

async function run(
  context: ClientContext,
  words: readonly string[],
  flags: SqlFlags,
): Promise<void> {
  const sources = sourcesOf(words, flags);
  if (sources === undefined) return interactive(context, flags);
  const session = await openSession(context, flags);
  try {
    const { query } = session.connection;
    if (flags.singleTransaction === true) await query('begin');
    for (const source of sources) await runSource(session, source);
    if (flags.singleTransaction === true) await query('commit');
  } catch (error) {
    endTold(error);
  }
}

const collect = createCollector();

export const sql = clientCommand('sql', ['table', 'csv', 'json'])
  .description('run SQL, or open a prompt')
  .argument('[sql...]', 'statements, sent as they are; words are joined by spaces')
  .addOption(
    new Option('-c, --command <sql>', 'run these statements (may be repeated)').argParser(
      collect.text,
    ),
  )
  .addOption(
    new Option(
      '-f, --file <path>',
      'run this script; - is standard input (may be repeated)',
    ).argParser(collect.file),
  )
  .option('--user-id <id>', 'run as this user id of user tables (tide.user_id)')
  .option('-1, --single-transaction', 'everything in one transaction')
  .option('-q, --quiet', 'no notices, nothing about statements without rows')
  .addHelpText(
    'after',
    `
Without statements it reads them from standard input; on a terminal it starts psql, or a simple prompt where psql
is not installed. A script ends at its first error. Exit code: 0, ${ExitCode.failed} after an error.

Examples:
  pgtide sql "select count(*) from chat.messages"
  pgtide sql -c "create namespace chat" -f schema.sql
  pgtide sql --user-id ann "select * from chat.messages" --format csv > messages.csv
  pgtide sql "select * from system.tables" --json | jq .table_name
  pg_dump --data-only other | pgtide sql -1`,
  )
  .action(clientAction(run));
