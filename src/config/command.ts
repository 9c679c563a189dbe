import type { Command } from 'commander';
import { Option as Flag } from 'commander';
import type { Flags } from './read.ts';
import { flagOf, optionNames, optionTable, variableOf } from './table.ts';

/**
 * Gives `command` a flag for every option. The texts stay texts: pass `configFlags(command)` to readConfig, which knows
 * of variables and defaults too.
 */
export function addConfigFlags(command: Command): Command {
  for (const name of optionNames) {
    const { description, placeholder, default: fallback } = optionTable[name];
    command.addOption(
      new Flag(
        `${flagOf(name)} <${placeholder}>`,
        `${description} (default: ${fallback}, env: ${variableOf(name)})`,
      ),
    );
  }
  return command;
}

/** What the command line said, after `command` has parsed it. */
export const configFlags = (command: Command): Flags => command.opts<Flags>();
