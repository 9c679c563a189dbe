/**
 * config: the server's options. `table.ts` is the only list; types, flags, variables and help come from it. To add an option
 * add a row there and use it where it counts.
 *
 *   const command = addConfigFlags(new Command('serve')).action(() => readConfig(configFlags(command), process.env));
 */
export { addConfigFlags, configFlags } from './command.ts';
export { ConfigError } from './option.ts';
export { readConfig } from './read.ts';
export type { Flags } from './read.ts';
export type { Config, OptionName } from './table.ts';
