/**
 * What every command that talks to a running server shares: its options, its connections, Ctrl-C, and how it ends.
 *
 *   export const status = clientCommand('status')
 *     .description('…')
 *     .action(clientAction(async (context) => {
 *       const { query } = await context.connection();
 *       await context.output.record(columns, (await query<Fields>('…'))[0]!);
 *     }));
 *
 * Whatever `run` throws becomes one line on stderr and the exit code (errors.ts).
 */
import { Command, Option } from 'commander';
import type { Connection, ConnectionFlags, Notice, Target } from './connect.ts';
import { connect, readTarget } from './connect.ts';
import { ExitCode, interrupted, reportError } from './errors.ts';
import type { Output } from './output.ts';
import { createOutput, tell } from './output.ts';

/** How long a cancelled statement may take to end before the command ends without it. */
const cancelTimeoutMs = 5_000;

export interface OutputFlags {
  readonly json?: boolean;
  readonly format?: string;
}

export interface ClientContext {
  readonly output: Output;
  readonly target: Target;
  /** Aborted by Ctrl-C; the running statements of all connections are cancelled with it. */
  readonly signal: AbortSignal;
  /** The command's connection, opened when first asked for. */
  connection(): Promise<Connection>;
  /** One more, to look on while the first works. Closed with the command. */
  anotherConnection(): Promise<Connection>;
  /** Where the server's notices go; by default nowhere. To be set before the first connection. */
  onNotice?: (notice: Notice) => void;
}

/** A command with psql's connection options, where `-h` is the host, and `--format` of these formats, json among them. */
export function clientCommand(
  name: string,
  formats: readonly string[] = ['table', 'json'],
): Command {
  return new Command(name)
    .helpOption('--help', 'show this help')
    .addOption(new Option('-h, --host <host>', "server's host (default: $PGHOST or 127.0.0.1)"))
    .addOption(new Option('-p, --port <port>', "server's port (default: $PGPORT or 5454)"))
    .addOption(new Option('-U, --username <role>', 'role (default: $PGUSER or postgres)'))
    .addOption(
      new Option(
        '-d, --dbname <database>',
        'database or postgresql:// URI (default: $PGDATABASE or postgres)',
      ),
    )
    .addOption(
      new Option(
        '--format <format>',
        'how results are printed; default: table on a terminal, else json lines',
      ).choices(formats),
    )
    .addOption(new Option('--json', 'the same as --format json').conflicts('format'));
}

/** What is asked for, or what suits whoever reads stdout. */
export function formatOf({ json, format }: OutputFlags): string {
  if (json === true) return 'json';
  return format ?? (process.stdout.isTTY ? 'table' : 'json');
}

/**
 * Handles Ctrl-C as long as `run` goes on: the first cancels what runs on `connections` and aborts the signal, the second ends the
 * process.
 */
async function untilInterrupted(
  connections: readonly Connection[],
  run: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(ExitCode.interrupted);
    controller.abort(interrupted());
    timer = setTimeout(() => {
      tell('pgtide: cancelled, without waiting for the server any longer');
      process.exit(ExitCode.interrupted);
    }, cancelTimeoutMs);
    for (const connection of connections) void connection.cancel();
  };
  process.on('SIGINT', interrupt);
  try {
    await run(controller.signal);
  } catch (error) {
    // The server's "canceling statement due to user request" is no news to who has just asked for it.
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    process.off('SIGINT', interrupt);
    clearTimeout(timer);
  }
}

/** The action of a client command: commander's arguments, with the context first and the command itself last. */
export function clientAction<Arguments extends unknown[]>(
  run: (context: ClientContext, ...args: Arguments) => Promise<void>,
): (...args: [...Arguments, Command]) => Promise<void> {
  return async (...args) => {
    const command = args.at(-1) as Command;
    const rest = args.slice(0, -1) as Arguments;
    const flags = command.opts<ConnectionFlags & OutputFlags>();
    const connections: Connection[] = [];
    try {
      const target = readTarget(flags, process.env);
      await untilInterrupted(connections, async (signal) => {
        let main: Promise<Connection> | undefined;
        const open = async (): Promise<Connection> => {
          const { onNotice } = context;
          const applicationName = `pgtide ${command.name()}`;
          const opened = await connect(target, {
            applicationName,
            ...(onNotice === undefined ? {} : { onNotice }),
          });
          connections.push(opened);
          signal.throwIfAborted();
          return opened;
        };
        const context: ClientContext = {
          output: createOutput(formatOf(flags) === 'json' ? 'json' : 'human'),
          target,
          signal,
          connection: () => (main ??= open()),
          anotherConnection: open,
        };
        await run(context, ...rest);
      });
    } catch (error) {
      reportError(error);
    } finally {
      // A connection that is lost already has nothing to say at its end.
      await Promise.allSettled(connections.map((connection) => connection.end()));
    }
  };
}
