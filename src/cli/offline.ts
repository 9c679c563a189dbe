/** What commands that work on a data folder themselves, without a server, share. */
import { Command, Option } from 'commander';
import type { Config } from '../config/index.ts';
import { readConfig } from '../config/index.ts';
import type { OutputFlags } from './client.ts';
import { formatOf } from './client.ts';
import { ExitCode, interrupted, reportError } from './errors.ts';
import type { Output } from './output.ts';
import { createOutput } from './output.ts';

export interface OfflineContext {
  readonly output: Output;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

export function offlineCommand(name: string): Command {
  return new Command(name)
    .helpOption('--help', 'show this help')
    .addOption(
      new Option(
        '--format <format>',
        'how results are printed; default: table on a terminal, else json lines',
      ).choices(['table', 'json']),
    )
    .addOption(new Option('--json', 'the same as --format json').conflicts('format'));
}

/** The server's own way to its data folder: the flag, PGTIDE_DATA_DIR, ./data. */
export function readDataDir(flag: string | undefined): Config['dataDir'] {
  const { PGTIDE_DATA_DIR: variable } = process.env;
  return readConfig(
    flag === undefined ? {} : { dataDir: flag },
    variable === undefined ? {} : { PGTIDE_DATA_DIR: variable },
  ).dataDir;
}

/** The action of an offline command. The first Ctrl-C aborts the signal, the second ends the process. */
export function offlineAction<Arguments extends unknown[]>(
  run: (context: OfflineContext, ...args: Arguments) => Promise<void>,
): (...args: [...Arguments, Command]) => Promise<void> {
  return async (...args) => {
    const command = args.at(-1) as Command;
    const rest = args.slice(0, -1) as Arguments;
    const controller = new AbortController();
    const interrupt = (): void => {
      if (controller.signal.aborted) process.exit(ExitCode.interrupted);
      controller.abort(interrupted());
    };
    process.on('SIGINT', interrupt);
    try {
      const format = formatOf(command.opts<OutputFlags>()) === 'json' ? 'json' : 'human';
      await run({ output: createOutput(format), signal: controller.signal }, ...rest);
    } catch (error) {
      reportError(controller.signal.aborted ? controller.signal.reason : error);
    } finally {
      process.off('SIGINT', interrupt);
    }
  };
}
