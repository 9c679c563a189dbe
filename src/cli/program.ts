/** The `pgtide` command: its sub-commands, how it reads its arguments, and what it exits with (errors.ts). */
import { Command, CommanderError } from 'commander';
import { version } from '../base/version.ts';
import { ExitCode, reportError } from './errors.ts';
import { backup } from './backup.ts';
import { dropTable } from './drop-table.ts';
import { eraseUser } from './erase-user.ts';
import { exportUser } from './export/export.ts';
import { flush } from './flush.ts';
import { jobs } from './jobs.ts';
import { restore } from './restore.ts';
import { serve } from './serve.ts';
import { sql } from './sql.ts';
import { status } from './status.ts';
import { tables } from './tables.ts';
import { vacuum } from './vacuum.ts';
import { verify } from './verify/verify.ts';

const groups: readonly { readonly heading: string; readonly commands: readonly Command[] }[] = [
  { heading: 'Server:', commands: [serve, status] },
  { heading: 'SQL:', commands: [sql] },
  { heading: 'Tables:', commands: [tables, flush, vacuum, dropTable] },
  { heading: 'Data:', commands: [backup, restore, verify, exportUser, eraseUser] },
  { heading: 'Jobs:', commands: [jobs] },
];

/** Errors in commander's words and ours look alike, and no command ends the process by itself. */
function configure(command: Command): void {
  command
    .exitOverride()
    .showHelpAfterError(false)
    .configureOutput({
      outputError: (text, write) => {
        const line = text
          .trimEnd()
          .replace(/^error: /, '')
          .replaceAll('\n', ' ');
        write(`pgtide: ${line}\n`);
      },
    });
  for (const child of command.commands) configure(child);
}

export function createProgram(): Command {
  const program = new Command('pgtide')
    .description(
      'PostgreSQL to every client; per-user tables, hot rows in LevelDB, cold rows in Parquet',
    )
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText(
      'after',
      `
Every command has examples in its own help: pgtide help <command>`,
    );
  for (const { heading, commands } of groups) {
    for (const command of commands) program.addCommand(command.helpGroup(heading));
  }
  configure(program);
  return program;
}

/** Whoever reads the output may have enough of it (`pgtide tables | head`): that is no error to tell of. */
function endOnBrokenPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(ExitCode.brokenPipe);
      throw error;
    });
  }
}

/** Runs the command line; sets the exit code. */
export async function run(argv: readonly string[]): Promise<void> {
  endOnBrokenPipe();
  try {
    await createProgram().parseAsync([...argv]);
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportError(error);
    // Commander has said what it had to say. Help that was asked for is no error.
    process.exitCode = error.exitCode === 0 ? ExitCode.done : ExitCode.usage;
  }
}
