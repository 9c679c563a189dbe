/** What can go wrong for whoever typed a command: one line on stderr and an exit code. */
import pg from 'pg';
import { PgError } from '../base/index.ts';
import { ConfigError } from '../config/index.ts';

export const ExitCode = {
  done: 0,
  /** Refused, not found, or failed. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** Ended by Ctrl-C, as shells number it: 128 and SIGINT. */
  interrupted: 130,
  /** Nobody reads the output any more: 128 and SIGPIPE. */
  brokenPipe: 141,
} as const;

/** A command ends with this line, and a hint where one helps. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(message: string, options: { hint?: string; exitCode?: number } = {}) {
    super(options.hint === undefined ? message : `${message}. ${options.hint}`);
    this.name = 'CommandError';
    this.exitCode = options.exitCode ?? ExitCode.failed;
  }
}

export const usageError = (message: string): CommandError =>
  new CommandError(message, { exitCode: ExitCode.usage });

/** Thrown when the user has ended the command by Ctrl-C; `what` says how far it came. */
export const interrupted = (what = 'cancelled'): CommandError =>
  new CommandError(what, { exitCode: ExitCode.interrupted });

/** One line, as terminals and logs want it. */
export const inOneLine = (text: string): string => text.trim().replaceAll(/\s*[\r\n]+\s*/g, '; ');

/** The server's own words: message, then details and hint. */
function lineOfServer(error: pg.DatabaseError): string {
  const { message, detail, hint } = error;
  const sentences = [detail, hint].filter((text) => text !== undefined && text !== '');
  return [message, ...sentences].map((text) => inOneLine(text!)).join('. ');
}

/** What a command ends with: one line, without the name of the program. */
export function lineOf(error: unknown): string {
  if (error instanceof pg.DatabaseError) return lineOfServer(error);
  if (error instanceof PgError) {
    const { message, hint } = error.report;
    return inOneLine(hint === undefined ? message : `${message}. ${hint}`);
  }
  if (error instanceof CommandError || error instanceof ConfigError)
    return inOneLine(error.message);
  // Anything else is our bug, or Node's: its stack is what helps.
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

export function exitCodeOf(error: unknown): number {
  return error instanceof CommandError ? error.exitCode : ExitCode.failed;
}

/** Tells stderr, and sets the exit code; the process ends when nothing is left to do. */
export function reportError(error: unknown): void {
  process.stderr.write(`pgtide: ${lineOf(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
